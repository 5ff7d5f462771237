"""Turns whose speaker is not known although somebody may be named."""

from collections.abc import Iterator, Sequence

from hilbert.stages.extract.checks.problem import Problem
from hilbert.stages.extract.transcripts.speaker_labels import may_begin_with_label
from hilbert.store.types import Turn


def speaker_problems(turns: Sequence[Turn]) -> Iterator[Problem]:
    """Where others have speakers: turns without one that begin with what may be a label."""
    if all(turn.speaker is None for turn in turns):
        return
    n_unknown = sum(turn.speaker is None and may_begin_with_label(turn.text) for turn in turns)
    if n_unknown:
        yield Problem(
            "warning",
            "unknown speakers",
            f"{n_unknown} of {len(turns)} turns begin with what may be a speaker's name and is"
            " not taken for one, so nobody is known to say them",
            "name each speaker alike before every turn, or see docs/transcripts.md if it is prose",
        )
