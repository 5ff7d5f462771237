"""The command `hilbert extract`: plan, segment, encode what is missing, publish.

What is planned is decided by keys alone; a call that finds all keys in the store loads no
model. Every document stands alone: one that fails is reported and the others are done.
"""

import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import hilbert
from hilbert.pipeline import plan
from hilbert.pipeline.corpus import Corpus
from hilbert.pipeline.progress import show_progress
from hilbert.stages.extract.audio import probe
from hilbert.stages.extract.encoders.base import EncodeJob, EncoderOptions, Failed
from hilbert.stages.extract.encoders.weights import (
    ResolvedEncoder,
    best_audio_precision,
    load_encoder,
    resolve_encoder,
)
from hilbert.stages.extract.segment import SegmentConfig, segment_document
from hilbert.stages.extract.transcript import parse_transcript, read_transcript
from hilbert.store import keys
from hilbert.store.errors import DocumentError, HilbertError, StoreError
from hilbert.store.feature_store import FeatureStore, create_store, open_store
from hilbert.store.file_digests import FileDigests
from hilbert.store.manifest import Manifest, Row
from hilbert.store.pack_writer import PackLimits
from hilbert.store.segment_table import SegmentSummary, speakers_of, to_rows
from hilbert.store.types import Document, EncoderInfo, Modality, Segment

DEFAULT_ENCODERS: dict[Modality, str] = {"audio": "whisper", "text": "minilm"}


@dataclass(frozen=True, slots=True)
class ExtractOptions:
    """What `hilbert extract` does; flags of the command line fill it."""

    encoders: tuple[str, ...] = ()
    """Encoders by name, id or folder; a modality without one uses its default."""
    audio: bool = True
    """Encode recordings."""
    text: bool = True
    """Encode transcripts."""
    device: str = "auto"
    """Where the encoders run: auto, cpu, cuda or mps."""
    encoding: EncoderOptions = field(default_factory=EncoderOptions)
    """Layer, pooling and context of the encoders named in `encoders`."""
    segments: SegmentConfig = field(default_factory=SegmentConfig)
    """How recordings and transcripts are cut."""
    rehash: bool = False
    """Read every file again instead of trusting size and times."""
    prune: bool = False
    """Drop documents that the corpus no longer has."""
    commit_every_s: float = 20.0
    """Seconds of work a kill can cost at most."""


@dataclass(frozen=True, slots=True)
class ExtractReport:
    """What an extraction did."""

    documents: int
    encoded: Mapping[str, int]
    skipped: int
    failed: tuple[tuple[str, str], ...]
    audio_seconds: float
    generation: int
    kept: int
    """Documents of the store that are not in the corpus."""


@dataclass(frozen=True, slots=True)
class _Work:
    """A document on its way through an extraction."""

    document: Document
    inputs: plan.Inputs
    components: Mapping[str, object]
    segment_key: str
    summary: SegmentSummary | None


@dataclass(slots=True)
class _Done:
    """What one encoder did."""

    documents: list[str] = field(default_factory=list)
    audio_seconds: float = 0.0


def extract(corpus: Corpus, store_path: Path, options: ExtractOptions) -> ExtractReport:
    """Bring the store up to date with a corpus.

    Raises
    ------
    HilbertError
        If nothing can be done at all: no such encoder, a store that is none, a full disk.
        What concerns one document is in the report instead.
    """
    encoders = resolve_encoders(corpus, options, store_precision(store_path))
    store = create_store(store_path, precision=store_precision(store_path))
    failures: dict[str, str] = {}
    with FileDigests(rehash=options.rehash) as digests:
        works = _plan(corpus, store, options, digests, failures)
        works = _segment(works, store, options, failures)
        done = {e.info.name: _encode(e, works, store, options, digests, failures) for e in encoders}
    return _publish(corpus, works, store, encoders, options, done, failures)


def store_precision(store_path: Path) -> str:
    """Arithmetic of audio encoders: the store's own, or for a new one this machine's best."""
    if (store_path / "zarr.json").exists():
        return open_store(store_path).root.precision
    return best_audio_precision()


