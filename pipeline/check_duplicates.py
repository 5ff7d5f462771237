"""Documents that are the same under different ids, and whether that leaks into a test."""

from collections.abc import Iterator, Mapping, Sequence

from hilbert.pipeline.check_document import Facts
from hilbert.stages.extract.checks.problem import Problem
from hilbert.stages.extract.stretches import intersect, kept_stretches
from hilbert.store.types import Document

FEW_WORDS = 20
"""Transcripts without times that are shorter may well be equal: "Yes.", or a sentence read."""


def duplicate_problems(
    facts: Sequence[Facts], audio_digests: Mapping[str, str]
) -> Iterator[tuple[str, Problem]]:
    """Problems of documents that share a recording, or a transcript, with an earlier one.

    Parameters
    ----------
    facts : sequence of Facts
    audio_digests : mapping of str to str
        By document; of the decoded samples, or in a quick check of the files.

    Yields
    ------
    (str, Problem)
        The document and its problem.
    """
    heard: dict[str, list[Facts]] = {}
    read: dict[str, list[Facts]] = {}
    for fact in facts:
        document = fact.document
        others = heard.setdefault(audio_digests.get(document.id, f"\0{document.id}"), [])
        twin = _same(fact, others)
        others.append(fact)
        if twin is not None:
            yield document.id, _problem("recording", document, twin.document)
        if fact.turns_digest is None:
            continue
        others = read.setdefault(fact.turns_digest, [])
        reader = _same(fact, others) if fact.is_timed else next(iter(others), None)
        others.append(fact)
        if reader is None or twin is not None:
            continue
        if fact.is_timed or fact.n_words >= FEW_WORDS:
            yield document.id, _problem("transcript", document, reader.document)


def _same(fact: Facts, others: Sequence[Facts]) -> Facts | None:
    """Of documents with the same recording, one that keeps a stretch that this one keeps, too."""
    mine = kept_stretches(fact.document)
    for other in others:
        theirs = kept_stretches(other.document)
        if any(intersect(one, two).duration_s > 0 for one in mine for two in theirs):
            return other
    return None


def _problem(noun: str, document: Document, twin: Document) -> Problem:
    same = f"it has the same {noun} as {twin.id}"
    if (document.group or document.id) == (twin.group or twin.id):
        return Problem("warning", "duplicate", same, f"drop one, or name the right {noun}")
    return Problem(
        "warning",
        "leak",
        f"{same}, which is of another group: a leak from training to test",
        f"drop one, give both the same group, or name the right {noun}",
    )
