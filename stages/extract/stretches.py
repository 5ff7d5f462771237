"""Which stretches of a recording the corpus table keeps."""

import math

from hilbert.store.types import Document, Seconds, Span


def kept_stretches(document: Document) -> list[Span]:
    """What ``start_s`` and ``end_s`` enclose, less ``exclude``; in order, without overlap.

    Infinite where the document does not limit it.
    """
    position = -math.inf if document.start_s is None else document.start_s
    end_s = math.inf if document.end_s is None else document.end_s
    stretches: list[Span] = []
    for hole in sorted(span for span in document.exclude if span.duration_s > 0):
        if position < min(hole.start_s, end_s):
            stretches.append(Span(position, min(hole.start_s, end_s)))
        position = max(position, hole.end_s)
    if position < end_s:
        stretches.append(Span(position, end_s))
    return stretches


def kept_of(document: Document, audio_duration_s: Seconds) -> list[Span]:
    """What a document keeps of a recording of that duration; in order, without overlap."""
    recording = Span(0.0, audio_duration_s)
    kept = [intersect(stretch, recording) for stretch in kept_stretches(document)]
    return [stretch for stretch in kept if stretch.duration_s > 0]


def intersect(one: Span, other: Span) -> Span:
    """What two spans share; of no duration, at an end of one of them, where they share nothing."""
    start_s = max(one.start_s, other.start_s)
    return Span(start_s, max(start_s, min(one.end_s, other.end_s)))
