"""`--prefix` and `--pooling own` from the command line and from ``hilbert.toml``."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import hilbert
from hilbert.pipeline.project import read_project
from support.project import Project, run

Counted = Callable[[], dict[str, list[str]]]


def test_a_prefix_encodes_text_again_and_audio_not(project: Project, counted: Counted) -> None:
    project.extract()
    counted()
    project.extract("--prefix", "the pain: ")
    seen = counted()
    assert set(seen) == {"text"}
    info = hilbert.open_store(project.store).encoders()["tiny-bert"]
    assert info.options["prefix"] == "the pain: "
    project.extract("--prefix", "the pain: ")
    project.extract("--prefix", "")  # what was there before
    assert counted() == {}


def test_a_prefix_in_the_project_s_file(project: Project, counted: Counted) -> None:
    file = project.folder / "hilbert.toml"
    file.write_text(
        f'corpus = "corpus.jsonl"\n[extract]\naudio = false\n[[encoders]]\n'
        f'name = "{project.bert}"\npooling = "mean"\nprefix = "the pain: "\n'
    )
    assert read_project(file).encoders[0].prefix == "the pain: "
    assert run("--project", str(file), "extract").exit_code == 0
    assert set(counted()) == {"text"}
    done = run("--project", str(file), "status", "--json")
    assert done.exit_code == 0, done.output
    assert run("--project", str(file), "extract").exit_code == 0
    assert counted() == {}


def test_a_prefix_that_is_no_text(tmp_path: Path) -> None:
    file = tmp_path / "hilbert.toml"
    file.write_text('[[encoders]]\nname = "minilm"\nprefix = 3\n')
    done = run("--project", str(file), "status")
    assert done.exit_code == 1
    assert "encoders.prefix, number 1, must be text in quotes, not 3" in done.stderr


def test_own_pooling_of_a_folder_without_any(project: Project) -> None:
    table = str(project.folder / "corpus.jsonl")
    done = run("extract", table, "--store", str(project.store), "--no-audio",
               "--encoder", str(project.bert), "--pooling", "own")  # fmt: skip
    assert done.exit_code == 1
    assert "tiny-bert is none: it has no modules.json" in done.stderr
    assert str(project.folder) not in done.stderr


def test_own_pooling_is_stored_with_its_width(
    project: Project, tmp_path: Path, tiny_bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    folder = shutil.copytree(tiny_bert, tmp_path / "sentence")
    kinds = [("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize")]
    modules = [{"type": f"sentence_transformers.models.{kind}", "path": p} for kind, p in kinds]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    table = str(project.folder / "corpus.jsonl")
    done = run("extract", table, "--store", str(project.store), "--no-audio",
               "--encoder", str(folder), "--pooling", "own")  # fmt: skip
    assert done.exit_code == 0, done.output
    store = hilbert.open_store(project.store)
    assert store.read("text", "sentence").x.shape[1] == 16


def test_flags_that_no_encoder_is_named_for() -> None:
    done = run("extract", "--prefix", "x")
    assert done.exit_code == 1
    assert "--prefix apply to the encoders named" in done.stderr
