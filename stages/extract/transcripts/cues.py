"""Read WebVTT and SRT, one reader for both: blocks with a timing line and text below it.

webvtt-py 0.6 was tried and is not used. It drops cues whose times it cannot read without a
word, and a file without a digit in its first line, or WebVTT with decimal commas, entirely;
tells one voice per cue, leaves entities undecoded, and has no line numbers for a message.
The tests compare the two on files that both read.
"""

import itertools
import re
from collections.abc import Iterator
from typing import NamedTuple

from hilbert.stages.extract.transcripts.label_search import find_labels
from hilbert.stages.extract.transcripts.markup import plain_cue
from hilbert.stages.extract.transcripts.speaker_labels import (
    Opening,
    checked_speaker,
    openings,
)
from hilbert.stages.extract.transcripts.timing import share_turns, timed_turn
from hilbert.store.errors import DocumentError
from hilbert.store.types import Seconds, Span, Turn

_TIME = r"-?(?:\d{1,4}:)?\d{1,3}:\d{1,2}(?:[.,]\d{1,6})?"  # laxer than both standards, unambiguous
_TIMING_LINE = re.compile(rf"\s*({_TIME})\s*-->\s*({_TIME})(?:\s.*)?")
# Times without the arrow "-->": with another one, or both in full and any sign or none between
_FULL_TIME = r"\d{1,4}:\d{1,2}(?::\d{1,2}(?:[.,:]\d{1,6})?|[.,]\d{1,6})"
_BROKEN_LINE = re.compile(
    rf"\s*(?:{_TIME}\s*[-–—−=]{{0,3}}\s?[>→⟶➔➜⇒]\s*{_TIME}"
    rf"|{_FULL_TIME}(?:\s*[-–—−=,;/]{{1,3}}\s*|\s+){_FULL_TIME})(?:\s+\w+:\S+)*\s*"
)
# One blank, not several, and no "<" inside: a search over a hostile line stays linear.
_VOICE = re.compile(r"<(/?)v(?:\.[^\s<>]*)?(?:\s([^<>]*))?>")
_CHANGE = re.compile(r"(?<=\S) (?=>> ?\S)")
_NOT_CUES = re.compile(r"(?:WEBVTT|NOTE|STYLE|REGION)(?:\s|$)")


_FEWEST_ROLLING = 3
"""Cues that follow another one and begin with its last line; fewer may be said twice."""


class Block(NamedTuple):
    """Lines without a blank one between them; `number` is that of the first, from 1."""

    number: int
    lines: list[str]


class Cue(NamedTuple):
    """Text between two times; `where` says which, in an error."""

    where: str
    span: Span
    lines: list[str]


class Utterance(NamedTuple):
    """What one voice says in a cue."""

    speaker: str | None
    text: str


def looks_like_cues(text: str, *, insist: bool = False) -> bool:
    """Whether the first block, after the header of WebVTT, has a timing line.

    Its times need not be readable, nor its arrow be one: a broken one is to be refused, not read
    as prose. With `insist`, as for a file named .srt, an arrow anywhere will do.
    """
    if text.startswith("WEBVTT") or (insist and "-->" in text):
        return True
    first = next(_blocks(text), None)
    return first is not None and any(
        ("-->" in line and ":" in line) or _is_broken(line) for line in first.lines[:2]
    )


def _is_broken(line: str) -> bool:
    """Whether two times stand alone on a line, as on that of a cue, without its arrow."""
    return "-->" not in line and ":" in line and _BROKEN_LINE.fullmatch(line) is not None


def parse_cues(text: str) -> list[Turn]:
    """Parse WebVTT or SRT.

    A voice tag names the speaker of a cue, else a label before its text (`speaker_labels`);
    a label holds until the next one, or what may be one. Where several voices share a cue, each
    gets a share of its time by the number of words. Captions that roll, as YouTube makes them, show
    a line again above the next one; it is read once.

    Raises
    ------
    DocumentError
        If a time is unreadable, negative, or runs backwards, two times have no arrow between
        them, or a voice is no name; names the line. If there is text, but no cue.
    """
    cues = list(_cues(text))
    if not cues and text.strip() and not text.startswith("WEBVTT"):
        raise DocumentError(
            "the transcript has no pair of times such as 00:00:01.000 --> 00:00:02.500, as WebVTT "
            "and SRT have them; mend it, or name the file as what it is (.txt)"
        )
    cues = _unrolled(cues)
    plain = [line for cue in cues if not _has_voice(cue) for line in _lines(cue)]
    labels = find_labels(plain, n_paragraphs=len(cues))
    opened = openings(plain, labels)
    turns: list[Turn] = []
    speaker: str | None = None
    for cue in cues:
        if _has_voice(cue):
            utterances = _voices(cue)
        else:
            parts = [part for _, parts in zip(_lines(cue), opened, strict=False) for part in parts]
            utterances = _labelled(parts, speaker)
        holds = labels.hold_on and utterances and not _has_voice(cue)
        speaker = utterances[-1].speaker if holds else None
        turns += _turns(cue, utterances)
    return turns


