"""Read CHAT (.cha), the format of TalkBank and CHILDES.

pylangacq 0.23 was tried and is not used. It refuses a file for one utterance without a terminator
or without words, or whose %mor tier is not word for word that above it, and quotes the utterance;
drops what follows an open bracket without a word; panics on 100,000 brackets; and leaves out
fillers and repetitions, which are said. The tests compare the two where they agree.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from hilbert.stages.extract.transcripts.chat_words import spoken_words
from hilbert.stages.extract.transcripts.line_fields import numbered_lines
from hilbert.stages.extract.transcripts.speaker_labels import checked_speaker
from hilbert.stages.extract.transcripts.timing import fill_times, timed_turn
from hilbert.store.errors import DocumentError
from hilbert.store.types import Span, Turn

_BULLET = re.compile(r"\x15([^\x15]*)\x15")
# with the name of a medium, as CHAT had it once, or a mark that it is to be skipped
_TIMES = re.compile(r"(?:%?(?:snd|mov):\"[^\"]*\"_)?(-?\d{1,12})_(-?\d{1,12})-?", re.ASCII)
# as they are shown, and what an editor or a copy of what is shown leaves of them
_SHOWN = re.compile(
    r"•\s?((?:%?(?:snd|mov):\"[^\"•]{0,200}\"_)?-?\d{1,12}_-?\d{1,12}-?)\s?•", re.ASCII
)
# the same, where nothing is left
_OLD = re.compile(
    r"(?<![\x15•])%(?:snd|mov):\"[^\"\x15]{0,200}\"_\d{1,12}_\d{1,12}(?!\w)", re.ASCII
)
_LOST = re.compile(
    r"(?<!\w)\d{1,12}_\d{1,12}(?!\w)|[.?!]\s+\d{1,12}\s+\d{1,12}$|%(?:snd|mov|pic|txt):", re.ASCII
)
_WITHOUT_TIMES = ("%pic:", "%txt:")
_FIRST_LINES = re.compile(r"\s*@(?:UTF8|Begin|Font:|PID:|Window:|Color words:)", re.ASCII)
_UTTERANCE = re.compile(r"\*([^\s:]{1,40}):(.*)", re.DOTALL)


class _Line(NamedTuple):
    """A line with those that go on with it, which begin with a blank."""

    number: int
    text: str

    @property
    def where(self) -> str:
        return f"line {self.number}"


def looks_like_chat(text: str) -> bool:
    """Whether it begins as CHAT does."""
    return _FIRST_LINES.match(text) is not None


def parse_chat(text: str) -> list[Turn]:
    """Turns of the main lines, in words; who speaks is the role that ``@Participants`` tells.

    Where several have one role, their codes tell them apart (``Sibling SI1``); one without a
    role is called by the code. Times are those of the bullets, or where the line has none, of
    those of its words on a tier ``%wor``; an utterance without any lies
    between its neighbours (`fill_times`), unless no utterance has any.

    Raises
    ------
    DocumentError
        If a line is of no kind that CHAT has, or a bullet holds no times, or ones that are
        negative or run backwards, or times stand among the words; names the line.
    """
    lines = list(_lines(text))
    names = _names(lines)
    turns = (
        _turn(line, names, _words_below(lines, i))
        for i, line in enumerate(lines)
        if line.text.startswith("*")
    )
    return fill_times([turn for turn in turns if turn.text])


def _lines(text: str) -> Iterator[_Line]:
    """Lines put together again; those that say nothing of CHAT are refused."""
    first, parts = 0, list[str]()
    for number, raw in numbered_lines(text):
        if not raw.strip():
            continue
        if parts and raw.startswith((" ", "\t")):
            parts.append(raw.strip())
            continue
        if parts:
            yield _Line(first, " ".join(parts))
        if raw.lstrip()[0] not in "@*%":
            raise DocumentError(
                f"line {number} of the transcript begins with none of @, *, % or a tab, as "
                f"every line of CHAT does; mend it"
            )
        first, parts = number, [raw.strip(" \t")]
    if parts:
        yield _Line(first, " ".join(parts))


def _names(lines: list[_Line]) -> dict[str, str]:
    """What each speaker is called, by the code."""
    roles: dict[str, str] = {}
    for line in lines:
        if line.text.startswith("@Participants:"):
            for entry in line.text.partition(":")[2].split(","):
                code, *others = entry.split()[:4] or [""]
                if others:
                    roles[code] = others[-1]
    shared = Counter(roles.values())
    return {code: role if shared[role] == 1 else f"{role} {code}" for code, role in roles.items()}


def _words_below(lines: list[_Line], i: int) -> _Line | None:
    """The tier of words with times that hangs on a main line."""
    for below in range(i + 1, len(lines)):
        if lines[below].text.startswith("%wor:"):
            return lines[below]
        if not lines[below].text.startswith("%"):
            break
    return None


def _turn(line: _Line, names: dict[str, str], below: _Line | None) -> Turn:
    match = _UTTERANCE.fullmatch(line.text)
    if match is None:
        raise DocumentError(
            f"{line.where} of the transcript begins with * and no speaker's code such as *PAR:; "
            f"mend it"
        )
    code, said = match.groups()
    speaker = checked_speaker(names.get(code, code), line.where)
    said = _with_bullets(said)
    span = _span(line.where, said)
    if span is None and below is not None:
        span = _span(below.where, _with_bullets(below.text))
    words = _BULLET.sub(" ", said).rstrip()
    if _LOST.search(words):
        raise DocumentError(
            f"{line.where} of the transcript has times such as 0_1500 without the bullets around "
            f"them, so that they read as words; save it again with CLAN, or put • around them"
        )
    text = spoken_words(words)
    if span is None:
        return Turn(text, speaker)
    return timed_turn(text, speaker, span, line.where)


def _with_bullets(said: str) -> str:
    """A line whose bullets all have their control characters."""
    return _OLD.sub("\x15\\g<0>\x15", _SHOWN.sub("\x15\\1\x15", said))


def _span(where: str, said: str) -> Span | None:
    """From the first to the last of the bullets of an utterance; None if it has none."""
    bounds: list[float] = []
    if said.count("\x15") % 2:
        raise _no_times(where)
    for bullet in _BULLET.finditer(said):
        if bullet[1].startswith(_WITHOUT_TIMES):
            continue
        match = _TIMES.fullmatch(bullet[1])
        if match is None:
            raise _no_times(where)
        bounds += [int(match[1]) / 1000, int(match[2]) / 1000]
        timed_turn("", None, Span(*bounds[-2:]), where)  # checks them
    return Span(min(bounds), max(bounds)) if bounds else None


def _no_times(where: str) -> DocumentError:
    return DocumentError(
        f"{where} of the transcript has a bullet without two times in milliseconds such as "
        f"0_1500; mend it"
    )
