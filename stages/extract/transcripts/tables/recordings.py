"""Which rows of a table are a document's, where a column tells that there are many recordings."""

import re
from collections.abc import Sequence

from hilbert.stages.extract.transcripts.line_fields import chosen_recording
from hilbert.stages.extract.transcripts.tables.columns import Column, recording_columns
from hilbert.stages.extract.transcripts.tables.rows import Row
from hilbert.store.errors import DocumentError

_MEDIA = re.compile(
    r"\.(?:wave?|flac|mp[234]|m4[av]|aac|ogg|oga|opus|wma|aiff?|aifc|au|amr|sph|mov|avi|mkv|webm|"
    r"wmv|mpe?g|3gp|caf)$",
    re.IGNORECASE,
)


def of_one_recording(
    header: Sequence[str], rows: Sequence[Row], names: Sequence[str], *, more: Sequence[Column] = ()
) -> list[Row]:
    """The rows of one recording: all where no column tells several, else of that called so.

    Parameters
    ----------
    header : sequence of str
    rows : sequence of Row
    names : sequence of str
        What the document's recording may be called, best first; compared with the cells without
        folders and the ending of a file of sound or video.
    more : sequence of Column
        Further columns of names of files.

    Raises
    ------
    DocumentError
        If there are several recordings and none, or no single one, is called so; or a row tells
        none.
    """
    for column in [*more, *recording_columns(header)]:
        found = recordings_in(column, rows)
        if len(found) > 1 and not _tells_rows(column, rows, names):
            chosen = chosen_recording(found, names, f" in its column {column.name}")
            return [row for row in rows if _recording(row, column) == chosen]
    return list(rows)


def holds_several(header: Sequence[str], rows: Sequence[Row], more: Sequence[Column] = ()) -> bool:
    """Whether `of_one_recording` may leave some rows out."""
    return any(
        len({_recording(row, column) for row in rows}) > 1 and not _numbers_rows(column, rows)
        for column in [*more, *recording_columns(header)]
    )


def recordings_in(column: Column, rows: Sequence[Row]) -> list[str]:
    """What the recordings of a column are called, in order.

    Raises
    ------
    DocumentError
        If there are several, and a row tells none.
    """
    named = [_recording(row, column) for row in rows]
    found = [name for name in dict.fromkeys(named) if name]
    if len(found) > 1 and "" in named:
        raise DocumentError(
            f"{rows[named.index('')].where} of the transcript tells no recording in the column "
            f"{column.name}, which holds several; mend it"
        )
    return found


def are_media(column: Column, rows: Sequence[Row]) -> bool:
    """Whether a column holds names of files of sound or video alone."""
    cells = [row.cells[column.position].strip() for row in rows]
    return any(cells) and all(_MEDIA.search(cell) for cell in cells if cell)


def _recording(row: Row, column: Column) -> str:
    name = re.split(r"[/\\]", row.cells[column.position].strip())[-1]
    return _MEDIA.sub("", name)


def _tells_rows(column: Column, rows: Sequence[Row], names: Sequence[str]) -> bool:
    """Whether a column called `id` gives every row its own, so that it is none of recordings."""
    cells = [row.cells[column.position].strip().casefold() for row in rows]
    if column.name != "id" or len({*cells}) < len(cells):
        return False
    return _numbers_rows(column, rows) or not {name.casefold() for name in names} & {*cells}


def _numbers_rows(column: Column, rows: Sequence[Row]) -> bool:
    cells = [row.cells[column.position].strip() for row in rows]
    return column.name == "id" and len({*cells}) == len(cells) and all(map(str.isdecimal, cells))
