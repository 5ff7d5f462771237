"""Give a transcript that was made the speakers of a diarisation, which knows who speaks when.

Each word goes to the speaker whose turns overlap it most, one that no turn overlaps goes with the
word before it, and a segment is cut where the speaker changes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, groupby, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hilbert.stages.extract.inputs import check_file
from hilbert.stages.extract.sentences import count_words, slice_words
from hilbert.stages.extract.transcripts.transcript import decoded
from hilbert.stages.extract.transcripts.whisper_json import (
    load_whisper_json,
    parse_whisper_json,
    seconds_of,
)
from hilbert.stages.extract.transcripts.words import cut_at_words
from hilbert.store.errors import DocumentError
from hilbert.store.types import Seconds, Span, Turn

DIARISED_VERSION = 1
"""Raised when words get other speakers of the same transcript and diarisation."""

_SHORTEST_S = 0.02
"""What a word without duration is taken to last."""


class _Word(NamedTuple):
    text: str
    span: Span


class Speakers:
    """Who speaks when.

    Parameters
    ----------
    turns : sequence of Turn
        Timed; those of nobody are left out.
    offset_s : float
        What is to be added to their times.
    """

    def __init__(self, turns: Sequence[Turn], offset_s: Seconds = 0.0) -> None:
        named = [turn for turn in turns if turn.speaker is not None and turn.start_s is not None]
        self._names = list(dict.fromkeys(turn.speaker for turn in named))
        codes = {name: code for code, name in enumerate(self._names)}
        self._codes = np.array([codes[turn.speaker] for turn in named], dtype=np.int64)
        self._starts = np.array([turn.start_s for turn in named], dtype=np.float64) + offset_s
        self._ends = np.array([turn.end_s for turn in named], dtype=np.float64) + offset_s

    def of(self, span: Span) -> str | None:
        """Whose turns overlap a span most, all of them together; None if nobody's do."""
        end_s = max(span.end_s, span.start_s + _SHORTEST_S)
        shared = np.minimum(self._ends, end_s) - np.maximum(self._starts, span.start_s)
        total = np.bincount(self._codes, shared.clip(0.0), minlength=len(self._names))
        return self._names[int(total.argmax())] if total.any() else None


def read_diarised(made: Path, speakers: Speakers) -> tuple[Turn, ...]:
    """Turns of a transcript that was made, as `parse_diarised` gives them; sorted by start.

    Raises
    ------
    DocumentError
        As `parse_diarised` does; and if the file is missing or holds no words.
    """
    check_file(made, "transcript")
    value = load_whisper_json(decoded(made.read_bytes()), insist=True)
    turns = [turn for turn in parse_diarised(value, speakers) if turn.text]
    if not turns:
        raise DocumentError("the transcript holds no words; remove it, or mend it")
    return tuple(sorted(turns, key=lambda turn: turn.start_s or 0.0))


def parse_diarised(value: Any, speakers: Speakers) -> list[Turn]:
    """Turns of Whisper's JSON, each of one speaker.

    A segment that states its speaker, as somebody may who mends the file, keeps it. Where the text
    of a segment is not what its words spell, it is shared between them by their number.

    Raises
    ------
    DocumentError
        As `parse_whisper_json` does; or if the times of a word are unreadable.
    """
    turns = parse_whisper_json(value)
    parts = value.get("segments") if isinstance(value, Mapping) else value
    if not isinstance(parts, list) or len(parts) != len(turns):
        parts = [{}] * len(turns)
    return [
        piece
        for number, (turn, part) in enumerate(zip(turns, parts, strict=True), 1)
        for piece in _pieces(turn, _words(part, f"segment {number}"), speakers)
    ]


def _pieces(turn: Turn, words: Sequence[_Word], speakers: Speakers) -> Iterator[Turn]:
    """A turn, cut where the speaker of its words changes."""
    if turn.speaker is not None or turn.start_s is None or turn.end_s is None:
        yield turn
        return
    runs = _runs(words, speakers)
    if len(runs) < 2:
        who = runs[0][0] if runs else speakers.of(Span(turn.start_s, turn.end_s))
        yield replace(turn, speaker=who)
        return
    texts = _shared(turn.text, [[word.text for word in run] for _, run in runs])
    for text, (who, run) in zip(texts, runs, strict=True):
        start_s, end_s = run[0].span.start_s, max(word.span.end_s for word in run)
        yield Turn(text, who, start_s, max(start_s, end_s))


def _runs(words: Sequence[_Word], speakers: Speakers) -> list[tuple[str | None, list[_Word]]]:
    """Neighbouring words of one speaker."""
    found = [speakers.of(word.span) for word in words]
    current = next((who for who in found if who is not None), None)
    named = []
    for who, word in zip(found, words, strict=True):
        current = who or current
        named.append((current, word))
    return [(who, [word for _, word in run]) for who, run in groupby(named, lambda pair: pair[0])]


def _shared(text: str, runs: Sequence[Sequence[str]]) -> list[str]:
    """The text in one piece a run of words; all of it, also where words are spelt otherwise."""
    if "".join("".join(run) for run in runs) == "".join(text.split()):
        return cut_at_words(text, runs)
    n_words, n_said = count_words(text), sum(map(len, runs))
    shares = accumulate(map(len, runs), initial=0)
    bounds = [round(n_words * share / n_said) for share in shares]
    return [slice_words(text, first, stop) for first, stop in pairwise(bounds)]


def _words(part: Any, where: str) -> list[_Word]:
    words = part.get("words") if isinstance(part, Mapping) else None
    return [
        _Word(
            "".join(str(word.get("word", "")).split()),
            Span(seconds_of(word.get("start"), where), seconds_of(word.get("end"), where)),
        )
        for word in (words if isinstance(words, list) else [])
        if isinstance(word, Mapping)
    ]
