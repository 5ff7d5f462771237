"""Lines of fields with blanks between, as the formats of NIST's tools have them."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from hilbert.store.errors import DocumentError


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


def check_one_recording(names: set[str], where: str) -> None:
    """Refuse lines of more than one recording: which of them is the document's, none says.

    Raises
    ------
    DocumentError
        If `names` are several.
    """
    if len(names) > 1:
        raise DocumentError(
            f"{where} of the transcript is of another recording than the lines before it; give "
            f"each document a file of its own"
        )
