"""Times of turns: checked where they are read, shared out where they are not known."""

import math
from collections.abc import Sequence
from itertools import accumulate

from hilbert.store.errors import DocumentError
from hilbert.store.types import Seconds, Span, Turn


def timed_turn(text: str, speaker: str | None, span: Span, where: str) -> Turn:
    """A turn whose times are checked; `where` names it in the error: ``"line 12"``.

    Raises
    ------
    DocumentError
        If a time is not finite or negative, or the end comes before the start.
    """
    if not (math.isfinite(span.start_s) and math.isfinite(span.end_s)):
        raise DocumentError(f"{where} of the transcript has a time that is not finite; mend it")
    if span.start_s < 0:
        raise DocumentError(
            f"{where} of the transcript starts before 0 ({span.start_s:g} s); mend it, "
            f"or use the column transcript_offset"
        )
    if span.end_s < span.start_s:
        raise DocumentError(
            f"{where} of the transcript ends ({span.end_s:g} s) before it starts "
            f"({span.start_s:g} s); mend it"
        )
    return Turn(text, speaker, span.start_s, span.end_s)


def share_time(span: Span, weights: Sequence[float]) -> list[Span]:
    """Cut `span` in proportion to `weights`, such as the numbers of words said in it.

    The first piece starts, and the last one ends, exactly where `span` does.
    """
    total = sum(weights)
    if total <= 0 or len(weights) == 1:
        return [span] * len(weights)
    bounds = [span.start_s + span.duration_s * (done / total) for done in accumulate(weights)]
    bounds[-1] = span.end_s
    return [Span(*pair) for pair in zip([span.start_s, *bounds], bounds, strict=False)]


def equal_pieces(span: Span, longest_s: Seconds) -> list[Span]:
    """Cut `span` into as few equal pieces as are at most `longest_s` long."""
    # 30.000000001 s, a sum of rounded times, is one window of 30 s and not two of 15 s
    n_pieces = max(1, math.ceil(span.duration_s / longest_s - 1e-6))
    return share_time(span, [1.0] * n_pieces)
