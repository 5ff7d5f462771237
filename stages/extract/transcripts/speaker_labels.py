"""Tell ``NAME: what is said`` from prose with a colon in it.

**What may be a label.** Up to eight words, or more in capitals, at the start of a line before a
colon (``Interviewer:``, ``301:``, ``Jane Doe, PhD:``, ``I:Why?``), or in brackets, with a colon or
without (``[SPEAKER_00]:``, ``(speaker 0)``); signs before it (``>>``, a dash, a time) are no part
of it. ``10:30``, ``https:`` and what is heard and not said (``[laughs]``) are none.

**Which of these name speakers.** One alone proves nothing: "Note: she was late" is prose. A
*usual* label has up to four words, begins with a letter and stands before a colon and a blank; it
counts where it repeats or looks like a name (no word starts in lower case). Any other counts where
it repeats and may be a name: its first and last word start in no lower case, and those between
have at most three letters (``del``, ``van der``). Labels that count are taken for speakers when
there are at least two lines with one and either

- they are at least half as many as the paragraphs: all that count; or
- the text begins with a label, at least two labels repeat, and a tenth of the lines have one of
  them (long turns broken into lines): those that repeat.

Names that programs for diarisation give, in brackets, are always speakers.

**How long a label holds**: until the next one; but where there is one alone (``Q:`` and answers
without any), for its own line, paragraph or cue, unless a program for diarisation gave it.

**Everything else that may be a label ends the turn before it.** Where a text has speakers, a line
that begins with what may be a label, or with a bare mark of a change, and is not taken for one, may
be by anybody: it and the lines below it, up to the next label, have no speaker, and all of its text
stays. A speaker that is not known does no harm, one that is wrong does.
"""

import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from hilbert.store.errors import DocumentError

MAX_LABEL_CHARACTERS = 40
MAX_LABEL_WORDS = 4
_MOST_WORDS = 8
"""Of what may be a label, or a name."""

_UNSEEN = "\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff"  # as some exports put before a name
_HEARD = (
    r"(?:[\[(<]\s*(?:(?:long |short |brief )?(?:pause|silence)|laugh(?:s|ing|ter)?|chuckl(?:es|ing)"
    r"|cough(?:s|ing)?|sigh(?:s|ing)?|sniff(?:s|ing)?|crying|sobbing|breath(?:es|ing)?|noise|music"
    r"|applause|inaudible|unintelligible|indistinct|unclear|cross-? ?talk|overlap(?:ping)?)"
    r"\s*[\])>]\s*)"
)
_TIME = r"(?:[\[(]?\d{1,2}:\d\d(?::\d\d)?(?:[.,]\d{1,6})?[\])]?(?=\s)\s*)"
_COLONS = ":：﹕∶"
_OPENING = re.compile(
    rf"[\s{_UNSEEN}]*(?P<before>(?:{_HEARD}|{_TIME})*)(?P<mark>(?:[>»›]+|[-–—•]+)\s*)?"
    rf"(?:[\[(<{{*|]{{1,3}}(?P<inner>[^\[\](){{}}<>*|{_COLONS}]{{1,60}})(?P<within>[{_COLONS}]?)"
    rf"[\])>}}*|]{{1,3}}(?P<after>\s?[{_COLONS}])?"
    rf"|(?P<outer>[^{_COLONS}]{{1,120}})(?P<colon>[{_COLONS}]))?(?P<said>.*)",
    re.DOTALL | re.IGNORECASE,
)
_USUAL = re.compile(r"[^\W\d_][^\s,;?!\"]*(?: [^\s,;?!\"]+){0,3}")
_DIARISED = re.compile(r"(?:speaker|spkr?)[ _-]?(?:\d{1,4}|[a-z])", re.IGNORECASE)
_HOURS = re.compile(r"(?:.*\W)?\d{1,2}")  # before a colon, and after it:
_MINUTES = re.compile(r"\d\d(?!\d)")
_STAMP_ENDS = re.compile(rf"\d\d(?:[:.,]\d+)*[\])]?\s*(?:[{_COLONS}]|$)")
_HOUR = re.compile(r"[\s\[(]*(\d{1,2}):\d\d")


_HAS_LETTER = re.compile(r"[^\W\d_]")


