"""Tell ``NAME: what is said`` from prose with a colon in it.

**What may be a label.** Up to eight words, or more in capitals, at the start of a line before a
colon (``Interviewer:``, ``301:``, ``Jane Doe, PhD:``, ``I:Why?``), or in brackets, with a colon or
without (``[SPEAKER_00]:``, ``(speaker 0)``); signs before it (``>>``, a dash, a time, the number of
the line) are no part of it. ``10:30``, ``https:`` and what is heard and not said (``[laughs]``) are
none. Brackets without a colon are none, either (``[NAME] is older``), unless two of them repeat and
they are more than the labels with one, or a program for diarisation gave them.

**Which of these name speakers** is told by `label_search`; names that programs for diarisation
give, in brackets, always do. The same label in another case, or with a remark in brackets (``Ann
(laughing):``), is that speaker.

**Labels alone, with what is said below**: where these are the only ones, what is below is theirs up
to the next one, or to one that is known; elsewhere the line straight below is.

**How long a label holds**: until the next one; but where there is one alone (``Q:`` and answers
without any), for its own line, paragraph or cue, unless a program for diarisation gave it. A label
that is known ends a turn amid a line, too: behind the end of a sentence, it tells who speaks, else
nobody is known to; in brackets (``(I: mhm)``), it does so for the words within.

**Everything else that may be a label ends the turn before it.** Where a text has speakers, a line
that begins with what may be a label, or with a bare mark of a change, and is not taken for one, may
be by anybody: it and the lines below it, up to the next label, have no speaker, and all of its text
stays. A speaker that is not known does no harm, one that is wrong does.
"""

import re
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from hilbert.stages.extract.transcripts.label_forms import (
    MAX_LABEL_CHARACTERS,
    MAX_LABEL_WORDS,
    Found,
    found_label,
    is_diarised,
    may_be_name,
    opens_bracket,
    without_number,
)
from hilbert.store.errors import DocumentError
from hilbert.store.types import Turn

_SENTENCE_ENDS = '.?!…。？！"”»’)]–—-'
_SEPARATED = re.compile(r"\s?(?:[;|>=]|\.+\s)|\s[-–—]+\s")


@dataclass(frozen=True)
class Labels:
    """The labels of a text that name speakers; false if there are none.

    Attributes
    ----------
    names : frozenset of str
    in_headers : bool
        Whether they stand alone, above what is said.
    in_brackets : bool
        Whether brackets without a colon are labels.
    is_numbered : bool
        Whether lines begin with their number.
    """

    names: frozenset[str] = frozenset()
    in_headers: bool = False
    in_brackets: bool = False
    is_numbered: bool = False

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.names)

    @property
    def hold_on(self) -> bool:
        """Whether a label holds until the next one, and not for its own line or cue alone."""
        return len(self.names) != 1 or all(map(is_diarised, self.names))

    def speaker(self, found: Found) -> str | None:
        """Whom it names, in any case, with a remark or without."""
        if found.label in self.names:
            return found.label
        by_case = self._by_case
        return by_case.get(found.label.casefold()) or by_case.get(found.bare.casefold())

    @cached_property
    def _by_case(self) -> dict[str, str]:
        return {name.casefold(): name for name in self.names}

    @cached_property
    def words(self) -> frozenset[str]:
        """All words of the names, in lower case."""
        return frozenset(word for name in self._by_case for word in name.split())

    @cached_property
    def amid(self) -> re.Pattern[str]:
        """A name before a colon amid a line; with what is said, where both are in brackets."""
        names = "|".join(map(re.escape, sorted(self.names, key=len, reverse=True)))
        return re.compile(
            rf"(?:[(\[]|//)\s?(?P<other>{names})\s?[:：]\s?(?P<within>[^()\[\]/]{{1,200}})(?:[)\]]|//)"
            rf"|(?<=\s)(?P<name>{names})\s?(?::(?=\s)|：)"
        )


class Opening(NamedTuple):
    """How a line begins, or goes on, once the labels of a text are known.

    Attributes
    ----------
    speaker : str, optional
    said : str
        The line without its label, where that names the speaker; else all of it.
    is_new : bool
        Whether a label, or what may be one, ends the turn of who spoke before.
    """

    speaker: str | None
    said: str
    is_new: bool


