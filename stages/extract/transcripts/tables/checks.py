"""What a table of turns is refused for: texts, times or speakers that would be lost or mistaken."""

import re
from collections.abc import Iterator, Mapping, Sequence

from hilbert.stages.extract.transcripts.tables.columns import (
    NAMES,
    RECORDING_NAMES,
    Column,
    are_of_speakers,
    named_columns,
)
from hilbert.stages.extract.transcripts.tables.rows import Row
from hilbert.stages.extract.transcripts.tables.times import is_clock, is_range
from hilbert.stages.extract.transcripts.timing import is_number
from hilbert.store.errors import DocumentError

_OF_TIMES = re.compile(r"start|begin|onset|time")
_DIARISED = re.compile(r"(?:(?:speaker|spkr?|s)[ _-]?\d{1,4}|speaker[ _-][a-z])", re.IGNORECASE)
_NAME = re.compile(r"[^\W\d_][\w-]*\.?(?: [\w-]+\.?){0,2}")
_ANSWERS = {"yes", "no", "y", "n", "true", "false"}
_OF_OTHERS = {
    "emotion", "emotions", "sentiment", "valence", "mood", "gender", "sex", "language", "lang",
    "topic", "section", "phase", "task", "condition", "split", "note", "notes", "comment",
    "comments", "quality",
}  # fmt: skip
"""What columns are called that hold a few words again and again and no names."""
_TOLD = 8
"""Of the names that are known, so many tell what is meant."""
_SPOKEN = re.compile(r"[^\W\d_][\w'’-]*[.,;:?!…]*")  # a word, as prose has them


def check_header(columns: Mapping[str, Column]) -> None:
    """Refuse a header without a column of texts (or of speakers), or with ends and no starts."""
    has_texts = "text" in columns or are_of_speakers(columns)
    has_starts = bool({"start", "range"} & columns.keys())
    if not has_texts or ({"end", "duration"} & columns.keys() and not has_starts):
        lacking = "start" if has_texts else "text"
        raise DocumentError(
            f"line 1 of the transcript names no column of {lacking}s that is known: "
            f"{', '.join(NAMES[lacking][:_TOLD])}, …; rename one"
        )


def check_cells(columns: Mapping[str, Column], header: list[str], rows: Sequence[Row]) -> None:
    """Refuse texts that are numbers, and texts or times in a column that is not known.

    Raises
    ------
    DocumentError
        Names the column.
    """
    if "text" in columns:
        _check_texts(columns["text"], rows)
    else:
        _check_no_texts(header, rows)
    if "start" not in columns:
        _check_no_times(header, rows)


def with_labels(columns: dict[str, Column], rows: Sequence[Row]) -> dict[str, Column]:
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


def check_speakers(header: Sequence[str], rows: Sequence[Row]) -> None:
    """Refuse a table without a column of several speakers that has another which may be it.

    That is one of two or more short names, in most rows and each again and again.

    Raises
    ------
    DocumentError
        Names the column.
    """
    for name, cells in _unknown(header, rows):
        if 2 * len(cells) > len(rows) and name not in _OF_OTHERS and _may_be_speakers(cells):
            raise DocumentError(
                f"the column {name} of the transcript has {len({*cells})} names or words in "
                f"{len(cells)} rows, which may be who speaks; call it speaker if it is, or leave "
                f"it out"
            )


def _may_be_speakers(cells: Sequence[str]) -> bool:
    """Whether they are two or more short names, each again and again on the mean."""
    values = {cell.casefold() for cell in cells}
    is_few = 2 <= len(values) <= len(cells) // 2
    return is_few and not values <= _ANSWERS and all(map(_NAME.fullmatch, values))


def _check_texts(column: Column, rows: Sequence[Row]) -> None:
    """Refuse a column of texts that holds scores or counts."""
    cells = [row.cells[column.position].strip() for row in rows]
    if any(cells) and all(is_number(cell) for cell in cells if cell):
        raise DocumentError(
            f"the column {column.name} of the transcript holds numbers alone and no texts; call "
            f"that of the texts text, and this one otherwise"
        )


def _check_no_texts(header: list[str], rows: Sequence[Row]) -> None:
    """Refuse a table of speakers with texts in a column that is not known: they would be lost."""
    for name, cells in _unknown(header, rows):
        if any(map(_is_said, cells)):
            raise DocumentError(
                f"the column {name} of the transcript holds words; call it "
                f"{', '.join(NAMES['text'][:4])} or dialogue, or leave it out"
            )


def _check_no_times(header: list[str], rows: Sequence[Row]) -> None:
    """Refuse a table of turns with times in a column that is not known: they would be lost."""
    for name, cells in _unknown(header, rows):
        are_times = all(is_clock(cell) or is_range(cell) for cell in cells)
        if are_times or (_OF_TIMES.search(name) and all(map(_is_time, cells))):
            raise DocumentError(
                f"the column {name} of the transcript holds times in a unit that is not "
                f"known; call it start, in seconds or as hh:mm:ss, or leave it out"
            )


def _is_time(cell: str) -> bool:
    return is_number(cell) or is_clock(cell) or is_range(cell)


def _unknown(header: Sequence[str], rows: Sequence[Row]) -> Iterator[tuple[str, list[str]]]:
    """Names of the columns that are not known, and their cells that are not empty."""
    known = {name for names in NAMES.values() for name in names} | {*RECORDING_NAMES}
    for column in named_columns(header).values():
        cells = [row.cells[column.position].strip() for row in rows]
        if column.name not in known and any(cells):
            yield column.name, [cell for cell in cells if cell]


def _is_said(cell: str) -> bool:
    """Whether there are several words, or one that ends as a sentence does."""
    words = cell.split()
    if len(words) > 1:
        return sum(_SPOKEN.fullmatch(word) is not None for word in words) > 1
    return cell.strip().endswith((".", "?", "!", "…", "。", "？", "！"))
