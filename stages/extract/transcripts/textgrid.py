"""Read Praat's TextGrid, long and short form alike.

Praat reads both as one stream: numbers, texts in quotes and flags that stand free between blanks
count, and everything else (``xmin =``, ``intervals [2]:``, what follows ``!``) is comment. So does
this reader; and where the stream is not what a TextGrid must hold, it says at which interval.

praatio 6.2.2 was tried and is not used. It drops the sign of a time in the long form, the last
interval of a short form that was cut off, and intervals that the header counts but that are not
there, without a word; fails on labels that hold ``intervals [2]`` and on comments; and repeats
labels in its errors and on standard output. The tests compare the two on what praatio writes.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from hilbert.stages.extract.transcripts.markup import plain_label
from hilbert.stages.extract.transcripts.speech_tiers import Tier, turns_of_tiers
from hilbert.stages.extract.transcripts.timing import is_number, read_number, timed_turn
from hilbert.stages.extract.transcripts.words import Word
from hilbert.store.errors import DocumentError
from hilbert.store.types import Span, Turn

_HEADER = re.compile(r"\s*(?:File type\s*=\s*)?\"ooTextFile")
_TOKEN = re.compile(r'"(?:[^"]|"")*+"|!.*|[^\s"=]+|"')
_SILENCES = {"sil", "sp", "spn", "<sil>", "<sp>", "<p>", "<p:>", "#", "_"}
"""Labels by which forced aligners and annotators mark that nothing is said."""


class _Token(NamedTuple):
    """A number, a text in quotes, or a flag, and where it stands in the file."""

    text: str
    position: int


class _Intervals(NamedTuple):
    """An interval tier; `number` is that of the tier, from 1."""

    number: int
    name: str
    intervals: list[tuple[Span, str]]


def looks_like_textgrid(text: str) -> bool:
    """Whether it is a text file of Praat; which object it holds is seen when it is read."""
    return _HEADER.match(text) is not None


def parse_textgrid(text: str) -> list[Turn]:
    """Turns of the interval tiers that hold what is said, which `speech_of` tells.

    One an interval with a label, and where labels are words, one a group of them up to a pause.
    Who speaks is what the tier is called; where it is nobody's, a tier of speakers beside it tells.
    Points are no turns.

    Raises
    ------
    DocumentError
        If a time is unreadable, negative or runs backwards, or something is missing, which names
        the interval and its tier by their numbers; or it cannot be told what is said.
    """
    return turns_of_tiers([_labels(tier) for tier in _tiers(_Stream(text))])


def _labels(tier: _Intervals) -> Tier:
    """The intervals in which something stands, without silences."""
    found = []
    for number, (span, label) in enumerate(tier.intervals, start=1):
        text = plain_label("" if label.strip().lower() in _SILENCES else label)
        where = f"interval {number} of tier {tier.number}"
        timed_turn("", None, span, where)  # a broken time is told even where nothing is said
        if text:
            found.append(Word(text, span, None, where))
    return Tier(tier.number, tier.name, found)


class _Stream:
    """Reads a text file of Praat token by token."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _tokens(text)

    def number(self, where: str) -> float:
        token = self._next(where)
        if not is_number(token.text):
            raise self._wrong(where, token, "a number")
        return read_number(token.text, where)

    def count(self, where: str) -> int:
        value = self.number(where)
        if value < 0 or not value.is_integer():
            raise DocumentError(f"{where} of the transcript has a size that is no count; mend it")
        return int(value)

    def label(self, where: str) -> str:
        token = self._next(where)
        if not token.text.startswith('"'):
            raise self._wrong(where, token, "a text in quotes")
        return token.text[1:-1].replace('""', '"')

    def flag(self, where: str) -> str:
        token = self._next(where)
        if not token.text.startswith("<"):
            raise self._wrong(where, token, "the flag <exists>")
        return token.text

    def end(self) -> None:
        token = next(self._tokens, None)
        if token is not None:
            raise DocumentError(
                f"line {self._line(token)} of the transcript goes on after the last interval that "
                f"the sizes before it count; save it again with Praat"
            )

    def _next(self, where: str) -> _Token:
        token = next(self._tokens, None)
        if token is None:
            raise DocumentError(f"the transcript ends amid {where}; save it again with Praat")
        return token

    def _wrong(self, where: str, token: _Token, wanted: str) -> DocumentError:
        return DocumentError(
            f"{where} of the transcript lacks {wanted} (line {self._line(token)}); mend it, or "
            f"save it again with Praat"
        )

    def _line(self, token: _Token) -> int:
        return self._text.count("\n", 0, token.position) + 1


def _tokens(text: str) -> Iterator[_Token]:
    """What stands free: numbers, texts in quotes, flags."""
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token.startswith('"') and not (len(token) > 1 and token.endswith('"')):
            line = text.count("\n", 0, match.start()) + 1
            raise DocumentError(
                f"line {line} of the transcript begins a text in quotes that does not end; mend it"
            )
        if token.startswith('"') or token in {"<exists>", "<absent>"} or is_number(token):
            yield _Token(token, match.start())


def _tiers(stream: _Stream) -> list[_Intervals]:
    """Interval tiers; empty ones and those of points are read, so that nothing is skipped."""
    stream.label("the header")
    if stream.label("the header") != "TextGrid":
        raise DocumentError("the transcript is a file of Praat, but no TextGrid; save that")
    stream.number("the header")
    stream.number("the header")
    if stream.flag("the header") != "<exists>":
        return []
    tiers = [_tier(stream, i) for i in range(1, stream.count("the header") + 1)]
    stream.end()
    return [tier for tier in tiers if tier is not None]


def _tier(stream: _Stream, number: int) -> _Intervals | None:
    """One tier; None if it is one of points."""
    where = f"tier {number}"
    kind = stream.label(where)
    name = stream.label(where)
    stream.number(where)
    stream.number(where)
    n_entries = stream.count(where)
    if kind == "TextTier":
        for i in range(1, n_entries + 1):
            stream.number(f"point {i} of {where}")
            stream.label(f"point {i} of {where}")
        return None
    if kind != "IntervalTier":
        raise DocumentError(f"{where} of the transcript is neither of intervals nor of points")
    intervals = []
    for i in range(1, n_entries + 1):
        inside = f"interval {i} of {where}"
        span = Span(stream.number(inside), stream.number(inside))
        intervals.append((span, stream.label(inside)))
    return _Intervals(number, name.strip(), intervals)
