"""Turns whose speaker is not known although somebody may be named."""

from collections.abc import Iterator, Sequence

from hilbert.stages.extract.checks.problem import Problem
from hilbert.stages.extract.transcripts.speaker_labels import n_doubtful
from hilbert.store.types import Turn


def speaker_problems(turns: Sequence[Turn]) -> Iterator[Problem]:
    """Where others have speakers: turns without one that begin with what may be a label."""
    n_unknown = n_doubtful(turns)
    if n_unknown:
        yield Problem(
            "warning",
            "unknown speakers",
            f"{n_unknown} of {len(turns)} turns begin with what may be a speaker's name and is"
            " not taken for one, so nobody is known to say them",
            "name each speaker alike before every turn, or see docs/transcripts.md if it is prose",
        )
