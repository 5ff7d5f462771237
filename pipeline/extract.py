"""The command `hilbert extract`: plan, segment, encode what is missing, publish.

What is planned is decided by keys alone; a call that finds all keys in the store loads no
model. Every document stands alone: one that fails is reported and the others are done.
"""

import os
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from hilbert.pipeline import plan
from hilbert.pipeline.choose_encoders import precision_of
from hilbert.pipeline.corpus import Corpus
from hilbert.pipeline.encode import encode_works
from hilbert.pipeline.executors import open_executor
from hilbert.pipeline.last_look import LastLook, note_look
from hilbert.pipeline.pending import n_to_encode
from hilbert.pipeline.plan import Work
from hilbert.pipeline.segment_step import segment_works
from hilbert.pipeline.session import ExtractOptions, SegmentedWork, Session
from hilbert.pipeline.transcribe_step import placed, with_components, with_transcripts
from hilbert.stages.extract.encoders.base import Precision
from hilbert.stages.extract.encoders.weights import ResolvedEncoder
from hilbert.store.bulk import many_objects
from hilbert.store.errors import DocumentError, StoreError
from hilbert.store.feature_store import create_store, open_store
from hilbert.store.file_digests import FileDigests
from hilbert.store.formats import format_at
from hilbert.store.manifest import Manifest, Row
from hilbert.store.references import keys_of, keys_of_row
from hilbert.store.types import Document, EncoderInfo

ATTEMPTS = 3
"""How often an extraction begins again when what it refers to is deleted meanwhile."""


@dataclass(frozen=True, slots=True)
class ExtractReport:
    """What an extraction did, or in a dry run would do."""

    documents: int
    segmented: int
    """Documents that were cut."""
    encoded: Mapping[str, int]
    skipped: int
    failed: tuple[tuple[str, str], ...]
    audio_seconds: float
    generation: int
    """The latest generation afterwards."""
    kept: int
    """Documents of the store that are not in the corpus, and stay."""
    dropped: int
    """Documents of the store that are not in the corpus, and go (`prune`)."""
    superseded: int
    """Documents not in the corpus that lose features, because another encoder has their name."""
    damaged: int
    """Packs of the store that are damaged or gone; what they held was missing."""
    transcribed: int = 0
    """Documents whose transcript was made."""
    wordless: int = 0
    """Documents in whose recording no words were found; they have no text."""
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Outlook:
    """Documents of a corpus, and what the store knows or will know of them.

    Attributes
    ----------
    works : tuple of SegmentedWork
        Documents whose files can be read and cut.
    rows : tuple of Row
        What the next manifest says of each document of the corpus, if all goes well.
    encoders : mapping of str to EncoderInfo
        Those of the store, and those that were asked for.
    """

    works: tuple[SegmentedWork, ...]
    rows: tuple[Row, ...]
    encoders: Mapping[str, EncoderInfo]

    @property
    def ids(self) -> frozenset[str]:
        """Documents of the corpus."""
        return frozenset(row.id for row in self.rows)


def nothing_to_do(look: LastLook, *, dry_run: bool) -> ExtractReport:
    """What an extraction reports where nothing was touched since a look."""
    return ExtractReport(
        documents=look.n_documents,
        segmented=0,
        encoded=dict.fromkeys(look.encoders, 0),
        skipped=look.n_documents,
        failed=(),
        audio_seconds=0.0,
        generation=look.generation,
        kept=look.kept,
        dropped=0,
        superseded=0,
        damaged=0,
        dry_run=dry_run,
    )


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
    infos = {encoder.info.name: encoder.info for encoder in encoders}
    with begin(store_path, precision_of(encoders), options, corpus.path.absolute()) as session:
        damaged = len(session.store.index.damaged)
        for _ in range(ATTEMPTS):
            session.failures.clear()
            outlook = look(session, corpus, infos)
            for encoder in encoders:
                encode_works(session, encoder, outlook.works)
            if _publish(session, infos, outlook):
                if _is_complete(session, outlook):
                    note_look(session, corpus, store_path, infos)
                return _report(session, corpus, outlook, infos, damaged)
    raise StoreError(
        f"{store_path.name} loses features while they are written; see that no"
        " `hilbert store gc` of other data runs beside it, then run the command again"
    )


