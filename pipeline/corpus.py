"""Read and check the corpus table: one row a document.

Relative paths resolve against the table's folder. Every column that is not reserved may be a
target or a group.
"""

import math
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from hilbert.pipeline.tables import Table, read_table
from hilbert.store.bulk import many_objects
from hilbert.store.errors import CorpusError
from hilbert.store.file_digests import digest_file
from hilbert.store.types import Document, Modality, Seconds, Span

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
_SOURCES = frozenset(("audio", "transcript", "text"))
_ALIASES = {"offset": "transcript_offset"}
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Corpus:
    """The documents of a table, in its order.

    Attributes
    ----------
    path : Path
        The table.
    documents : tuple of Document
    columns : tuple of str
        Those that are not reserved.
    digest : str
        Of the table's bytes.
    """

    path: Path
    documents: tuple[Document, ...]
    columns: tuple[str, ...]
    digest: str = ""

    @property
    def name(self) -> str:
        """The table's name, without its folder."""
        return self.path.name

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """Those that any of the documents has."""
        has: dict[Modality, bool] = {
            "audio": any(d.audio for d in self.documents),
            "text": any(d.transcript or d.text for d in self.documents),
        }
        return tuple(modality for modality, there in has.items() if there)


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
    digest = digest_file(path) if path.is_file() else ""  # before it is read, lest it changes
    table = read_table(path)
    columns = tuple(table.columns)
    _check_columns(path.name, columns)
    cells = _Cells(path.name, os.path.abspath(path.parent), table)
    others = tuple(name for name in columns if name not in _RESERVED)
    return Corpus(path, _documents(cells), others, digest)


def _check_columns(table: str, columns: tuple[str, ...]) -> None:
    if "id" not in columns:
        hint = "; are the cells parted by commas?" if any(";" in c for c in columns) else ""
        if meant := [name for name, reserved in _misspelt(columns).items() if reserved == "id"]:
            hint = f"; write {meant[0]} as id, and all reserved names in lower case"
        raise CorpusError(f"{table} has no column id; it has: {', '.join(columns)}{hint}")
    if not _SOURCES & set(columns):
        meant = [name for name in _misspelt(columns).values() if name in _SOURCES]
        hint = f"; did you mean {' and '.join(meant)}, in lower case?" if meant else ""
        raise CorpusError(f"{table} has none of the columns audio, transcript and text{hint}")


def column_warnings(columns: Sequence[str]) -> tuple[str, ...]:
    """A sentence for each column that is a label, but has a reserved name in another spelling."""
    return tuple(
        f"the column {name} is read as a label; did you mean {reserved}?"
        for name, reserved in _misspelt(columns).items()
    )


def _misspelt(columns: Sequence[str]) -> dict[str, str]:
    """Columns that are not reserved, with the reserved name that they may mean."""
    meant = {name: re.sub(r"[\s-]+", "_", name.strip().lower()) for name in columns}
    meant = {name: _ALIASES.get(like, like) for name, like in meant.items()}
    return {name: like for name, like in meant.items()
            if name not in _RESERVED and like in _RESERVED}  # fmt: skip


def _documents(cells: "_Cells") -> tuple[Document, ...]:
    cells.check_text()
    ids = cells.identities()
    audio, transcript, text = cells.paths("audio"), cells.paths("transcript"), cells.of("text")
    _check_sources(cells, ids, audio, transcript, text)
    start, end = _clips(cells)
    offset = [value or 0.0 for value in cells.seconds("transcript_offset")]
    return tuple(
        map(
            Document,
            *(ids, audio, transcript, text, cells.of("group"), cells.others(), cells.of("speaker")),
            *(start, end, _excluded(cells), offset, cells.of("language"), cells.of("split")),
        )
    )


