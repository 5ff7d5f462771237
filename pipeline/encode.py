"""Encode the documents whose features are not stored yet, under one encoder."""

import random
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from hilbert.pipeline import provenance
from hilbert.pipeline.cut import config_of, cut_document, reason_of
from hilbert.pipeline.plan import Work, read_inputs
from hilbert.pipeline.progress import show_progress
from hilbert.pipeline.segment_step import CHANGED
from hilbert.pipeline.session import Encoding, Result, SegmentedWork, Session
from hilbert.stages.extract.encoders.base import EncodeJob, Encoder, Failed
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
    todo = {key: missing[key][0].work for key in _from_anywhere(list(missing))}
    with (
        show_progress(resolved.info.name, unit="documents", total=len(todo)) as progress,
        closing(session.executor.run(session, resolved, todo)) as results,
    ):
        for result in results:
            members = missing[result.key]
            if result.failure is not None:
                session.fail(members, result.failure)
            elif result.is_new:
                done.documents.extend(work.document.id for work in members)
                done.audio_seconds += result.audio_seconds
            progress.advance()
    session.store.index.refresh()


def _from_anywhere(wanted: Sequence[str]) -> Sequence[str]:
    """All of `wanted`, begun anywhere, so that several extractions into one store share them."""
    first = random.randrange(len(wanted))
    return (*wanted[first:], *wanted[:first])


def load(session: Session, resolved: ResolvedEncoder) -> Encoder:
    """Load the model of an encoder where this session computes."""
    options = session.options
    return load_encoder(resolved, device=options.device, compile=options.compile)


def encode_documents(
    session: Session, encoder: Encoder, todo: Mapping[str, Work]
) -> Generator[Result, None, None]:
    """Encode documents by their feature keys and commit the features; a result for each."""
    owners = {work.document.id: key for key, work in todo.items()}
    made = provenance.of_features(encoder.info, session.options.device)
    index = session.store.index
    passed: list[Result] = []
    with session.writer("features", made) as writer:
        jobs = _jobs(session, encoder.info.modality, todo, passed)
        for result in encoder.encode(jobs):
            yield from _taken(passed)
            key = owners[result.id]
            if isinstance(result, Failed):
                yield Result(key, result.reason)
            elif _audio_changed(session, todo[key]):
                yield Result(key, CHANGED)
            elif key in index:
                yield Result(key)
            else:
                facts = None if result.n_rows is None else {"n_rows": list(result.n_rows)}
                if writer.add(key, result.x, facts):
                    index.refresh()  # what others committed meanwhile is not encoded again
                yield Result(key, is_new=True, audio_seconds=result.audio_seconds)
        yield from _taken(passed)
    index.refresh()


def _taken(results: list[Result]) -> Iterator[Result]:
    """The results, which are taken out of the list."""
    while results:
        yield results.pop(0)


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
    session: Session, modality: Modality, todo: Mapping[str, Work], passed: list[Result]
) -> Iterator[EncodeJob]:
    """One job a key, made when the encoder asks for it: texts are read again, not kept.

    What another extraction has committed meanwhile and what fails go to `passed` instead.
    """
    for key, work in todo.items():
        if key in session.store.index:
            passed.append(Result(key))
            continue
        try:
            segments = _segments(session, modality, work)
        except (DocumentError, StoreError, OSError) as error:
            passed.append(Result(key, reason_of(error)))
            continue
        chosen = tuple(s for s in segments if s.modality == modality)
        audio = None if work.document.audio is None else Path(work.document.audio)
        yield EncodeJob(work.document.id, chosen, audio)


def _segments(session: Session, modality: Modality, work: Work) -> Sequence[Segment]:
    """Segments from the store for audio; with their texts, which the store lacks, for text."""
    if modality == "audio":
        return session.store.segments_under(work.segment_key)
    segments = cut_document(work.document, config_of(work, session), hear=False).segments
    texts = [s for s in segments if s.modality == "text"]
    if keys.texts_digest(texts, salt=session.store.salt) != session.summary(work.segment_key).texts:
        raise DocumentError(CHANGED)
    return segments


def _audio_changed(session: Session, work: Work) -> bool:
    """Whether the audio is no longer the one whose digest is in the key."""
    if work.document.audio is None:
        return False
    alone = work.document._replace(transcript=None, text=None)
    try:
        return read_inputs(alone, session.digests, session.store.salt).audio != work.inputs.audio
    except DocumentError:
        return True
