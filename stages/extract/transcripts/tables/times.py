"""Times in the cells of a table: ``12.5``, ``0:12.5``, and ``0:12.5 - 0:14`` of both ends."""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

from hilbert.stages.extract.transcripts.tables.columns import Column
from hilbert.stages.extract.transcripts.tables.rows import Row
from hilbert.stages.extract.transcripts.time_units import (
    SECONDS,
    is_whole_cell,
    units_per_second,
)
from hilbert.stages.extract.transcripts.timing import clock_seconds, is_number, read_number
from hilbert.store.errors import DocumentError
from hilbert.store.types import Seconds

_CLOCK = re.compile(r"(-?)((?:\d{1,4}:(?=[0-5]?\d:))?\d{1,3}:[0-5]?\d(?:[.,]\d{1,9})?)", re.ASCII)
_RANGE = re.compile(r"([\d:.,]+)\s*(?:-{1,2}>|[-–—]|to)\s*([\d:.,]+)", re.ASCII)


def is_clock(cell: str) -> bool:
    """Whether a cell is a time such as ``hh:mm:ss.s``."""
    return _CLOCK.fullmatch(cell) is not None


def is_range(cell: str) -> bool:
    """Whether a cell is two times, such as ``0:01 - 0:04``."""
    match = _RANGE.fullmatch(cell.strip())
    return match is not None and all(is_clock(part) or is_number(part) for part in match.groups())


def read_seconds(cell: str, where: str, per_s: float) -> Seconds:
    """A time, of which `per_s` make a second, or as ``hh:mm:ss.s``.

    Raises
    ------
    DocumentError
        If it is neither; says where, and does not repeat it.
    """
    clock = _CLOCK.fullmatch(cell)
    if clock is None:
        return read_number(cell, where) / per_s
    total = clock_seconds(clock[2])
    return -total if clock[1] else total


def with_ranges(
    columns: Mapping[str, Column], rows: Sequence[Row]
) -> tuple[dict[str, Column], list[Row]]:
    """The table with starts and ends in columns of their own, where one column holds both.

    Raises
    ------
    DocumentError
        If some cell of it does not; names the row.
    """
    column = _of_ranges(columns, rows)
    plain = {role: c for role, c in columns.items() if role != "range"}  # start goes before
    if column is None or not rows:
        return plain, list(rows)
    divided = []
    for row in rows:
        match = _RANGE.fullmatch(row.cells[column.position].strip())
        if match is None:
            raise DocumentError(
                f"{row.where} of the transcript has no two times such as 0:01 - 0:04 in the column "
                f"{column.name}; mend it"
            )
        divided.append(Row(row.where, [*row.cells, *match.groups()]))
    n = len(rows[0].cells)
    added = {"start": column._replace(position=n), "end": column._replace(position=n + 1)}
    plain.pop("duration", None)
    return plain | added, divided


def _of_ranges(columns: Mapping[str, Column], rows: Sequence[Row]) -> Column | None:
    """The column that holds both times: one that is called so, or one of starts that does."""
    start = columns.get("start")
    if start is None:
        return columns.get("range")
    if {"end", "duration"} & columns.keys():
        return None
    return start if any(is_range(row.cells[start.position]) for row in rows) else None


def with_units(
    columns: Mapping[str, Column], rows: Sequence[Row], texts: Sequence[str | None]
) -> dict[str, Column]:
    """The columns with units for those of times whose header states none.

    Of a start and an end, one tells the other's; else `units_per_second` tells it.

    Raises
    ------
    DocumentError
        If times are whole numbers that may be seconds or milliseconds.
    """
    roles = ["start", "end" if "end" in columns else "duration"]
    used = {role: columns[role] for role in roles if role in columns}
    silent = {role: column for role, column in used.items() if column.per_s is None}
    if "start" not in used or not silent:
        return dict(columns)
    stated = next((column.per_s for column in used.values() if column.per_s), None)
    if stated and "end" in used:
        per_s = stated
    else:
        per_s = _judged(silent, rows, texts, of_whisper=_is_whisper_s(columns, rows))
    return {**columns, **{role: c._replace(per_s=per_s) for role, c in silent.items()}}


def _judged(
    used: Mapping[str, Column],
    rows: Sequence[Row],
    texts: Sequence[str | None],
    *,
    of_whisper: bool,
) -> float:
    """The unit by how long turns last, or where starts alone are used, until the next one."""
    if not all(_are_whole(column, rows) for column in used.values()):
        return SECONDS
    times = [[float(row.cells[column.position]) for column in used.values()] for row in rows]
    if "end" in used:
        lengths = [end - start for start, end in times]
        return units_per_second(lengths, texts, of_whisper=of_whisper)
    if "duration" in used:
        return units_per_second([cells[-1] for cells in times], texts)
    order = sorted(range(len(times)), key=times.__getitem__)
    gaps = [times[after][0] - times[before][0] for before, after in pairwise(order)]
    return units_per_second(gaps, [texts[i] for i in order[:-1]])


def _is_whisper_s(columns: Mapping[str, Column], rows: Sequence[Row]) -> bool:
    """Whether the columns are those that Whisper and whisper.cpp write, and no others."""
    found = [column.name for column in sorted(columns.values())]
    return found == ["start", "end", "text"] and all(len(row.cells) == 3 for row in rows)


def _are_whole(column: Column, rows: Sequence[Row]) -> bool:
    return all(is_whole_cell(row.cells[column.position].strip()) for row in rows)