@contextmanager
def begin(
    store_path: Path, precision: Precision, options: ExtractOptions, table: Path | None = None
) -> Iterator[Session]:
    """A session on the store at `store_path`; in a dry run an empty one stands for none."""
    with ExitStack() as stack:
        if options.dry_run and format_at(store_path) is None and not store_path.exists():
            folder = Path(stack.enter_context(TemporaryDirectory()))
            store = create_store(folder / store_path.name, precision=precision)
        elif options.dry_run:
            store = open_store(store_path)
        else:
            store = create_store(store_path, precision=precision)
        options = replace(options, transcribe=placed(options.transcribe, store_path))
        digests = stack.enter_context(FileDigests(rehash=options.rehash))
        executor = stack.enter_context(open_executor(options))
        known = (store.rows(), store.encoders())
        yield Session(store, options, digests, executor, store_path, table, *known)


def look(session: Session, corpus: Corpus, encoders: Mapping[str, EncoderInfo]) -> Outlook:
    """Read the keys of all documents, cutting those whose segments are not stored."""
    infos = {**session.store.encoders(), **encoders}
    ready = with_transcripts(session, corpus)
    works = segment_works(session, _read_inputs(session, ready), infos)
    return Outlook(tuple(works), _rows(session, corpus, works), infos)


@many_objects()
def _read_inputs(session: Session, corpus: Corpus) -> list[Work]:
    """Keys of the documents whose files can be read; the others fail."""
    works = []
    cutting = plan.Cutting(session.options.segments, session.digests)
    for document in corpus.documents:
        usable = _without_absent(session, document)
        try:
            inputs = plan.read_inputs(usable, session.digests, session.store.salt)
        except DocumentError as error:
            session.failures[document.id] = str(error)
        else:
            works.append(with_components(session, cutting.work(usable, inputs)))
    return works


def _without_absent(session: Session, document: Document) -> Document:
    """The document without a file that is neither wanted nor there, nor was encoded before.

    So that ``--no-audio`` works where the recordings are on another machine. Where the store has
    features of the absent file, the document fails instead and keeps them.
    """
    options = session.options
    if options.audio and options.text:
        return document
    former = session.former.get(document.id)
    if former is not None and former.feature_keys:
        return document
    has_text = document.transcript is not None or document.text is not None
    if not options.audio and has_text and _is_absent(document.audio):
        return document._replace(audio=None)
    if not options.text and document.audio is not None and _is_absent(document.transcript):
        return document._replace(transcript=None)
    return document


def _publish(session: Session, encoders: Mapping[str, EncoderInfo], outlook: Outlook) -> bool:
    """Make a generation of what is stored now; False if some of it was deleted meanwhile.

    What nothing refers to yet, another process may collect at any time. Afterwards it may not.
    """
    store = session.store
    if session.options.dry_run:
        return True
    store.refresh()
    if _is_lost(session, outlook):
        return False
    before = store.manifest().generation
    rows = _stored(session, outlook.rows)
    published = store.publish(Manifest(0, rows, encoders), prune=session.options.prune)
    if published.generation == before:
        return True  # all of it was referred to before this extraction, and stayed
    store.refresh()
    return not store.index.lacking(keys_of(rows))


def _is_lost(session: Session, outlook: Outlook) -> bool:
    """Whether something that was found in the store or put there is gone from it.

    A document that failed was not encoded, but it was cut, unless its files cannot be used.
    """
    index, failures = session.store.index, session.failures
    if index.lacking(work.segment_key for work in outlook.works):
        return True
    made = (work for work in outlook.works if work.document.id not in failures)
    wanted = set(session.done)
    return bool(
        index.lacking(
            key for work in made for name, key in work.feature_keys.items() if name in wanted
        )
    )


