"""Columns of the corpus that reach beyond the recording, or that do nothing."""

from collections.abc import Iterator, Sequence

from hilbert.stages.extract.checks.problem import Problem
from hilbert.stages.extract.turns import is_timed
from hilbert.store.types import Document, Seconds, Turn

BEYOND_S = 0.5
"""What a column may reach beyond the recording's end without a word."""


def column_problems(
    document: Document, turns: Sequence[Turn], duration_s: Seconds | None
) -> Iterator[Problem]:
    """What `start`, `end`, `exclude` and `transcript_offset` of a document cannot do."""
    if duration_s is not None:
        ends = {"end": document.end_s or 0.0}
        ends["exclude"] = max((span.end_s for span in document.exclude), default=0.0)
        for column, end_s in ends.items():
            if end_s > duration_s + BEYOND_S:
                yield Problem(
                    "note",
                    "column",
                    f"the column {column} reaches to {end_s:.1f} s, the audio ends at"
                    f" {duration_s:.1f} s",
                    "see that times of day or minutes are not meant",
                )
    if not turns or all(is_timed(turn) for turn in turns):
        return
    if document.transcript_offset_s:
        yield Problem(
            "warning",
            "column",
            "the column transcript_offset does nothing: the transcript has no times",
            "clear it, or give the transcript times",
        )
    if document.start_s is not None or document.end_s is not None or document.exclude:
        yield Problem(
            "warning",
            "column",
            "the columns start, end and exclude cut the audio alone: the transcript has no times",
            "give the transcript times, or cut its text, too",
        )
