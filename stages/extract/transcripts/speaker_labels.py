"""Tell ``NAME: what is said`` from prose with a colon in it.

The rule. A *label* is up to four words at the start of a line, beginning with a letter, before a
colon and a blank (so neither ``10:30`` nor ``https:``). One labelled line alone proves nothing:
"Note: she was late" is prose. Labels are taken for speakers when there are at least two labelled
lines and either

- they are at least half as many as the paragraphs: all labels that repeat or look like a name
  (no word starts in lower case) are speakers; or
- the text begins with a label, at least two labels repeat, and a tenth of the lines have one of
  them (long turns broken into lines): those that repeat are speakers.
"""

import re
from collections import Counter
from collections.abc import Iterable

from hilbert.store.errors import DocumentError

_LABEL = re.compile(
    r"(?:[>\-–—]+\s*)?"  # captions mark a change of speaker with >> or a dash
    r"(?P<label>[^\W\d_][^\s:：,;?!\"]*(?:[ \t]+[^\s:：,;?!\"]+){0,3})[ \t]*"
    r"(?::(?=\s|$)|：)\s*(?P<said>.*)",
    re.DOTALL,
)
MAX_LABEL_CHARACTERS = 40
MAX_LABEL_WORDS = 4  # as in _LABEL


def find_labels(lines: Iterable[str], n_paragraphs: int) -> frozenset[str]:
    """The labels that name speakers, by the rule above.

    Parameters
    ----------
    lines : iterable of str
        Without blank ones.
    n_paragraphs : int
        Into how many blocks (or cues) they fall.
    """
    found = [_label(line) for line in lines]
    counts = Counter(label for label in found if label is not None)
    if counts.total() < 2:
        return frozenset()
    plausible = {label for label, n in counts.items() if n > 1 or _looks_like_name(label)}
    if 2 * sum(counts[label] for label in plausible) >= n_paragraphs:
        return frozenset(plausible)
    repeated = {label for label, n in counts.items() if n > 1}
    if found[0] in repeated and _are_frequent(repeated, counts, len(found)):
        return frozenset(repeated)
    return frozenset()


def split_label(line: str, labels: frozenset[str]) -> tuple[str | None, str]:
    """The speaker, where `line` begins with one of `labels`, and what is said."""
    match = _LABEL.match(line) if labels else None
    if match is None or match["label"] not in labels:
        return None, line
    return match["label"], match["said"]


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
    if len(words) > MAX_LABEL_WORDS or len(name) > MAX_LABEL_CHARACTERS:
        raise DocumentError(
            f"{where} of the transcript names a speaker of {len(words)} words and {len(name)} "
            f"characters; shorten it to at most {MAX_LABEL_WORDS} words and "
            f"{MAX_LABEL_CHARACTERS} characters"
        )
    return name or None


def _label(line: str) -> str | None:
    match = _LABEL.match(line)
    if match is None or len(match["label"]) > MAX_LABEL_CHARACTERS:
        return None
    return match["label"]


def _looks_like_name(label: str) -> bool:
    return not any(word[0].islower() for word in label.split())


def _are_frequent(repeated: set[str], counts: Counter[str], n_lines: int) -> bool:
    return len(repeated) >= 2 and 10 * sum(counts[label] for label in repeated) >= n_lines
