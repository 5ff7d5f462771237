"""Of a dry run: documents whose segments nobody knows before their recording is heard.

They wait for a transcript, or for regions of speech. What is told of them is the most that an
extraction would do.
"""

from collections.abc import Sequence
from pathlib import Path

from hilbert.pipeline.corpus import Corpus
from hilbert.pipeline.cut import config_of, cut_document, must_hear, reason_of
from hilbert.pipeline.plan import Work
from hilbert.pipeline.session import Session
from hilbert.stages.extract.recordings.audio import probe
from hilbert.stages.extract.segment_config import SegmentConfig
from hilbert.stages.extract.stretches import kept_of
from hilbert.store.errors import DocumentError
from hilbert.store.types import Document, EncoderInfo, Seconds


def set_aside(session: Session, works: Sequence[Work]) -> list[Work]:
    """The works that can be cut in this run; those that must be heard first are noted."""
    if not session.options.dry_run:
        return list(works)
    found = []
    for work in works:
        config = config_of(work, session)
        if _must_hear(work.document, config):
            _note(session, work.document, config)
        else:
            found.append(work)
    return found


def _must_hear(document: Document, config: SegmentConfig) -> bool:
    try:
        return must_hear(document, config)
    except (DocumentError, OSError):
        return False  # told when it is cut


def _note(session: Session, document: Document, config: SegmentConfig) -> None:
    """Note that a document would be cut anew, or that it cannot be, whatever is heard."""
    try:
        cut_document(document, config, detect=False)
        session.pending[document.id] = kept_seconds(document)
    except (DocumentError, OSError) as error:
        session.failures.setdefault(document.id, reason_of(error))


def kept_seconds(document: Document) -> Seconds:
    """How much of its recording a document keeps.

    Raises
    ------
    DocumentError
        If the recording cannot be read.
    """
    duration_s = probe(Path(document.audio or "")).duration_s
    return sum(stretch.duration_s for stretch in kept_of(document, duration_s))


def n_to_encode(session: Session, corpus: Corpus, info: EncoderInfo) -> int:
    """How many of the pending documents an encoder would run on, at most."""
    if info.modality == "audio":
        return len(session.pending)
    return sum(
        d.id in session.transcribed or d.transcript is not None or d.text is not None
        for d in corpus.documents
        if d.id in session.pending
    )
