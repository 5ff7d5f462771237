"""Read a table of turns: CSV or TSV with a header, as DAIC-WOZ has them.

``start_time  stop_time  speaker  value``, or what others call these columns; see `columns`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from hilbert.stages.extract.transcripts.events import without_events
from hilbert.stages.extract.transcripts.markup import plain_label
from hilbert.stages.extract.transcripts.speaker_labels import checked_speaker
from hilbert.stages.extract.transcripts.tables.checks import (
    check_cells,
    check_header,
    check_speakers,
    with_labels,
)
from hilbert.stages.extract.transcripts.tables.columns import (
    NAMES,
    Column,
    are_of_speakers,
    columns_of,
    named_columns,
)
from hilbert.stages.extract.transcripts.tables.recordings import (
    are_media,
    holds_several,
    of_one_recording,
)
from hilbert.stages.extract.transcripts.tables.rows import Row, header_of, rows_of
from hilbert.stages.extract.transcripts.tables.speakers import is_constant, speaker_column
from hilbert.stages.extract.transcripts.tables.times import read_seconds, with_ranges, with_units
from hilbert.stages.extract.transcripts.time_units import SECONDS
from hilbert.stages.extract.transcripts.timing import timed_turn, until_the_next
from hilbert.store.errors import DocumentError
from hilbert.store.types import Seconds, Span, Turn

# DAIC-WOZ writes what its interviewer says after the name of the clip: how_doingV (so how are ...)
_CLIP = re.compile(r"(?=\S*(?:_|[a-z][A-Z0-9]))[A-Za-z]\w*\s+\((.*)\)", re.DOTALL)


class _Table(NamedTuple):
    columns: Mapping[str, Column]
    header: list[str]
    rows: Sequence[Row]
    files: Sequence[Column]
    """Columns of names of files that are called as those of speakers are."""
    has_decimal_commas: bool
    """Where a comma does not separate cells, it may stand for a decimal point."""


def looks_like_table(text: str) -> bool:
    """Whether the first line is a header with a column of texts and one of starts or speakers.

    Or one of starts, ends and speakers alone.
    """
    columns = columns_of(header_of(text)[1])
    has_texts = "text" in columns and bool({"start", "range", "speaker"} & columns.keys())
    return has_texts or are_of_speakers(columns)


def tells_speakers_only(text: str) -> bool:
    """Whether a table that `parse_table` reads has no column of texts, as RTTM has none."""
    return "text" not in _read(text).columns


def holds_recordings(text: str) -> bool:
    """Whether `parse_table` may read different rows of a table for different names."""
    try:
        table = _read(text)
    except DocumentError:
        return False
    return holds_several(table.header, table.rows, table.files)


def parse_table(text: str, names: Sequence[str] = ()) -> list[Turn]:
    """Turns of the rows; without a column of starts, turns without times.

    A turn without an end lasts to the start of the next row. Without a column of texts, where
    speakers have times, turns have none.

    Parameters
    ----------
    names : sequence of str
        What the recording may be called, where a column tells that the rows are of several.

    Raises
    ------
    DocumentError
        If the header has no column of texts, or one that is not known seems to hold them, or that
        of texts holds numbers alone, or none of starts is known and another seems to hold times,
        which names the column; or a row has too many or too few
        cells, a time is unreadable, negative or runs backwards, which names the line; or times
        may be seconds or milliseconds; or no recording is called so; or two columns may tell who
        speaks, or none that is known does and another may, which names them.
    """
    table = _of_one(_read(text), names)
    turns = [_turn(row, table) for row in table.rows]
    if "start" not in table.columns or {"end", "duration"} & table.columns.keys():
        return turns
    return until_the_next(turns)


def _read(text: str) -> _Table:
    delimiter, header = header_of(text)
    columns = columns_of(header)
    check_header(columns)
    rows = rows_of(text, delimiter, len(header))
    columns, files = _without_files(columns, header, rows)
    columns, rows = with_ranges(columns, rows)
    columns = with_labels(columns, rows)
    check_cells(columns, header, rows)
    return _Table(columns, header, rows, files, has_decimal_commas=delimiter != ",")


def _of_one(table: _Table, names: Sequence[str]) -> _Table:
    """The table with the rows of one recording, and the unit of its times."""
    rows = of_one_recording(table.header, table.rows, names, more=table.files)
    has_texts = "text" in table.columns
    texts = [_said(_cell(row, table, "text")) if has_texts else None for row in rows]
    columns = with_units(table.columns, rows, texts)
    return table._replace(rows=rows, columns=_with_speaker(columns, rows, table))


def _with_speaker(
    columns: Mapping[str, Column], rows: Sequence[Row], table: _Table
) -> dict[str, Column]:
    """The columns with the one that tells who speaks, if there is one."""
    speaker = columns.get("speaker")
    if speaker is None or speaker.name in NAMES["speaker"]:  # and no labels
        speaker = speaker_column(table.header, rows, table.files)
    if speaker is None or is_constant(speaker, rows):
        check_speakers(table.header, rows)
    others = {role: column for role, column in columns.items() if role != "speaker"}
    return others | ({} if speaker is None else {"speaker": speaker})


def _without_files(
    columns: dict[str, Column], header: Sequence[str], rows: Sequence[Row]
) -> tuple[dict[str, Column], list[Column]]:
    """The columns with a speaker that is none of files, and those that would be it but are."""
    if "text" not in columns:
        return columns, []
    named = named_columns(header)
    possible = [named[name] for name in NAMES["speaker"] if name in named]
    files = [column for column in possible if are_media(column, rows)]
    speaker = next((column for column in possible if column not in files), None)
    others = {role: column for role, column in columns.items() if role != "speaker"}
    return others | ({} if speaker is None else {"speaker": speaker}), files


def _turn(row: Row, table: _Table) -> Turn:
    text = _said(_cell(row, table, "text"))
    speaker = checked_speaker(_cell(row, table, "speaker"), row.where)
    if "start" not in table.columns:
        return Turn(text, speaker)
    start_s = _seconds(row, table, "start")
    if "end" in table.columns:
        end_s = _seconds(row, table, "end")
    else:
        end_s = start_s + (_seconds(row, table, "duration") if "duration" in table.columns else 0)
    return timed_turn(text, speaker, Span(start_s, end_s), row.where)


def _said(cell: str) -> str:
    clip = _CLIP.fullmatch(cell.strip())
    return plain_label(without_events(clip[1] if clip else cell))


def _seconds(row: Row, table: _Table, role: str) -> Seconds:
    cell = _cell(row, table, role).strip()
    if table.has_decimal_commas and ":" not in cell:
        cell = cell.replace(",", ".", 1)
    return read_seconds(cell, row.where, table.columns[role].per_s or SECONDS)


def _cell(row: Row, table: _Table, role: str) -> str:
    return row.cells[table.columns[role].position] if role in table.columns else ""
