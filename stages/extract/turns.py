"""What happens to turns before they become segments: placed, cut to what is kept, grouped."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from operator import attrgetter

from hilbert.stages.extract.sentences import count_words, slice_words
from hilbert.stages.extract.stretches import intersect
from hilbert.stages.extract.transcripts.speaker_labels import n_doubtful
from hilbert.store.types import Document, Seconds, Span, Turn


def is_timed(turn: Turn) -> bool:
    """Whether the turn has both times."""
    return turn.start_s is not None and turn.end_s is not None


def start_of(turn: Turn) -> Seconds:
    """Start of a timed turn."""
    assert turn.start_s is not None  # only called for timed turns
    return turn.start_s


def end_of(turn: Turn) -> Seconds:
    """End of a timed turn."""
    assert turn.end_s is not None  # only called for timed turns
    return turn.end_s


def span_of(turns: Sequence[Turn]) -> Span:
    """From the first start to the last end of timed turns, sorted by start."""
    return Span(start_of(turns[0]), max(map(end_of, turns)))


def placed(turns: Sequence[Turn], document: Document) -> list[Turn]:
    """The turns on the recording's clock, with the document's speaker where they have none.

    Not so where one of these may begin with a speaker's name: then they may be by anybody. Runs of
    blanks become one, so that a text reads the same whatever its lines were.
    """
    speaker = None if n_doubtful(turns) else document.speaker
    return [_placed(turn, turn.speaker or speaker, document) for turn in turns]


def _placed(turn: Turn, speaker: str | None, document: Document) -> Turn:
    text = " ".join(turn.text.split())
    if turn.start_s is None or turn.end_s is None:
        return Turn(text, speaker)
    offset = document.transcript_offset_s
    return replace(
        turn,
        text=text,
        speaker=speaker,
        start_s=turn.start_s + offset,
        end_s=turn.end_s + offset,
    )


def cut_to(turns: Iterable[Turn], stretch: Span) -> list[Turn]:
    """What of timed turns lies in `stretch`, with the words that are said in it.

    Where a turn reaches over an edge, its words are taken to be said evenly.
    """
    kept: list[Turn] = []
    for turn in turns:
        span = Span(start_of(turn), end_of(turn))
        inside = intersect(span, stretch)
        if stretch.start_s <= span.start_s and span.end_s <= stretch.end_s:
            kept.append(turn)
        elif inside.duration_s > 0:
            text = _text_within(turn.text, span, inside)
            kept.append(replace(turn, text=text, start_s=inside.start_s, end_s=inside.end_s))
    return kept


def merge_short(
    turns: Iterable[Turn], *, min_s: Seconds, max_gap_s: Seconds, max_s: Seconds
) -> list[list[Turn]]:
    """Group neighbours of one speaker where either is shorter than `min_s`.

    Parameters
    ----------
    turns : iterable of Turn
        Timed, sorted by start.
    min_s, max_gap_s, max_s : float
        The shortest that stands alone, the longest pause and the longest group.

    Returns
    -------
    list of list of Turn
        Each turn in one group, in order.
    """
    groups: list[list[Turn]] = []
    for turn in turns:
        if groups and _are_alike(groups[-1][0], turn):
            before, here = span_of(groups[-1]), span_of([turn])
            if (
                min(before.duration_s, here.duration_s) < min_s
                and here.start_s - before.end_s <= max_gap_s
                and max(before.end_s, here.end_s) - before.start_s <= max_s
            ):
                groups[-1].append(turn)
                continue
        groups.append([turn])
    return groups


def speaker_heard(turns: Sequence[Turn]) -> str | None:
    """Whose voice is heard while one speaker's turns last; None where their times are shares."""
    return None if any(turn.is_shared for turn in turns) else turns[0].speaker


def group_by_speaker(turns: Iterable[Turn]) -> list[list[Turn]]:
    """Group neighbours of one speaker."""
    return [list(group) for _, group in groupby(turns, key=attrgetter("speaker"))]


def _are_alike(a: Turn, b: Turn) -> bool:
    return a.speaker == b.speaker and a.is_shared == b.is_shared


def _text_within(text: str, span: Span, inside: Span) -> str:
    """The words whose middle lies within ``[inside.start_s, inside.end_s)``."""
    words_per_s = count_words(text) / span.duration_s
    first = math.ceil((inside.start_s - span.start_s) * words_per_s - 0.5)
    stop = math.ceil((inside.end_s - span.start_s) * words_per_s - 0.5)
    return slice_words(text, first, stop)
