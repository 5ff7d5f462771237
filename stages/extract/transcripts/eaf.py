"""Read ELAN's annotation files (.eaf).

pympi-ling 1.71 was tried and is not used. It accepts annotations that end before they start or
have no time, keeps one of two tiers or annotations of the same name without a word, takes a file
without a schema's address for broken, and expands entities. The tests compare the two on what
pympi writes.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple
from xml.etree.ElementTree import Element

from hilbert.stages.extract.transcripts.markup import plain_label
from hilbert.stages.extract.transcripts.speaker_labels import checked_speaker
from hilbert.stages.extract.transcripts.timing import is_number, timed_turn
from hilbert.stages.extract.transcripts.xml_tree import parse_xml
from hilbert.store.errors import DocumentError
from hilbert.store.types import Seconds, Span, Turn

_ROOT = "ANNOTATION_DOCUMENT"
_UNNAMED = "default"
"""What ELAN calls a tier that nobody has named yet."""
_MOST_LEVELS = 20
"""So many tiers may hang on one another; a file of more is not one that ELAN wrote."""


class _Annotation(NamedTuple):
    """An annotation; it has the times of two slots, or else a parent on the tier above."""

    id: str
    text: str
    where: str
    slots: tuple[str, str] | None
    parent: str | None
    previous: str | None


class _Tier(NamedTuple):
    """A tier; `above` is the one that it hangs on, None where it stands on its own."""

    name: str
    where: str
    participant: str
    above: str | None
    annotations: list[_Annotation]


class _Document(NamedTuple):
    tiers: Mapping[str, _Tier]
    below: Mapping[str, list[_Tier]]
    times: Mapping[str, Seconds]
    """Of the slots that have one."""

    def span(self, annotation: _Annotation) -> Span:
        """Times of an annotation.

        Raises
        ------
        DocumentError
            If it has none.
        """
        start, end = annotation.slots or ("", "")
        if start not in self.times or end not in self.times:
            raise DocumentError(
                f"{annotation.where} of the transcript has no time; align it with ELAN"
            )
        return Span(self.times[start], self.times[end])


def looks_like_eaf(text: str) -> bool:
    """Whether it is XML; of which kind is seen when it is read."""
    return text.lstrip().startswith(("<?xml", "<!DOCTYPE", f"<{_ROOT}"))


def parse_eaf(text: str) -> list[Turn]:
    """Turns of the tiers that stand on their own: one an annotation, said by its participant.

    Tiers that hang on others (words, glosses, translations) repeat what is said, so they are left
    out; but where the annotations of a tier hold no letter, their texts are those of the first
    tier below that holds some.

    Raises
    ------
    DocumentError
        If it is no such XML, an annotation has no time, or its times are negative or run
        backwards; names the annotation and its tier by their numbers.
    """
    root = parse_xml(text)
    if root.tag != _ROOT:
        raise DocumentError(
            "the transcript is XML, but no annotation document of ELAN; export it as one"
        )
    document = _document(root)
    return [
        turn
        for tier in document.tiers.values()
        if tier.above is None and tier.annotations
        for turn in _turns(tier, document)
    ]


def _turns(tier: _Tier, document: _Document) -> Iterator[Turn]:
    name = tier.participant or ("" if tier.name == _UNNAMED else tier.name)
    texts = _texts(tier, document, _MOST_LEVELS)
    for annotation in tier.annotations:
        said = plain_label(texts.get(annotation.id, ""))
        speaker = checked_speaker(name, tier.where) if said else None
        yield timed_turn(said, speaker, document.span(annotation), annotation.where)


def _texts(tier: _Tier, document: _Document, levels: int) -> dict[str, str]:
    """What is said in each annotation of a tier, by its id."""
    own = {annotation.id: annotation.text for annotation in tier.annotations}
    if levels and not _holds_words(own):
        for below in document.below.get(tier.name, ()):
            texts = _texts(below, document, levels - 1)
            if _holds_words(texts):
                return _gathered(tier, below, texts, document)
    return own


def _holds_words(texts: Mapping[str, str]) -> bool:
    return any(character.isalpha() for text in texts.values() for character in text)


def _gathered(
    tier: _Tier, below: _Tier, texts: Mapping[str, str], document: _Document
) -> dict[str, str]:
    """Texts of the tier below, joined for the annotation above that each belongs to."""
    above = {annotation.id for annotation in tier.annotations}
    spans = sorted((document.span(a), a.id) for a in tier.annotations if a.slots)
    gathered: dict[str, list[str]] = defaultdict(list)
    holder = None
    for annotation in _in_order(below.annotations):
        # a part that is not aligned belongs where the one before it does
        holder = annotation.parent or _holder(annotation, spans, document.times) or holder
        if holder not in above:
            raise DocumentError(
                f"{annotation.where} of the transcript belongs to no annotation of the tier above "
                f"it; mend it with ELAN"
            )
        gathered[holder].append(texts.get(annotation.id, ""))
    return {name: " ".join(parts) for name, parts in gathered.items()}


def _holder(
    annotation: _Annotation, spans: Sequence[tuple[Span, str]], times: Mapping[str, Seconds]
) -> str | None:
    """The annotation above in whose time one with times of its own starts."""
    start_s = times.get(annotation.slots[0]) if annotation.slots else None
    if start_s is None:
        return None
    at = bisect_right(spans, start_s, key=lambda pair: pair[0].start_s) - 1
    return spans[at][1] if at >= 0 else None


def _in_order(annotations: Sequence[_Annotation]) -> list[_Annotation]:
    """Annotations with each after the one that it names as previous; else as written."""
    after: dict[str | None, list[_Annotation]] = defaultdict(list)
    for annotation in annotations:
        after[annotation.previous].append(annotation)
    ordered, waiting = [], after.pop(None, [])[::-1]
    while waiting:
        ordered.append(waiting.pop())
        waiting += after.pop(ordered[-1].id, [])[::-1]
    return ordered + [annotation for lost in after.values() for annotation in lost]


def _document(root: Element) -> _Document:
    _check_units(root)
    tiers: dict[str, _Tier] = {}
    below: dict[str, list[_Tier]] = defaultdict(list)
    seen: set[str] = set()
    for number, element in enumerate(root.iterfind("TIER"), start=1):
        tier = _tier(element, f"tier {number}", seen)
        if tier.name in tiers:
            raise DocumentError(
                f"{tier.where} of the transcript has the name of another tier; rename it"
            )
        tiers[tier.name] = tier
        if tier.above is not None:
            below[tier.above].append(tier)
    if lost := next((held[0] for name, held in below.items() if name not in tiers), None):
        raise DocumentError(
            f"{lost.where} of the transcript hangs on a tier that is not there; mend it with ELAN"
        )
    return _Document(tiers, below, _time_slots(root))


def _check_units(root: Element) -> None:
    header = root.find("HEADER")
    if header is not None and header.get("TIME_UNITS", "milliseconds") != "milliseconds":
        raise DocumentError(
            "the transcript counts time in frames, not in milliseconds; save it again with ELAN"
        )


def _time_slots(root: Element) -> dict[str, Seconds]:
    times = {}
    for number, slot in enumerate(root.iterfind("TIME_ORDER/TIME_SLOT"), start=1):
        value = slot.get("TIME_VALUE")
        if value is not None:
            if not is_number(value):
                raise DocumentError(
                    f"time slot {number} of the transcript is no number of milliseconds; mend it"
                )
            times[slot.get("TIME_SLOT_ID", "")] = float(value) / 1000
    return times


def _tier(element: Element, where: str, seen: set[str]) -> _Tier:
    return _Tier(
        name=element.get("TIER_ID", ""),
        where=where,
        participant=element.get("PARTICIPANT", "").strip(),
        above=element.get("PARENT_REF"),
        annotations=[
            _annotation(child, f"annotation {number} of {where}", seen)
            for number, child in enumerate(element.iterfind("ANNOTATION/*"), start=1)
        ],
    )


def _annotation(element: Element, where: str, seen: set[str]) -> _Annotation:
    name = element.get("ANNOTATION_ID", "")
    if name in seen:
        raise DocumentError(f"{where} of the transcript has the id of another; mend it with ELAN")
    seen.add(name)
    is_aligned = element.tag == "ALIGNABLE_ANNOTATION"
    slots = (element.get("TIME_SLOT_REF1", ""), element.get("TIME_SLOT_REF2", ""))
    return _Annotation(
        id=name,
        text=element.findtext("ANNOTATION_VALUE") or "",
        where=where,
        slots=slots if is_aligned else None,
        parent=None if is_aligned else element.get("ANNOTATION_REF", ""),
        previous=element.get("PREVIOUS_ANNOTATION"),
    )
