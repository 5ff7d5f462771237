"""Which tiers of a TextGrid or of ELAN hold what is said; see `speech_of`."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, combinations
from statistics import fmean
from typing import NamedTuple

from hilbert.stages.extract.sentences import count_words
from hilbert.stages.extract.transcripts.events import is_event
from hilbert.stages.extract.transcripts.speaker_labels import checked_speaker
from hilbert.stages.extract.transcripts.tier_names import Kind, Named, all_named
from hilbert.stages.extract.transcripts.timing import timed_turn
from hilbert.stages.extract.transcripts.words import Word, turns_of_words
from hilbert.store.errors import DocumentError
from hilbert.store.types import Turn

_ACTIVITY = {
    "silent", "sounding", "silence", "speech", "speaking", "non-speech", "nonspeech", "no speech",
    "voiced", "unvoiced", "pause", "noise",
}  # fmt: skip
_ID = re.compile(r"\S*\d{2}\S*")  # text01_001
_MOSTLY = 0.9
_HALF = 0.5
_SOME = 0.1
"""Of the labels of a tier; nobody says two things at a time."""


class Tier(NamedTuple):
    """The labels of an interval tier in which something stands; `number` is the tier's, from 1.

    Labels that have a speaker, or "", are theirs, whatever the tier is called.
    """

    number: int
    name: str
    labels: list[Word]
    told: Named | None = None
    """What is known of it otherwise than by its name."""


class Speech(NamedTuple):
    """A tier of what is said; `of_words` where each label is a word, not an utterance."""

    tier: Tier
    speaker: str
    of_words: bool


class _Known(NamedTuple):
    tier: Tier
    kind: Kind
    speaker: str


def turns_of_tiers(tiers: Sequence[Tier]) -> list[Turn]:
    """Turns of what is said: one a label, and where labels are words, one a group up to a pause.

    Raises
    ------
    DocumentError
        As `speech_of` does; or if a speaker is called by a sentence.
    """
    found, whose = speech_of(tiers)
    turns: list[Turn] = []
    for speech in found:
        said = list(_said(speech, whose))
        if speech.of_words:
            turns += turns_of_words(word for word in said if not is_event(word.text))
        else:
            turns += [timed_turn(s.text, s.speaker, s.span, s.where) for s in said]
    return turns


def speech_of(tiers: Sequence[Tier]) -> tuple[list[Speech], Tier | None]:
    """The tiers that hold what is said, and the one that tells by whom, if there is one.

    The rule, tier by tier, of those with a label that is no silence:

    1. By name (`tier_names`), tiers of sounds (phones, syllables, stress, tones) and remarks
       (notes, comments, events, translations, glosses, numbers) are no speech. By content,
       neither is one of other names that tells activity (all labels are ``silent``, ``sounding``
       and the like, or ``ipu_1``, or single letters, or ids such as ``text01_001``, no two alike,
       or none has a letter).
    2. Where no tier is called one of words, all others are speech. One called ``transcript`` or
       the like is nobody's, unless there are some that are called as no kind, which are speakers.
       One called ``speaker`` tells who speaks, and a single one beside it what is said, whatever it
       is called; it is speech itself if it is alone, or not of few names, and holds sentences.
    3. Beside tiers of words, another tier is of sounds if it has more labels than they (or is
       called ``segments``), and shorter ones; it is of utterances if it repeats half of the words
       of its speaker (or of nobody) that lie in it.
    4. Of tiers of words of one speaker (or of nobody), the one with most labels counts, which
       others must repeat. Beside one of a speaker's utterances, tiers of the same speaker that are
       called otherwise are gestures or gaze and no speech. Other two tiers of the same speaker (or
       two of nobody's utterances) are refused where they are at the same time.
    5. Utterances are the speech where they cover nine tenths of the words of their speaker (or
       of nobody); where there are none of the speaker's, the words are.

    What is neither is refused.

    Raises
    ------
    DocumentError
        If there are labels and no speech, or tiers beside those of words that are neither;
        names the tiers by their numbers.
    """
    labelled = [tier for tier in tiers if _has_signs(tier)]
    names = all_named([tier.name for tier in labelled])
    known = [_Known(tier, *(tier.told or name)) for tier, name in zip(labelled, names, strict=True)]
    if any(one.kind not in ("sounds", "remarks", "speakers") for one in known):
        known = [_as_speech(one) if _says(one) and not _repeats(one) else one for one in known]
    known = [
        one
        for one in known
        if one.kind in ("words", "speakers") or not tells_activity(_texts(one.tier))
    ]
    words = _once([one for one in known if one.kind == "words"])
    others = [one for one in known if one.kind in ("utterances", "segments", "unknown")]
    whose = [one.tier for one in known if one.kind == "speakers"]
    if words:
        others = [one for one in others if _is_utterances(one, words)]
        found = _words_or_utterances(words, others)
    else:
        found = _without_words(others or [one for one in known if _says(one)])
    if labelled and not found:
        raise DocumentError(
            f"{_listed([tier.number for tier in labelled])} of the transcript by name or content "
            f"{'tells' if len(labelled) == 1 else 'tell'} sounds, remarks or when somebody speaks, "
            f"not what is said; call one of what is said transcript or words"
        )
    if whose and len(found) == 1:
        found = [found[0]._replace(speaker="")]
    return found, whose[0] if len(whose) == 1 else None


def _has_signs(tier: Tier) -> bool:
    """Whether a label holds a letter or a digit."""
    return any(character.isalnum() for text in _texts(tier) for character in text)


def _texts(tier: Tier) -> list[str]:
    return [label.text for label in tier.labels]


def _said(speech: Speech, whose: Tier | None) -> Iterator[Word]:
    """The labels of a tier with their speaker."""
    labels, where = speech.tier.labels, f"tier {speech.tier.number}"
    if any(label.speaker is not None for label in labels):
        for label in labels:
            yield label._replace(speaker=checked_speaker(label.speaker or "", label.where))
        return
    if speech.speaker or whose is None:
        speaker = checked_speaker(speech.speaker, where)
        yield from (label._replace(speaker=speaker) for label in labels)
        return
    for label, held in zip(labels, held_by(labels, whose.labels), strict=True):
        name = "" if held is None else held.text
        yield label._replace(speaker=checked_speaker(name, f"tier {whose.number}"))


def tells_activity(texts: Sequence[str]) -> bool:
    """Whether labels are marks of activity or ids, and no words."""
    labels = {text.lower() for text in texts}
    return (
        all(label in _ACTIVITY or label.startswith("ipu_") for label in labels)
        or all(label.isascii() and len(label) == 1 for label in labels)
        or (len(labels) == len(texts) and all(map(_ID.fullmatch, labels)))
        or not any(character.isalpha() for label in labels for character in label)
    )


def _says(one: _Known) -> bool:
    """Whether a tier called as one of speakers holds sentences."""
    n_words = sum(count_words(label.text) for label in one.tier.labels)
    return one.kind == "speakers" and n_words >= 2 * len(one.tier.labels)


def _repeats(one: _Known) -> bool:
    """Whether the labels of a tier are a few, again and again."""
    labels = {label.text.casefold() for label in one.tier.labels}
    return len(labels) <= max(2, len(one.tier.labels) // 2)


def _as_speech(one: _Known) -> _Known:
    return one._replace(kind="unknown", speaker=one.tier.name)


def _without_words(others: Sequence[_Known]) -> list[Speech]:
    """Tiers of utterances: named ones are speakers'."""
    kept = [one for one in others if not _is_gesture(one, others)]
    has_speakers = any(one.kind == "unknown" for one in kept)
    found = [
        Speech(one.tier, one.speaker or (one.tier.name if has_speakers else ""), of_words=False)
        for one in kept
    ]
    of_somebody = [
        speech
        for speech, one in zip(found, kept, strict=True)
        if one.kind != "unknown" or one.speaker
    ]
    for one, other in combinations(of_somebody, 2):
        if _are_same(one.speaker, other.speaker) and _are_together(one.tier, other.tier):
            raise DocumentError(
                f"{_listed([one.tier.number, other.tier.number])} of the transcript may each be "
                f"what is said at the same time by the same; leave in one, call the other notes if "
                f"it is not said, or call each by its speaker"
            )
    return found


def _is_gesture(one: _Known, others: Sequence[_Known]) -> bool:
    """Whether a tier of no known kind is beside one of utterances of its speaker.

    One that is called by the speaker alone is of utterances, too, where it is at another time.
    """
    if one.kind != "unknown" or not one.speaker:
        return False
    said = [o for o in others if o.kind == "utterances" and _are_same(o.speaker, one.speaker)]
    is_named = _are_same(one.tier.name, one.speaker)
    return any(not is_named or _are_together(one.tier, other.tier) for other in said)


def _are_same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


def _once(words: Sequence[_Known]) -> list[_Known]:
    """Tiers of words, of those of one speaker the one with most labels, which others repeat."""
    best: dict[str, _Known] = {}
    for one in sorted(words, key=lambda one: -len(one.tier.labels)):
        first = best.setdefault(one.speaker.casefold(), one)
        if first is not one and _share(first.tier, one.tier) < _HALF:
            raise DocumentError(
                f"{_listed(sorted([first.tier.number, one.tier.number]))} of the transcript hold "
                f"words of different times and the same speaker, or none; call them by speakers "
                f"(NAME - words)"
            )
    return [one for one in words if one in best.values()]


def _are_together(one: Tier, other: Tier) -> bool:
    return max(_share(one, other), _share(other, one)) >= _SOME


def _share(tier: Tier, other: Tier) -> float:
    """Share of the labels of one tier in whose middle another has one, too."""
    holders = held_by(tier.labels, other.labels)
    return sum(held is not None for held in holders) / len(holders)


def _is_utterances(other: _Known, words: Sequence[_Known]) -> bool:
    """Whether a tier beside those of words repeats them in utterances; False if it is of sounds."""
    tier, n_words = other.tier, max(len(one.tier.labels) for one in words)
    every = [word for one in words for word in one.tier.labels]
    has_more = len(tier.labels) > n_words or other.kind == "segments"
    if has_more and _mean_s(tier.labels) < _mean_s(every):
        return False
    own = [one for one in words if not one.speaker or _may_be(one.speaker, other)]
    said = [word for one in own for word in one.tier.labels]
    holders = held_by(said, tier.labels)
    pairs = [(word, held) for word, held in zip(said, holders, strict=True) if held]
    n_found = sum(word.text.casefold() in held.text.casefold() for word, held in pairs)
    if pairs and n_found >= _HALF * len(pairs):
        return True
    numbers = [one.tier.number for one in words]
    raise DocumentError(
        f"tier {tier.number} of the transcript is beside {_listed(numbers)} of words and does not "
        f"repeat those of its speaker; leave it out, or call it notes if it is not said"
    )


def _words_or_utterances(words: Sequence[_Known], others: Sequence[_Known]) -> list[Speech]:
    found = []
    for one in words:
        of_same = [other for other in others if not one.speaker or _may_be(one.speaker, other)]
        labels = [label for other in of_same for label in other.tier.labels]
        n_covered = sum(held is not None for held in held_by(one.tier.labels, labels))
        if not of_same:
            found.append(Speech(one.tier, one.speaker, of_words=True))
        elif n_covered < _MOSTLY * len(one.tier.labels):
            numbers = [other.tier.number for other in of_same]
            raise DocumentError(
                f"tier {one.tier.number} of the transcript holds {len(one.tier.labels)} words, of "
                f"which {_listed(numbers)} "
                f"{'covers' if len(numbers) == 1 else 'cover'} {n_covered}; leave in what is whole"
            )
    return found + _without_words(others)


def _may_be(speaker: str, other: _Known) -> bool:
    return not other.speaker or _are_same(other.speaker, speaker)


def held_by(words: Sequence[Word], labels: Sequence[Word]) -> list[Word | None]:
    """For each word, a label in whose time its middle lies; None where there is none."""
    ordered = sorted(labels, key=lambda label: label.span)
    starts = [label.span.start_s for label in ordered]
    latest = list(accumulate(ordered, _later))
    found: list[Word | None] = []
    for word in words:
        middle_s = (word.span.start_s + word.span.end_s) / 2
        at = bisect_right(starts, middle_s) - 1
        found.append(latest[at] if at >= 0 and latest[at].span.end_s >= middle_s else None)
    return found


def _later(one: Word, other: Word) -> Word:
    return max(one, other, key=lambda label: label.span.end_s)


def _mean_s(labels: Sequence[Word]) -> float:
    return fmean(label.span.duration_s for label in labels)


def _listed(numbers: Sequence[int]) -> str:
    *first, last = map(str, numbers)
    return f"tiers {', '.join(first)} and {last}" if first else f"tier {last}"
