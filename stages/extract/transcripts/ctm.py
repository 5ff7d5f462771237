"""Read NIST's CTM: a line a word, ``recording channel start duration word [confidence ...]``."""

from collections.abc import Iterator, Sequence
from itertools import islice

from hilbert.stages.extract.transcripts.events import is_event
from hilbert.stages.extract.transcripts.line_fields import (
    Fields,
    lines_of_fields,
    of_one_recording,
)
from hilbert.stages.extract.transcripts.markup import plain_label
from hilbert.stages.extract.transcripts.speaker_labels import checked_speaker
from hilbert.stages.extract.transcripts.timing import is_number, read_number
from hilbert.stages.extract.transcripts.words import Word, turns_of_words
from hilbert.store.errors import DocumentError
from hilbert.store.types import Span, Turn

_SPOKEN = {"lex", "frag", "fp", "un-lex", "for-lex"}
"""Types of the seventh field that are words; others are noises and what is not scored."""
_NOBODY = {"<na>", "na", "null", "unknown", "-"}
_SILENCES = {"<eps>", "<sil>", "sil", "<unk>", "@", "!sil"}
_RECORDING = 0  # index of the field of the recording's name
_FEWEST, _MOST = 5, 8  # fields of a line
_LOOKED_AT = 20


def looks_like_ctm(text: str) -> bool:
    """Whether most lines are a word's, with a time that has a point: prose has no such lines."""
    lines = list(islice(lines_of_fields(text), _LOOKED_AT))
    return 2 * sum(_is_word(line.values) for line in lines) > len(lines)


def _is_word(values: list[str]) -> bool:
    return (
        _FEWEST <= len(values) <= _MOST
        and is_number(values[2])
        and is_number(values[3])
        and "." in values[2] + values[3]
        and _has_confidence(values)
    )


def _has_confidence(values: list[str]) -> bool:
    """Whether the sixth field is one, or missing; else a blank stands within a field before it."""
    return len(values) == _FEWEST or is_number(values[5]) or values[5].lower() in _NOBODY


def parse_ctm(text: str, names: Sequence[str] = ()) -> list[Turn]:
    """Turns of words, cut at pauses; who speaks is the eighth field, or else the channel.

    Where there is but one channel, it tells nobody; two are two speakers, whom the mean of the
    channels holds both. Of alternatives, the first is read. What stands in
    brackets (``[noise]``, ``<unk>``) is an event and no word.

    Parameters
    ----------
    names : sequence of str
        What the recording may be called, where the file holds several.

    Raises
    ------
    DocumentError
        If a line has not enough fields, or its times are unreadable, negative or run backwards,
        which names the line; or no recording is called so.
    """
    shown = names if looks_like_ctm(text) else ()  # prose that is read by force tells nothing
    lines = of_one_recording(list(_first_alternatives(text)), _RECORDING, shown)
    n_channels = len({line.values[1] for line in lines})
    words = (_word(line, n_channels) for line in lines if _is_spoken(line.values))
    return turns_of_words(word for word in words if word.text)


def _first_alternatives(text: str) -> Iterator[Fields]:
    skips = False
    for line in lines_of_fields(text):
        where, values = line
        if not _FEWEST <= len(values) <= _MOST:
            raise DocumentError(
                f"{where} of the transcript has {len(values)} fields, a CTM {_FEWEST} to {_MOST}; "
                f"mend it"
            )
        if not _has_confidence(values):
            raise DocumentError(
                f"{where} of the transcript has a sixth field that is no confidence such as 0.9: "
                f"a name or word must hold no blank; mend it"
            )
        mark = values[4].upper()
        if mark == "<ALT>":
            skips = True
        elif mark in {"<ALT_BEGIN>", "<ALT_END>"}:
            skips = False
        elif not skips:
            yield line


def _is_spoken(values: list[str]) -> bool:
    kind = values[6].lower() if len(values) > 6 else "lex"
    is_silent = values[4].lower() in _SILENCES or is_event(values[4])
    return not is_silent and kind in _SPOKEN | _NOBODY


def _word(line: Fields, n_channels: int) -> Word:
    where, values = line
    start_s = read_number(values[2], where)
    span = Span(start_s, start_s + read_number(values[3], where))
    named = values[7] if len(values) > 7 and values[7].lower() not in _NOBODY else ""
    speaker = named or (values[1] if n_channels > 1 else "")
    return Word(plain_label(values[4]), span, checked_speaker(speaker, where), where)
