"""Tables as rows of named text: CSV, TSV, JSON Lines and Parquet, told apart by their ending."""

import csv
import json
import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from hilbert.store.errors import CorpusError

_PANDAS_INDEX = re.compile(r"__index_level_\d+__$")

Cells = Mapping[str, str]
"""One row: column name to text, empty cells as empty text."""


def read_table(path: Path) -> list[tuple[int, Cells]]:
    """The rows of a table that are not blank, numbered as a spreadsheet or an editor shows them.

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
        rows = list(reader(path))
    except UnicodeDecodeError as error:
        source = "utf-16" if path.read_bytes()[:2] in (b"\xff\xfe", b"\xfe\xff") else "latin1"
        raise CorpusError(
            f"{path.name} is not UTF-8 (byte {error.start});"
            f" convert it, for example: iconv -f {source} -t utf-8 {path.name}"
        ) from None
    if not rows:
        raise CorpusError(f"{path.name} has no rows")
    return rows


def _read_csv(path: Path) -> Iterator[tuple[int, Cells]]:
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    csv.field_size_limit(sys.maxsize)  # a three-hour interview as a cell is longer than 131,072
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        try:
            header = [name.strip() for name in next(reader, [])]
            _check_header(path, header)
            names = [_column(name) for name in header]
            for number, cells in enumerate(reader, start=2):
                if not any(map(str.strip, cells)):
                    continue
                if len(cells) != len(header):
                    raise CorpusError(
                        f"{path.name}, row {number}, column"
                        f" {header[min(len(cells), len(header)) - 1]}: the row has {len(cells)}"
                        f" cells, the header {len(header)}; quote cells that hold the delimiter"
                    )
                yield number, _kept(names, cells)
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
    return _kept([_column(name) for name in cells], cells.values())


def _check_header(path: Path, header: Sequence[str]) -> None:
    for name in header:
        if name and header.count(name) > 1:
            raise CorpusError(f"{path.name}, row 1: the column {name!r} stands twice")


def _kept(names: Sequence[str], cells: Iterable[str]) -> Cells:
    """Cells by name; those without a name are no column."""
    named = dict(zip(names, cells, strict=True))
    named.pop("", None)
    return named


@lru_cache
def _column(name: str) -> str:
    """Name of a column, empty if it is none: an index that pandas wrote is no label."""
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
