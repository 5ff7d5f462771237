"""Times of turns that contradict each other or the recording."""

from collections.abc import Iterator, Sequence

from hilbert.stages.extract.checks.problem import Problem
from hilbert.stages.extract.sentences import count_words
from hilbert.stages.extract.turns import end_of, is_timed, start_of
from hilbert.store.types import Seconds, Span, Turn

LATE_S = 0.5
"""What a transcript may outlast its audio without a word."""

OVERLAP_S = 0.5
"""What two turns of one speaker may overlap: rounding, and subtitles held a little longer."""

TALK_OVER_SHARE = 0.2
"""Of all turns' time: people interrupt each other, but not for a fifth of what they say."""

FASTEST_WORDS_PER_S = 7.0
"""Averaged over a whole recording; auctioneers apart, nobody speaks so fast for long."""


def spans_of(turns: Sequence[Turn]) -> list[Span]:
    """Spans of turns, sorted by start; empty unless every turn has times."""
    if not all(is_timed(turn) for turn in turns):
        return []
    return sorted(Span(start_of(turn), end_of(turn)) for turn in turns)


def turn_problems(turns: Sequence[Turn], duration_s: Seconds | None) -> Iterator[Problem]:
    """Problems of the turns among themselves, and with the length of the recording.

    Parameters
    ----------
    turns : sequence of Turn
        On the recording's clock.
    duration_s : float or None
        Of the recording, where there is one.
    """
    spans = spans_of(turns)
    if spans:
        yield from _overlaps(turns)
    if duration_s is None:
        return
    if spans:
        yield from _late(spans, duration_s)
    else:
        yield from _hasty(turns, duration_s)


def _late(spans: Sequence[Span], duration_s: Seconds) -> Iterator[Problem]:
    last_s = max(span.end_s for span in spans)
    if last_s <= duration_s + LATE_S:
        return
    n_behind = sum(span.start_s >= duration_s for span in spans)
    yield Problem(
        "warning",
        "longer than audio",
        f"the transcript ends at {last_s:.1f} s, the audio at {duration_s:.1f} s"
        f" ({n_behind} of {len(spans)} turns begin behind it)",
        "see that the two belong together, and that the audio is whole",
    )


def _hasty(turns: Sequence[Turn], duration_s: Seconds) -> Iterator[Problem]:
    n_words = sum(count_words(turn.text) for turn in turns)
    if n_words > FASTEST_WORDS_PER_S * duration_s:
        yield Problem(
            "warning",
            "longer than audio",
            f"the transcript has {n_words} words, {n_words / duration_s:.1f} for each second of"
            " audio",
            "see that the two belong together, and that the audio is whole",
        )


def _overlaps(turns: Sequence[Turn]) -> Iterator[Problem]:
    """Turns of one speaker that overlap; and of several, where it is more than interruptions."""
    ordered = sorted(turns, key=start_of)
    ends: dict[str | None, Seconds] = {}
    own: list[Seconds] = []
    total_s = 0.0
    for turn in ordered:
        own_end_s = ends.get(turn.speaker, float("-inf"))
        overlap_s = min(end_of(turn), own_end_s) - start_of(turn)
        if overlap_s > OVERLAP_S:
            own.append(overlap_s)
        ends[turn.speaker] = max(end_of(turn), own_end_s)
        total_s += end_of(turn) - start_of(turn)
    if own:
        yield Problem(
            "warning",
            "overlapping turns",
            f"{len(own)} of {len(ordered)} turns begin before the same speaker's last one ends"
            f" (by up to {max(own):.1f} s)",
            "mend their times, or name the speakers",
        )
        return
    over_s = total_s - covered_s(spans_of(ordered))
    if over_s > TALK_OVER_SHARE * total_s:
        yield Problem(
            "note",
            "overlapping turns",
            f"{over_s / total_s:.0%} of the turns' time is said by several at once",
            "check the times if they do not talk over each other that much",
        )


def covered_s(spans: Sequence[Span]) -> Seconds:
    """Seconds that some span covers; `spans` sorted by start."""
    covered, reached = 0.0, float("-inf")
    for span in spans:
        covered += max(0.0, span.end_s - max(reached, span.start_s))
        reached = max(reached, span.end_s)
    return covered
