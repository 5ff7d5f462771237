"""Find the labels of a text that name speakers.

A *usual* label has up to four words, begins with a letter and stands before a colon and a blank. A
label *counts* where it repeats, if it is usual or may be a name: its first and last word start in
no lower case, those between have at most three letters (``del``, ``van der``), and no sentence ends
amid it. One that does not repeat counts if it is usual, looks like a name (no word starts in lower
case) and

- is a role, or as programs for diarisation name a speaker (``Participant 2``, ``Speaker 1``), or
- is one of two labels in all, of which neither repeats, or all paragraphs begin with one of them,
  and is no clause of a script without capitals.

So ``Date:`` or ``Und:`` are nobody in an interview. Labels that count are taken for speakers when
there are at least two lines with one and either

- they are at least half as many as the paragraphs: all that count; or
- the text begins with a label that repeats or is a role, there are at least two of these, and a
  tenth of the lines have one (long turns broken into lines): these.

Some labels do not count beside others:

- where labels stand alone on a line, two at least and oftener than any other, or exports write them
  with a stamp, what is said is below, and they are the only ones but for roles;
- where brackets without a colon are more than labels with one, and two of them repeat, they are;
- where nearly all labels have a number of the line before them, or nearly none has, the others.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from hilbert.stages.extract.transcripts.label_forms import (
    Found,
    found_label,
    is_role,
    looks_like_name,
    may_be_clause,
    may_be_name,
    may_count,
    without_number,
)
from hilbert.stages.extract.transcripts.speaker_labels import Labels

_FEW = 5
"""Numbered labels, or others, do not count where less than one in so many is one."""


def find_labels(
    lines: Iterable[str], n_paragraphs: int, headers: frozenset[str] = frozenset()
) -> Labels:
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
    lines = list(lines)
    found = [found_label(line) for line in lines]
    is_numbered = 10 * sum(without_number(line) != line for line in lines) >= 9 * len(lines)
    in_brackets = _are_in_brackets(found)
    labelled = _alike([one for one in found if one is not None and may_count(one)], in_brackets)
    alone = {one.label for one in labelled if one.is_alone}
    in_headers = _are_headers(labelled, alone, headers)
    if in_headers:
        labelled = [one for one in labelled if one.label in alone or is_role(one.label)]
    spelt = _spelt(labelled)
    counts = Counter(spelt[one.label] for one in labelled)
    usual = {spelt[one.label] for one in labelled if one.is_usual}
    sure = frozenset(one.label for one in labelled if one.is_sure)
    repeated = {
        label for label, n in counts.items() if n > 1 and (label in usual or may_be_name(label))
    }
    once = {label for label in usual if looks_like_name(label) and not may_be_clause(label)}
    if not _is_of_two(counts, repeated, n_paragraphs):
        once = {label for label in once if is_role(label)}
    plausible = repeated | once | {label for label in headers & set(counts) if may_be_name(label)}
    n_plausible = sum(counts[label] for label in plausible)
    if counts.total() >= 2 and n_plausible and 2 * n_plausible >= n_paragraphs:
        return Labels(frozenset(plausible) | sure, in_headers, in_brackets, is_numbered)
    first = found[0].label if found and found[0] is not None else None
    firm = repeated | {label for label in once if is_role(label)}
    if spelt.get(first or "") in firm and _are_frequent(firm, counts, len(found)):
        return Labels(frozenset(firm) | sure, in_headers, in_brackets, is_numbered)
    return Labels(sure, in_headers=False, in_brackets=in_brackets)


def _alike(labelled: list[Found], in_brackets: bool) -> list[Found]:
    """Those in brackets, where these are labels; numbered or not, as most are."""
    if in_brackets:
        labelled = [one for one in labelled if one.has_brackets]
        sure = [one for one in labelled if one.is_sure]
        return sure if 2 * len(sure) > len(labelled) else labelled
    labelled = [one for one in labelled if not one.may_be_words]
    n_numbered = sum(one.is_numbered for one in labelled)
    for is_numbered, n in ((True, n_numbered), (False, len(labelled) - n_numbered)):
        if _FEW * n < len(labelled):
            return [one for one in labelled if one.is_numbered != is_numbered]
    return labelled


def _are_headers(labelled: Sequence[Found], alone: set[str], headers: frozenset[str]) -> bool:
    """Whether labels stand alone above what is said, and not before it."""
    counts = Counter(one.label for one in labelled if one.label not in alone)
    n_alone = sum(one.is_alone and may_be_name(one.label) for one in labelled)
    return (len(alone) > 1 or bool(headers)) and n_alone > max([1, *counts.values()])


def _are_in_brackets(found: Sequence[Found | None]) -> bool:
    within = Counter(
        one.label
        for one in found
        if one and (one.may_be_words or (one.is_sure and not one.has_colon)) and may_count(one)
    )
    n_others = sum(one is not None and one.has_colon and not one.is_clock for one in found)
    return sum(n > 1 for n in within.values()) > 1 and within.total() > n_others


def _spelt(labelled: Sequence[Found]) -> dict[str, str]:
    """How each label is spelt most often, in any case, and without a remark where it stands so."""
    spelt: dict[str, str] = {}
    often: dict[str, str] = {}
    bare = {one.label: one.bare for one in labelled}
    for label, _ in Counter(one.label for one in labelled).most_common():
        often.setdefault(label.casefold(), label)
    for label in bare:
        spelt[label] = often.get(bare[label].casefold(), often[label.casefold()])
    return spelt


def _is_of_two(counts: Counter[str], repeated: set[str], n_paragraphs: int) -> bool:
    """Whether there are two labels, and none repeats, or all paragraphs begin with one of them."""
    return len(counts) == 2 and (not repeated or counts.total() >= n_paragraphs)


def _are_frequent(labels: set[str], counts: Counter[str], n_lines: int) -> bool:
    return len(labels) >= 2 and 10 * sum(counts[label] for label in labels) >= n_lines
