"""Turns that nobody is known to say, though they may begin with somebody's name."""

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