def _unrolled(cues: list[Cue]) -> list[Cue]:
    """The cues without the lines that the cue before had shown, where nearly all cues begin so.

    And many show more below: someone who says the same again and again is not rolling.
    """
    lines = [[line for line in cue.lines if plain_cue(line)] for cue in cues]
    said = [[plain_cue(line) for line in own] for own in lines]
    pairs = [(a, b) for a, b in itertools.pairwise(said) if a and b]
    n_again = sum(a[-1] == b[0] for a, b in pairs)
    n_longer = sum(len(b) > 1 for _, b in pairs)
    if len(pairs) < _FEWEST_ROLLING or n_again < 0.9 * len(pairs) or 3 * n_longer < len(pairs):
        return cues
    shown: list[str] = []
    found = []
    for cue, own, plain in zip(cues, lines, said, strict=True):
        n = min(len(shown), len(plain))
        again = next((k for k in range(n, 0, -1) if shown[-k:] == plain[:k]), 0)
        found.append(cue._replace(lines=own[again:]))
        shown = plain or shown
    return [cue for cue in found if cue.lines]


def _turns(cue: Cue, utterances: list[Utterance]) -> list[Turn]:
    timed_turn("", None, cue.span, cue.where)  # that it ends after it starts
    return share_turns([Turn(said.text, said.speaker) for said in utterances], cue.span)


def _has_voice(cue: Cue) -> bool:
    return any("<v" in line and _VOICE.search(line) for line in cue.lines)


def _voices(cue: Cue) -> list[Utterance]:
    """Cut a cue at its voice tags; a voice that is not closed lasts to the next one."""
    raw = "\n".join(cue.lines)
    utterances, speaker, position = [], None, 0
    for tag in _VOICE.finditer(raw):
        utterances.append(Utterance(speaker, plain_cue(raw[position : tag.start()])))
        closes, name = tag.groups()
        speaker = None if closes else checked_speaker(plain_cue(name or ""), cue.where)
        position = tag.end()
    utterances.append(Utterance(speaker, plain_cue(raw[position:])))
    return [said for said in utterances if said.text]


def _labelled(parts: list[Opening], speaker: str | None) -> list[Utterance]:
    """Cut a cue at its labels; `speaker` is who spoke before."""
    utterances: list[Utterance] = []
    for part in parts:
        if part.is_new:
            speaker = part.speaker
        if utterances and not part.is_new:
            text = f"{utterances[-1].text} {part.said}".strip()
            utterances[-1] = utterances[-1]._replace(text=text)
        else:
            utterances.append(Utterance(speaker, part.said))
    return utterances


def _lines(cue: Cue) -> list[str]:
    """The lines of a cue, parted where a mark within one says that the speaker changes."""
    return [part for line in cue.lines for part in _CHANGE.split(plain_cue(line))]


def _cues(text: str) -> Iterator[Cue]:
    """Cues in the order of the file; text that a blank line cut off is put back to its cue."""
    cue: Cue | None = None
    for block in _blocks(text):
        _check_arrows(block)
        at = next((i for i, line in enumerate(block.lines[:2]) if "-->" in line), None)
        if at is not None:
            if cue is not None:
                yield cue
            where = f"line {block.number + at}"
            cue = Cue(where, _span(block.lines[at], where), block.lines[at + 1 :])
        elif cue is not None and not _NOT_CUES.match(block.lines[0]) and not _is_index(block.lines):
            cue.lines.extend(block.lines)
    if cue is not None:
        yield cue


def _check_arrows(block: Block) -> None:
    if _NOT_CUES.match(block.lines[0]):
        return
    for number, line in enumerate(block.lines, start=block.number):
        if _is_broken(line):
            raise _unreadable(f"line {number}")


def _is_index(lines: list[str]) -> bool:
    return len(lines) == 1 and lines[0].strip().isdecimal()


def _blocks(text: str) -> Iterator[Block]:
    """Split at blank lines, and before timing lines that no blank line precedes."""
    lines: list[str] = []
    number = 1
    for n, line in enumerate([*re.split(r"\r\n|\r|\n", text), ""], start=1):
        if line.strip():
            lines.append(line)
            continue
        yield from _split_at_timings(Block(number, lines))
        lines, number = [], n + 1


def _split_at_timings(block: Block) -> Iterator[Block]:
    starts = [0]
    for i, line in enumerate(block.lines):
        if "-->" in line and _TIMING_LINE.fullmatch(line):
            has_name = i > 0 and (block.lines[i - 1].strip().isdecimal() or i == 1)
            starts.append(i - 1 if has_name and not block.lines[i - 1].startswith("WEBVTT") else i)
    for start, stop in zip(starts, [*starts[1:], len(block.lines)], strict=True):
        if start < stop:
            yield Block(block.number + start, block.lines[start:stop])


def _span(line: str, where: str) -> Span:
    match = _TIMING_LINE.fullmatch(line)
    if match is None:
        raise _unreadable(where)
    return Span(_seconds(match[1], where), _seconds(match[2], where))


def _seconds(time: str, where: str) -> Seconds:
    """Hours, minutes and seconds; minutes may pass 59 only where no hours are given."""
    *hours, minutes, seconds = time.lstrip("-").replace(",", ".").split(":")
    if float(seconds) >= 60 or (hours and int(minutes) >= 60):
        raise _unreadable(where)
    total = (int(hours[0]) if hours else 0) * 3600 + int(minutes) * 60 + float(seconds)
    return -total if time.startswith("-") else total


def _unreadable(where: str) -> DocumentError:
    return DocumentError(
        f"{where} of the transcript is no pair of times such as "
        f"00:00:01.000 --> 00:00:02.500; mend it"
    )
