"""Read the JSON that Whisper programs write.

- openai-whisper, faster-whisper: ``{"segments": [{"start", "end", "text"}]}``, some with a
  ``speaker`` in each segment; or just the list (`whisperx_json` where words have speakers);
- transformers: ``{"chunks": [{"timestamp": [start, end], "text"}]}``; beside them, once diarised
  by insanely-fast-whisper, ``{"speakers": [{"speaker", "timestamp", "text"}]}``;
- OpenAI's service, asked for words: ``{"text", "words": [{"word", "start", "end"}]}``, and unless
  asked for more: ``{"text"}``, without times;
- AssemblyAI: ``{"text", "words": [{"text", "start", "end", "speaker"}]}``, in whole milliseconds;
  where no word has a speaker, ``{"utterances": [{"text", "start", "end", "speaker"}]}``.

Whole numbers are seconds or milliseconds by the rule of `time_units`.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeGuard

from hilbert.stages.extract.transcripts.speaker_labels import checked_speaker
from hilbert.stages.extract.transcripts.time_units import (
    MILLISECONDS,
    SECONDS,
    is_whole,
    units_per_second,
)
from hilbert.stages.extract.transcripts.timing import SECONDS_PER_WORD, fill_times, timed_turn
from hilbert.stages.extract.transcripts.words import cut_at_words
from hilbert.store.errors import DocumentError
from hilbert.store.types import Seconds, Span, Turn

_PAUSE_S: Seconds = 1.0
"""A longer pause between words ends a turn, if no sentence ended there."""
_SENTENCE_ENDS = (".", "?", "!", "…", "。", "？", "！")


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
    """Turns of the segments or chunks; where there are words alone, of their sentences.

    Raises
    ------
    DocumentError
        If there are none of either, or one has no text, no readable times, or a speaker that
        is no name; names its index.
    """
    if isinstance(value, Mapping):
        parts = _said_by_speakers(value)
        if parts is None and isinstance(value.get("text"), str):
            return _sentences(value["text"], value.get("words", value.get("word_segments")))
    else:
        parts = value
    if not isinstance(parts, list):
        raise DocumentError(
            "the transcript is JSON without a list of segments or chunks; "
            "write Whisper's JSON, WebVTT or plain text"
        )
    parts = in_seconds(parts)
    return [_turn(parts, i) for i in range(len(parts))]


def _said_by_speakers(value: Mapping[str, Any]) -> Any:
    """Segments, chunks or utterances, those that tell who speaks before others; None if neither."""
    if value.get("segments") is not None:
        return value["segments"]
    chunks = value.get("chunks")
    if _are_texts(named := value.get("speakers")):
        return _with_speakers(chunks, named)
    if chunks is None and _are_texts(said := value.get("utterances")):
        words = value.get("words")
        if not any(_has_speaker(word) for word in (words if isinstance(words, list) else [])):
            return said
    return chunks


def _are_texts(parts: Any) -> TypeGuard[list[Mapping[str, Any]]]:
    """Whether there are some, and all have a text."""
    return (
        isinstance(parts, list)
        and len(parts) > 0
        and all(isinstance(part, Mapping) and isinstance(part.get("text"), str) for part in parts)
    )


def _has_speaker(word: Any) -> bool:
    return isinstance(word, Mapping) and word.get("speaker") is not None


def _with_speakers(chunks: Any, named: list[Mapping[str, Any]]) -> Any:
    """The chunks, where there are any, of which the named ones may leave out the last.

    Where these are cut otherwise, as where those of one speaker are joined, they are taken if they
    have all of the words, else the chunks, of nobody.
    """
    if not _are_texts(chunks):
        return named
    known = {_key(part) for part in named}
    rest = [part for part in chunks if _key(part) not in known]
    if len(rest) + len(named) == len(chunks):
        return [*named, *rest]
    return named if _words_in(named) == _words_in(chunks) else chunks


def _key(part: Mapping[str, Any]) -> tuple[str, str]:
    return part["text"], str(_times(part))


def _words_in(parts: list[Mapping[str, Any]]) -> int:
    return sum(len(part["text"].split()) for part in parts)


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


def _sentences(text: str, words: Any) -> list[Turn]:
    """Turns of `text`, which end where a sentence does, before a pause and at another speaker.

    Without a list of words that have a time, the text is one turn without times; a sentence
    without any lies between its neighbours.
    """
    found = [
        _word(word, f"word {n}")
        for n, word in enumerate(in_seconds(words) if isinstance(words, list) else [], 1)
    ]
    if all(word.start_s is None for word in found):
        return [Turn(" ".join(text.split()))]
    said = cut_at_words(text, [[word.text] for word in found])
    groups: list[list[Turn]] = []
    for word, piece in zip(found, said, strict=True):
        if not groups or _ends(groups[-1], word):
            groups.append([])
        groups[-1].append(replace(word, text=piece))
    return fill_times([_joined(group) for group in groups])


def in_seconds(parts: list[Any]) -> list[Any]:
    """Segments, chunks or words with times in seconds, by `time_units` where all are whole numbers.

    Raises
    ------
    DocumentError
        If they may be seconds or milliseconds.
    """
    times: list[tuple[Any, Any]] = [
        _times(part) if isinstance(part, Mapping) else (None, None) for part in parts
    ]
    timed = [pair for pair in times if pair != (None, None)]
    if not timed or not all(is_whole(time) for pair in timed for time in pair):
        return parts
    texts = [
        str(part.get("text", part.get("word", "")))
        for part, pair in zip(parts, times, strict=True)
        if pair != (None, None)
    ]
    if units_per_second([end - start for start, end in timed], texts) == SECONDS:
        return parts
    return [_scaled(part) if isinstance(part, Mapping) else part for part in parts]


def _scaled(part: Mapping[str, Any]) -> dict[str, Any]:
    """A segment or word with its times, and those of the words in it, in seconds."""
    found = {key: _in_s(part[key]) for key in ("start", "end", "timestamp") if key in part}
    if isinstance(words := part.get("words"), list):
        found["words"] = [_scaled(w) if isinstance(w, Mapping) else w for w in words]
    return {**part, **found}


def _in_s(value: Any) -> Any:
    if isinstance(value, list):
        return [_in_s(one) for one in value]
    return value / MILLISECONDS if is_whole(value) else value


def _word(word: Any, where: str) -> Turn:
    """A word and its times, without any where it lacks one: numerals may not be aligned."""
    text = word.get("word", word.get("text")) if isinstance(word, Mapping) else None
    if not isinstance(text, str):
        raise DocumentError(f"{where} of the transcript has no text; write it again")
    speaker = speaker_of(word.get("speaker"), where)
    start, end = _times(word)
    if start is None or end is None:
        return Turn(text.strip(), speaker)
    span = Span(seconds_of(start, where), seconds_of(end, where))
    return timed_turn(text.strip(), speaker, span, where)


def _ends(said: Sequence[Turn], word: Turn) -> bool:
    """Whether a turn ends before `word`."""
    before = said[-1]
    if before.text.rstrip("\"')]»”’").endswith(_SENTENCE_ENDS):
        return True
    if word.speaker is not None and word.speaker != said[0].speaker:
        return True
    end_s = next((one.end_s for one in reversed(said) if one.end_s is not None), None)
    return end_s is not None and word.start_s is not None and word.start_s - end_s > _PAUSE_S


def _joined(words: Sequence[Turn]) -> Turn:
    text = " ".join(word.text for word in words if word.text)
    starts = [word.start_s for word in words if word.start_s is not None]
    ends = [word.end_s for word in words if word.end_s is not None]
    return Turn(text, words[0].speaker, min(starts, default=None), max(ends, default=None))


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
