"""Read a transcript of any format into turns; the content decides which, not the name."""

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePath

from hilbert.stages.extract.inputs import check_file
from hilbert.stages.extract.transcripts.chat import looks_like_chat, parse_chat
from hilbert.stages.extract.transcripts.ctm import looks_like_ctm, parse_ctm
from hilbert.stages.extract.transcripts.cues import looks_like_cues, parse_cues
from hilbert.stages.extract.transcripts.eaf import looks_like_eaf, parse_eaf
from hilbert.stages.extract.transcripts.formats import TranscriptFormat
from hilbert.stages.extract.transcripts.plain_text import parse_plain_text
from hilbert.stages.extract.transcripts.rttm import looks_like_rttm, parse_rttm
from hilbert.stages.extract.transcripts.shared_file import may_be_shared
from hilbert.stages.extract.transcripts.tables.table import (
    looks_like_table,
    parse_table,
    tells_speakers_only,
)
from hilbert.stages.extract.transcripts.tables.untitled import check_is_prose
from hilbert.stages.extract.transcripts.textgrid import looks_like_textgrid, parse_textgrid
from hilbert.stages.extract.transcripts.whisper_json import load_whisper_json, parse_whisper_json
from hilbert.stages.extract.transcripts.whisperx_json import (
    looks_like_whisperx,
    parse_whisperx_json,
)
from hilbert.store.errors import DocumentError
from hilbert.store.types import Turn

_WORD = re.compile(r"\w")

_SHARED: Mapping[TranscriptFormat, Callable[[str, Sequence[str]], Sequence[Turn]]] = {
    "ctm": parse_ctm,
    "rttm": parse_rttm,
    "csv": parse_table,
}
"""Formats whose files may hold many recordings."""

_READERS: Mapping[TranscriptFormat, Callable[[str], Sequence[Turn]]] = {
    "webvtt": parse_cues,
    "srt": parse_cues,
    "whisper": lambda text: parse_whisper_json(load_whisper_json(text, insist=True)),
    "whisperx": lambda text: parse_whisperx_json(load_whisper_json(text, insist=True)),
    "textgrid": parse_textgrid,
    "eaf": parse_eaf,
    "chat": parse_chat,
    "plain": parse_plain_text,
}

_EXTENSIONS: Mapping[str, TranscriptFormat] = {
    ".textgrid": "textgrid",
    ".eaf": "eaf",
    ".cha": "chat",
    ".ctm": "ctm",
    ".rttm": "rttm",
    ".csv": "csv",
    ".tsv": "csv",
    ".vtt": "webvtt",
    ".srt": "srt",
}

_NOT_READ = frozenset(
    (".ass", ".htm", ".html", ".jsonl", ".rtf", ".sbv", ".ssa", ".stm", ".sub", ".trs", ".ttml")
)
"""Formats that would pass for prose, with their times and marks as words."""

_TELLING = frozenset((".json", *_EXTENSIONS, *_NOT_READ))


def telling_extension(name: str, format: TranscriptFormat = "auto") -> str | None:
    """What of a transcript file's name has a say in how its content is read: its extension.

    It decides where the content leaves a doubt, so it belongs to the key of the segments.

    Returns
    -------
    str or None
        In lower case, such as ``.ctm``; None if nothing of the name matters.
    """
    suffix = PurePath(name).suffix.lower()
    return suffix if format == "auto" and suffix in _TELLING else None


def read_transcript(
    path: Path, format: TranscriptFormat = "auto", names: Sequence[str] = ()
) -> tuple[Turn, ...]:
    """Read the turns of a transcript file.

    Parameters
    ----------
    path : Path
    format : TranscriptFormat
    names : sequence of str
        What its recording may be called, where the file may hold several; see `shared_file`.

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
    shared = names if may_be_shared(path.name, format) else ()
    return parse_transcript(path.read_bytes(), name=path.name, format=format, recordings=shared)


def parse_transcript(
    data: bytes,
    *,
    name: str = "",
    format: TranscriptFormat = "auto",
    recordings: Sequence[str] = (),
) -> tuple[Turn, ...]:
    """Parse the turns of a transcript.

    Parameters
    ----------
    data : bytes
        UTF-8, with or without a byte order mark, or UTF-16 with one.
    name : str
        The file's name; its extension is a hint where the content leaves a doubt.
    format : TranscriptFormat
        How to read it; ``auto`` is as the content shows.
    recordings : sequence of str
        Which one to read, of a format whose files may hold many; the first that is there.

    Returns
    -------
    tuple of Turn
        Sorted by start where they have times, ties as written. Each has some text; but of a
        format that tells speakers only (RTTM, some tables), none has any.

    Raises
    ------
    DocumentError
        If it is not UTF-8, holds no words, or a time is unreadable, negative, or runs
        backwards. The message names the line or segment and holds no text of the transcript.
    """
    text = decoded(data)
    if format == "auto":
        format = detect_format(text, name.lower())
    turns = _SHARED[format](text, recordings) if format in _SHARED else _READERS[format](text)
    if not _tells_speakers_only(format, text, turns):
        turns = [turn for turn in turns if turn.text]
        if not any(_WORD.search(turn.text) for turn in turns):
            raise DocumentError("the transcript holds no words; remove it, or mend it")
    elif not turns:
        raise DocumentError("the transcript holds no turns; remove it, or mend it")
    return tuple(sorted(turns, key=_start_s))


def _tells_speakers_only(format: TranscriptFormat, text: str, turns: Sequence[Turn]) -> bool:
    if format == "csv" and not any(turn.text for turn in turns):
        return tells_speakers_only(text)
    return format == "rttm"


def detect_format(text: str, name: str = "") -> TranscriptFormat:
    """The format that a text is in, by marks that prose does not have; plain text without any.

    Parameters
    ----------
    text : str
        The whole transcript.
    name : str
        The file's name in lower case. Where the content shows no format, its extension decides,
        so that a file with a fault is refused rather than read as prose.

    Raises
    ------
    DocumentError
        If the extension is that of a format that is not read, or a text without one that is
        known seems to be a table; says what to write instead.
    """
    value = load_whisper_json(text, insist=name.endswith(".json"))
    if value is not None:
        return "whisperx" if looks_like_whisperx(value) else "whisper"
    if looks_like_textgrid(text):
        return "textgrid"
    if looks_like_eaf(text):
        return "eaf"
    if looks_like_chat(text):
        return "chat"
    if looks_like_rttm(text):
        return "rttm"
    if looks_like_cues(text, insist=name.endswith((".vtt", ".srt"))):
        return "webvtt" if text.startswith("WEBVTT") else "srt"
    if looks_like_ctm(text):
        return "ctm"
    if looks_like_table(text):
        return "csv"
    suffix = PurePath(name).suffix
    if suffix in _NOT_READ:
        raise DocumentError(
            f"the transcript is a {suffix} file, which is not read; convert it to WebVTT, or see"
            f" --transcript-format"
        )
    if suffix not in _EXTENSIONS:
        check_is_prose(text)
    return _EXTENSIONS.get(suffix, "plain")


def _start_s(turn: Turn) -> float:
    """Untimed turns all sort alike, so they stay in order."""
    return 0.0 if turn.start_s is None else turn.start_s


def decoded(data: bytes) -> str:
    """The text of a transcript file.

    Raises
    ------
    DocumentError
        If it is neither UTF-8 nor UTF-16, or binary.
    """
    if data.startswith(b"ooBinaryFile"):
        raise DocumentError("the transcript is a binary file of Praat; save it as a text file")
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
