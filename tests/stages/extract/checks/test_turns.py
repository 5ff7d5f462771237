"""Turns that overlap, outlast their audio, or are said too fast; columns that do nothing."""

import pytest

from hilbert.stages.extract.checks.columns import column_problems
from hilbert.stages.extract.checks.turns import covered_s, spans_of, turn_problems
from hilbert.store.types import Document, Span, Turn

SOUND = [Turn("one two", "A", 0.0, 2.0), Turn("three", "B", 2.5, 4.0), Turn("four", "A", 4.0, 6.0)]


def kinds(turns: list[Turn], duration_s: float | None = 6.0) -> list[tuple[str, str]]:
    return [(p.severity, p.kind) for p in turn_problems(turns, duration_s)]


def test_sound_turns() -> None:
    assert kinds(SOUND) == []
    assert kinds(SOUND, None) == []
    assert kinds([]) == []
    assert kinds([Turn("one two three")], 1.0) == []


def test_turns_of_one_speaker_that_overlap() -> None:
    turns = [Turn("a", "A", 0.0, 3.0), Turn("b", "A", 1.8, 4.0), Turn("c", "B", 3.9, 5.0)]
    (problem,) = turn_problems(turns, 6.0)
    assert problem.what == (
        "1 of 3 turns begin before the same speaker's last one ends (by up to 1.2 s)"
    )
    assert kinds([Turn("a", None, 0.0, 3.0), Turn("b", None, 2.7, 4.0)]) == []


def test_a_turn_before_the_recording_does_not_overlap_itself() -> None:
    assert kinds([Turn("a", "A", -5.0, -1.0), Turn("b", "A", 0.0, 2.0)]) == []
    assert kinds([Turn("a", "A", -5.0, -1.0), Turn("b", "A", -3.0, 2.0)]) != []


def test_a_turn_within_a_longer_one_is_found_behind_others() -> None:
    turns = [Turn("a", "A", 0.0, 10.0), Turn("b", "B", 1, 2), Turn("c", "A", 5.0, 6.0)]
    assert kinds(turns, 10.0) == [("warning", "overlapping turns")]


def test_talking_over_each_other() -> None:
    turns = [Turn("a", "A", 0.0, 4.0), Turn("b", "B", 1.0, 4.0)]
    assert kinds(turns) == [("note", "overlapping turns")]
    assert kinds([Turn("a", "A", 0.0, 4.0), Turn("b", "B", 3.5, 6.0)]) == []


def test_longer_than_the_audio() -> None:
    (problem,) = turn_problems(SOUND, 3.0)
    assert problem.what == (
        "the transcript ends at 6.0 s, the audio at 3.0 s (1 of 3 turns begin behind it)"
    )
    assert kinds(SOUND, 5.6) == []
    assert kinds([Turn("word " * 80)], 10.0) == [("warning", "longer than audio")]
    assert kinds([Turn("word " * 40)], 10.0) == []


def test_no_text_is_told() -> None:
    turns = [Turn("secret", "Zoe", 0.0, 3.0), Turn("secret", "Zoe", 1.0, 9.0)]
    for problem in turn_problems(turns, 4.0):
        assert not {"secret", "Zoe"} & set(" ".join(problem).split())


def test_spans() -> None:
    assert spans_of([Turn("a", None, 3.0, 4.0), Turn("b", None, 1.0, 2.0)]) == [(1, 2), (3, 4)]
    assert spans_of([Turn("a", None, 3.0, 4.0), Turn("b")]) == []
    assert covered_s([Span(0, 4), Span(1, 2), Span(3, 5), Span(7, 8)]) == 6.0


@pytest.mark.parametrize(
    ("document", "turns", "said"),
    [
        (Document("a", end_s=90.0), SOUND, ["end reaches to 90.0 s, the audio ends at 60.0 s"]),
        (Document("a", exclude=(Span(5, 61),)), SOUND, ["exclude reaches to 61.0 s"]),
        (Document("a", end_s=60.2, exclude=(Span(1, 2),), transcript_offset_s=1.0), SOUND, []),
        (Document("a", transcript_offset_s=1.0), [Turn("a")], ["transcript_offset does nothing"]),
        (Document("a", start_s=1.0), [Turn("a")], ["cut the audio alone"]),
        (Document("a", exclude=(Span(5, 6),)), [Turn("a")], ["cut the audio alone"]),
        (Document("a", start_s=1.0), [], []),
    ],
)
def test_columns(document: Document, turns: list[Turn], said: list[str]) -> None:
    found = list(column_problems(document, turns, 60.0))
    assert len(found) == len(said)
    for problem, words in zip(found, said, strict=True):
        assert words in problem.what
