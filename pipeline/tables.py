"""Tables as columns of text: CSV, TSV, JSON Lines and Parquet, told apart by their ending."""

import csv
import json
import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from hilbert.store.errors import CorpusError

_PANDAS_INDEX = re.compile(r"__index_level_\d+__$")


class Row(NamedTuple):
    """Cells of one row in the order of the columns, and its number."""

    number: int
    cells: Sequence[str]


class Table(NamedTuple):
    """A table without its blank rows.

    Columns rather than rows: what is true of all cells of a column is then found out at once,
    which matters where a table of 100,000 rows is read in every call.

    Attributes
    ----------
    numbers : sequence of int
        Of the rows, as a spreadsheet or an editor shows them.
    columns : mapping of str to sequence of str or None
        Stripped cells, None where they are empty.
    """

    numbers: Sequence[int]
    columns: Mapping[str, Sequence[str | None]]


def read_table(path: Path) -> Table:
    """Read the table at `path`.

    Raises
    ------
    CorpusError
        If the file is none of the known kinds, cannot be read as what it is named, or has no row.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise CorpusError(f"{path.name} is not a .csv, .tsv, .jsonl or .parquet file")
    if not path.is_file():
        raise CorpusError(
            f"there is no corpus table {path.name}; give its path: hilbert extract CORPUS"
        )
    try:
        names, rows = reader(path)
    except UnicodeDecodeError as error:
        source = "utf-16" if path.read_bytes()[:2] in (b"\xff\xfe", b"\xfe\xff") else "latin1"
        raise CorpusError(
            f"{path.name} is not UTF-8 (byte {error.start});"
            f" convert it, for example: iconv -f {source} -t utf-8 {path.name}"
        ) from None
    if not rows:
        raise CorpusError(f"{path.name} has no rows")
    columns = zip(map(_column, names), zip(*(row.cells for row in rows), strict=True), strict=True)
    return Table(
        [row.number for row in rows],
        {name: [cell.strip() or None for cell in cells] for name, cells in columns if name},
    )


Rows = tuple[Sequence[str], Sequence[Row]]
"""Names of the columns, and the rows; each has a cell for every column."""


def _read_csv(path: Path) -> Rows:
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    csv.field_size_limit(sys.maxsize)  # a three-hour interview as a cell is longer than 131,072
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        try:
            header = [name.strip() for name in next(reader, [])]
            _check_header(path, header)
            numbered = enumerate(reader, start=2)
            rows = [Row(n, cells) for n, cells in numbered if any(map(str.strip, cells))]
        except csv.Error as error:
            raise CorpusError(f"{path.name}, line {reader.line_num}: {error}") from None
    for number, cells in rows:
        if len(cells) != len(header):
            raise CorpusError(
                f"{path.name}, row {number}, column"
                f" {header[min(len(cells), len(header)) - 1]}: the row has {len(cells)}"
                f" cells, the header {len(header)}; quote cells that hold the delimiter"
            )
    return header, rows


def _read_jsonl(path: Path) -> Rows:
    objects: list[tuple[int, dict[str, object]]] = []
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
            objects.append((number, row))
    names = list(dict.fromkeys(name for _, row in objects for name in row))
    _check_header(path, [name.strip() for name in names])
    return names, [_as_text(path, number, names, row) for number, row in objects]


def _read_parquet(path: Path) -> Rows:
    import pyarrow
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(path).read()
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0].replace(str(path), path.name)
        raise CorpusError(f"{path.name} cannot be read as Parquet: {reason}") from None
    names = table.column_names
    _check_header(path, names)
    numbered = enumerate(table.to_pylist(), start=1)
    return names, [_as_text(path, number, names, row) for number, row in numbered]


def _as_text(path: Path, number: int, names: Sequence[str], row: Mapping[str, object]) -> Row:
    """Cells of a typed row as text; whole numbers stored as 3.0 read as 3, as in a CSV."""
    cells = []
    for name in names:
        value = row.get(name)
        if isinstance(value, list | dict | bytes):
            raise CorpusError(f"{path.name}, row {number}, column {name}: is not text or a number")
        if value is None or (isinstance(value, float) and math.isnan(value)):
            cells.append("")
        elif isinstance(value, float) and value.is_integer():
            cells.append(str(int(value)))
        else:
            cells.append(str(value))
    return Row(number, cells)


def _check_header(path: Path, header: Sequence[str]) -> None:
    for name in header:
        if name and header.count(name) > 1:
            raise CorpusError(f"{path.name}, row 1: the column {name!r} stands twice")


def _column(name: str) -> str:
    """Name of a column, empty if it is none: an index that pandas wrote is no label."""
    stripped = name.strip()
    return "" if _PANDAS_INDEX.match(stripped) else stripped


_READERS: dict[str, Callable[[Path], Rows]] = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".jsonl": _read_jsonl,
    ".parquet": _read_parquet,
}

TABLES = tuple(_READERS)
"""Endings of the tables that can be read."""
