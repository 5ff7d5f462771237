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
from hilbert.stages.extract.transcripts.speech_tiers import Tier, tells_activity, turns_of_tiers
from hilbert.stages.extract.transcripts.tier_names import Named, named
from hilbert.stages.extract.transcripts.timing import is_number, timed_turn
from hilbert.stages.extract.transcripts.words import Word
from hilbert.stages.extract.transcripts.xml_tree import parse_xml
from hilbert.store.errors import DocumentError
from hilbert.store.types import Seconds, Span, Turn

_ROOT = "ANNOTATION_DOCUMENT"
_UNNAMED = "default"
"""What ELAN calls a tier that nobody has named yet."""
_MOST_LEVELS = 20
"""So many tiers may hang on one another; a file of more is not one that ELAN wrote."""


_MOSTLY = 0.9
"""Of the time that the best tier of a family covers."""


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
    """Turns of the tiers that stand on their own and are speech, as `turns_of_tiers` tells.

    One an annotation, said by its participant, or by whom a tier called ``speaker`` tells, beside
    it or right below. Its text is that of one tier of its family, which
    are the tier and those that hang on it (words, glosses, translations). That is the one with
    words for most of the time: the topmost within a tenth of the longest, and below the top, one
    called as text or words before others. Out of the question are those of ids, sounds and remarks,
    by what `tier_names` and `tells_activity` make of them.

    Raises
    ------
    DocumentError
        If it is no such XML, an annotation has no time, or its times are negative or run
        backwards, which names the annotation and its tier by their numbers; or as `speech_of`.
    """
    root = parse_xml(text)
    if root.tag != _ROOT:
        raise DocumentError(
            "the transcript is XML, but no annotation document of ELAN; export it as one"
        )
    document = _document(root)
    return turns_of_tiers(
        [
            _spoken(tier, number, document)
            for number, tier in enumerate(document.tiers.values(), start=1)
            if tier.above is None and tier.annotations
        ]
    )


def _spoken(tier: _Tier, number: int, document: _Document) -> Tier:
    """A tier that stands on its own, with the texts of its family."""
    spans = {annotation.id: document.span(annotation) for annotation in tier.annotations}
    for annotation in tier.annotations:
        timed_turn("", None, spans[annotation.id], annotation.where)  # checks the times
    chosen, texts = _telling(tier, spans, document)
    whose = _whose(tier, document)
    labels = [
        Word(
            said,
            spans[annotation.id],
            None if whose is None else whose.get(annotation.id, ""),
            annotation.where,
        )
        for annotation in tier.annotations
        if (said := plain_label(texts.get(annotation.id, "")))
    ]
    name = "" if tier.name == _UNNAMED else tier.name
    kind, speaker = named(name)
    if chosen is not tier:  # words are joined to utterances
        below = named(chosen.name)
        kind, speaker = "utterances", ("" if below.kind == "unknown" else below.speaker) or speaker
    return Tier(number, name, labels, Named(kind, tier.participant or speaker))


def _whose(tier: _Tier, document: _Document) -> Mapping[str, str] | None:
    """Who speaks, by the ids of its annotations, where tiers right below tell that.

    Nobody where several tiers do, or several names stand below one annotation.
    """
    found = []
    for below in document.below.get(tier.name, ()):
        if named(below.name).kind == "speakers" and any(a.text.strip() for a in below.annotations):
            lines = {a.id: f"{' '.join(a.text.split())}\n" for a in below.annotations}
            found.append(_gathered(tier, below, lines, document))
    if not found:
        return None
    names = {of: {line.strip() for line in lines.splitlines()} for of, lines in found[0].items()}
    single = len(found) == 1
    return {of: name for of, (name, *more) in names.items() if single and not more}


def _telling(
    tier: _Tier, spans: Mapping[str, Span], document: _Document
) -> tuple[_Tier, Mapping[str, str]]:
    """The tier of a family that tells what is said, and its texts by the ids of the top one's."""
    own = {annotation.id: annotation.text for annotation in tier.annotations}
    total_s = sum(span.duration_s for span in spans.values())
    if _may_tell(tier, own) and _covered_s(own, spans) >= _MOSTLY * total_s:
        return tier, own
    found = [
        (_covered_s(texts, spans), member, texts)
        for member, texts in _family(tier, document, _MOST_LEVELS)
        if _may_tell(member, texts) and (member is tier or named(member.name).kind != "speakers")
    ]
    longest_s = max((covered_s for covered_s, _, _ in found), default=0.0)
    best = [(m, texts) for covered_s, m, texts in found if covered_s >= _MOSTLY * longest_s]
    # the first one, unless that is of a kind that its name does not tell
    return min(
        best or [(tier, own)],
        key=lambda pair: pair[0] is not tier and named(pair[0].name).kind == "unknown",
    )


def _may_tell(tier: _Tier, texts: Mapping[str, str]) -> bool:
    """Whether a tier may hold what is said, by its name and content."""
    said = [text.strip() for text in texts.values() if text.strip()]
    return named(tier.name).kind not in ("sounds", "remarks") and not tells_activity(said)


def _covered_s(texts: Mapping[str, str], spans: Mapping[str, Span]) -> Seconds:
    """How long the annotations last that hold a letter."""
    return sum(
        spans[name].duration_s for name, text in texts.items() if any(map(str.isalpha, text))
    )


def _family(
    tier: _Tier, document: _Document, levels: int
) -> Iterator[tuple[_Tier, Mapping[str, str]]]:
    """A tier and all that hang on it, each with its texts by the ids of the tier's annotations."""
    yield tier, {annotation.id: annotation.text for annotation in tier.annotations}
    for below in document.below.get(tier.name, ()) if levels else ():
        for member, texts in _family(below, document, levels - 1):
            yield member, _gathered(tier, below, texts, document)


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
