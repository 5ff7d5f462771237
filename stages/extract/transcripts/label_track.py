"""Read the labels that Audacity exports: ``start <tab> end <tab> label`` in seconds, no header.

A label may be who speaks, what is said, or what is heard. These are what is said where most labels
have several words; others are left to `tables.untitled`.
"""

import re
from collections.abc import Sequence

from hilbert.stages.extract.transcripts.label_search import find_labels
from hilbert.stages.extract.transcripts.markup import plain_label
from hilbert.stages.extract.transcripts.speaker_labels import split_label
from hilbert.stages.extract.transcripts.timing import timed_turn
from hilbert.store.types import Span, Turn

_ROW = re.compile(r"\s*(\d+[.,]\d+)\t(\d+[.,]\d+)\t([^\t]*)", re.ASCII)
_FEWEST = 2
"""One line proves nothing."""


def read_label_track(lines: Sequence[str]) -> list[Turn] | None:
    """Turns of lines, none of them blank; None if they are no labels of what is said.

    Parameters
    ----------
    lines : sequence of str
        With their tabs.

    Raises
    ------
    DocumentError
        If a label ends before it starts; names the line, of those that are not blank.
    """
    rows = [match for line in lines if (match := _ROW.fullmatch(line))]
    texts = [plain_label(row[3]) for row in rows]
    n_said = sum(len(text.split()) > 1 for text in texts)
    if len(rows) < max(_FEWEST, len(lines)) or 2 * n_said <= len(rows):
        return None
    said = [text for text in texts if text]
    speakers = find_labels(said, len(said))
    turns = []
    for number, (row, text) in enumerate(zip(rows, texts, strict=True), start=1):
        span = Span(*(float(time.replace(",", ".")) for time in row.groups()[:2]))
        opening = split_label(text, speakers)
        where = f"line {number} (blank ones aside)"
        turns.append(timed_turn(opening.said, opening.speaker, span, where))
    return turns
