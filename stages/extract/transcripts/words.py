"""From single words with times to turns, and from a text to the words in it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from hilbert.stages.extract.transcripts.timing import timed_turn
from hilbert.store.types import Seconds, Span, Turn

PAUSE_S: Seconds = 0.5
"""A longer pause ends a turn. Segmenting merges short turns again, so it need not be exact."""


class Word(NamedTuple):
    """A word, when and by whom it is said; `where` names it in an error."""

    text: str
    span: Span
    speaker: str | None
    where: str


def turns_of_words(words: Iterable[Word], *, pause_s: Seconds = PAUSE_S) -> list[Turn]:
    """Group each speaker's words into turns, which end before pauses longer than `pause_s`.

    Speakers are told apart first, so that two who talk at once do not cut each other short.

    Raises
    ------
    DocumentError
        If the times of a word are negative or run backwards.
    """
    by_speaker: dict[str | None, list[Word]] = defaultdict(list)
    for word in words:
        timed_turn(word.text, word.speaker, word.span, word.where)  # checks the times
        by_speaker[word.speaker].append(word)
    return [
        _turn(group)
        for said in by_speaker.values()
        for group in _groups(sorted(said, key=lambda word: word.span), pause_s)
    ]


def cut_at_words(text: str, runs: Sequence[Sequence[str]]) -> list[str]:
    """`text` in as many pieces as `runs` of words: as written, where the words are found in it."""
    starts, position = [], 0
    for run in runs:
        starts.append(position)
        for n, word in enumerate(run):
            at = text.find(word, position)
            if at < 0:  # the words are spelt otherwise than the text
                return [" ".join(" ".join(words).split()) for words in runs]
            if n == 0:
                starts[-1] = at
            position = at + len(word)
    starts[0] = 0
    ends = [*starts[1:], len(text)]
    return [" ".join(text[a:b].split()) for a, b in zip(starts, ends, strict=True)]


def _groups(words: Iterable[Word], pause_s: Seconds) -> list[list[Word]]:
    groups: list[list[Word]] = []
    end_s = 0.0
    for word in words:
        if groups and word.span.start_s - end_s <= pause_s:
            groups[-1].append(word)
            end_s = max(end_s, word.span.end_s)
        else:
            groups.append([word])
            end_s = word.span.end_s
    return groups


def _turn(words: list[Word]) -> Turn:
    end_s = max(word.span.end_s for word in words)
    text = " ".join(word.text for word in words)
    return Turn(text, words[0].speaker, words[0].span.start_s, end_s)
