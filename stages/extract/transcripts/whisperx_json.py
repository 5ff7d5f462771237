"""Read the JSON of WhisperX: segments whose words have times and, once diarised, speakers.

``{"segments": [{"start", "end", "text", "speaker", "words": [{"word", "start", "end",
"speaker"}]}], "word_segments": [...]}``. A segment is what the recogniser heard in one go, so
that two people may speak in it: it is cut where the speaker of its words changes.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from hilbert.stages.extract.transcripts.timing import share_turns, timed_turn
from hilbert.stages.extract.transcripts.whisper_json import (
    in_seconds,
    parse_whisper_json,
    seconds_of,
    speaker_of,
)
from hilbert.stages.extract.transcripts.words import cut_at_words
from hilbert.store.errors import DocumentError
from hilbert.store.types import Seconds, Span, Turn


class _Piece(NamedTuple):
    """What one speaker says in a segment; times are missing where no word has any."""

    text: str
    speaker: str | None
    start_s: Seconds | None
    end_s: Seconds | None


def looks_like_whisperx(value: Any) -> bool:
    """Whether JSON has words with speakers, or a list of words beside the segments."""
    if not isinstance(value, Mapping):
        return False
    return "word_segments" in value or any(
        "speaker" in word for part in _list(value.get("segments")) for word in _words(part)
    )


def parse_whisperx_json(value: Any) -> list[Turn]:
    """Turns of the segments, cut where the speaker changes between words.

    Raises
    ------
    DocumentError
        As `parse_whisper_json` does; names the segment.
    """
    parts = value.get("segments") if isinstance(value, Mapping) else value
    if not isinstance(parts, list):
        return parse_whisper_json(value)
    parts = in_seconds(parts)
    return [turn for i, part in enumerate(parts, start=1) for turn in _turns(part, f"segment {i}")]


def _turns(part: Any, where: str) -> list[Turn]:
    text = part.get("text") if isinstance(part, Mapping) else None
    if not isinstance(text, str):
        raise DocumentError(f"{where} of the transcript has no text; write it again")
    speaker = speaker_of(part.get("speaker"), where)
    pieces = _pieces(_words(part), text, speaker, where)
    span = _span(part, pieces, where)
    timed_turn(text, speaker, span, where)  # checks the times, which the pieces lie in
    return _placed(pieces, span, where)


def _pieces(
    words: Sequence[Mapping[str, Any]], text: str, speaker: str | None, where: str
) -> list[_Piece]:
    """The segment cut where the speaker changes; a word without one goes with that before it."""
    named: list[tuple[str | None, Mapping[str, Any]]] = []
    current = next((speaker_of(w["speaker"], where) for w in words if w.get("speaker")), speaker)
    for word in words:
        current = speaker_of(word.get("speaker"), where) or current
        named.append((current, word))
    runs = [
        (who, [word for _, word in run]) for who, run in groupby(named, key=lambda pair: pair[0])
    ]
    if len(runs) < 2:
        who = runs[0][0] if runs else speaker
        return [_Piece(" ".join(text.split()), who, *_bounds(words, where))]
    texts = cut_at_words(
        text, [[str(word.get("word", "")).strip() for word in run] for _, run in runs]
    )
    return [
        _Piece(said, who, *_bounds(run, where))
        for said, (who, run) in zip(texts, runs, strict=True)
    ]


def _bounds(words: Sequence[Mapping[str, Any]], where: str) -> tuple[Any, Any]:
    """First start and last end of words that have them: numerals are not aligned."""
    starts = [seconds_of(word["start"], where) for word in words if "start" in word]
    ends = [seconds_of(word["end"], where) for word in words if "end" in word]
    return min(starts, default=None), max(ends, default=None)


def _span(part: Mapping[str, Any], pieces: Sequence[_Piece], where: str) -> Span:
    """The segment's own times, else from its first word to its last."""
    start, end = part.get("start"), part.get("end")
    if start is None:
        start = min((p.start_s for p in pieces if p.start_s is not None), default=None)
    if end is None:
        end = max((p.end_s for p in pieces if p.end_s is not None), default=None)
    return Span(seconds_of(start, where), seconds_of(end, where))


def _placed(pieces: Sequence[_Piece], span: Span, where: str) -> list[Turn]:
    """Turns of the pieces; where one has no times, all share the segment's by number of words."""
    times = [
        Span(p.start_s, p.end_s) for p in pieces if p.start_s is not None and p.end_s is not None
    ]
    if len(pieces) == 1:
        times = [span]
    if len(times) < len(pieces):
        return share_turns([Turn(piece.text, piece.speaker) for piece in pieces], span)
    return [
        timed_turn(piece.text, piece.speaker, own, where)
        for piece, own in zip(pieces, times, strict=True)
    ]


def _words(part: Any) -> list[Mapping[str, Any]]:
    words = part.get("words") if isinstance(part, Mapping) else None
    return [word for word in _list(words) if isinstance(word, Mapping)]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