def split_label(line: str, labels: Labels, *, is_kept: bool = False) -> Opening:
    """Who speaks, where `line` begins with one of `labels`, and what is said.

    Without labels, nothing is taken for one, and nobody's turn ends. With `is_kept`, as below a
    label alone, a turn is ended by a label that is known, or another one alone.
    """
    goes_on = Opening(None, without_number(line) if labels.is_numbered else line, is_new=False)
    if not labels:
        return goes_on
    found = found_label(line)
    if found is None or (found.is_clock and found.label not in labels.names):
        is_other = labels.in_brackets and opens_bracket(line)
        return goes_on._replace(is_new=not is_kept and (is_other or _is_separated(line, labels)))
    speaker = None if found.is_clock else labels.speaker(found)
    if found.may_be_words and not labels.in_brackets:
        somebody = labels.words.intersection(found.label.casefold().split())
        return goes_on._replace(is_new=bool(somebody) or "?" in found.label)
    if speaker is not None:
        return Opening(speaker, found.said, is_new=True)
    return goes_on._replace(is_new=not is_kept or found.is_alone or found.is_somebody)


def openings(
    lines: Sequence[str], labels: Labels, on_their_own: Container[int] = ()
) -> Iterator[list[Opening]]:
    """How each line begins, and goes on where labels stand amid it.

    Parameters
    ----------
    lines : sequence of str
    labels : Labels
    on_their_own : container of int
        Which lines are not kept by a label alone above them.
    """
    speaker: str | None = None
    is_below = is_headed = False
    for i, line in enumerate(lines):
        is_kept = is_below or (is_headed and labels.in_headers)
        first = split_label(line, labels, is_kept=is_kept and i not in on_their_own)
        if first.is_new:
            speaker = first.speaker
        is_below = first.speaker is not None and not first.said
        is_headed = is_below or (is_headed and not first.is_new)
        parts = list(_cut(first, speaker, labels)) if labels else [first]
        if len(parts) > 1:
            speaker, is_headed = parts[-1].speaker, False
        yield parts


def _cut(opening: Opening, speaker: str | None, labels: Labels) -> Iterator[Opening]:
    """An opening, cut where labels that are known stand amid the line."""
    part, at = opening, 0
    for match in labels.amid.finditer(opening.said):
        before = opening.said[max(at, match.start() - 2) : match.start()].strip()
        if match["other"] is not None:
            yield part._replace(said=opening.said[at : match.start()].strip())
            yield Opening(match["other"], match["within"].strip(), is_new=True)
            part, at = Opening(speaker, "", is_new=True), match.end()
            continue
        is_sure = not before or before[-1] in _SENTENCE_ENDS
        if not is_sure and speaker is None:
            continue
        yield part._replace(said=opening.said[at : match.start()].strip())
        speaker = match["name"] if is_sure else None
        part, at = Opening(speaker, "", is_new=True), match.end() if is_sure else match.start()
    yield part._replace(said=opening.said[at:].strip() if at else opening.said)


def _is_separated(line: str, labels: Labels) -> bool:
    """Whether a name that is known stands before another sign than a colon (``Ann; Well``)."""
    for name in labels.names:
        if len(name) > 1 and line[: len(name)].casefold() == name.casefold():
            return _SEPARATED.match(line, len(name)) is not None
    return False


def n_doubtful(turns: Sequence[Turn]) -> int:
    """How many turns without a speaker begin with what may be a label, where others have speakers.

    Parameters
    ----------
    turns : sequence of Turn
        Of a whole transcript.
    """
    if all(turn.speaker is None for turn in turns):
        return 0
    return sum(turn.speaker is None and _may_begin(turn.text) for turn in turns)


def _may_begin(text: str) -> bool:
    found = found_label(text)
    return found is not None and not found.is_clock


def checked_speaker(name: str, where: str) -> str | None:
    """`name` with single blanks, ``None`` if it is blank: a speaker that a format states.

    Speakers are kept in the store, what is said is not: so no sentence may pass for a name.

    Raises
    ------
    DocumentError
        If it is longer than a label may be; says where, and does not repeat it.
    """
    words = name.split()
    name = " ".join(words)
    is_long = len(words) > MAX_LABEL_WORDS and not may_be_name(name)
    if is_long or len(name) > MAX_LABEL_CHARACTERS:
        raise DocumentError(
            f"{where} of the transcript names a speaker of {len(words)} words and {len(name)} "
            f"characters; shorten it to at most {MAX_LABEL_WORDS} words and "
            f"{MAX_LABEL_CHARACTERS} characters"
        )
    return name or None
