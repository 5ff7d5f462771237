"""Lines of fields with blanks between, as the formats of NIST's tools have them."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from hilbert.store.errors import DocumentError

_MOST_SHOWN = 5
_LONGEST_NAME = 40


class Fields(NamedTuple):
    """The fields of one line; `where` names it in an error."""

    where: str
    values: list[str]


def numbered_lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines of a text as an editor counts them, from 1."""
    return enumerate(re.split(r"\r\n|\r|\n", text), start=1)


def lines_of_fields(text: str) -> Iterator[Fields]:
    """Every line that is neither blank nor a comment, which begins with ``;;``."""
    for number, line in numbered_lines(text):
        values = line.split()
        if values and not values[0].startswith(";;"):
            yield Fields(f"line {number}", values)


def of_one_recording(lines: Sequence[Fields], field: int, names: Sequence[str]) -> list[Fields]:
    """The lines of one recording: the only one there is, else the one that is called so.

    Parameters
    ----------
    lines : sequence of Fields
    field : int
        Index of the field with the recording's name.
    names : sequence of str
        What the document's recording may be called, best first; looked for as they are spelt,
        then in any case.

    Raises
    ------
    DocumentError
        If there are several recordings and none of them, or no single one, is called so.
    """
    found = list(dict.fromkeys(line.values[field] for line in lines))
    if len(found) < 2:
        return list(lines)
    chosen = chosen_recording(found, names)
    return [line for line in lines if line.values[field] == chosen]


def chosen_recording(found: Sequence[str], names: Sequence[str], by: str = "") -> str:
    """Which of several recordings is called as one of `names`, as `of_one_recording` looks for it.

    Parameters
    ----------
    found : sequence of str
    names : sequence of str
    by : str
        What tells them apart, for the message: ``" in its column file"``.

    Raises
    ------
    DocumentError
        If none of them, or no single one, is called so.
    """
    chosen = next((name for name in names if name in found), None)
    if chosen is None:
        wanted = {name.casefold() for name in names}
        alike = [name for name in found if name.casefold() in wanted]
        chosen = alike[0] if len(alike) == 1 else None
    if chosen is None:
        raise DocumentError(_nobody_s(found, names, by))
    return chosen


def _nobody_s(found: Sequence[str], names: Sequence[str], by: str) -> str:
    held = f"the transcript holds {len(found)} recordings{by}"
    if by:
        by = "; call the column otherwise if it tells something else"
    if not names:  # of a text, or a file that may be prose: nothing of it is shown
        return (
            f"{held}; end its file's name in .ctm, .rttm, .csv or .tsv, or give each document its "
            f"own file"
        )
    shown = ", ".join(name[:_LONGEST_NAME] for name in found[:_MOST_SHOWN])
    more = ", …" if len(found) > _MOST_SHOWN else ""
    called = " or ".join(dict.fromkeys(names))
    return f"{held} ({shown}{more}), and none is called {called}{by}"
