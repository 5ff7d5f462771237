"""Read and check the corpus table: one row a document.

Relative paths resolve
against the table's folder. Every column that is not reserved may be a target or a group.
"""

import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from hilbert.pipeline.tables import Cells, read_table
from hilbert.store.bulk import many_objects
from hilbert.store.errors import CorpusError
from hilbert.store.types import Document, Seconds, Span

RESERVED = (
    "id",
    "audio",
    "transcript",
    "text",
    "group",
    "split",
    "speaker",
    "start",
    "end",
    "exclude",
    "transcript_offset",
    "language",
)
_RESERVED = frozenset(RESERVED)


@dataclass(frozen=True, slots=True)
class Corpus:
    """The documents of a table, in its order; `columns` are those that are not reserved."""

    name: str
    documents: tuple[Document, ...]
    columns: tuple[str, ...]
    table: Path | None = None
    """Where the table is, if it is a file."""


@many_objects()
def read_corpus(path: Path) -> Corpus:
    """Read and check a corpus table.

    Parameters
    ----------
    path : Path
        A ``.csv``, ``.tsv``, ``.jsonl`` or ``.parquet`` file with at least a column ``id`` and
        one of ``audio``, ``transcript`` and ``text``.

    Raises
    ------
    CorpusError
        At the first thing that is wrong, naming the row and the column. Rows are numbered as
        a spreadsheet or an editor shows them, the header of a CSV being row 1. That a file
        named in the table is missing is no error here: the other documents can be done.
    """
    rows = read_table(path)
    columns = tuple(dict.fromkeys(name for _, cells in rows for name in cells))
    _check_columns(path.name, columns)
    documents = _documents(path, rows)
    others = tuple(c for c in columns if c not in RESERVED)
    return Corpus(path.name, documents, others, path.absolute())


def _check_columns(table: str, columns: tuple[str, ...]) -> None:
    if "id" not in columns:
        hint = "; are the cells parted by commas?" if any(";" in c for c in columns) else ""
        raise CorpusError(f"{table} has no column id; it has: {', '.join(columns)}{hint}")
    if not {"audio", "transcript", "text"} & set(columns):
        raise CorpusError(f"{table} has none of the columns audio, transcript and text")


def _documents(path: Path, rows: Sequence[tuple[int, Cells]]) -> tuple[Document, ...]:
    first_rows: dict[str, int] = {}
    documents = []
    folder = os.path.abspath(path.parent)
    for number, cells in rows:
        row = _Row(
            path.name, folder, number, {n: cell.strip() or None for n, cell in cells.items()}
        )
        row.check()
        document = _document(row)
        if (first := first_rows.setdefault(document.id, number)) != number:
            raise row.error(
                "id", f"{document.id!r} is already the id of row {first}; rename or drop one"
            )
        documents.append(document)
    return tuple(documents)


class _Row(NamedTuple):
    """Cells of one row, None where they are empty, and errors that say where they stand."""

    table: str
    folder: str
    number: int
    cells: dict[str, str | None]

    def error(self, column: str, what: str) -> CorpusError:
        return CorpusError(f"{self.table}, row {self.number}, column {column}: {what}")

    def check(self) -> None:
        for column, cell in self.cells.items():
            if cell and not cell.isascii() and any("\ud800" <= c <= "\udfff" for c in cell):
                raise self.error(column, "holds half of a character (a lone surrogate)")

    def path(self, column: str) -> str | None:
        value = self.cells.get(column)
        if value is None:
            return None
        if not value.isprintable():
            raise self.error(column, "holds a character that cannot be printed")
        return os.path.join(self.folder, value)

    def seconds(self, column: str) -> Seconds | None:
        """A finite number of seconds, never minus zero, which would be another key."""
        value = self.cells.get(column)
        if value is None:
            return None
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise self.error(column, f"{value!r} is not a number of seconds")
        return number + 0.0


def _document(row: _Row) -> Document:
    cells = row.cells
    identity = cells.get("id")
    if identity is None:
        raise row.error("id", "is empty")
    if not identity.isprintable():
        raise row.error("id", "holds a line break or another character that cannot be printed")
    audio, transcript, text = row.path("audio"), row.path("transcript"), cells.get("text")
    if transcript and text:
        raise row.error("text", f"document {identity} has a transcript file and a text; keep one")
    if not (audio or transcript or text):
        raise row.error("audio", f"document {identity} has neither audio nor transcript nor text")
    start, end = _clip(row)
    return Document(
        id=identity,
        audio=audio,
        transcript=transcript,
        text=text,
        group=cells.get("group"),
        columns={name: cell for name, cell in cells.items() if name not in _RESERVED},
        speaker=cells.get("speaker"),
        start_s=start,
        end_s=end,
        exclude=_excluded(row),
        transcript_offset_s=row.seconds("transcript_offset") or 0.0,
        language=cells.get("language"),
        split=cells.get("split"),
    )


def _clip(row: _Row) -> tuple[Seconds | None, Seconds | None]:
    start, end = row.seconds("start"), row.seconds("end")
    if start is not None and start < 0:
        raise row.error("start", f"{start} s lies before the recording")
    if end is not None and end <= (start or 0.0):
        raise row.error("end", f"{end} s is not after the start at {start or 0.0} s")
    return start, end


def _excluded(row: _Row) -> tuple[Span, ...]:
    """Spans of the column ``exclude``: ``12.5-20; 31-40`` in seconds."""
    cell = row.cells.get("exclude")
    if cell is None:
        return ()
    spans = []
    for piece in filter(None, map(str.strip, cell.split(";"))):
        match = re.fullmatch(r"(\d+(?:\.\d*)?)\s*-\s*(\d+(?:\.\d*)?)", piece)
        span = Span(*map(float, match.groups())) if match else None
        if span is None or span.duration_s <= 0:
            raise row.error("exclude", f"{piece!r} is not of the form 12.5-20; 31-40")
        spans.append(span)
    return tuple(spans)