def resolve_encoders(
    corpus: Corpus, options: ExtractOptions, precision: str
) -> tuple[ResolvedEncoder, ...]:
    """Encoders to run: those named, and the default for a modality without one."""
    named = [
        resolve_encoder(name, replace(options.encoding, precision=precision))
        for name in options.encoders
    ]
    covered = {encoder.info.modality for encoder in named}
    wanted: dict[Modality, bool] = {
        "audio": options.audio and any(d.audio for d in corpus.documents),
        "text": options.text and any(d.transcript or d.text for d in corpus.documents),
    }
    if unwanted := [e for e in named if not getattr(options, e.info.modality)]:
        info = unwanted[0].info
        raise HilbertError(
            f"--encoder {info.name} is an encoder of {info.modality}, which"
            f" --no-{info.modality} leaves out; drop one of the two"
        )
    defaults = [
        resolve_encoder(DEFAULT_ENCODERS[modality], EncoderOptions(precision=precision))
        for modality, want in wanted.items()
        if want and modality not in covered
    ]
    names = [encoder.info.name for encoder in (*named, *defaults)]
    if twice := {name for name in names if names.count(name) > 1}:
        raise HilbertError(f"two encoders have the name {min(twice)}; rename one's folder")
    if not names:
        raise HilbertError("nothing to encode: the corpus has no audio and no text left to do")
    return (*named, *defaults)


def _plan(
    corpus: Corpus,
    store: FeatureStore,
    options: ExtractOptions,
    digests: FileDigests,
    failures: dict[str, str],
) -> list[_Work]:
    works = []
    for document in corpus.documents:
        try:
            inputs = plan.read_inputs(document, digests, store.salt)
        except DocumentError as error:
            failures[document.id] = str(error)
            continue
        components = plan.segment_components(document, inputs, options.segments)
        key = keys.segment_key(components)
        works.append(_Work(document, inputs, components, key, store.summary(key)))
    return works


def _segment(
    works: list[_Work], store: FeatureStore, options: ExtractOptions, failures: dict[str, str]
) -> list[_Work]:
    """Segment the documents whose segments are not stored; leaves out those that fail."""
    missing = [work for work in works if work.summary is None]
    if missing:
        limits = PackLimits(seconds=options.commit_every_s)
        with (
            show_progress("segment", len(missing), "documents") as progress,
            store.writer("segments", provenance=_provenance(), limits=limits) as writer,
        ):
            for work in missing:
                try:
                    segments = _segments_of(work.document, options.segments)
                except DocumentError as error:
                    failures[work.document.id] = str(error)
                else:
                    summary = _summarise(segments, work, store.salt)
                    writer.add(
                        work.segment_key, to_rows(segments, summary.speakers), asdict(summary)
                    )
                progress.advance()
        store.index.refresh()
    seen = [replace(work, summary=store.summary(work.segment_key)) for work in works]
    return [work for work in seen if work.summary is not None]


def _segments_of(document: Document, config: SegmentConfig) -> tuple[Segment, ...]:
    turns = None
    if document.transcript is not None:
        turns = read_transcript(document.transcript)
    elif document.text is not None:
        turns = parse_transcript(document.text.encode())
    duration_s = None if document.audio is None else probe(document.audio).duration_s
    return segment_document(turns, duration_s, config, document=document)


def _summarise(segments: Sequence[Segment], work: _Work, salt: bytes) -> SegmentSummary:
    audio = [s for s in segments if s.modality == "audio"]
    text = [s for s in segments if s.modality == "text"]
    return SegmentSummary(
        boundaries=keys.boundaries_digest(audio),
        texts=keys.texts_digest(text, salt=salt),
        n_audio=len(audio),
        n_text=len(text),
        speakers=speakers_of(segments),
        components=dict(work.components),
    )


def _encode(
    resolved: ResolvedEncoder,
    works: Sequence[_Work],
    store: FeatureStore,
    options: ExtractOptions,
    digests: FileDigests,
    failures: dict[str, str],
) -> _Done:
    """Encode what the store lacks under one encoder."""
    missing = _missing(resolved.info, works, store)
    if not missing:
        return _Done()
    owners = {members[0].document.id: (key, members) for key, members in missing.items()}
    encoder = load_encoder(resolved, device=options.device)
    done = _Done()
    limits = PackLimits(seconds=options.commit_every_s)
    provenance = _provenance(resolved.info, options.device)
    with (
        show_progress(resolved.info.name, len(missing), "documents") as progress,
        store.writer("features", provenance=provenance, limits=limits) as writer,
    ):
        jobs = _jobs(resolved.info, missing, store, options, failures)
        for result in encoder.encode(jobs):
            key, members = owners[result.id]
            reason = result.reason if isinstance(result, Failed) else _changed(members[0], digests)
            if isinstance(result, Failed) or reason:
                failures.update({m.document.id: reason for m in members})
            else:
                writer.add(key, result.x)
                done.documents.append(result.id)
                done.audio_seconds += result.audio_seconds
            progress.advance()
    store.index.refresh()
    return done