class _Cells(NamedTuple):
    """The columns of a table, and errors that say in which row and column they stand."""

    name: str
    folder: str
    table: Table

    def error(self, i: int, column: str, what: str) -> CorpusError:
        return CorpusError(f"{self.name}, row {self.table.numbers[i]}, column {column}: {what}")

    def of(self, column: str) -> Sequence[str | None]:
        """Cells of a column; all empty where the table has none of this name."""
        return self.table.columns.get(column) or [None] * len(self.table.numbers)

    def others(self) -> list[dict[str, str | None]]:
        """The columns that are not reserved, row by row."""
        names = [name for name in self.table.columns if name not in _RESERVED]
        if not names:
            return [{} for _ in self.table.numbers]
        rows = zip(*(self.table.columns[name] for name in names), strict=True)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def check_text(self) -> None:
        for column, cells in self.table.columns.items():
            _check(self, column, cells, _is_whole, "holds half of a character (a lone surrogate)")

    def identities(self) -> list[str]:
        cells = self.of("id")
        if None in cells:
            raise self.error(cells.index(None), "id", "is empty")
        what = "holds a line break or another character that cannot be printed"
        _check(self, "id", cells, str.isprintable, what)
        ids = [cell for cell in cells if cell is not None]
        if len(set(ids)) < len(ids):
            raise self._twice(ids)
        return ids

    def _twice(self, ids: Sequence[str]) -> CorpusError:
        first: dict[str, int] = {}
        for i, name in enumerate(ids):
            if (before := first.setdefault(name, i)) != i:
                row = self.table.numbers[before]
                what = f"{name!r} is already the id of row {row}; rename or drop one"
                return self.error(i, "id", what)
        raise ValueError("no id stands twice")

    def paths(self, column: str) -> list[str | None]:
        cells, join, folder = self.of(column), os.path.join, self.folder
        what = "holds a character that cannot be printed"
        _check(self, column, cells, str.isprintable, what)
        return [None if cell is None else join(folder, cell) for cell in cells]

    def seconds(self, column: str) -> list[Seconds | None]:
        """Finite numbers of seconds, never minus zero, which would be another key."""
        return [self._number(i, column, cell) for i, cell in enumerate(self.of(column))]

    def _number(self, i: int, column: str, cell: str | None) -> Seconds | None:
        if cell is None:
            return None
        try:
            number = float(cell)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise self.error(i, column, f"{cell!r} is not a number of seconds")
        return number + 0.0


def _check(
    cells: _Cells,
    column: str,
    values: Sequence[str | None],
    is_sound: Callable[[str], bool],
    what: str,
) -> None:
    """Check all cells of a column in one piece; look for the bad one only if there is one."""
    if not is_sound("".join(filter(None, values))):
        i = next(i for i, value in enumerate(values) if value and not is_sound(value))
        raise cells.error(i, column, what)


def _is_whole(text: str) -> bool:
    """Whether no character of `text` is half of one."""
    return text.isascii() or _SURROGATE.search(text) is None


def _check_sources(
    cells: _Cells,
    ids: Sequence[str],
    audio: Sequence[str | None],
    transcript: Sequence[str | None],
    text: Sequence[str | None],
) -> None:
    for i, (a, t, x) in enumerate(zip(audio, transcript, text, strict=True)):
        if t and x:
            what = f"document {ids[i]} has a transcript file and a text; keep one"
            raise cells.error(i, "text", what)
        if not (a or t or x):
            what = f"document {ids[i]} has neither audio nor transcript nor text"
            raise cells.error(i, "audio", what)


def _clips(cells: _Cells) -> tuple[list[Seconds | None], list[Seconds | None]]:
    starts, ends = cells.seconds("start"), cells.seconds("end")
    for i, (start, end) in enumerate(zip(starts, ends, strict=True)):
        if start is not None and start < 0:
            raise cells.error(i, "start", f"{start} s lies before the recording")
        if end is not None and end <= (start or 0.0):
            what = f"{end} s is not after the start at {start or 0.0} s"
            raise cells.error(i, "end", what)
    return starts, ends


def _excluded(cells: _Cells) -> list[tuple[Span, ...]]:
    """Spans of the column ``exclude``: ``12.5-20; 31-40`` in seconds."""
    return [() if c is None else _spans(cells, i, c) for i, c in enumerate(cells.of("exclude"))]


def _spans(cells: _Cells, i: int, cell: str) -> tuple[Span, ...]:
    spans = []
    for piece in filter(None, map(str.strip, cell.split(";"))):
        match = re.fullmatch(r"(\d+(?:\.\d*)?)\s*-\s*(\d+(?:\.\d*)?)", piece)
        span = Span(*map(float, match.groups())) if match else None
        if span is None or span.duration_s <= 0:
            raise cells.error(i, "exclude", f"{piece!r} is not of the form 12.5-20; 31-40")
        spans.append(span)
    return tuple(spans)
