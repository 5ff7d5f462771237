"""Which part of a file that holds many recordings is a document's.

Such a file ends in ``.ctm``, ``.rttm``, ``.csv`` or ``.tsv``, or is read as one of these by force:
the key of a document's segments must tell which part it is, and not every text is searched for
names.
"""

from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from pathlib import Path, PurePath

from hilbert.stages.extract.transcripts.formats import TranscriptFormat
from hilbert.stages.extract.transcripts.line_fields import lines_of_fields
from hilbert.stages.extract.transcripts.rttm import RTTM_TYPES
from hilbert.stages.extract.transcripts.tables.table import holds_recordings, looks_like_table
from hilbert.store.types import Document

_SUFFIXES = (".ctm", ".rttm", ".csv", ".tsv")
_FORMATS: tuple[TranscriptFormat, ...] = ("ctm", "rttm", "csv")


def may_be_shared(path: str, format: TranscriptFormat = "auto") -> bool:
    """Whether a transcript file may hold several recordings."""
    return format in _FORMATS or (format == "auto" and PurePath(path).suffix.lower() in _SUFFIXES)


def names_of(document: Document) -> tuple[str, ...]:
    """What a shared file may call the document: the stem of its audio file, then its id."""
    stem = () if document.audio is None else (PurePath(document.audio).stem,)
    return (*stem, document.id)


def n_recordings(path: Path) -> str:
    """``several`` or ``one``: how many recordings a file names, whatever else is wrong with it."""
    text = _decoded(path.read_bytes())
    if looks_like_table(text):
        return "several" if holds_recordings(text) else "one"
    names = {
        values[1] if values[0] in RTTM_TYPES and len(values) > 1 else values[0]
        for _, values in lines_of_fields(text)
    }
    return "several" if len(names) > 1 else "one"


def _decoded(data: bytes) -> str:
    encoding = "utf-16" if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig"
    return data.decode(encoding, errors="replace")
