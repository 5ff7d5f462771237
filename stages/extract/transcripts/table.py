"""Read a table of turns: CSV or TSV with a header, as DAIC-WOZ has them.

``start_time  stop_time  speaker  value``, or what others call these columns; see `_NAMES`.
"""

import csv
import re
import sys
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from hilbert.stages.extract.transcripts.line_fields import numbered_lines
from hilbert.stages.extract.transcripts.markup import plain_label
from hilbert.stages.extract.transcripts.speaker_labels import checked_speaker
from hilbert.stages.extract.transcripts.timing import (
    are_milliseconds,
    clock_seconds,
    is_number,
    read_number,
    timed_turn,
    until_the_next,
)
from hilbert.store.errors import DocumentError
from hilbert.store.types import Seconds, Span, Turn

_NAMES = {
    "start": ("starttime", "start", "begin", "begintime", "onset", "from", "tmin", "xmin",
              "timestamp", "time"),
    "end": ("stoptime", "stop", "endtime", "end", "offset", "to", "tmax", "xmax"),
    "duration": ("duration", "dur"),
    "speaker": ("speaker", "speakerid", "speakername", "participant", "name", "who", "tier"),
    "text": ("text", "utterance", "transcript", "transcription", "transcripttext", "sentence",
             "dialogue", "dialog", "message", "content", "words", "label", "value"),
}  # fmt: skip
"""What the columns may be called: without blanks, signs and case, and without the unit."""
_UNIT = re.compile(r"(?:[\s_]+|[\s_]*[(\[])(s|secs?|seconds|ms|msec|milliseconds)[)\]]?$")
_CLOCK = re.compile(r"(-?)((?:\d{1,4}:(?=[0-5]?\d:))?\d{1,3}:[0-5]?\d(?:[.,]\d{1,9})?)", re.ASCII)
_EVENT = re.compile(r"<[A-Za-z_]+>")  # <laughter>, <sigh>
# DAIC-WOZ writes what its interviewer says after the name of the clip: how_doingV (so how are ...)
_CLIP = re.compile(r"(?=\S*(?:_|[a-z][A-Z0-9]))[A-Za-z]\w*\s+\((.*)\)", re.DOTALL)
_OF_TIMES = re.compile(r"start|begin|onset|time")
_WHISPER = ["start", "end", "text"]
"""The header of the TSV that Whisper writes, with tabs and whole milliseconds."""
_WHOLE = re.compile(r"\d{1,12}", re.ASCII)
_LONGEST_NAME = 40
_DIARISED = re.compile(r"(?:(?:speaker|spkr?|s)[ _-]?\d{1,4}|speaker[ _-][a-z])", re.IGNORECASE)
_NAME = re.compile(r"[^\W\d_][\w-]*\.?(?: [\w-]+\.?){0,2}")
_SPOKEN = re.compile(r"[^\W\d_][\w'’-]*[.,;:?!…]*")  # a word, as prose has them


class _Column(NamedTuple):
    """Which of the cells; `name` is without blanks, signs and case, and without the unit."""

    position: int
    unit_s: Seconds
    name: str


class _Row(NamedTuple):
    """Cells of a row; `where` names it in an error."""

    where: str
    cells: list[str]


class _Table(NamedTuple):
    columns: Mapping[str, _Column]
    rows: list[_Row]
    has_decimal_commas: bool
    """Where a comma does not separate cells, it may stand for a decimal point."""


def looks_like_table(text: str) -> bool:
    """Whether the first line is a header with a column of texts and one of starts or speakers.

    Or one of starts, ends and speakers alone.
    """
    columns = _columns(_header(text)[1])
    has_texts = "text" in columns and bool({"start", "speaker"} & columns.keys())
    return has_texts or _are_of_speakers(columns)


def tells_speakers_only(text: str) -> bool:
    """Whether a table that `parse_table` reads has no column of texts, as RTTM has none."""
    return "text" not in _read(text).columns


