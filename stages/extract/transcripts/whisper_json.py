"""Read the JSON that Whisper programs write.

- openai-whisper, faster-whisper: ``{"segments": [{"start", "end", "text"}]}``, some with a
  ``speaker`` in each segment; or just the list (`whisperx_json` where words have speakers);
- transformers: ``{"chunks": [{"timestamp": [start, end], "text"}]}``;
- OpenAI's service, unless asked for more: ``{"text"}``, without times.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from hilbert.stages.extract.transcripts.speaker_labels import checked_speaker
from hilbert.stages.extract.transcripts.timing import SECONDS_PER_WORD, timed_turn
from hilbert.store.errors import DocumentError
from hilbert.store.types import Seconds, Span, Turn


def load_whisper_json(text: str, *, insist: bool = False) -> Any | None:
    """The object, or list of objects, in a JSON text; ``None`` if it is not one.

    ``[laughs] Well.`` is not one, and neither is ``[1]``.

    Raises
    ------
    DocumentError
        If `insist` and the text is not JSON.
    """
    if not insist and not text.lstrip().startswith(("{", "[")):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        if not insist:
            return None
        line = getattr(error, "lineno", 1)
        raise DocumentError(f"the transcript is not JSON at line {line}; write it again") from None
    parts = value if isinstance(value, list) else [value]
    return value if insist or any(isinstance(part, Mapping) for part in parts) else None


def parse_whisper_json(value: Any) -> list[Turn]:
    """Turns of the segments or chunks.

    Raises
    ------
    DocumentError
        If there are none of either, or one has no text, no readable times, or a speaker that
        is no name; names its index.
    """
    if isinstance(value, Mapping):
        parts = value.get("segments", value.get("chunks"))
        if parts is None and isinstance(value.get("text"), str):
            return [Turn(" ".join(value["text"].split()))]
    else:
        parts = value
    if not isinstance(parts, list):
        raise DocumentError(
            "the transcript is JSON without a list of segments or chunks; "
            "write Whisper's JSON, WebVTT or plain text"
        )
    return [_turn(parts, i) for i in range(len(parts))]


def _turn(parts: Sequence[Any], i: int) -> Turn:
    where = f"segment {i + 1}"
    part = parts[i]
    text = part.get("text") if isinstance(part, Mapping) else None
    if not isinstance(text, str):
        raise DocumentError(f"{where} of the transcript has no text; write it again")
    start_s, end_s = _times(part)
    start = seconds_of(start_s, where)
    if end_s is None and "timestamp" in part:
        end = _missing_end(parts, i, start, where)
    else:
        end = seconds_of(end_s, where)
    speaker = speaker_of(part.get("speaker"), where)
    return timed_turn(" ".join(text.split()), speaker, Span(start, end), where)


def speaker_of(value: Any, where: str) -> str | None:
    """The speaker that a segment or word states; some programs number them."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise DocumentError(
            f"{where} of the transcript has a speaker that is not a string; write it in quotes"
        )
    return checked_speaker(str(value), where)


def _times(part: Mapping[str, Any]) -> tuple[Any, Any]:
    pair = part.get("timestamp")
    if isinstance(pair, list) and len(pair) == 2:
        return pair[0], pair[1]
    return part.get("start"), part.get("end")


def _missing_end(parts: Sequence[Any], i: int, start: Seconds, where: str) -> Seconds:
    """transformers leaves the end open where the audio stopped amid a chunk.

    Before another chunk, it is that one's start; at the end, what the words take to say, which
    `segment_document` clips to the audio.
    """
    if i + 1 < len(parts) and isinstance(parts[i + 1], Mapping):
        return seconds_of(_times(parts[i + 1])[0], where)
    return start + SECONDS_PER_WORD * len(parts[i]["text"].split())


def seconds_of(value: Any, where: str) -> Seconds:
    """A time that is a number in JSON."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DocumentError(f"{where} of the transcript has no readable times; write it again")
    try:
        return float(value)
    except OverflowError:
        return math.inf
