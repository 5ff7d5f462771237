"""The names of the transcript formats."""

from typing import Literal

TranscriptFormat = Literal[
    "auto",
    "webvtt",
    "srt",
    "whisper",
    "whisperx",
    "textgrid",
    "eaf",
    "chat",
    "ctm",
    "rttm",
    "csv",
    "plain",
]
"""``auto`` is the one that the content shows; the others force one."""
