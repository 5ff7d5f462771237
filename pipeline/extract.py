"""The command `hilbert extract`: plan, segment, encode what is missing, publish.

What is planned is decided by keys alone; a call that finds all keys in the store loads no
model. Every document stands alone: one that fails is reported and the others are done.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from hilbert.pipeline.choose_encoders import precision_of
from hilbert.pipeline.corpus import Corpus
from hilbert.pipeline.encode import encode_works
from hilbert.pipeline.executors import open_executor
from hilbert.pipeline.extract_report import ExtractReport, report_of
from hilbert.pipeline.last_look import note_look
from hilbert.pipeline.outlook import Outlook, look
from hilbert.pipeline.session import ExtractOptions, Session
from hilbert.pipeline.transcribe_step import placed, way_of
from hilbert.stages.extract.encoders.base import Precision
from hilbert.stages.extract.encoders.weights import ResolvedEncoder
from hilbert.store.errors import StoreError
from hilbert.store.feature_store import create_store, open_store
from hilbert.store.file_digests import FileDigests
from hilbert.store.formats import format_at
from hilbert.store.manifest import Manifest, Row
from hilbert.store.references import keys_of, keys_of_row
from hilbert.store.types import EncoderInfo

ATTEMPTS = 3
"""How often an extraction begins again when what it refers to is deleted meanwhile."""


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
            lacking = _publish(session, infos, outlook)
            if lacking is None:
                continue
            if not (lacking or options.dry_run or session.failures or session.store.index.damaged):
                note_look(session, corpus, store_path, infos)
            return report_of(session, corpus, outlook, infos, damaged)
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


def _publish(
    session: Session, encoders: Mapping[str, EncoderInfo], outlook: Outlook
) -> Set[str] | None:
    """Make a generation of what is stored now.

    What nothing refers to yet, another process may collect at any time. Afterwards it may not.

    Returns
    -------
    set of str, optional
        Keys that are still to be made; None if some that were stored are deleted meanwhile.
    """
    store = session.store
    store.refresh()
    commits, lacking = store.index.commits, store.index.lacking(keys_of(outlook.rows))
    if session.options.dry_run:
        return lacking
    if lacking and _is_lost(session, outlook, lacking):
        return None
    before = store.manifest().generation
    rows = _stored(session, outlook.rows, lacking)
    manifest = Manifest(0, rows, encoders, way_of(session))
    published = store.publish(manifest, prune=session.options.prune)
    if published.generation == before:
        return lacking  # all of it was referred to before this extraction, and stayed
    store.refresh()
    is_same = store.index.commits is commits
    return lacking if is_same or not store.index.lacking(keys_of(rows)) else None


def _is_lost(session: Session, outlook: Outlook, lacking: Set[str]) -> bool:
    """Whether something that was found in the store or put there is among what it lacks now.

    A document that failed was not encoded, but it was cut, unless its files cannot be used.
    """
    failures, wanted = session.failures, set(session.done)
    return any(
        work.segment_key in lacking
        or (
            work.document.id not in failures
            and any(k in lacking for name, k in work.feature_keys.items() if name in wanted)
        )
        for work in outlook.works
    )


def _stored(session: Session, rows: Sequence[Row], lacking: Set[str]) -> tuple[Row, ...]:
    """The rows without what is not in the store, and with the reason."""
    failures = session.failures
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
