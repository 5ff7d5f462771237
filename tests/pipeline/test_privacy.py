"""No text, and no path of this machine: in a store, a run, messages and exports."""

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result

from hilbert.store.feature_store import open_store
from support.project import SENTENCES, Project, run, write_recording
from support.stores import flip

FIT = ("--folds", "2", "--repeats", "1", "--epochs", "1", "--min-steps", "1",
       "--seeds-averaged", "1", "--device", "cpu", "--workers", "1")  # fmt: skip
WORDS = [" ".join(sentence.split()[2:5]) for sentence in SENTENCES]


@pytest.fixture
def place(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project that is worked in, with twelve documents and its models given by their paths."""
    monkeypatch.chdir(project.folder)
    rows = project.rows()
    for i in range(8):
        write_recording(project.folder / f"more{i}.wav", 3.0, seed=20 + i)
        rows.append({"id": f"more{i}", "audio": f"more{i}.wav", "mood": ("low", "high")[i % 2],
                     "text": f"B: {SENTENCES[i % 4]}"})  # fmt: skip
    project.write_table(rows)
    return project


def extract(project: Project, *more: str) -> Result:
    return run("extract", "corpus.jsonl", "--encoder", str(project.whisper),
               "--encoder", str(project.bert), "--device", "cpu", *more)  # fmt: skip


def secrets(project: Project) -> list[bytes]:
    """Sentences of the transcripts, and where this machine keeps the project and its models."""
    folders = [project.folder, project.whisper, project.bert, Path.home()]
    paths = {str(folder.parent) for folder in folders[:3]} | {str(Path.home())}
    return [word.encode() for word in (*WORDS, *(path for path in paths if path != "/"))]


def leaks(project: Project, data: bytes) -> list[bytes]:
    return [word for word in secrets(project) if word in data]


def files(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from (p for p in Path(folder).rglob("*") if p.is_file())


def test_a_store_a_run_and_what_is_said_of_them(place: Project) -> None:
    said = [extract(place), run("fit", "--target", "mood", "--run-dir", "run", *FIT)]
    said.append(run("predict", "run", "corpus.jsonl", "--device", "cpu", "--out", "p.csv",
                    "--encoder", str(place.whisper), "--encoder", str(place.bert)))  # fmt: skip
    for command in ("info", "verify", "repair", "gc", "compact"):
        said += [run("store", command), run("store", command, "--json")]
    said.append(run("store", "export", "--out", "all.safetensors"))
    for result in said:
        assert result.exit_code == 0, result.output
        assert leaks(place, result.output.encode()) == []
    found = [*files("feats.zarr", "run", "p.csv.feats.zarr"), Path("p.csv")]
    assert len(found) > 30
    for path in [*found, Path("all.safetensors")]:
        assert leaks(place, path.read_bytes()) == [], path


def test_a_document_that_is_taken_out_is_gone(place: Project) -> None:
    extract(place)
    x = open_store("feats.zarr").read("both1", "tiny-bert").x.tobytes()
    place.write_table(place.rows()[1:])
    extract(place, "--prune")
    old = ("--older-than-h", "0")
    for arguments in (("gc", *old), ("compact", "--thorough", *old)):
        assert run("store", *arguments).exit_code == 0
    for path in files("feats.zarr"):
        assert not [word for word in (b"both1", x) if word in path.read_bytes()], path
    assert run("store", "verify", "--deep").exit_code == 0


def test_only_the_owner_can_read_a_store(place: Project) -> None:
    extract(place)
    for path in [Path("feats.zarr"), *Path("feats.zarr").rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert stat.S_IMODE(Path("feats.zarr").stat().st_mode) == 0o700


def test_equal_texts_have_other_digests_in_another_store(place: Project) -> None:
    for name in ("one.zarr", "two.zarr"):
        assert extract(place, "--store", name).exit_code == 0
    one, two = (open_store(name) for name in ("one.zarr", "two.zarr"))
    keys = [{row.id: row.feature_keys["tiny-bert"] for row in s.rows().values()
             if "tiny-bert" in row.feature_keys} for s in (one, two)]  # fmt: skip
    assert keys[0].keys() == keys[1].keys()
    assert not set(keys[0].values()) & set(keys[1].values())


def test_documents_that_fail(place: Project) -> None:
    texts = {
        "broken.vtt": f"WEBVTT\n\n00:02.000 --> 00:01.000\n{SENTENCES[0]}",
        "broken.srt": f"1\nnever --> 00:01\n{SENTENCES[1]}",
        "broken.json": '{"segments": [{"text": "' + SENTENCES[2],
        "long.txt": f"{SENTENCES[3] * 3}: yes",
        "latin1.vtt": f"WEBVTT\n\n00:00.000 --> 00:02.000\ncaf\xe9 {SENTENCES[0]}",
    }
    rows = place.rows()
    for name, text in texts.items():
        Path(name).write_bytes(text.encode("latin1"))
        rows.append({"id": name, "transcript": name})
    Path("noise.wav").write_bytes(b"RIFF" + bytes(range(256)))
    Path("folder.wav").mkdir()
    audio = ["noise.wav", "folder.wav", "absent.wav", str(place.folder / "gone.wav")]
    rows += [{"id": f"a{i}", "audio": name} for i, name in enumerate(audio)]
    place.write_table(rows)
    for arguments in ([], ["--json"]):
        result = extract(place, *arguments)
        assert result.exit_code == 3, result.output
        assert "gone.wav is missing" in result.stdout
        assert leaks(place, result.output.encode()) == []
    for path in files("feats.zarr"):
        assert leaks(place, path.read_bytes()) == [], path


def broken_models(project: Project) -> Iterator[Path]:
    """Copies of the two models, each damaged in one way."""
    for name, file, content in (
        ("no-config", "config.json", None),
        ("bad-config", "config.json", b"{"),
        ("list-config", "config.json", b"[]"),
        ("no-weights", "model.safetensors", None),
        ("bad-weights", "model.safetensors", b"\xff" * 64),
        ("odd-config", "config.json", b'{"model_type": "bert", "num_hidden_layers": 3,'
         b' "hidden_size": 16, "hidden_act": "none such"}'),
        ("no-tokenizer", "tokenizer.json", None),
        ("bad-tokenizer", "tokenizer.json", b'{"model": 3}'),
    ):  # fmt: skip
        for source in (project.bert, project.whisper):
            if not (source / file).exists():
                continue
            copy = project.folder / "models" / f"{name}-{source.name}"
            shutil.copytree(source, copy)
            (copy / file).unlink() if content is None else (copy / file).write_bytes(content)
            yield copy


def test_models_that_are_broken(place: Project) -> None:
    for folder in [*broken_models(place), place.folder / "models" / "absent"]:
        result = run("extract", "corpus.jsonl", "--encoder", str(folder), "--device", "cpu")
        assert result.exit_code == 1, (folder.name, result.output)
        assert result.stderr.splitlines()[-1].startswith("Error: "), (folder.name, result.output)
        assert leaks(place, result.output.encode()) == [], folder.name


def test_weights_that_are_not_those_a_name_stands_for(
    place: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = place.folder / "hub"
    snapshot = cache / "models--sentence-transformers--all-MiniLM-L6-v2" / "snapshots" / "1"
    shutil.copytree(place.bert, snapshot)
    refs = snapshot.parents[1] / "refs"
    refs.mkdir()
    (refs / "main").write_text("1")
    monkeypatch.setenv("HF_HUB_CACHE", str(cache))
    result = run("extract", "corpus.jsonl", "--encoder", "minilm", "--no-audio")
    assert result.exit_code == 1
    assert "are not those of minilm" in result.stderr
    assert leaks(place, result.output.encode()) == []


def test_calls_that_cannot_work(place: Project) -> None:
    extract(place)
    here = str(place.folder)
    Path("bad.csv").write_text(f"id,text\na,{SENTENCES[0]}\na,{SENTENCES[1]}\n")
    Path("odd.csv").write_text(f"id,text\na,{SENTENCES[0]},{SENTENCES[1]}\n")
    Path("bad.jsonl").write_text('{"id": "a", "text": "' + SENTENCES[2])
    Path("bad.parquet").write_bytes(SENTENCES[3].encode())
    Path("file").touch()
    tables = ("none.csv", "bad.csv", "odd.csv", "bad.jsonl", "bad.parquet", "file", "")
    fit = ["fit", "--store", f"{here}/feats.zarr", "--target"]
    export = ["store", "export", f"{here}/feats.zarr", "--out"]
    calls = [
        *(["extract", f"{here}/{name}"] for name in tables),
        *([*extracting(place), "--store", f"{here}/{name}"] for name in ("file", "models", "")),
        *(["fit", "--store", f"{here}/{name}"] for name in ("none.zarr", "file", "models")),
        [*fit, "mood", "--run-dir", f"{here}/file", *FIT],
        [*fit, "none"],
        ["predict", f"{here}/none", f"{here}/corpus.jsonl", "--out", f"{here}/p.csv"],
        *(["store", name, f"{here}/none.zarr"] for name in ("info", "verify", "repair", "gc")),
        [*export, f"{here}/no/such/x.h5"],
        [*export, f"{here}/file"],
    ]
    Path("models").mkdir(exist_ok=True)
    Path("models/x").touch()
    for arguments in calls:
        result = run(*arguments)
        assert result.exit_code == 1, (arguments, result.output)
        assert leaks(place, result.output.encode()) == [], arguments


def extracting(project: Project) -> list[str]:
    return ["extract", "corpus.jsonl", "--encoder", str(project.whisper), "--no-text"]


def test_a_store_that_is_damaged_or_cannot_be_written_to(place: Project) -> None:
    extract(place)
    store = open_store("feats.zarr")
    for commit in store.index.commits.values():
        flip(store, commit.data, commit.offset)
    here = str(place.folder)
    said = [run("store", name, f"{here}/feats.zarr") for name in ("verify", "export", "compact")]
    said.append(run("store", "verify", "--deep", f"{here}/feats.zarr"))
    said.append(run("fit", "--store", f"{here}/feats.zarr", "--target", "mood", *FIT))
    shutil.rmtree("feats.zarr/commits")
    Path("feats.zarr/commits").touch()  # a file where a folder must be: root, too, cannot write
    said.append(extract(place, "--store", f"{here}/feats.zarr", "--rehash"))
    assert [result.exit_code for result in said] == [0, 1, 1, 1, 1, 1]
    for result in said:
        assert leaks(place, result.stderr.encode()) == []


def test_a_cache_that_cannot_be_written_to(place: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from safetensors.torch import load_file

    model = place.folder / "models" / "pickled"
    shutil.copytree(place.bert, model)
    torch.save(load_file(model / "model.safetensors"), model / "pytorch_model.bin")
    os.remove(model / "model.safetensors")
    Path("full").touch()
    monkeypatch.setenv("HILBERT_CACHE", str(place.folder / "full"))
    result = run("extract", "corpus.jsonl", "--encoder", str(model), "--no-audio")
    assert result.exit_code == 1
    assert "HILBERT_CACHE" in result.stderr
    assert leaks(place, result.output.encode()) == []
