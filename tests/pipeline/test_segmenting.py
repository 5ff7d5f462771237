"""`--segment` through the command: what each cuts, what its keys depend on, what fails."""

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

import hilbert
from hilbert.pipeline.plan import Cutting, Inputs
from hilbert.stages.extract.segment_config import SegmentConfig
from hilbert.store.file_digests import FileDigests
from hilbert.store.types import Document
from support.project import Project, run

needs_weights = pytest.mark.skipif(
    importlib.util.find_spec("silero_vad") is None,
    reason="silero-vad is not installed: pip install silero-vad",
)


def key(config: SegmentConfig) -> str:
    with FileDigests() as digests:
        return Cutting(config, digests).work(Document("a"), Inputs("x", "y")).segment_key


def test_keys_hold_what_decides(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HILBERT_CACHE", str(tmp_path))
    turns = key(SegmentConfig(method="turns"))
    assert turns == key(SegmentConfig(method="turns", speech_pad_s=0.2))
    assert len({turns, *(key(SegmentConfig(method=m)) for m in ("auto", "windows", "vad"))}) == 4  # type: ignore[arg-type]


@needs_weights
def test_the_detector_s_weights_are_in_the_key(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HILBERT_CACHE", str(tmp_path))
    config = SegmentConfig(method="vad")
    found = {key(config), key(SegmentConfig(method="vad", vad_threshold=0.6))}
    (tmp_path / "other.jit").write_bytes(b"other weights")
    monkeypatch.setattr("hilbert.pipeline.plan.weights_file", lambda: tmp_path / "other.jit")
    found.add(key(config))
    assert len(found) == 3


def test_turns_fail_where_there_are_no_times(project: Project) -> None:
    done = project.extract("--segment", "turns", expect=3)
    reasons = {failed["id"]: failed["reason"] for failed in done["failed"]}
    assert reasons.keys() == {"audio", "text"}
    assert "but it has no transcript; give a transcript with times" in reasons["audio"]
    assert "1 of its 1 turns have none" in reasons["text"]


def test_windows_leave_the_texts_as_they_are(
    project: Project, counted: Callable[[], dict[str, list[str]]]
) -> None:
    project.extract()
    counted()
    project.extract("--segment", "windows")
    assert counted() == {"audio": ["both1", "both2"]}  # the third was cut into windows before
    audio = [
        s for s in hilbert.open_store(project.store).segments("both1") if s.modality == "audio"
    ]
    assert [(s.start_s, s.end_s, s.speaker) for s in audio] == [(0, 6, None), (6, 12, None)]


@needs_weights
def test_speech_on_real_recordings_then_nothing_to_do(project: Project, test_data: Path) -> None:
    (audio,) = sorted((test_data / "osce-sample" / "audio").glob("*.opus"))[:1]
    project.write_table(
        [{"id": "visit", "audio": str(audio), "end": 60, "exclude": "20-30", "mood": "low"}]
    )
    flags = ("--segment", "vad", "--max-s", "12")
    foretold = project.extract("--dry-run", *flags)
    done = project.extract(*flags)
    assert foretold["segmented"] == done["segmented"] == 1
    assert foretold["encoded"] == done["encoded"]
    assert foretold["audio_seconds"] == 50.0
    assert 20 < done["audio_seconds"] < 50
    audio_segments = hilbert.open_store(project.store).segments("visit")
    bounds = [(s.start_s or 0.0, s.end_s or 0.0) for s in audio_segments]
    assert all(0 <= start < end <= 60 and end - start <= 12.001 for start, end in bounds)
    assert all(end <= 20 or start >= 30 for start, end in bounds)
    code = (
        "import sys; from hilbert.pipeline.cli import main\n"
        "try: main(sys.argv[1:])\nexcept SystemExit: pass\n"
        "print(sorted({'torch', 'transformers', 'onnxruntime'} & set(sys.modules)))"
    )
    again = subprocess.run(
        [sys.executable, "-c", code, *project.arguments(*flags)],
        capture_output=True, text=True,
    )  # fmt: skip
    assert again.stdout.splitlines()[-1] == "[]", again.stderr
    assert "encoded 0" in again.stdout


@needs_weights
def test_a_recording_without_times_is_cut_where_somebody_speaks(
    project: Project, test_data: Path
) -> None:
    """As one with times is, whose pauses are left out too."""
    folder = test_data / "speechocean762"
    (audio,) = sorted((folder / "audio").glob("*.opus"))[:1]
    words = "what is said, without any times"
    project.write_table(
        [{"id": "alone", "audio": str(audio)}, {"id": "words", "audio": str(audio), "text": words}]
    )
    assert project.extract("--dry-run")["encoded"] == project.extract()["encoded"]
    by_itself = audio_of(project)
    project.extract("--segment", "vad")
    assert audio_of(project) == by_itself
    project.extract("--segment", "windows")
    assert audio_of(project) != by_itself


def audio_of(project: Project) -> dict[str, list[tuple[float | None, float | None]]]:
    store = hilbert.open_store(project.store)
    return {
        name: [(s.start_s, s.end_s) for s in store.segments(name) if s.modality == "audio"]
        for name in ("alone", "words")
    }


def test_silence_costs_the_audio_alone_and_a_dry_run_tells_what_cannot_be(
    project: Project,
) -> None:
    soundfile.write(project.folder / "silent.wav", np.zeros(32_000, np.float32), 16_000)
    silent = {"audio": "silent.wav", "mood": "low"}
    project.write_table(
        [
            {"id": "words", "text": "Said, not heard.", **silent},
            {"id": "late", "start": 9, **silent},
        ]
    )
    foretold = project.extract("--dry-run", expect=3)
    assert [failed["id"] for failed in foretold["failed"]] == ["late"]
    done = project.extract(expect=3)
    assert done["encoded"] == {"tiny-whisper": 0, "tiny-bert": 1}
    reasons = {failed["id"]: failed["reason"] for failed in done["failed"]}
    assert "silent" in reasons["words"]
    assert "leave nothing" in reasons["late"] or "beyond" in reasons["late"]


@needs_weights
def test_nobody_speaks_in_tones(project: Project) -> None:
    done = project.extract("--segment", "vad", expect=3)
    reasons = {failed["id"]: failed["reason"] for failed in done["failed"]}
    assert reasons.keys() == {"audio", "both1", "both2"}
    assert all("nobody speaks" in reason for reason in reasons.values())
    assert project.extract()["failed"] == []  # into windows then


def test_without_the_weights(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *a: None if name == "silero_vad" else find(name, *a),
    )
    done = run(*project.arguments("--segment", "vad"))
    assert done.exit_code == 1
    assert "pip install 'silero-vad" in done.stderr
