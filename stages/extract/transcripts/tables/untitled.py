"""Refuse tables that would pass for prose, with their numbers and names as words.

Rows of numbers and labels without a header, as HTK, Kaldi and ELAN write them, do not say whether a
label is who speaks or what is said; and of a header, `table` may know too few names.
"""

import re
from collections import Counter

from hilbert.stages.extract.transcripts.label_track import read_label_track
from hilbert.stages.extract.transcripts.line_fields import numbered_lines
from hilbert.stages.extract.transcripts.plain_text import parse_plain_text
from hilbert.stages.extract.transcripts.timing import is_number
from hilbert.store.errors import DocumentError

_FEWEST = 2
"""Rows of a table; one line proves nothing."""
_CELLS = 3
"""Of a row: a name, a tab and what is said are no table."""
_SHARE = 0.8
"""Of the lines that are rows; others may tell of the file."""
_TIME = re.compile(r"\d[\d:.,]*", re.ASCII)
_UTTERANCE = re.compile(r"(?=\S*\d)(?=\S*[-_])[\w-]+")  # Kaldi's names: rec-0001, anna_03
_UNLESS = "or see --transcript-format if it is prose"
_NAMES = f"start, end, speaker and text, with tabs between, {_UNLESS}"


def check_is_prose(text: str) -> None:
    """Refuse what is no prose.

    Raises
    ------
    DocumentError
        If nearly all lines are rows of as many cells with tabs between, and read as prose tell
        neither times nor speakers; or begin with two numbers; or are those of Kaldi's ``segments``
        or ``text``. Says what to write instead.
    """
    lines = [line for _, line in numbered_lines(text) if line.strip()]
    if len(lines) < _FEWEST or read_label_track(lines) is not None:
        return
    fields = [line.split() for line in lines]
    if _are_rows(lines) and not _tells_more(text):
        begins = "names no columns" if not any(map(_is_time, fields[0])) else "is no header"
        raise DocumentError(
            f"the transcript is a table with tabs, whose first line {begins} that is known; name "
            f"the columns there {_NAMES}"
        )
    if _nearly_all([len(values) > 2 and all(map(is_number, values[:2])) for values in fields]):
        raise DocumentError(
            f"the lines of the transcript begin with two numbers, as of a table of times; write "
            f"RTTM of who speaks, or put a line above that names the columns {_NAMES}"
        )
    if _nearly_all([len(values) == 4 and all(map(is_number, values[2:])) for values in fields]):
        raise DocumentError(
            "the transcript holds names and times and nothing that is said, as Kaldi's segments; "
            "write CTM, or a table of start, end and text"
        )
    if _are_utterances([values[0] for values in fields]):
        raise DocumentError(
            f"the lines of the transcript begin with names of utterances, as Kaldi's text; write "
            f"CTM, or a table of start, end and text, {_UNLESS}"
        )


def _are_rows(lines: list[str]) -> bool:
    """Whether nearly all have as many cells, some of them times."""
    cells = [line.split("\t") for line in lines]
    ((n_cells, n_rows),) = Counter(map(len, cells)).most_common(1)
    n_times = sum(any(_is_time(cell.strip()) for cell in row) for row in cells)
    return n_cells >= _CELLS and n_rows >= _SHARE * len(lines) and 2 * n_times > len(lines)


def _is_time(cell: str) -> bool:
    return _TIME.fullmatch(cell) is not None


def _tells_more(text: str) -> bool:
    """Whether stamps or labels are told from what is said."""
    turns = parse_plain_text(text)
    return any(turn.start_s is not None or turn.speaker is not None for turn in turns)


def _nearly_all(are: list[bool]) -> bool:
    return sum(are) >= max(_FEWEST, _SHARE * len(are))


def _are_utterances(names: list[str]) -> bool:
    """Whether they are names as Kaldi wants them: different, and alike at the start."""
    return (
        len({name[:2] for name in names}) == 1
        and len(set(names)) == len(names)
        and all(map(_UTTERANCE.fullmatch, names))
    )
