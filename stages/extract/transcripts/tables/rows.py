"""The rows of a table, CSV or TSV, and its header."""

import csv
import re
import sys
from collections.abc import Iterator
from typing import NamedTuple

from hilbert.stages.extract.transcripts.line_fields import numbered_lines
from hilbert.stages.extract.transcripts.tables.columns import columns_of
from hilbert.store.errors import DocumentError


class Row(NamedTuple):
    """Cells of a row; `where` names it in an error."""

    where: str
    cells: list[str]


def header_of(text: str) -> tuple[str, list[str]]:
    """The delimiter and the cells of the first line."""
    line = re.split(r"[\r\n]", text.lstrip(), maxsplit=1)[0]
    found = [(d, [_unquoted(cell.strip()) for cell in line.split(d)]) for d in "\t,;"]
    return max(found, key=lambda pair: len(columns_of(pair[1])))


def rows_of(text: str, delimiter: str, n_columns: int) -> list[Row]:
    """The rows under the header, without blank ones.

    Raises
    ------
    DocumentError
        If one has too many or too few cells, or quotes that do not match; names the line.
    """
    rows = [row for row in _rows(text, delimiter) if any(map(str.strip, row.cells))][1:]
    for row in rows:
        if len(row.cells) != n_columns:
            raise DocumentError(
                f"{row.where} of the transcript has {len(row.cells)} cells, the header "
                f"{n_columns}; quote cells that hold the delimiter"
            )
    return rows


def _rows(text: str, delimiter: str) -> Iterator[Row]:
    """Rows; in a table of tabs, a line is a row, and a quote within it a quote."""
    if delimiter == "\t":
        for number, line in numbered_lines(text):
            yield Row(f"line {number}", [_unquoted(cell) for cell in line.split("\t")])
        return
    csv.field_size_limit(sys.maxsize)  # a cell of 131,072 characters is a long turn, no error
    reader = csv.reader(
        re.split(r"(?<=\n)", text.replace("\r\n", "\n").replace("\r", "\n")),
        delimiter=delimiter,
        strict=True,
    )
    number = 1
    try:
        for cells in reader:
            yield Row(f"line {number}", cells)
            number = reader.line_num + 1
    except csv.Error:
        raise DocumentError(
            f"line {number} of the transcript begins a row whose quotes do not match; mend it"
        ) from None


def _unquoted(cell: str) -> str:
    if len(cell) > 1 and cell.startswith('"') and cell.endswith('"'):
        return cell[1:-1].replace('""', '"')
    return cell
