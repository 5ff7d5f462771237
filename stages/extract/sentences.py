"""Words and sentences of a text, by rules that hold across languages; nothing is ever lost."""

import re
from collections.abc import Sequence
from itertools import pairwise

# A word is what blanks separate, but a character of its own in Chinese and Japanese, which
# write none (kana, Han, compatibility and supplementary ideographs).
_IDEOGRAPH = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_IDEOGRAPH}][^\s\w]*|[^\s{_IDEOGRAPH}]+")

_CLOSING = "\"'”’»)]」』）"
_FULL_WIDTH_ENDS = tuple("。！？｡।۔؟։")
_ENDS = ".!?…"

# Common before a name or a number, or amid a sentence. "No." is left out: it is an answer, too.
# fmt: off
_ABBREVIATIONS = frozenset([
    "al", "approx", "ave", "bspw", "bzw", "ca", "capt", "cf", "co", "col", "corp", "dept", "dr",
    "dra", "est", "etc", "ext", "fig", "figs", "fr", "gen", "hon", "hr", "inc", "jr", "ltd", "lt",
    "max", "min", "mlle", "mme", "mr", "mrs", "ms", "mt", "nr", "núm", "prof", "pág", "rev", "sgt",
    "sr", "sra", "st", "tel", "usw", "vgl", "vol", "vs",
])
# fmt: on
# An initial ("J."), inner stops ("e.g.", "z.B."), or the ordinal of a date ("3. Mai").
_SHORT_FORM = re.compile(r"[^\W\d_]|.*\w\.\w.*|\d{1,2}", re.DOTALL)


def count_words(text: str) -> int:
    """Number of words; each Chinese or Japanese character is one."""
    return len(_WORD.findall(text))


def slice_words(text: str, start: int, stop: int) -> str:
    """The slice of `text` from its word `start` up to, not including, its word `stop`."""
    words = [match.span() for match in _WORD.finditer(text)][max(0, start) : max(0, stop)]
    return text[words[0][0] : words[-1][1]] if words else ""


def split_text(text: str, max_words: int) -> list[str]:
    """Split a text into pieces of at most `max_words`, at sentence ends where possible.

    Whole sentences are packed into a piece as long as they fit; a sentence that is longer than
    a piece is cut between words into equal parts.

    Returns
    -------
    list of str
        Non-empty slices of `text`; together they hold all of it but the blanks in between.
    """
    words = [match.span() for match in _WORD.finditer(text)]
    bounds = _pack(_cut_long(_sentence_bounds(text, words), max_words), max_words)
    return [text[words[start][0] : words[stop - 1][1]] for start, stop in bounds]


Bounds = tuple[int, int]
"""A range of words ``[start, stop)``."""


def _sentence_bounds(text: str, words: Sequence[Bounds]) -> list[Bounds]:
    if not words:
        return []
    is_cased = text != text.lower()
    ends = [
        i + 1
        for i, (word, following) in enumerate(pairwise(text[start:stop] for start, stop in words))
        if _ends_sentence(word, following, is_cased=is_cased)
    ]
    return list(pairwise([0, *ends, len(words)]))


def _ends_sentence(word: str, following: str, *, is_cased: bool) -> bool:
    """Whether a sentence ends between two words.

    A word in lower case begins no sentence, except where nothing is in upper case, as in the
    output of many recognisers.
    """
    # stripped from the right, not searched for: a word of 40,000 dots must not take seconds
    word = word.rstrip(_CLOSING)
    if word.endswith(_FULL_WIDTH_ENDS):
        return True
    if is_cased and following.lstrip("\"'“‘«(¿¡")[:1].islower():
        return False
    stem = word.rstrip(_ENDS)
    if word[len(stem) :] == ".":
        return not _is_abbreviated(stem)
    return stem != word


def _is_abbreviated(stem: str) -> bool:
    """Whether a full stop after `stem` belongs to it; "I." alone ends more often than it begins."""
    stem = stem.lstrip("\"'“‘«([")
    return stem.lower() in _ABBREVIATIONS or (
        stem != "I" and _SHORT_FORM.fullmatch(stem) is not None
    )


def _cut_long(bounds: Sequence[Bounds], max_words: int) -> list[Bounds]:
    pieces: list[Bounds] = []
    for start, stop in bounds:
        n_words = stop - start
        n_pieces = -(-n_words // max_words)
        cuts = [start + n_words * i // n_pieces for i in range(n_pieces + 1)]
        pieces += pairwise(cuts)
    return pieces


def _pack(bounds: Sequence[Bounds], max_words: int) -> list[Bounds]:
    packed: list[Bounds] = []
    for start, stop in bounds:
        if packed and stop - packed[-1][0] <= max_words:
            packed[-1] = (packed[-1][0], stop)
        else:
            packed.append((start, stop))
    return packed
