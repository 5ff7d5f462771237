"""Turns that nobody is known to say, though they may begin with somebody's name."""

import re

import pytest

from hilbert.stages.extract.checks.speakers import speaker_problems
from hilbert.stages.extract.transcripts.transcript import parse_transcript
from hilbert.store.types import Turn

TEXT = "Ann: One.\n\nsecret: Two.\n\nAnd more.\n\nAnn: Three.\n\n[Zoe] secret.\n\nAnn: Four."


def test_turns_that_may_name_somebody_are_counted_once_a_document() -> None:
    (problem,) = speaker_problems(parse_transcript(TEXT.encode()))
    assert (problem.severity, problem.kind) == ("warning", "unknown speakers")
    assert problem.what.startswith("2 of 6 turns begin with what may be a speaker's name")
    assert not any(word in "".join(problem) for word in ("secret", "Zoe", "Ann"))


def test_nothing_is_said_of_prose_or_where_all_are_known() -> None:
    assert list(speaker_problems([Turn("Note: this."), Turn("[Zoe] that.")])) == []
    assert list(speaker_problems([Turn("Note: this.", "Ann"), Turn("that", None)])) == []


@pytest.mark.parametrize(
    "text",
    [
        "Q. How are you?\nA. Good.\nQ. And at 10:30?\nA. Also good.",
        "Q1: How was it?\nA1: Well.\nQ2: Why?\nA2: Oh.",
        "Interviewer – How are you?\nParticipant – Good.\nInterviewer – Fine.",
    ],
)
def test_labels_where_nobody_has_a_speaker(text: str) -> None:
    turns = parse_transcript(text.encode())
    assert {turn.speaker for turn in turns} == {None}
    (problem,) = speaker_problems(turns)
    assert problem.kind == "unknown speakers"
    assert re.match(r"nobody is known to speak, but [34] sentences", problem.what)


@pytest.mark.parametrize(
    "text", ["Note: a. Note: b. Well – it was. And – so. Well – it was. And – so.", "I. So. I. So."]
)
def test_nothing_is_said_of_other_prose(text: str) -> None:
    assert list(speaker_problems([Turn(text)])) == []
