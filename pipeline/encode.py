"""Encode the documents whose features are not stored yet, under one encoder."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from hilbert.pipeline import plan, provenance
from hilbert.pipeline.progress import show_progress
from hilbert.pipeline.segment_step import CHANGED, reason_of, segments_of
from hilbert.pipeline.session import SegmentedWork, Session
from hilbert.stages.extract.encoders.base import EncodeJob, Failed
from hilbert.stages.extract.encoders.weights import ResolvedEncoder, load_encoder
from hilbert.store import keys
from hilbert.store.errors import DocumentError, StoreError
from hilbert.store.types import Modality, Segment

Missing = Mapping[str, Sequence[SegmentedWork]]
"""Works by the feature key that the store lacks; documents of equal content share one."""


@dataclass(slots=True)
class Encoding:
    """What one encoder did in an extraction."""

    documents: list[str] = field(default_factory=list)
    audio_seconds: float = 0.0


def encode_works(
    session: Session, resolved: ResolvedEncoder, works: Sequence[SegmentedWork]
) -> Encoding:
    """Encode what the store lacks; the model is loaded only if something is missing."""
    missing = _missing(session, resolved, works)
    if not missing:
        return Encoding()
    encoder = load_encoder(resolved, device=session.options.device)
    owners = {members[0].document.id: key for key, members in missing.items()}
    made = provenance.of_features(resolved.info, session.options.device)
    done = Encoding()
    with (
        show_progress(resolved.info.name, unit="documents", total=len(missing)) as progress,
        session.store.writer("features", provenance=made, limits=session.limits) as writer,
    ):
        for result in encoder.encode(_jobs(session, resolved.info.modality, missing)):
            key = owners[result.id]
            if isinstance(result, Failed):
                session.fail(missing[key], result.reason)
            elif _audio_changed(session, missing[key][0]):
                session.fail(missing[key], CHANGED)
            else:
                writer.add(key, result.x)
                done.documents.extend(work.document.id for work in missing[key])
                done.audio_seconds += result.audio_seconds
            progress.advance()
    session.store.index.refresh()
    return done


def _missing(
    session: Session, resolved: ResolvedEncoder, works: Sequence[SegmentedWork]
) -> Missing:
    missing: dict[str, list[SegmentedWork]] = {}
    for work in works:
        key = plan.feature_key(resolved.info, work.inputs, work.summary)
        if key is not None and key not in session.store.index:
            missing.setdefault(key, []).append(work)
    return missing


def _jobs(session: Session, modality: Modality, missing: Missing) -> Iterator[EncodeJob]:
    """One job a key, made when the encoder asks for it: texts are read again, not kept."""
    for members in missing.values():
        work = members[0]
        try:
            segments = _segments(session, modality, work)
        except (DocumentError, StoreError, OSError) as error:
            session.fail(members, reason_of(error))
            continue
        chosen = tuple(s for s in segments if s.modality == modality)
        yield EncodeJob(work.document.id, chosen, work.document.audio)


def _segments(session: Session, modality: Modality, work: SegmentedWork) -> Sequence[Segment]:
    """Segments from the store for audio; with their texts, which the store lacks, for text."""
    if modality == "audio":
        return session.store.segments_under(work.segment_key)
    segments = segments_of(work.document, session.options.segments)
    texts = [s for s in segments if s.modality == "text"]
    if keys.texts_digest(texts, salt=session.store.salt) != work.summary.texts:
        raise DocumentError(CHANGED)
    return segments


def _audio_changed(session: Session, work: SegmentedWork) -> bool:
    """Whether the audio is no longer the one whose digest is in the key."""
    audio = work.document.audio
    try:
        return audio is not None and session.digests.of(audio) != work.inputs.audio
    except OSError:
        return True