class Opening(NamedTuple):
    """How a line begins, once the labels of a text are known.

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


class _Found(NamedTuple):
    """What may be a label, "" where there is a mark of a change alone, and what follows it."""

    label: str
    said: str
    has_colon: bool = False
    has_brackets: bool = False
    is_parted: bool = False
    """Whether there is a blank behind the colon."""
    is_clock: bool = False

    @property
    def is_usual(self) -> bool:
        return self.has_colon and self.is_parted and _USUAL.fullmatch(self.label) is not None

    @property
    def is_diarised(self) -> bool:
        return self.has_brackets and _DIARISED.fullmatch(self.label) is not None


def find_labels(
    lines: Iterable[str], n_paragraphs: int, headers: frozenset[str] = frozenset()
) -> frozenset[str]:
    """The labels that name speakers, by the rule above.

    Parameters
    ----------
    lines : iterable of str
        Without blank ones.
    n_paragraphs : int
        Into how many blocks (or cues) they fall.
    headers : frozenset of str
        Labels that stand above what is said, with a time: they need not repeat.
    """
    found = [_found(line) for line in lines]
    labelled = [one for one in found if one is not None and _may_name(one)]
    counts = Counter(one.label for one in labelled)
    usual = {one.label for one in labelled if one.is_usual}
    sure = frozenset(one.label for one in labelled if one.is_diarised)
    repeated = {
        label for label, n in counts.items() if n > 1 and (label in usual or _may_be_name(label))
    }
    once = {label for label in usual if _looks_like_name(label)}
    plausible = repeated | once | {label for label in headers if _may_be_name(label)}
    n_plausible = sum(counts[label] for label in plausible)
    if counts.total() >= 2 and n_plausible and 2 * n_plausible >= n_paragraphs:
        return frozenset(plausible) | sure
    first = found[0].label if found and found[0] is not None else None
    if first in repeated and _are_frequent(repeated, counts, len(found)):
        return frozenset(repeated) | sure
    return sure


def hold_on(labels: frozenset[str]) -> bool:
    """Whether a label holds until the next one, and not for its own line or cue alone."""
    return len(labels) != 1 or all(map(_DIARISED.fullmatch, labels))


def split_label(line: str, labels: frozenset[str]) -> Opening:
    """Who speaks, where `line` begins with one of `labels`, and what is said.

    Without labels, nothing is taken for one, and nobody's turn ends.
    """
    found = _found(line) if labels else None
    if found is None or (found.is_clock and found.label not in labels):
        return Opening(None, line, is_new=False)
    if found.label in labels and not found.is_clock:
        return Opening(found.label, found.said, is_new=True)
    return Opening(None, line, is_new=True)


def may_begin_with_label(text: str) -> bool:
    """Whether a text begins with what may be a label, or with a mark of a change of speaker."""
    found = _found(text)
    return found is not None and not found.is_clock


def may_be_header(text: str) -> bool:
    """Whether a line that stands above what is said may be a speaker's name."""
    words = text.split()
    return (
        0 < len(words) <= MAX_LABEL_WORDS
        and len(text) <= MAX_LABEL_CHARACTERS
        and (_looks_like_name(text) or _DIARISED.fullmatch(text) is not None)
        and re.search(r"[.?!…:：]$|[?!;\"]", text) is None
    )


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
    is_long = len(words) > MAX_LABEL_WORDS and not _may_be_name(name)
    if is_long or len(name) > MAX_LABEL_CHARACTERS:
        raise DocumentError(
            f"{where} of the transcript names a speaker of {len(words)} words and {len(name)} "
            f"characters; shorten it to at most {MAX_LABEL_WORDS} words and "
            f"{MAX_LABEL_CHARACTERS} characters"
        )
    return name or None


def _found(line: str) -> _Found | None:
    match = _OPENING.fullmatch(line)
    if match is None:
        return None
    raw = match["inner"] or match["outer"] or ""
    label = " ".join(raw.split()).strip("*_ ")
    said = match["said"]
    if not _may_be_label(label, match["outer"] is not None, said):
        hour = None if match["mark"] or _is_doubt(label, match) else _HOUR.match(line)
        if hour is not None:
            return _Found(hour[1], line, is_clock=True)
        return _Found("", line) if match["mark"] or _is_doubt(label, match) else None
    is_clock = match["outer"] is not None and _is_clock(label, said)
    if is_clock and (match["mark"] or (_STAMP_ENDS.match(said) and _HAS_LETTER.search(label))):
        return _Found("", line)
    if raw.lstrip().startswith("*"):
        said = said.lstrip("*_")
    return _Found(
        label,
        (match["before"] + said.strip()).strip(),
        has_colon=bool(match["within"] or match["after"] or match["colon"]),
        has_brackets=match["inner"] is not None,
        is_parted=match["colon"] not in (None, ":") or not said or said[0].isspace(),
        is_clock=is_clock,
    )


def _may_be_label(label: str, is_outer: bool, said: str) -> bool:
    is_short = len(label.split()) <= _MOST_WORDS or _is_in_capitals(label)
    is_address = is_outer and said.startswith("//")
    return is_short and not is_address and re.search(r"[^\W_]", label) is not None


def _is_doubt(label: str, match: re.Match[str]) -> bool:
    """Whether signs stand for a speaker who was not recognised: ``??:``, ``[?]``."""
    return bool(label or match["outer"]) and (
        re.search(r"\w", label) is None and ("?" in label or match["outer"] is not None)
    )


def _is_clock(label: str, said: str) -> bool:
    return _MINUTES.match(said) is not None and _HOURS.fullmatch(label) is not None


def _may_name(found: _Found) -> bool:
    """Whether it may count as a label; in brackets without a colon, where something follows."""
    if not found.label or found.is_clock or len(found.label) > MAX_LABEL_CHARACTERS:
        return False
    if found.has_colon or found.is_diarised:
        return True
    return bool(found.said) and _HAS_LETTER.search(found.label) is not None  # (1) is of a list


def _looks_like_name(label: str) -> bool:
    return not any(word.lstrip("([")[:1].islower() for word in label.split())


def _may_be_name(label: str) -> bool:
    return len(label.split()) <= _MOST_WORDS and _is_in_capitals(label)


def _is_in_capitals(label: str) -> bool:
    """Whether no word but short ones between the first and the last starts in lower case."""
    words = label.split()
    small = [word for word in words if word[0].islower()]
    ends = {*words[:1], *words[-1:]}
    return not ends.intersection(small) and all(len(word) <= 3 for word in small)


def _are_frequent(repeated: set[str], counts: Counter[str], n_lines: int) -> bool:
    return len(repeated) >= 2 and 10 * sum(counts[label] for label in repeated) >= n_lines
