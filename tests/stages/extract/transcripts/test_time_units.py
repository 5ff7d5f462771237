"""Whole numbers without a unit: seconds, milliseconds, or refused."""

import json
from typing import Any

import pytest

from hilbert.stages.extract.transcripts.time_units import (
    MILLISECONDS,
    SECONDS,
    is_whole,
    units_per_second,
)
from hilbert.stages.extract.transcripts.transcript import parse_transcript
from hilbert.store.errors import DocumentError

SPANS = [(0.5, 1.9), (3.0, 5.0)]


def test_by_how_long_a_word_takes() -> None:
    assert units_per_second([60, 30], ["two words", "one"]) == SECONDS
    assert units_per_second([600, 300], ["two words", "one"]) == MILLISECONDS
    assert units_per_second([60], ["\u4f60\u597d"]) == SECONDS  # each character is a word
    assert units_per_second([5, 9000], ["word", ""]) == SECONDS  # where nothing is said, no word is
    assert units_per_second([3, 8], [None, None]) == SECONDS
    assert units_per_second([3000, 800], [None, None]) == MILLISECONDS
    assert units_per_second([], []) == SECONDS


@pytest.mark.parametrize("length", [31, 99, 5001, 48_000])
def test_neither(length: float) -> None:
    with pytest.raises(DocumentError, match=rf"{length} for a word .* start_ms"):
        units_per_second([length], ["word"])


def test_whisper_may_hear_a_word_in_minutes_of_noise() -> None:
    assert units_per_second([30_000], ["you"], of_whisper=True) == MILLISECONDS
    (turn,) = parse_transcript(b"start,end,text\n0,30000,you\n")
    assert (turn.start_s, turn.end_s) == (0.0, 30.0)
    with pytest.raises(DocumentError, match="neither"):
        parse_transcript(b"start,end,speaker,text\n0,30000,A,you\n")


def test_what_is_whole() -> None:
    assert is_whole(5)
    assert is_whole(5.0)
    assert not any(map(is_whole, [5.5, True, None, "5", float("nan"), float("inf"), 10**400]))


def spans(value: Any) -> list[tuple[float | None, float | None]]:
    return [(turn.start_s, turn.end_s) for turn in parse_transcript(json.dumps(value).encode())]


SEGMENTS = [
    {"text": "Hi there my friend.", "start": 500, "end": 1900},
    {"text": "I am well.", "start": 3000, "end": 5000},
]


class TestJson:
    def test_segments(self) -> None:
        assert spans({"segments": SEGMENTS}) == SPANS
        assert spans(SEGMENTS) == SPANS
        assert spans(json.loads(json.dumps(SEGMENTS).replace("00,", "00.0,"))) == SPANS

    def test_chunks(self) -> None:
        chunks = [{"text": s["text"], "timestamp": [s["start"], s["end"]]} for s in SEGMENTS]
        assert spans({"chunks": chunks}) == SPANS

    def test_words_of_several_speakers(self) -> None:
        words = [
            {"word": "Hi", "start": 500, "end": 700, "speaker": "A"},
            {"word": "there my friend.", "start": 800, "end": 1900, "speaker": "B"},
        ]
        value = {"segments": [{**SEGMENTS[0], "words": words}, SEGMENTS[1]]}
        assert spans(value) == [(0.5, 0.7), (0.8, 1.9), (3.0, 5.0)]

    def test_words_alone(self) -> None:
        words = [
            {"text": "a", "start": 500.0, "end": 800.0},
            {"text": "b", "start": 900, "end": 1200},
        ]
        assert spans({"text": "a b", "words": words}) == [(0.5, 1.2)]

    def test_seconds_stay(self) -> None:
        seconds = [{**SEGMENTS[0], "start": 0, "end": 4.0}, {**SEGMENTS[1], "start": 4, "end": 30}]
        assert spans(seconds) == [(0.0, 4.0), (4.0, 30.0)]
        seconds[1]["end"] = 3000.5
        assert spans(seconds) == [(0.0, 4.0), (4.0, 3000.5)]

    def test_either(self) -> None:
        with pytest.raises(DocumentError, match="neither seconds nor milliseconds"):
            spans([{"text": "secret", "start": 0, "end": 60}])
