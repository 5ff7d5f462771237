"""The house keeps its shape: imports run downwards, every package is listed and lazy."""

import ast
import configparser
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {
    "store": {"store"},
    "stages": {"stages", "store"},
    "pipeline": {"pipeline", "stages", "store"},
}
MODULES = [p for top in MAY_IMPORT for p in sorted((ROOT / top).rglob("*.py"))]


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_run_downwards(path: Path) -> None:
    top = path.relative_to(ROOT).parts[0]
    for name in imported(path):
        parts = name.split(".")
        assert parts[0] not in MAY_IMPORT, f"import hilbert.{name}, not {name}"
        if parts[0] == "hilbert" and len(parts) > 2:
            assert parts[1] in MAY_IMPORT[top] or "package_root" in path.parts


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_each_library_stays_in_its_folder(path: Path) -> None:
    relative = path.relative_to(ROOT).as_posix()
    heads = {name.split(".")[0] for name in imported(path)}
    if "transformers" in heads:
        assert relative.startswith("stages/extract/encoders/")
    if {"click", "dask", "tqdm"} & heads:
        assert relative.startswith("pipeline/")
    if "torch" in heads:
        assert relative.startswith("stages/")


def test_setup_lists_every_package() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    listed = set(config["options"]["packages"].split())
    folders = {p.parent.relative_to(ROOT) for p in MODULES if p.name == "__init__.py"}
    found = {"hilbert." + ".".join(folder.parts) for folder in folders}
    assert listed == (found - {"hilbert.pipeline.package_root"}) | {"hilbert"}


@pytest.mark.parametrize(
    "module",
    [
        "hilbert",
        "hilbert.pipeline.cli",
        "hilbert.pipeline.cli_check",
        "hilbert.pipeline.cli_extract",
        "hilbert.pipeline.cli_store",
    ],
)
def test_a_command_line_imports_no_model_library(module: str) -> None:
    heavy = "{'torch', 'transformers', 'sklearn', 'zarr', 'librosa'}"
    code = f"import sys, {module}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
