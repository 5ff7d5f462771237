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

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from hilbert.stages.extract.transcripts.label_forms import (
    MAX_LABEL_CHARACTERS,
    MAX_LABEL_WORDS,
    found_label,
    is_diarised,
    looks_like_name,
    may_be_name,
    may_count,
)
from hilbert.store.errors import DocumentError
from hilbert.store.types import Turn


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
    found = [found_label(line) for line in lines]
    labelled = [one for one in found if one is not None and may_count(one)]
    counts = Counter(one.label for one in labelled)
    usual = {one.label for one in labelled if one.is_usual}
    sure = frozenset(one.label for one in labelled if one.is_sure)
    repeated = {
        label for label, n in counts.items() if n > 1 and (label in usual or may_be_name(label))
    }
    once = {label for label in usual if looks_like_name(label)}
    plausible = repeated | once | {label for label in headers if may_be_name(label)}
    n_plausible = sum(counts[label] for label in plausible)
    if counts.total() >= 2 and n_plausible and 2 * n_plausible >= n_paragraphs:
        return frozenset(plausible) | sure
    first = found[0].label if found and found[0] is not None else None
    if first in repeated and _are_frequent(repeated, counts, len(found)):
        return frozenset(repeated) | sure
    return sure


def hold_on(labels: frozenset[str]) -> bool:
    """Whether a label holds until the next one, and not for its own line or cue alone."""
    return len(labels) != 1 or all(map(is_diarised, labels))


def split_label(line: str, labels: frozenset[str]) -> Opening:
    """Who speaks, where `line` begins with one of `labels`, and what is said.

    Without labels, nothing is taken for one, and nobody's turn ends.
    """
    found = found_label(line) if labels else None
    if found is None or (found.is_clock and found.label not in labels):
        return Opening(None, line, is_new=False)
    if found.label in labels and not found.is_clock:
        return Opening(found.label, found.said, is_new=True)
    return Opening(None, line, is_new=True)


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


def _are_frequent(repeated: set[str], counts: Counter[str], n_lines: int) -> bool:
    return len(repeated) >= 2 and 10 * sum(counts[label] for label in repeated) >= n_lines
