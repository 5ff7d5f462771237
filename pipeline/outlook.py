"""What a corpus comes to: the keys of its documents, and what the next manifest says of them."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hilbert.pipeline import plan
from hilbert.pipeline.corpus import Corpus
from hilbert.pipeline.plan import Work
from hilbert.pipeline.segment_step import segment_works
from hilbert.pipeline.session import SegmentedWork, Session
from hilbert.pipeline.transcribe_step import with_components, with_transcripts
from hilbert.store.bulk import many_objects
from hilbert.store.errors import DocumentError
from hilbert.store.manifest import SPLIT_COLUMN, Row
from hilbert.store.types import Document, EncoderInfo


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


@many_objects()
def _rows(session: Session, corpus: Corpus, works: Sequence[SegmentedWork]) -> tuple[Row, ...]:
    by_id = {work.document.id: work for work in works}
    return tuple(_row(session, d, by_id.get(d.id)) for d in corpus.documents)


def _row(session: Session, document: Document, work: SegmentedWork | None) -> Row:
    """The manifest's row of a document, with the keys of all its features."""
    group, columns = document.group or document.id, _columns(document)
    if work is not None:
        return Row(document.id, group, columns, work.segment_key, work.feature_keys)
    former = session.former.get(document.id)
    if former is None or not (_is_absent(document.audio) or _is_absent(document.transcript)):
        return Row(document.id, group, columns)
    # its input is missing, what is stored of it is not
    return former._replace(group=group, columns=columns)


def _columns(document: Document) -> Mapping[str, str | None]:
    """What a fit may ask for: labels, and on which side of a given split the document is."""
    if document.split is None:
        return document.columns
    return {**document.columns, SPLIT_COLUMN: document.split}


def _is_absent(path: str | None) -> bool:
    return path is not None and not os.path.exists(path)
