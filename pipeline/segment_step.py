"""Cut the documents whose segments are not stored yet."""

import math
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from hilbert.pipeline import plan, provenance
from hilbert.pipeline.cut import CutDocument, config_of, cut_document, reason_of
from hilbert.pipeline.pending import set_aside
from hilbert.pipeline.plan import Work
from hilbert.pipeline.progress import show_progress
from hilbert.pipeline.session import Result, SegmentedWork, Session
from hilbert.store import keys
from hilbert.store.bulk import many_objects
from hilbert.store.errors import DocumentError
from hilbert.store.segment_table import SegmentSummary, speakers_of, to_rows
from hilbert.store.types import EncoderInfo

CHANGED = "its files changed while they were read; run the command again"


def segment_works(
    session: Session, works: Sequence[Work], encoders: Mapping[str, EncoderInfo]
) -> list[SegmentedWork]:
    """Store the segments of `works` that are missing; leaves out the documents that fail."""
    index = session.store.index
    missing: dict[str, list[Work]] = {}
    for work in set_aside(session, [w for w in works if w.segment_key not in index]):
        missing.setdefault(work.segment_key, []).append(work)
    if missing:
        _segment(session, missing)
    return _segmented(session, works, encoders)


@many_objects()
def _segmented(
    session: Session, works: Sequence[Work], encoders: Mapping[str, EncoderInfo]
) -> list[SegmentedWork]:
    """The works whose segments are known, with the keys of their features."""
    index, cut = session.store.index, session.cut
    same = {
        name: info
        for name, info in encoders.items()
        if name in session.known and session.known[name].fingerprint == info.fingerprint
    }
    return [
        SegmentedWork(
            *work, work.segment_key not in cut, _feature_keys(session, work, encoders, same)
        )
        for work in works
        if work.segment_key in index or work.segment_key in cut
    ]


def _feature_keys(
    session: Session,
    work: Work,
    encoders: Mapping[str, EncoderInfo],
    same: Mapping[str, EncoderInfo],
) -> Mapping[str, str]:
    """Keys of a document's features; `same` are the encoders that the store's manifest knows.

    A key depends on the segments and the encoder alone: where both are those of the manifest,
    so is the key.
    """
    former = session.former.get(work.document.id)
    if former is None or former.segment_key != work.segment_key:
        known: Mapping[str, str] = {}
    elif former.feature_keys.keys() == encoders.keys() == same.keys():
        return former.feature_keys
    else:
        known = {name: key for name, key in former.feature_keys.items() if name in same}
    others = {name: info for name, info in encoders.items() if name not in known}
    summary = session.summary(work.segment_key)
    return {**known, **plan.feature_keys(others, work.inputs, summary)}


def _segment(session: Session, missing: Mapping[str, Sequence[Work]]) -> None:
    """Cut documents and store their segments; those of equal content share them."""
    todo = {key: members[0] for key, members in missing.items()}
    with (
        show_progress("segment", unit="documents", total=len(todo)) as progress,
        closing(session.executor.run(session, None, todo)) as results,
    ):
        for result in results:
            if result.failure is not None:
                session.fail(missing[result.key], result.failure)
            elif result.summary is not None:
                session.cut[result.key] = result.summary
            progress.advance()
    session.store.index.refresh()


def cut_documents(session: Session, todo: Mapping[str, Work]) -> Generator[Result, None, None]:
    """Cut documents by their segment keys and commit the segments; a result for each."""
    index = session.store.index
    with session.writer("segments", provenance.of_segments()) as writer:
        for key, work in todo.items():
            try:
                found = cut_document(work.document, config_of(work, session))
                _check_unchanged(session, work)
            except (DocumentError, OSError) as error:
                yield Result(key, reason_of(error))
                continue
            rows = to_rows(found.segments, speakers_of(found.segments))
            summary = _summarise(found, rows, work, session.store.salt)
            is_new = key not in index
            if is_new and writer.add(key, rows, asdict(summary)):
                index.refresh()  # another extraction may have cut some of the others
            yield Result(key, is_new=is_new, summary=summary)
    index.refresh()


def _check_unchanged(session: Session, work: Work) -> None:
    """Segments of a file that changed since its digest was taken must not get its key."""
    if plan.read_inputs(work.document, session.digests, session.store.salt) != work.inputs:
        raise DocumentError(CHANGED)


def _summarise(
    found: CutDocument, rows: NDArray[np.float64], work: Work, salt: bytes
) -> SegmentSummary:
    segments = found.segments
    speakers = speakers_of(segments)
    audio = [s for s in segments if s.modality == "audio"]
    text = [s for s in segments if s.modality == "text"]
    return SegmentSummary(
        boundaries=keys.boundaries_digest(audio),
        texts=keys.texts_digest(text, salt=salt),
        n_audio=len(audio),
        n_text=len(text),
        audio_s=math.fsum(s.end_s - s.start_s for s in audio if s.start_s is not None and s.end_s),
        content=keys.content_digest(rows.tobytes(), speakers),
        speakers=speakers,
        components=plan.segment_components(work.inputs, work.cut),
        cut=found.by,
    )
