"""A project folder to run commands in.

Its encoders are real models in Hugging Face's format with random weights, so that the whole
path is the real one; only their size is not.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support import tiny_models
from support.project import SENTENCES, Project, write_recording, write_transcript


@pytest.fixture(scope="session")
def tiny_whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.save_whisper(tmp_path_factory.mktemp("models") / "tiny-whisper")


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.save_bert(tmp_path_factory.mktemp("models") / "tiny-bert")


@pytest.fixture
def project(
    tmp_path: Path, tiny_whisper: Path, tiny_bert: Path, monkeypatch: pytest.MonkeyPatch
) -> Project:
    """Four documents: two with both modalities, one of audio and one of text alone."""
    monkeypatch.setenv("HILBERT_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "project"
    folder.mkdir()
    for i, name in enumerate(("both1", "both2", "audio")):
        write_recording(folder / f"{name}.wav", 12.0, seed=i)
    write_transcript(folder / "both1.vtt", SENTENCES)
    write_transcript(folder / "both2.vtt", SENTENCES[::-1])
    project = Project(folder, tiny_whisper, tiny_bert)
    project.write_table(
        [
            {"id": "both1", "audio": "both1.wav", "transcript": "both1.vtt", "mood": "low"},
            {"id": "both2", "audio": "both2.wav", "transcript": "both2.vtt", "mood": "high"},
            {"id": "audio", "audio": "audio.wav", "mood": "low"},
            {"id": "text", "text": "A: " + " ".join(SENTENCES), "mood": "high"},
        ]
    )
    return project


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Callable[[], dict[str, list[str]]]:
    """A function that tells which documents each encoder was given since it was last asked."""
    from hilbert.pipeline import encode

    seen: dict[str, list[str]] = {}
    load = encode.load_encoder

    class Counting:
        def __init__(self, encoder: Any) -> None:
            self._encoder = encoder
            self.info = encoder.info

        def encode(self, jobs: Any) -> Any:
            return self._encoder.encode(self._count(jobs))

        def _count(self, jobs: Any) -> Any:
            for job in jobs:
                seen.setdefault(self.info.modality, []).append(job.id)
                yield job

    def counting(*args: Any, **kwargs: Any) -> Counting:
        return Counting(load(*args, **kwargs))

    monkeypatch.setattr(encode, "load_encoder", counting)

    def take() -> dict[str, list[str]]:
        taken = {modality: sorted(ids) for modality, ids in seen.items()}
        seen.clear()
        return taken

    return take
