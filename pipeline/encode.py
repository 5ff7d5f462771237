"""Encode the documents whose features are not stored yet, under one encoder."""

import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from hilbert.pipeline import provenance
from hilbert.pipeline.plan import read_inputs
from hilbert.pipeline.progress import Progress, show_progress
from hilbert.pipeline.segment_step import CHANGED, reason_of, segments_of
from hilbert.pipeline.session import Encoding, SegmentedWork, Session
from hilbert.stages.extract.encoders.base import EncodeJob, Failed
from hilbert.stages.extract.encoders.weights import ResolvedEncoder, load_encoder
from hilbert.store import keys
from hilbert.store.errors import DocumentError, StoreError
from hilbert.store.types import Modality, Segment

Missing = Mapping[str, Sequence[SegmentedWork]]
"""Works by the feature key that the store lacks; documents of equal content share one."""


def encode_works(
    session: Session, resolved: ResolvedEncoder, works: Sequence[SegmentedWork]
) -> None:
    """Encode what the store lacks; the model is loaded only if something is missing."""
    done = session.done.setdefault(resolved.info.name, Encoding())
    missing = _missing(session, resolved, works)
    if session.options.dry_run:
        _foresee(session, done, resolved.info.modality, missing)
    elif missing:
        _encode(session, resolved, missing, done)


def _foresee(session: Session, done: Encoding, modality: Modality, missing: Missing) -> None:
    """Count what would be encoded."""
    for members in missing.values():
        done.documents.extend(work.document.id for work in members)
        if modality == "audio":
            done.audio_seconds += session.summary(members[0].segment_key).audio_s


def _encode(session: Session, resolved: ResolvedEncoder, missing: Missing, done: Encoding) -> None:
    encoder = load_encoder(resolved, device=session.options.device)
    owners = {members[0].document.id: key for key, members in missing.items()}
    made = provenance.of_features(resolved.info, session.options.device)
    index = session.store.index
    with (
        show_progress(resolved.info.name, unit="documents", total=len(missing)) as progress,
        session.writer("features", made) as writer,
    ):
        jobs = _jobs(session, resolved.info.modality, missing, progress)
        for result in encoder.encode(jobs):
            key = owners[result.id]
            if isinstance(result, Failed):
                session.fail(missing[key], result.reason)
            elif _audio_changed(session, missing[key][0]):
                session.fail(missing[key], CHANGED)
            elif key not in index:
                if writer.add(key, result.x):
                    index.refresh()  # what others committed meanwhile is not encoded again
                done.documents.extend(work.document.id for work in missing[key])
                done.audio_seconds += result.audio_seconds
            progress.advance()
    index.refresh()


def _missing(
    session: Session, resolved: ResolvedEncoder, works: Sequence[SegmentedWork]
) -> Missing:
    missing: dict[str, list[SegmentedWork]] = {}
    for work in works:
        key = work.feature_keys.get(resolved.info.name)
        if key is not None and key not in session.store.index:
            missing.setdefault(key, []).append(work)
    return missing


def _jobs(
    session: Session, modality: Modality, missing: Missing, progress: Progress
) -> Iterator[EncodeJob]:
    """One job a key, made when the encoder asks for it: texts are read again, not kept.

    They begin anywhere and go round, so that several extractions into one store share the
    work; what another one has committed is left out.
    """
    wanted = list(missing)
    first = random.randrange(len(wanted))
    for key in (*wanted[first:], *wanted[:first]):
        members = missing[key]
        if key in session.store.index:
            progress.advance()
            continue
        try:
            segments = _segments(session, modality, members[0])
        except (DocumentError, StoreError, OSError) as error:
            session.fail(members, reason_of(error))
            progress.advance()
            continue
        chosen = tuple(s for s in segments if s.modality == modality)
        first_document = members[0].document
        audio = None if first_document.audio is None else Path(first_document.audio)
        yield EncodeJob(first_document.id, chosen, audio)


def _segments(session: Session, modality: Modality, work: SegmentedWork) -> Sequence[Segment]:
    """Segments from the store for audio; with their texts, which the store lacks, for text."""
    if modality == "audio":
        return session.store.segments_under(work.segment_key)
    # texts do not depend on the audio, which need not be heard for them
    segments = segments_of(work.document._replace(audio=None), session.options.segments)
    texts = [s for s in segments if s.modality == "text"]
    if keys.texts_digest(texts, salt=session.store.salt) != session.summary(work.segment_key).texts:
        raise DocumentError(CHANGED)
    return segments


def _audio_changed(session: Session, work: SegmentedWork) -> bool:
    """Whether the audio is no longer the one whose digest is in the key."""
    if work.document.audio is None:
        return False
    alone = work.document._replace(transcript=None, text=None)
    try:
        return read_inputs(alone, session.digests, session.store.salt).audio != work.inputs.audio
    except DocumentError:
        return True