def _missing(
    info: EncoderInfo, works: Sequence[_Work], store: FeatureStore
) -> dict[str, list[_Work]]:
    """Works by the feature key that the store lacks; equal documents share one."""
    missing: dict[str, list[_Work]] = {}
    for work in works:
        key = plan.feature_key(info, work.inputs, _summary(work))
        if key is not None and key not in store.index:
            missing.setdefault(key, []).append(work)
    return missing


def _jobs(
    info: EncoderInfo,
    missing: Mapping[str, list[_Work]],
    store: FeatureStore,
    options: ExtractOptions,
    failures: dict[str, str],
) -> Iterator[EncodeJob]:
    """One job a key, made when the encoder asks for it: texts are read again, not kept."""
    for members in missing.values():
        work = members[0]
        if info.modality == "audio":
            segments = store.segments_under(work.segment_key)
        else:
            try:
                segments = _segments_of(work.document, options.segments)
            except DocumentError as error:
                failures.update({m.document.id: str(error) for m in members})
                continue
            text = [s for s in segments if s.modality == "text"]
            if keys.texts_digest(text, salt=store.salt) != _summary(work).texts:
                failures.update({m.document.id: _CHANGED for m in members})
                continue
        chosen = tuple(s for s in segments if s.modality == info.modality)
        yield EncodeJob(work.document.id, chosen, work.document.audio)


_CHANGED = "its files changed while they were read; run the command again"


def _changed(work: _Work, digests: FileDigests) -> str:
    """A reason if the audio is no longer what was planned, else empty text."""
    audio = work.document.audio
    try:
        same = audio is None or digests.of(audio) == work.inputs.audio
    except OSError:
        same = False
    return "" if same else _CHANGED


def _publish(
    corpus: Corpus,
    works: Sequence[_Work],
    store: FeatureStore,
    encoders: Sequence[ResolvedEncoder],
    options: ExtractOptions,
    done: Mapping[str, _Done],
    failures: Mapping[str, str],
) -> ExtractReport:
    infos = {encoder.info.name: encoder.info for encoder in encoders}
    known = {**store.encoders(), **infos}
    by_id = {work.document.id: work for work in works}
    rows = [_row(d, by_id.get(d.id), known, store, failures.get(d.id)) for d in corpus.documents]
    published = store.publish(Manifest(0, tuple(rows), infos), prune=options.prune)
    ids = {document.id for document in corpus.documents}
    touched = {document for part in done.values() for document in part.documents}
    return ExtractReport(
        documents=len(corpus.documents),
        encoded={name: len(part.documents) for name, part in done.items()},
        skipped=len(ids - touched - set(failures)),
        failed=tuple((d.id, failures[d.id]) for d in corpus.documents if d.id in failures),
        audio_seconds=sum(part.audio_seconds for part in done.values()),
        generation=published.generation,
        kept=sum(row.id not in ids for row in published.rows),
    )


def _row(
    document: Document,
    work: _Work | None,
    encoders: Mapping[str, EncoderInfo],
    store: FeatureStore,
    failure: str | None,
) -> Row:
    row = Row(document.id, document.group or document.id, document.columns, failure=failure)
    if work is None:
        return row
    found = plan.feature_keys(encoders, work.inputs, _summary(work))
    stored = {name: key for name, key in found.items() if key in store.index}
    return replace(row, segment_key=work.segment_key, feature_keys=stored)


def _summary(work: _Work) -> SegmentSummary:
    if work.summary is None:
        raise StoreError(f"the segments of {work.document.id} were not stored")
    return work.summary


def _provenance(info: EncoderInfo | None = None, device: str | None = None) -> dict[str, object]:
    """How features came to be; recorded, never part of a key."""
    machine = {
        "hilbert": hilbert.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
    return machine if info is None else {**machine, "encoder": asdict(info), "device": device}
