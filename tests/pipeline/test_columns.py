"""Columns of a document decide what of it is cut, and so what reaches an encoder."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import hilbert
from hilbert.store.types import Segment
from support import listening
from support.project import write_transcript

RATE = 16_000
TEXTS = ["One two three four five.", "Six seven eight nine ten.", "Eleven twelve.", "The end."]
"""Turns of 2.5 s that begin every 3 s; see `write_transcript`."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A recording whose level tells the second: 0.1 in the first, 0.2 in the next …"""
    seconds = np.repeat(np.arange(1, 13) * 0.05, RATE)
    tone = seconds * np.sin(2 * np.pi * 500 * np.arange(len(seconds)) / RATE)
    soundfile.write(tmp_path / "a.wav", tone.astype(np.float32), RATE, subtype="FLOAT")
    write_transcript(tmp_path / "a.vtt", TEXTS)
    (tmp_path / "a.txt").write_text(" ".join(TEXTS))
    return tmp_path


def extract(folder: Path, **columns: Any) -> tuple[list[Segment], list[Segment], np.ndarray]:
    """Audio and text segments of a document with these columns, and what was heard of it."""
    row = {"id": "a", "audio": "a.wav", "transcript": "a.vtt", **columns}
    (folder / "c.jsonl").write_text(json.dumps(row))
    result = listening.extract(folder / "c.jsonl", folder / "feats.zarr")
    assert result.exit_code == 0, result.output
    store = hilbert.open_store(folder / "feats.zarr")
    segments = store.segments("a")
    audio = [s for s in segments if s.modality == "audio"]
    heard = store.read("a", "exact-audio").x.astype(np.float32)
    assert len(heard) == len(audio)
    return audio, [s for s in segments if s.modality == "text"], heard


def spans(segments: list[Segment]) -> list[tuple[float, float]]:
    return [(round(s.start_s or 0, 3), round(s.end_s or 0, 3)) for s in segments]


def levels(*seconds: float) -> np.ndarray:
    """Highest level in each second that is heard."""
    return np.array(sorted({round(0.05 * (int(s) + 1), 2) for s in seconds}))


def heard_levels(heard: np.ndarray) -> np.ndarray:
    return np.unique(np.round(heard / 0.05) * 0.05).round(2)


def test_without_columns_all_turns_are_heard(folder: Path) -> None:
    audio, text, heard = extract(folder)
    assert spans(audio) == [(0, 2.5), (3, 5.5), (6, 8.5), (9, 11.5)]
    assert [s.n_words for s in text] == [5, 5, 2, 2]
    np.testing.assert_allclose(heard_levels(heard), levels(*range(12)), atol=0.011)


def test_start_and_end(folder: Path) -> None:
    audio, text, heard = extract(folder, start=4.0, end=8.0)
    assert spans(audio) == [(4, 5.5), (6, 8)]
    assert [s.n_words for s in text] == [3, 2]  # eight, nine and ten, which come after 4 s
    np.testing.assert_allclose(heard_levels(heard), levels(4, 5, 6, 7), atol=0.011)


def test_exclude(folder: Path) -> None:
    audio, text, heard = extract(folder, exclude="1-2; 5-9.5")
    assert spans(audio) == [(0, 1), (2, 2.5), (3, 5), (9.5, 11.5)]
    assert sum(s.n_words for s in text) < 14
    np.testing.assert_allclose(heard_levels(heard), levels(0, 2, 3, 4, 9, 10, 11), atol=0.011)


def test_what_is_left_out_does_not_reach_the_features(folder: Path) -> None:
    """Whatever is planted there: features are equal to the last bit."""
    columns = {"start": 1.0, "end": 10.0, "exclude": "4-5; 7.25-8"}
    before = extract(folder, **columns)[2]
    wave, _ = soundfile.read(folder / "a.wav", dtype="float32")
    planted = np.random.default_rng(0).uniform(-1, 1, len(wave)).astype(np.float32)
    for start, end in ((0, 1), (4, 5), (7.25, 8), (10, 12)):
        part = slice(int(start * RATE), int(end * RATE))
        wave[part] = planted[part]
    soundfile.write(folder / "a.wav", wave, RATE, subtype="FLOAT")
    np.testing.assert_array_equal(extract(folder, **columns)[2], before)
    assert not np.array_equal(extract(folder)[2], before)


@pytest.mark.parametrize("offset", [0.5, -1.5])
def test_transcript_offset(folder: Path, offset: float) -> None:
    audio, text, heard = extract(folder, transcript_offset=offset)
    starts = [max(0.0, 3.0 * i + offset) for i in range(4)]
    ends = [3.0 * i + 2.5 + offset for i in range(4)]
    assert spans(audio) == list(zip(starts, ends, strict=True))
    assert [s.n_words for s in text] == [5, 5, 2, 2]
    first = round(float(heard[1].min()) / 0.05)  # seconds begin at 1
    assert first == int(starts[1]) + 1


def test_offset_comes_before_what_is_kept(folder: Path) -> None:
    """`start`, `end` and `exclude` are on the recording's clock; turns are moved to it first."""
    audio, _, _ = extract(folder, transcript_offset=1.0, start=2.0, exclude="4-6")
    assert spans(audio) == [(2, 3.5), (6, 6.5), (7, 9.5), (10, 12)]


def test_columns_without_times_cut_the_audio(folder: Path) -> None:
    audio, text, heard = extract(folder, transcript="a.txt", start=2.0, end=11.0, exclude="5-7")
    assert spans(audio) == [(2, 5), (7, 11)]
    assert sum(s.n_words for s in text) == 14
    np.testing.assert_allclose(heard_levels(heard), levels(2, 3, 4, 7, 8, 9, 10), atol=0.011)


def test_speaker_is_that_of_turns_without_one(folder: Path) -> None:
    (folder / "b.vtt").write_text(
        "WEBVTT\n\n00:00.000 --> 00:01.000\nOne.\n\n00:01.000 --> 00:02.000\n<v B>Two.\n\n"
        "00:02.000 --> 00:03.000\nThree.\n"
    )
    audio, text, _ = extract(folder, transcript="b.vtt", speaker="A")
    assert [s.speaker for s in audio] == [s.speaker for s in text] == ["A", "B", "A"]
    audio, _, _ = extract(folder, transcript="a.txt", speaker="A")
    assert {s.speaker for s in audio} == {"A"}


def test_language_is_part_of_the_segments_key_and_changes_no_vector(folder: Path) -> None:
    before = extract(folder)
    key = hilbert.open_store(folder / "feats.zarr").rows()["a"]
    after = extract(folder, language="de")
    changed = hilbert.open_store(folder / "feats.zarr").rows()["a"]
    assert changed.segment_key != key.segment_key
    assert changed.feature_keys == key.feature_keys
    np.testing.assert_array_equal(before[2], after[2])