def parse_table(text: str) -> list[Turn]:
    """Turns of the rows; without a column of starts, turns without times.

    A turn without an end lasts to the start of the next row. Without a column of texts, where
    speakers have times, turns have none.

    Raises
    ------
    DocumentError
        If the header has no column of texts, or one that is not known seems to hold them, or that
        of texts holds numbers alone, or none of starts is known and another seems to hold times,
        which names the column; or a row has too many or too few
        cells, a time is unreadable, negative or runs backwards, which names the line.
    """
    table = _read(text)
    turns = [_turn(row, table) for row in table.rows]
    if "start" not in table.columns or {"end", "duration"} & table.columns.keys():
        return turns
    return until_the_next(turns)


def _turn(row: _Row, table: _Table) -> Turn:
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
    return plain_label(_EVENT.sub(" ", clip[1] if clip else cell))


def _seconds(row: _Row, table: _Table, name: str) -> Seconds:
    """A time in seconds (or the column's unit), or as ``hh:mm:ss.s``."""
    cell = _cell(row, table, name).strip()
    clock = _CLOCK.fullmatch(cell)
    if clock is None:
        number = cell.replace(",", ".", 1) if table.has_decimal_commas else cell
        return read_number(number, row.where) * table.columns[name].unit_s
    total = clock_seconds(clock[2])
    return -total if clock[1] else total


def _cell(row: _Row, table: _Table, name: str) -> str:
    return row.cells[table.columns[name].position] if name in table.columns else ""


def _read(text: str) -> _Table:
    delimiter, header = _header(text)
    columns = _columns(header)
    has_texts = "text" in columns or _are_of_speakers(columns)
    if not has_texts or ({"end", "duration"} & columns.keys() and "start" not in columns):
        lacking = "start" if has_texts else "text"
        raise DocumentError(
            f"line 1 of the transcript names no column of {lacking}s that is known: "
            f"{', '.join(_NAMES[lacking])}; rename one"
        )
    rows = [row for row in _rows(text, delimiter) if any(map(str.strip, row.cells))][1:]
    for row in rows:
        if len(row.cells) != len(header):
            raise DocumentError(
                f"{row.where} of the transcript has {len(row.cells)} cells, the header "
                f"{len(header)}; quote cells that hold the delimiter"
            )
    if delimiter == "\t" and header == _WHISPER and _is_whisper_s(rows):
        columns = {role: column._replace(unit_s=0.001) for role, column in columns.items()}
    columns = _with_labels(columns, rows)
    if "text" in columns:
        _check_texts(columns["text"], rows)
    else:
        _check_no_texts(header, rows)
    if "start" not in columns:
        _check_no_times(header, rows)
    return _Table(columns, rows, has_decimal_commas=delimiter != ",")


def _are_of_speakers(columns: Mapping[str, _Column]) -> bool:
    """Whether speakers have times and there are no texts; `name` may be that of an event."""
    return (
        "text" not in columns
        and {"start", "speaker"} <= columns.keys()
        and bool({"end", "duration"} & columns.keys())
        and columns["speaker"].name.startswith("speaker")
    )


def _with_labels(columns: dict[str, _Column], rows: list[_Row]) -> dict[str, _Column]:
    """The columns, where that of texts may be of labels that say who speaks.

    Raises
    ------
    DocumentError
        If the labels may be either.
    """
    column = columns.get("text")
    if (
        column is None
        or column.name != "label"
        or {"start", "speaker"} & columns.keys() != {"start"}
    ):
        return columns
    labels = [" ".join(row.cells[column.position].split()) for row in rows]
    labels = [label for label in labels if label]
    if labels and all(map(_DIARISED.fullmatch, labels)):
        return {role: c for role, c in columns.items() if role != "text"} | {"speaker": column}
    n_names = len(set(labels))
    if labels and 2 * n_names <= len(labels) and all(map(_NAME.fullmatch, labels)):
        raise DocumentError(
            f"the column label of the transcript has {n_names} names or words in {len(labels)} "
            f"rows, which may be who speaks or what is said; call it speaker or text"
        )
    return columns


def _is_whisper_s(rows: list[_Row]) -> bool:
    """Whether times are whole numbers throughout, which as seconds were too long for the words."""
    if not all(_WHOLE.fullmatch(cell.strip()) for row in rows for cell in row.cells[:2]):
        return False
    total = sum(int(row.cells[1]) - int(row.cells[0]) for row in rows)
    return are_milliseconds(total, sum(len(row.cells[2].split()) for row in rows))


