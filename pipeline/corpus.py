"""Read and check the corpus table: one row a document.

CSV, TSV, JSON Lines and Parquet, told apart by the file's ending. Relative paths resolve
against the table's folder. Every column that is not reserved may be a target or a group.
"""

import csv
import json
import math
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

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

_PANDAS_INDEX = re.compile(r"__index_level_\d+__$")

Cells = Mapping[str, str]
"""One row: column name to text, empty cells as empty text."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """The documents of a table, in its order; `columns` are those that are not reserved."""

    name: str
    documents: tuple[Document, ...]
    columns: tuple[str, ...]


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
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise CorpusError(f"{path.name} is not a .csv, .tsv, .jsonl or .parquet file")
    if not path.is_file():
        raise CorpusError(
            f"there is no corpus table {path.name}; give its path: hilbert extract CORPUS"
        )
    try:
        rows = list(reader(path))
    except UnicodeDecodeError as error:
        source = "utf-16" if path.read_bytes()[:2] in (b"\xff\xfe", b"\xfe\xff") else "latin1"
        raise CorpusError(
            f"{path.name} is not UTF-8 (byte {error.start});"
            f" convert it, for example: iconv -f {source} -t utf-8 {path.name}"
        ) from None
    if not rows:
        raise CorpusError(f"{path.name} has no rows")
    columns = tuple(dict.fromkeys(name for _, cells in rows for name in cells))
    _check_columns(path.name, columns)
    documents = _documents(path, rows)
    return Corpus(path.name, documents, tuple(c for c in columns if c not in RESERVED))


def _check_columns(table: str, columns: tuple[str, ...]) -> None:
    if "id" not in columns:
        hint = "; are the cells parted by commas?" if any(";" in c for c in columns) else ""
        raise CorpusError(f"{table} has no column id; it has: {', '.join(columns)}{hint}")
    if not {"audio", "transcript", "text"} & set(columns):
        raise CorpusError(f"{table} has none of the columns audio, transcript and text")


def _documents(path: Path, rows: list[tuple[int, Cells]]) -> tuple[Document, ...]:
    first_rows: dict[str, int] = {}
    documents = []
    folder = str(path.parent)
    for number, cells in rows:
        row = _Row(path, folder, number, cells)
        document = _document(row)
        if (first := first_rows.setdefault(document.id, number)) != number:
            raise row.error(
                "id", f"{document.id!r} is already the id of row {first}; rename or drop one"
            )
        documents.append(document)
    return tuple(documents)


@dataclass(frozen=True, slots=True)
class _Row:
    """Cells of one row, and errors that say where they stand."""

    table: Path
    folder: str
    number: int
    cells: Cells

    def error(self, column: str, what: str) -> CorpusError:
        return CorpusError(f"{self.table.name}, row {self.number}, column {column}: {what}")

    def text(self, column: str) -> str | None:
        value = self.cells.get(column, "").strip()
        if not value:
            return None
        if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            raise self.error(column, "holds half of a character (a lone surrogate)")
        return value

    def path(self, column: str) -> Path | None:
        value = self.text(column)
        if value is not None and not value.isprintable():
            raise self.error(column, "holds a character that cannot be printed")
        return None if value is None else Path(os.path.join(self.folder, value))

    def seconds(self, column: str, value: str | None) -> Seconds | None:
        if value is None:
            return None
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise self.error(column, f"{value!r} is not a number of seconds")
        return number


def _document(row: _Row) -> Document:
    identity = row.text("id")
    if identity is None:
        raise row.error("id", "is empty")
    if not identity.isprintable():
        raise row.error("id", "holds a line break or another character that cannot be printed")
    audio, transcript, text = row.path("audio"), row.path("transcript"), row.text("text")
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
        group=row.text("group"),
        columns={name: row.text(name) for name in row.cells if name not in RESERVED},
        speaker=row.text("speaker"),
        start_s=start,
        end_s=end,
        exclude=_excluded(row),
        transcript_offset_s=row.seconds("transcript_offset", row.text("transcript_offset")) or 0.0,
        language=row.text("language"),
        split=row.text("split"),
    )


def _clip(row: _Row) -> tuple[Seconds | None, Seconds | None]:
    start = row.seconds("start", row.text("start"))
    end = row.seconds("end", row.text("end"))
    if start is not None and start < 0:
        raise row.error("start", f"{start} s lies before the recording")
    if end is not None and end <= (start or 0.0):
        raise row.error("end", f"{end} s is not after the start at {start or 0.0} s")
    return start, end


def _excluded(row: _Row) -> tuple[Span, ...]:
    """Spans of the column ``exclude``: ``12.5-20; 31-40`` in seconds."""
    spans = []
    for piece in filter(None, (piece.strip() for piece in (row.text("exclude") or "").split(";"))):
        match = re.fullmatch(r"(\d+(?:\.\d*)?)\s*-\s*(\d+(?:\.\d*)?)", piece)
        span = Span(*map(float, match.groups())) if match else None
        if span is None or span.duration_s <= 0:
            raise row.error("exclude", f"{piece!r} is not of the form 12.5-20; 31-40")
        spans.append(span)
    return tuple(spans)


def _read_csv(path: Path) -> Iterator[tuple[int, Cells]]:
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    csv.field_size_limit(sys.maxsize)  # a three-hour interview as a cell is longer than 131,072
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        try:
            header = [name.strip() for name in next(reader, [])]
            _check_header(path, header)
            for number, cells in enumerate(reader, start=2):
                if not any(cell.strip() for cell in cells):
                    continue
                if len(cells) != len(header):
                    raise CorpusError(
                        f"{path.name}, row {number}, column"
                        f" {header[min(len(cells), len(header)) - 1]}: the row has {len(cells)}"
                        f" cells, the header {len(header)}; quote cells that hold the delimiter"
                    )
                yield number, _named(zip(header, cells, strict=True))
        except csv.Error as error:
            raise CorpusError(f"{path.name}, line {reader.line_num}: {error}") from None


def _read_jsonl(path: Path) -> Iterator[tuple[int, Cells]]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise CorpusError(f"{path.name}, row {number}: not JSON ({error})") from None
            if not isinstance(row, dict):
                raise CorpusError(f"{path.name}, row {number}: not a JSON object")
            yield number, _as_text(path, number, row)


def _read_parquet(path: Path) -> Iterator[tuple[int, Cells]]:
    import pyarrow
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(path).read()
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0].replace(str(path), path.name)
        raise CorpusError(f"{path.name} cannot be read as Parquet: {reason}") from None
    _check_header(path, table.column_names)
    for number, row in enumerate(table.to_pylist(), start=1):
        yield number, _as_text(path, number, row)


def _as_text(path: Path, number: int, row: Mapping[str, object]) -> Cells:
    """Cells of a typed row as text; whole numbers stored as 3.0 read as 3, as in a CSV."""
    cells = {}
    for name, value in row.items():
        if isinstance(value, list | dict | bytes):
            raise CorpusError(f"{path.name}, row {number}, column {name}: is not text or a number")
        if value is None or (isinstance(value, float) and math.isnan(value)):
            cells[name] = ""
        elif isinstance(value, float) and value.is_integer():
            cells[name] = str(int(value))
        else:
            cells[name] = str(value)
    return _named(cells.items())


def _check_header(path: Path, header: Sequence[str]) -> None:
    for name in header:
        if name and header.count(name) > 1:
            raise CorpusError(f"{path.name}, row 1: the column {name!r} stands twice")


def _named(cells: Iterable[tuple[str, str]]) -> Cells:
    """Cells of named columns: an index that pandas wrote has no name and is no label."""
    return {kept: value for name, value in cells if (kept := _column(name))}


@lru_cache
def _column(name: str) -> str:
    """Name of a column, empty if it is none."""
    stripped = name.strip()
    return "" if _PANDAS_INDEX.match(stripped) else stripped


_READERS: dict[str, Callable[[Path], Iterator[tuple[int, Cells]]]] = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".jsonl": _read_jsonl,
    ".parquet": _read_parquet,
}

TABLES = tuple(_READERS)
"""Endings of the tables that can be read."""
