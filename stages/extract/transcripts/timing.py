"""Times of turns: checked where they are read, shared out where they are not known."""

import math
import re
from collections.abc import Sequence
from itertools import accumulate, pairwise

from hilbert.store.errors import DocumentError
from hilbert.store.types import Seconds, Span, Turn

SECONDS_PER_WORD = 0.4
"""Of speech at 150 words a minute, where the end of the last turn is not known."""

_NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,3})?", re.ASCII)


def read_number(text: str, where: str) -> float:
    """A time or a duration as the formats of lines and labels write them: ``12.5``.

    Raises
    ------
    DocumentError
        If it is no number; says where, and does not repeat it.
    """
    if _NUMBER.fullmatch(text) is None:
        raise DocumentError(
            f"{where} of the transcript has a time that is no number such as 12.5; mend it"
        )
    return float(text)


def is_number(text: str) -> bool:
    """Whether `read_number` would take it."""
    return _NUMBER.fullmatch(text) is not None


def clock_seconds(text: str) -> Seconds:
    """Seconds of ``hh:mm:ss.s`` or ``mm:ss,s``, which the caller has matched."""
    *larger, seconds = text.split(":")
    minutes = 0
    for part in larger:
        minutes = 60 * minutes + int(part)
    return 60 * minutes + float(seconds.replace(",", "."))


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


def share_turns(turns: Sequence[Turn], span: Span) -> list[Turn]:
    """Turns that are said one after another in `span`, each with its share by number of words.

    Where they are by more than one speaker, they are marked as shared: where one ends and the
    other begins is a guess.
    """
    pieces = share_time(span, [len(turn.text.split()) for turn in turns])
    is_shared = len({turn.speaker for turn in turns}) > 1
    return [
        Turn(turn.text, turn.speaker, *piece, is_shared)
        for turn, piece in zip(turns, pieces, strict=True)
    ]


def fill_times(turns: Sequence[Turn]) -> list[Turn]:
    """Turns in the order they are said, with times for those that lack them.

    Without a time of its own, a turn lies between its neighbours', which it shares with others
    by the number of words (see `share_turns`); after the last time, it lasts as long as its words
    take to say. Where no turn has times, none gets any.
    """
    if all(turn.start_s is None for turn in turns):
        return list(turns)
    filled: list[Turn] = []
    waiting: list[Turn] = []
    end_s = 0.0  # the latest so far
    for turn in turns:
        if turn.start_s is None or turn.end_s is None:
            waiting.append(turn)
            continue
        start_s = min(end_s, turn.start_s)
        filled += [*share_turns(waiting, Span(start_s, turn.start_s)), turn]
        waiting, end_s = [], max(end_s, turn.end_s)
    n_words = sum(len(turn.text.split()) for turn in waiting)
    return [*filled, *share_turns(waiting, Span(end_s, end_s + SECONDS_PER_WORD * n_words))]


def until_the_next(turns: Sequence[Turn]) -> list[Turn]:
    """Turns whose ends are not known, sorted: each lasts to the start of the next one.

    The last one lasts as long as its words take to say, which segmenting clips to the audio.
    """
    ordered = sorted(turns, key=lambda turn: turn.start_s or 0.0)
    done = [Turn(a.text, a.speaker, a.start_s, b.start_s) for a, b in pairwise(ordered)]
    for last in ordered[-1:]:
        start_s = last.start_s or 0.0
        end_s = start_s + SECONDS_PER_WORD * len(last.text.split())
        done.append(Turn(last.text, last.speaker, start_s, end_s))
    return done