def _check_texts(column: _Column, rows: list[_Row]) -> None:
    """Refuse a column of texts that holds scores or counts."""
    cells = [row.cells[column.position].strip() for row in rows]
    if any(cells) and all(is_number(cell) for cell in cells if cell):
        raise DocumentError(
            f"the column {column.name} of the transcript holds numbers alone and no texts; call "
            f"that of the texts text, and this one otherwise"
        )


def _check_no_texts(header: list[str], rows: list[_Row]) -> None:
    """Refuse a table of speakers with texts in a column that is not known: they would be lost."""
    for name, cells in _unknown(header, rows):
        if any(map(_is_said, cells)):
            raise DocumentError(
                f"the column {name} of the transcript holds words; call it "
                f"{', '.join(_NAMES['text'][:4])} or dialogue, or leave it out"
            )


def _check_no_times(header: list[str], rows: list[_Row]) -> None:
    """Refuse a table of turns with times in a column that is not known: they would be lost."""
    for name, cells in _unknown(header, rows):
        if _OF_TIMES.search(name) and all(is_number(c) or _CLOCK.fullmatch(c) for c in cells):
            raise DocumentError(
                f"the column {name} of the transcript holds times in a unit that is not "
                f"known; call it start, in seconds or as hh:mm:ss, or leave it out"
            )


def _unknown(header: list[str], rows: list[_Row]) -> Iterator[tuple[str, list[str]]]:
    """Names of the columns that have none of `_NAMES`, and their cells that are not empty."""
    known = {name for names in _NAMES.values() for name in names}
    for column in _named(header).values():
        cells = [row.cells[column.position].strip() for row in rows]
        if column.name not in known and any(cells):
            yield column.name, [cell for cell in cells if cell]


def _is_said(cell: str) -> bool:
    """Whether there are several words, or one that ends as a sentence does."""
    words = cell.split()
    if len(words) > 1:
        return sum(_SPOKEN.fullmatch(word) is not None for word in words) > 1
    return cell.strip().endswith((".", "?", "!", "…", "。", "？", "！"))


def _rows(text: str, delimiter: str) -> Iterator[_Row]:
    """Rows; in a table of tabs, a line is a row, and a quote within it a quote."""
    if delimiter == "\t":
        for number, line in numbered_lines(text):
            yield _Row(f"line {number}", [_unquoted(cell) for cell in line.split("\t")])
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
            yield _Row(f"line {number}", cells)
            number = reader.line_num + 1
    except csv.Error:
        raise DocumentError(
            f"line {number} of the transcript begins a row whose quotes do not match; mend it"
        ) from None


def _unquoted(cell: str) -> str:
    if len(cell) > 1 and cell.startswith('"') and cell.endswith('"'):
        return cell[1:-1].replace('""', '"')
    return cell


def _header(text: str) -> tuple[str, list[str]]:
    """The delimiter and the cells of the first line."""
    line = re.split(r"[\r\n]", text.lstrip(), maxsplit=1)[0]
    found = [(d, [_unquoted(cell.strip()) for cell in line.split(d)]) for d in "\t,;"]
    return max(found, key=lambda pair: len(_columns(pair[1])))


def _columns(header: list[str]) -> dict[str, _Column]:
    """The columns that are understood; of two that may be meant, the first in `_NAMES`."""
    named = _named(header)
    found = {
        role: next((named[name] for name in names if name in named), None)
        for role, names in _NAMES.items()
    }
    return {role: column for role, column in found.items() if column is not None}


def _named(header: list[str]) -> dict[str, _Column]:
    """Every column by its name; of two that are called alike, the first."""
    named: dict[str, _Column] = {}
    for position, name in enumerate(header):
        if len(name) <= _LONGEST_NAME:
            unit = _UNIT.search(name.lower())
            plain = re.sub(r"[\W_]", "", _UNIT.sub("", name.lower()))
            unit_s = 0.001 if unit is not None and unit[1].startswith("m") else 1.0
            named.setdefault(plain, _Column(position, unit_s, plain))
    return named
