"""The command `hilbert extract`: plan, segment, encode what is missing, publish.

What is planned is decided by keys alone; a call that finds all keys in the store loads no
model. Every document stands alone: one that fails is reported and the others are done.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hilbert.pipeline import plan
from hilbert.pipeline.choose_encoders import precision_of
from hilbert.pipeline.corpus import Corpus
from hilbert.pipeline.encode import Encoding, encode_works
from hilbert.pipeline.segment_step import segment_works
from hilbert.pipeline.session import ExtractOptions, SegmentedWork, Session, Work
from hilbert.stages.extract.encoders.weights import ResolvedEncoder
from hilbert.store import keys
from hilbert.store.errors import DocumentError
from hilbert.store.feature_store import create_store
from hilbert.store.file_digests import FileDigests
from hilbert.store.manifest import Manifest, Row
from hilbert.store.types import Document, EncoderInfo


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
    damaged: int
    """Packs of the store that are damaged or gone; what they held was missing."""


def extract(
    corpus: Corpus,
    store_path: Path,
    encoders: Sequence[ResolvedEncoder],
    options: ExtractOptions,
) -> ExtractReport:
    """Bring the store up to date with a corpus, creating it if there is none.

    Raises
    ------
    HilbertError
        If nothing can be done at all: a store that is none, weights that do not load. What
        concerns one document is in the report instead.
    """
    store = create_store(store_path, precision=precision_of(encoders))
    with FileDigests(rehash=options.rehash) as digests:
        session = Session(store, options, digests, former=store.rows())
        works = segment_works(session, _read_inputs(session, corpus))
        done = {e.info.name: encode_works(session, e, works) for e in encoders}
    return _publish(session, corpus, works, encoders, done)


def _read_inputs(session: Session, corpus: Corpus) -> list[Work]:
    """Keys of the documents whose files can be read; the others fail."""
    works = []
    for document in corpus.documents:
        usable = _without_absent(session, document)
        try:
            inputs = plan.read_inputs(usable, session.digests, session.store.salt)
        except DocumentError as error:
            session.failures[document.id] = str(error)
            continue
        components = plan.segment_components(usable, inputs, session.options.segments)
        works.append(Work(usable, inputs, components, keys.segment_key(components)))
    return works


def _without_absent(session: Session, document: Document) -> Document:
    """The document without a file that is neither wanted nor there, nor was encoded before.

    So that ``--no-audio`` works where the recordings are on another machine. Where the store has
    features of the absent file, the document fails instead and keeps them.
    """
    options, former = session.options, session.former.get(document.id)
    if former is not None and former.feature_keys:
        return document
    has_text = document.transcript is not None or document.text is not None
    if not options.audio and has_text and _is_absent(document.audio):
        return replace(document, audio=None)
    if not options.text and document.audio is not None and _is_absent(document.transcript):
        return replace(document, transcript=None)
    return document


def _publish(
    session: Session,
    corpus: Corpus,
    works: Sequence[SegmentedWork],
    encoders: Sequence[ResolvedEncoder],
    done: Mapping[str, Encoding],
) -> ExtractReport:
    infos = {encoder.info.name: encoder.info for encoder in encoders}
    known = {**session.store.encoders(), **infos}
    by_id = {work.document.id: work for work in works}
    rows = [_row(session, d, by_id.get(d.id), known) for d in corpus.documents]
    published = session.store.publish(Manifest(0, tuple(rows), infos), prune=session.options.prune)
    ids = [document.id for document in corpus.documents]
    touched = {name for encoding in done.values() for name in encoding.documents}
    failures = session.failures
    return ExtractReport(
        documents=len(ids),
        encoded={name: len(encoding.documents) for name, encoding in done.items()},
        skipped=len(set(ids) - touched - set(failures)),
        failed=tuple((name, failures[name]) for name in ids if name in failures),
        audio_seconds=sum(encoding.audio_seconds for encoding in done.values()),
        generation=published.generation,
        kept=len({row.id for row in published.rows} - set(ids)),
        damaged=len(session.store.index.damaged),
    )


def _row(
    session: Session,
    document: Document,
    work: SegmentedWork | None,
    encoders: Mapping[str, EncoderInfo],
) -> Row:
    """The manifest's row of a document, with the features that are stored."""
    failure = session.failures.get(document.id)
    row = Row(document.id, document.group or document.id, document.columns, failure=failure)
    if work is None:
        former = session.former.get(document.id)
        if former is None or not (_is_absent(document.audio) or _is_absent(document.transcript)):
            return row
        # its input is missing, what is stored of it is not
        return replace(former, group=row.group, columns=row.columns, failure=failure)
    found = plan.feature_keys(encoders, work.inputs, work.summary)
    stored = {name: key for name, key in found.items() if key in session.store.index}
    return replace(row, segment_key=work.segment_key, feature_keys=stored)


def _is_absent(path: Path | None) -> bool:
    return path is not None and not path.exists()
