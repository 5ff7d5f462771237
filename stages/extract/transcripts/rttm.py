"""Read NIST's RTTM: a line a stretch of speech, ``SPEAKER recording channel start duration ...``.

It tells who speaks when, and nothing of what is said.
"""

from collections.abc import Iterator, Sequence
from itertools import islice

from hilbert.stages.extract.transcripts.line_fields import (
    Fields,
    lines_of_fields,
    of_one_recording,
)
from hilbert.stages.extract.transcripts.speaker_labels import checked_speaker
from hilbert.stages.extract.transcripts.timing import is_number, read_number, timed_turn
from hilbert.store.errors import DocumentError
from hilbert.store.types import Span, Turn

_SPEAKER = "SPEAKER"
RTTM_TYPES = {
    _SPEAKER, "SPKR-INFO", "SEGMENT", "NOSCORE", "NO_RT_METADATA", "LEXEME", "NON-LEX",
    "NON-SPEECH", "FILLER", "EDIT", "IP", "SU", "CB", "A/P",
}  # fmt: skip
_NOBODY = "<NA>"
_NOTHING = {"<na>", "na", "null", "unknown", "-"}
"""What files have for a confidence that is not known."""
_RECORDING = 1  # index of the field of the recording's name
_NAME = 7  # index of the field of the speaker's name
_MOST = 10  # fields of a line; some programs leave out the last or the last two
_LOOKED_AT = 20


def looks_like_rttm(text: str) -> bool:
    """Whether a line is one of RTTM, with the ``<NA>`` of fields that hold nothing."""
    return any(
        values[0] in RTTM_TYPES and len(values) > _NAME and _NOBODY in values
        for _, values in islice(lines_of_fields(text), _LOOKED_AT)
    )


def parse_rttm(text: str, names: Sequence[str] = ()) -> list[Turn]:
    """Turns without text, one a ``SPEAKER`` line; lines of other types are left out.

    Parameters
    ----------
    names : sequence of str
        What the recording may be called, where the file holds several.

    Raises
    ------
    DocumentError
        If a line has too few or too many fields (a name may hold a blank), or is of no type of
        RTTM, or its times are unreadable, negative or run backwards, which names the line; or no
        recording is called so.
    """
    lines = of_one_recording(list(_speaker_lines(text)), _RECORDING, names)
    return [_turn(line) for line in lines]


def _speaker_lines(text: str) -> Iterator[Fields]:
    for line in lines_of_fields(text):
        where, values = line
        if values[0] not in RTTM_TYPES:
            raise DocumentError(
                f"{where} of the transcript begins with no type of RTTM such as SPEAKER; mend it"
            )
        if values[0] == _SPEAKER:
            if len(values) <= _NAME:
                raise DocumentError(
                    f"{where} of the transcript has {len(values)} fields, RTTM at least "
                    f"{_NAME + 1}; mend it"
                )
            if len(values) > _MOST or not _ends_in_numbers(values[_NAME + 1 :]):
                raise DocumentError(
                    f"{where} of the transcript has fields that RTTM has not: a name must hold no "
                    f"blank (write Speaker_A, not Speaker A); mend it"
                )
            yield line


def _ends_in_numbers(values: list[str]) -> bool:
    """Whether what follows the name is a confidence and a time, or nothing: no part of a name."""
    if not all(value.lower() in _NOTHING or is_number(value) for value in values):
        return False
    confidence = values[0] if values else _NOBODY
    return confidence.lower() in _NOTHING or 0 <= float(confidence) <= 1


def _turn(line: Fields) -> Turn:
    where, values = line
    start_s = read_number(values[3], where)
    span = Span(start_s, start_s + read_number(values[4], where))
    name = "" if values[_NAME] == _NOBODY else values[_NAME]
    return timed_turn("", checked_speaker(name, where), span, where)
