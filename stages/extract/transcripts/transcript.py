"""Read a transcript of any format into turns; the content decides which, not the name."""

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Sequence
from pathlib import Path

from hilbert.stages.extract.inputs import check_file
from hilbert.stages.extract.transcripts.cues import looks_like_cues, parse_cues
from hilbert.stages.extract.transcripts.plain_text import parse_plain_text
from hilbert.stages.extract.transcripts.whisper_json import load_whisper_json, parse_whisper_json
from hilbert.store.errors import DocumentError
from hilbert.store.types import Turn

_WORD = re.compile(r"\w")


def read_transcript(path: Path) -> tuple[Turn, ...]:
    """Read the turns of a WebVTT, SRT, Whisper JSON or plain text file.

    Returns
    -------
    tuple of Turn
        As `parse_transcript` does.

    Raises
    ------
    DocumentError
        As `parse_transcript` does; and if the file is missing, empty or no file.
    """
    check_file(path, "transcript")
    return parse_transcript(path.read_bytes(), name=path.name)


def parse_transcript(data: bytes, *, name: str = "") -> tuple[Turn, ...]:
    """Parse the turns of a transcript.

    Parameters
    ----------
    data : bytes
        UTF-8, with or without a byte order mark, or UTF-16 with one.
    name : str
        The file's name; its extension is a hint where the content leaves a doubt.

    Returns
    -------
    tuple of Turn
        Sorted by start where they have times, ties as written. Each has some text.

    Raises
    ------
    DocumentError
        If it is not UTF-8, holds no words, or a time is unreadable, negative, or runs
        backwards. The message names the line or segment and holds no text of the transcript.
    """
    turns = [turn for turn in _parse(_decode(data), name.lower()) if turn.text]
    if not any(_WORD.search(turn.text) for turn in turns):
        raise DocumentError("the transcript holds no words; remove it, or mend it")
    return tuple(sorted(turns, key=_start_s))


def _parse(text: str, name: str) -> Sequence[Turn]:
    """Choose the reader: JSON by its structure, cues by a timing line, else plain text."""
    value = load_whisper_json(text, insist=name.endswith(".json"))
    if value is not None:
        return parse_whisper_json(value)
    if looks_like_cues(text, insist=name.endswith((".vtt", ".srt"))):
        return parse_cues(text)
    return parse_plain_text(text)


def _start_s(turn: Turn) -> float:
    """Untimed turns all sort alike, so they stay in order."""
    return 0.0 if turn.start_s is None else turn.start_s


def _decode(data: bytes) -> str:
    encoding = "utf-16" if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8"
    try:
        text = data.removeprefix(BOM_UTF8).decode(encoding)
    except UnicodeDecodeError as error:
        offset = error.start + (len(BOM_UTF8) if data.startswith(BOM_UTF8) else 0)
        raise DocumentError(
            f"the transcript is not {encoding.upper()} at byte {offset}; convert it, "
            f"for instance with `iconv -f latin1 -t utf-8`"
        ) from None  # the cause would show the bytes
    if "\0" in text:
        raise DocumentError(
            f"the transcript holds a NUL at character {text.index(chr(0))}: it is not text, "
            f"or UTF-16; convert it with `iconv -f utf-16 -t utf-8`"
        )
    return text