def _is_complete(session: Session, outlook: Outlook) -> bool:
    """Whether nothing is left for another call to do."""
    index = session.store.index
    if session.options.dry_run or session.failures or index.damaged:
        return False
    return not index.lacking(keys_of(outlook.rows))


def _loses(row: Row, session: Session, encoders: Mapping[str, EncoderInfo]) -> bool:
    """Whether a document has features under the name of an encoder that is now another."""
    before = session.known
    return any(
        name in encoders and before[name].fingerprint != encoders[name].fingerprint
        for name in row.feature_keys
    )


def _stored(session: Session, rows: Sequence[Row]) -> tuple[Row, ...]:
    """The rows without what is not in the store, and with the reason."""
    failures, lacking = session.failures, session.store.index.lacking(keys_of(rows))
    if not failures and not lacking:
        return tuple(rows)
    return tuple(_without(row, lacking, failures.get(row.id)) for row in rows)


def _without(row: Row, lacking: Set[str], failure: str | None) -> Row:
    if failure is None and lacking.isdisjoint(keys_of_row(row)):
        return row
    if row.segment_key is None or row.segment_key in lacking:
        return row._replace(segment_key=None, feature_keys={}, failure=failure)
    found = {name: key for name, key in row.feature_keys.items() if key not in lacking}
    return row._replace(feature_keys=found, failure=failure)


def _report(
    session: Session,
    corpus: Corpus,
    outlook: Outlook,
    encoders: Mapping[str, EncoderInfo],
    damaged: int,
) -> ExtractReport:
    latest = session.store.manifest()
    prune = session.options.prune
    present = outlook.ids
    others = [row for name, row in session.former.items() if name not in present]
    ids = [document.id for document in corpus.documents]
    touched = {name for encoding in session.done.values() for name in encoding.documents}
    failures = session.failures
    return ExtractReport(
        documents=len(ids),
        segmented=sum(not work.stored for work in outlook.works) + len(session.pending),
        encoded={
            name: len(encoding.documents) + n_to_encode(session, corpus, encoders[name])
            for name, encoding in session.done.items()
        },
        skipped=len(set(ids) - touched - set(failures) - set(session.pending)),
        failed=tuple((name, failures[name]) for name in ids if name in failures),
        audio_seconds=sum(encoding.audio_seconds for encoding in session.done.values())
        + (sum(session.pending.values()) if session.options.audio else 0.0),
        generation=latest.generation,
        kept=0 if prune else len(others),
        dropped=len(others) if prune else 0,
        superseded=0 if prune else sum(_loses(row, session, encoders) for row in others),
        damaged=damaged,
        transcribed=len(session.transcribed),
        wordless=len(session.wordless),
        dry_run=session.options.dry_run,
    )


@many_objects()
def _rows(session: Session, corpus: Corpus, works: Sequence[SegmentedWork]) -> tuple[Row, ...]:
    by_id = {work.document.id: work for work in works}
    return tuple(_row(session, d, by_id.get(d.id)) for d in corpus.documents)


def _row(session: Session, document: Document, work: SegmentedWork | None) -> Row:
    """The manifest's row of a document, with the keys of all its features."""
    group = document.group or document.id
    if work is not None:
        return Row(document.id, group, document.columns, work.segment_key, work.feature_keys)
    former = session.former.get(document.id)
    if former is None or not (_is_absent(document.audio) or _is_absent(document.transcript)):
        return Row(document.id, group, document.columns)
    # its input is missing, what is stored of it is not
    return former._replace(group=group, columns=document.columns)


def _is_absent(path: str | None) -> bool:
    return path is not None and not os.path.exists(path)
