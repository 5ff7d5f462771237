"""Cut the documents whose segments are not stored yet."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from hilbert.pipeline import plan, provenance
from hilbert.pipeline.progress import show_progress
from hilbert.pipeline.session import SegmentedWork, Session, Work
from hilbert.stages.extract.recordings.audio import probe
from hilbert.stages.extract.segment import SegmentConfig, segment_document
from hilbert.stages.extract.transcripts.transcript import parse_transcript, read_transcript
from hilbert.store import keys
from hilbert.store.errors import DocumentError, StoreError
from hilbert.store.segment_table import SegmentSummary, speakers_of, to_rows
from hilbert.store.types import Document, EncoderInfo, Segment

CHANGED = "its files changed while they were read; run the command again"


def segment_works(
    session: Session, works: Sequence[Work], encoders: Mapping[str, EncoderInfo]
) -> list[SegmentedWork]:
    """Store the segments of `works` that are missing; leaves out the documents that fail."""
    index = session.store.index
    missing = [work for work in works if work.segment_key not in index]
    cut = _segment(session, missing) if missing else {}
    found = []
    for work in works:
        stored = work.segment_key not in cut
        summary = session.store.summary(work.segment_key) if stored else cut[work.segment_key]
        if summary is not None:
            found.append(
                SegmentedWork(
                    work.document,
                    work.inputs,
                    work.components,
                    work.segment_key,
                    summary,
                    stored,
                    plan.feature_keys(encoders, work.inputs, summary),
                )
            )
    return found


def segments_of(document: Document, config: SegmentConfig) -> tuple[Segment, ...]:
    """Read the files of one document and cut it, audio segments before text segments.

    Raises
    ------
    DocumentError
        If its audio or transcript cannot be used.
    """
    turns = None
    if document.transcript is not None:
        turns = read_transcript(document.transcript)
    elif document.text is not None:
        turns = parse_transcript(document.text.encode())
    duration_s = None if document.audio is None else probe(document.audio).duration_s
    return segment_document(turns, duration_s, config, document=document)


def reason_of(error: DocumentError | StoreError | OSError) -> str:
    """Why a document failed, without the path that the system's errors hold."""
    return (error.strerror or "cannot be read") if isinstance(error, OSError) else str(error)


def _segment(session: Session, missing: Sequence[Work]) -> dict[str, SegmentSummary]:
    """Cut documents and store their segments; facts about them by segment key."""
    cut = {}
    index = session.store.index
    with (
        show_progress("segment", unit="documents", total=len(missing)) as progress,
        session.writer("segments", provenance.of_segments()) as writer,
    ):
        for work in missing:
            try:
                segments = segments_of(work.document, session.options.segments)
                _check_unchanged(session, work)
            except (DocumentError, OSError) as error:
                session.fail([work], reason_of(error))
            else:
                rows = to_rows(segments, speakers_of(segments))
                summary = _summarise(segments, rows, work, session.store.salt)
                cut[work.segment_key] = summary
                if work.segment_key not in index and writer.add(
                    work.segment_key, rows, asdict(summary)
                ):
                    index.refresh()  # another extraction may have cut some of the others
            progress.advance()
    index.refresh()
    return cut


def _check_unchanged(session: Session, work: Work) -> None:
    """Segments of a file that changed since its digest was taken must not get its key."""
    if plan.read_inputs(work.document, session.digests, session.store.salt) != work.inputs:
        raise DocumentError(CHANGED)


def _summarise(
    segments: Sequence[Segment], rows: NDArray[np.float64], work: Work, salt: bytes
) -> SegmentSummary:
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
        components=dict(work.components),
    )
