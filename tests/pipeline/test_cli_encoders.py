import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hilbert.stages.extract.encoders.catalogue import KNOWN_MODELS
from support.project import run


@pytest.fixture(autouse=True)
def own_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HILBERT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "hub"


def listed(*flags: str) -> list[dict[str, Any]]:
    done = run("encoders", "--json", *flags)
    assert done.exit_code == 0, done.output
    found: list[dict[str, Any]] = json.loads(done.stdout)["encoders"]
    return found


def test_every_known_model_is_listed_with_what_it_is() -> None:
    rows = {row["name"]: row for row in listed()}
    assert list(rows) == [model.names[0] for model in KNOWN_MODELS]
    base = rows["bert-base"]
    assert (base["modality"], base["width"], base["layers"]) == ("text", 768, 12)
    assert (base["languages"], base["n_languages"], base["licence"]) == (["en"], 1, "Apache-2.0")
    assert (base["megabytes"], base["here"], base["install"]) == (440, None, None)
    many = rows["multilingual-minilm"]
    assert (many["languages"], many["n_languages"]) == (None, 50)
    assert rows["data2vec-audio-base"]["revision"] is None


def test_the_table_says_what_is_not_pinned() -> None:
    done = run("encoders", "--modality", "text")
    lines = done.stdout.splitlines()
    assert lines[0] == "text:"
    assert next(line for line in lines if line.startswith("  bge-base-en  ")).endswith(
        "not pinned    -"
    )
    assert not any("whisper" in line for line in lines)
    assert lines[-1].startswith(
        "e5-base-v2 and multilingual-e5-base: texts get the prefix 'query: '"
    )


def test_what_is_in_the_cache_is_here(own_caches: Path) -> None:
    assert not any(row["here"] == "cache" for row in listed())
    revision = next(m.revision for m in KNOWN_MODELS if m.names[0] == "roberta-base")
    folder = own_caches / "models--roberta-base" / "snapshots" / revision
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").touch()
    assert [r["name"] for r in listed("--here") if r["here"] == "cache"] == ["roberta-base"]


def test_none_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert run("encoders", "--here").stdout == "None of them is on this machine.\n"


def test_nothing_heavy_is_imported_and_nothing_converted(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from hilbert.pipeline.cli import main\n"
        "main(['encoders'], standalone_mode=False)\n"
        "heavy = {'torch', 'transformers', 'huggingface_hub', 'safetensors', 'socket'}\n"
        "print(heavy & set(sys.modules))\n"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"
    assert not (tmp_path / "cache").exists()
