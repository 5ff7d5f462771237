"""Whether times that are whole numbers and state no unit are seconds or milliseconds.

The rule. What counts is how long a word would take on the mean: fewer than 30 units are seconds,
as nobody says a word in 30 ms; from 100 to 5000 are milliseconds, as nobody takes 100 s for one.
Between the two, and beyond (frames of the recording may be counted), nothing is guessed.
"""

import math
import re
from collections.abc import Sequence
from typing import Any, Final

from hilbert.stages.extract.sentences import count_words
from hilbert.store.errors import DocumentError

SECONDS: Final = 1.0
MILLISECONDS: Final = 1000.0
"""How many of a unit make a second."""

_FEWEST_S, _FEWEST_MS, _MOST_MS = 30.0, 100.0, 5000.0
_WORDS_OF_A_TURN = 4
"""What a turn without text counts as."""
_WHOLE = re.compile(r"\d{1,12}(?:\.0*)?", re.ASCII)


def is_whole_cell(cell: str) -> bool:
    """Whether a time as a table writes it may count milliseconds."""
    return _WHOLE.fullmatch(cell) is not None


def is_whole(value: Any) -> bool:
    """Whether a time as JSON has it may count milliseconds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 10**12 and value == int(value)  # a larger one may overflow


def units_per_second(
    lengths: Sequence[float], texts: Sequence[str | None], *, of_whisper: bool = False
) -> float:
    """How many make a second, of times that are whole numbers throughout.

    Parameters
    ----------
    lengths : sequence of float, n turns
        From the start of each turn to its end, or to the start of the next.
    texts : sequence of str or None, n turns
        What is said in each; None where the transcript tells no texts.
    of_whisper : bool
        Whether they are as Whisper writes them, which counts no frames, and may hear one word in
        minutes of noise.

    Returns
    -------
    float
        `SECONDS` or `MILLISECONDS`, by the rule above.

    Raises
    ------
    DocumentError
        If it may be either, or neither.
    """
    n_words = [_WORDS_OF_A_TURN if text is None else count_words(text) for text in texts]
    total = sum(length for length, n in zip(lengths, n_words, strict=True) if n)
    if total <= _FEWEST_S * sum(n_words):
        return SECONDS
    most_ms = math.inf if of_whisper else _MOST_MS
    if _FEWEST_MS * sum(n_words) <= total <= most_ms * sum(n_words):
        return MILLISECONDS
    raise DocumentError(
        f"the transcript has times that are whole numbers, {total / sum(n_words):.0f} for a word "
        f"on the mean, neither seconds nor milliseconds for sure; write a table that names the "
        f"unit (start_s, end_s or start_ms, end_ms)"
    )
