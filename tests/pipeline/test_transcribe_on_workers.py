"""Transcripts are the same wherever they are made, and no worker's death matters."""

import importlib.util
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hilbert.pipeline import in_process, transcribe, transcribe_step
from hilbert.pipeline.corpus import Corpus, read_corpus
from hilbert.pipeline.extract import begin
from hilbert.pipeline.session import ExtractOptions, Session
from hilbert.pipeline.transcribe_step import with_transcripts
from hilbert.stages.extract.recogniser_files import find_recogniser
from hilbert.stages.extract.transcribe_config import TranscribeConfig
from support import hearing
from support.project import write_recording

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("faster_whisper") is None,
    reason="faster-whisper is not installed: pip install 'hilbert-speech[asr]'",
)

WORKERS = [
    {"workers": 2},
    pytest.param({"workers": 2, "dask": "local"}, id="dask", marks=pytest.mark.slow),
]


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Lines of what was loaded and heard, by a fake in this process and in workers."""
    monkeypatch.setenv("HILBERT_CACHE", str(tmp_path / "cache"))
    folder, log = tmp_path / "fake", tmp_path / "log"
    folder.mkdir()
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (folder / name).write_text("{}")
    files = hearing.FakeFiles(folder.name, find_recogniser(str(folder)).files, log)
    monkeypatch.setattr(transcribe_step, "find_recogniser", lambda _: files)
    monkeypatch.setattr(in_process, "load_recogniser", None)  # so that both are put back
    monkeypatch.setattr(transcribe, "transcribe_document", None)
    hearing.install(log)
    return log


def corpus(folder: Path, *names: str) -> Corpus:
    rows = ["id,audio,text"]
    for i, name in enumerate(names):
        write_recording(folder / f"{name}.wav", 2.0, seed=i)
        rows.append(f"{name},{name}.wav,")
    (folder / "corpus.csv").write_text("\n".join([*rows, "told,,Hello."]))
    return read_corpus(folder / "corpus.csv")


def make(corpus: Corpus, store: Path, **options: Any) -> Session:
    chosen = ExtractOptions(transcribe=TranscribeConfig(model="fake"), **options)
    with begin(store, "fp32", chosen, corpus.path) as session:
        with_transcripts(session, corpus)
    return session


def written(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.glob("*.json")}


@pytest.mark.parametrize("options", WORKERS)
def test_the_transcripts_are_the_same(tmp_path: Path, log: Path, options: dict[str, Any]) -> None:
    table = corpus(tmp_path, "a", "b", "c", "bad")
    here = make(table, tmp_path / "here.zarr")
    log.unlink()
    there = make(table, tmp_path / "there.zarr", **options)
    assert written(tmp_path / "there.transcripts") == written(tmp_path / "here.transcripts")
    assert there.transcribed == here.transcribed == {"a": 2.0, "b": 2.0, "c": 2.0}
    assert there.failures == here.failures == {"bad": "its sound cannot be used"}
    lines = [line.split() for line in log.read_text().splitlines()]
    assert sorted(what for _, what in lines if what != "loaded") == ["a", "b", "bad", "c"]
    loaded = Counter(process for process, what in lines if what == "loaded")
    assert set(loaded.values()) == {1}  # once in each worker
    log.unlink()
    again = make(table, tmp_path / "there.zarr", **options)
    assert (again.transcribed, log.read_text().split()[1::2]) == ({}, ["loaded", "bad"])


def test_a_recording_that_kills_every_worker(tmp_path: Path, log: Path) -> None:
    table = corpus(tmp_path, "a", "deadly", "b")
    found = make(table, tmp_path / "feats.zarr", workers=2)
    assert list(found.failures) == ["deadly"]
    assert found.failures["deadly"].startswith("each worker that took it was killed by SIGKILL")
    assert len(written(tmp_path / "feats.transcripts")) == 2
