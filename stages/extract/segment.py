"""Cut a document into segments: what one feature vector stands for.

Where every turn has times, the turns decide: their spans are the audio segments, their texts the
text segments. Where none is known, audio and text are cut into windows, each for itself. No
segment ever holds two speakers' turns, or reaches over a stretch that the corpus excludes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import get_args

from hilbert.stages.extract.sentences import count_words, split_text
from hilbert.stages.extract.stretches import intersect, kept_stretches
from hilbert.stages.extract.transcripts.formats import TranscriptFormat
from hilbert.stages.extract.transcripts.timing import equal_pieces, share_time
from hilbert.stages.extract.turns import (
    cut_to,
    group_by_speaker,
    is_timed,
    merge_short,
    placed,
    span_of,
    start_of,
)
from hilbert.store.errors import DocumentError, HilbertError
from hilbert.store.types import Document, Seconds, Segment, Span, Turn

SHORTEST_S = 0.02
"""A frame of speech encoders; nothing shorter is kept as a segment."""

LONGEST_S = 30.0
"""Whisper's window."""


_NEWER = {"transcript_format": "auto"}
"""Options that keys made before them do not have, with what they stood for."""


@dataclass(frozen=True, slots=True)
class SegmentConfig:
    """How documents are cut."""

    window_s: Seconds = 10.0
    """Windows of audio, at most this long and all equal, where no times are known."""
    max_s: Seconds = LONGEST_S
    """A longer turn is split into equal pieces."""
    min_s: Seconds = 2.0
    """A shorter turn is merged with its neighbour of the same speaker, up to `max_s`,"""
    max_gap_s: Seconds = 1.0
    """but only over a pause no longer than this."""
    max_words: int = 64
    """A longer text is split at sentence ends; shorter untimed ones are merged up to this."""
    transcript_format: TranscriptFormat = "auto"
    """How transcript files are read: as what they hold shows, or all as one format."""

    def __post_init__(self) -> None:
        _check("window_s", self.window_s, 0.1, LONGEST_S)
        _check("max_s", self.max_s, 0.1, LONGEST_S)
        _check("min_s", self.min_s, 0.0, LONGEST_S)
        _check("max_gap_s", self.max_gap_s, 0.0, LONGEST_S)
        _check("max_words", self.max_words, 1, 10_000)
        if self.min_s > self.max_s:
            raise HilbertError(
                f"--min-s ({self.min_s:g}) may not exceed --max-s ({self.max_s:g}); lower it too."
            )
        if self.transcript_format not in get_args(TranscriptFormat):
            raise HilbertError(
                f"--transcript-format must be one of {', '.join(get_args(TranscriptFormat))}, not "
                f"{self.transcript_format!r}."
            )

    def for_key(self) -> dict[str, object]:
        """The options as keys hold them: without the newer ones that have their first default."""
        options = asdict(self)
        return {k: v for k, v in options.items() if k not in _NEWER or v != _NEWER[k]}


def segment_document(
    turns: Sequence[Turn] | None,
    audio_duration_s: Seconds | None,
    config: SegmentConfig,
    *,
    document: Document,
) -> tuple[Segment, ...]:
    """Cut a document into audio segments, then text segments.

    Parameters
    ----------
    turns : sequence of Turn or None
        The transcript; timed if every turn has times. Turns without text are left out, but where
        none has any, they tell who speaks when: of them come audio segments alone.
    audio_duration_s : float or None
        Duration of the recording; ``None`` where the document has none.
    config : SegmentConfig
        How to cut.
    document : Document
        Its ``start_s``, ``end_s`` and ``exclude`` choose what is kept (of audio, and of timed
        transcripts: an untimed one cannot be cut), its ``transcript_offset_s`` is added to the
        turns' times first, its ``speaker`` is that of turns without one.

    Returns
    -------
    tuple of Segment
        Audio segments by start, each at least 0.02 s and at most 30 s; then text segments in
        reading order, each with a word at least. Their numbers may differ.

    Raises
    ------
    DocumentError
        If nothing is left of the audio or the transcript, or they do not overlap.
    """
    if audio_duration_s is not None and audio_duration_s < SHORTEST_S:
        raise DocumentError(
            f"the audio lasts {audio_duration_s:.3f} s, a segment at least {SHORTEST_S} s; "
            f"remove the document"
        )
    turns = [placed(turn, document) for turn in _telling(turns or ())]
    if turns and all(is_timed(turn) for turn in turns):
        return _timed_segments(turns, audio_duration_s, config, document)
    return _untimed_segments(turns, audio_duration_s, config, document)


def _telling(turns: Sequence[Turn]) -> list[Turn]:
    """The turns with a text; where there are none, those that tell who speaks when."""
    spoken = [turn for turn in turns if turn.text.strip()]
    return spoken or [turn for turn in turns if is_timed(turn)]


def _untimed_segments(
    turns: Sequence[Turn],
    audio_duration_s: Seconds | None,
    config: SegmentConfig,
    document: Document,
) -> tuple[Segment, ...]:
    audio: list[Segment] = []
    if audio_duration_s is not None:
        # without times, a window is one speaker's only where there is but one
        is_monologue = all(turn.speaker == document.speaker for turn in turns)
        speaker = document.speaker if is_monologue else None
        recording = Span(0.0, audio_duration_s)
        for stretch in kept_stretches(document):
            audio += _audio_segments(intersect(stretch, recording), config.window_s, speaker)
        if not audio:
            raise _nothing_kept("audio")
    elif not turns:
        raise DocumentError("the document has neither audio nor a transcript with words; add one")
    text = [
        segment
        for run in group_by_speaker(turns)
        for segment in _text_segments(run, config, span=None)
    ]
    return (*audio, *text)


def _timed_segments(
    turns: Sequence[Turn],
    audio_duration_s: Seconds | None,
    config: SegmentConfig,
    document: Document,
) -> tuple[Segment, ...]:
    turns = sorted(turns, key=start_of)
    groups = [
        group
        for stretch in kept_stretches(document)  # so that no group reaches over what is left out
        for group in merge_short(
            cut_to(turns, stretch),
            min_s=config.min_s,
            max_gap_s=config.max_gap_s,
            max_s=config.max_s,
        )
    ]
    audio: list[Segment] = []
    if audio_duration_s is not None:
        audio = _audio_of_groups(groups, audio_duration_s, config)
        if groups and not audio:
            raise _no_audio_of_turns(turns, audio_duration_s)
    text = [
        segment for group in groups for segment in _text_segments(group, config, span_of(group))
    ]
    if not audio and not text:
        if not any(turn.text for turn in turns):
            raise DocumentError(
                "the transcript tells who speaks, not what is said, and the document has no audio; "
                "add one of them"
            )
        raise _nothing_kept("transcript")
    return (*audio, *text)


def _audio_of_groups(
    groups: Iterable[Sequence[Turn]], audio_duration_s: Seconds, config: SegmentConfig
) -> list[Segment]:
    recording = Span(0.0, audio_duration_s)
    segments = [
        segment
        for group in groups
        for segment in _audio_segments(
            intersect(span_of(group), recording), config.max_s, group[0].speaker
        )
    ]
    return sorted(segments, key=_bounds)  # others speak up amid a long turn's pieces


def _audio_segments(span: Span, longest_s: Seconds, speaker: str | None) -> list[Segment]:
    if span.duration_s < SHORTEST_S:
        return []
    return [
        Segment("audio", speaker, piece.start_s, piece.end_s)
        for piece in equal_pieces(span, longest_s)
    ]


def _text_segments(
    turns: Sequence[Turn], config: SegmentConfig, span: Span | None
) -> list[Segment]:
    """Texts of one speaker's turns, within `max_words`; times shared out by number of words."""
    texts = _fit([turn.text for turn in turns], config.max_words)
    n_words = [count_words(text) for text in texts]
    if span is None:
        return [
            Segment("text", turns[0].speaker, text=text, n_words=n)
            for text, n in zip(texts, n_words, strict=True)
        ]
    # a transcript that starts before its recording still has a text, but no time below 0
    pieces = share_time(Span(max(0.0, span.start_s), max(0.0, span.end_s)), n_words)
    return [
        Segment("text", turns[0].speaker, piece.start_s, piece.end_s, text, n)
        for piece, text, n in zip(pieces, texts, n_words, strict=True)
    ]


def _fit(texts: Iterable[str], max_words: int) -> list[str]:
    """Join neighbouring texts up to `max_words`; split those that are longer."""
    fitted: list[str] = []
    room = 0  # words that the last text may still take
    for text in texts:
        n_words = count_words(text)
        if n_words > max_words:
            fitted += split_text(text, max_words)
            room = 0
        elif 0 < n_words <= room:
            fitted[-1] += " " + text
            room -= n_words
        elif n_words:
            fitted.append(text)
            room = max_words - n_words
    return fitted


def _bounds(segment: Segment) -> tuple[Seconds, Seconds]:
    assert segment.start_s is not None  # as of every audio segment
    assert segment.end_s is not None
    return segment.start_s, segment.end_s


def _no_audio_of_turns(turns: Sequence[Turn], audio_duration_s: Seconds) -> DocumentError:
    span = span_of(turns)
    if span.start_s > audio_duration_s - SHORTEST_S or span.end_s < SHORTEST_S:
        return DocumentError(
            f"the transcript's times lie outside the audio (they run from {span.start_s:.1f} s "
            f"to {span.end_s:.1f} s, the audio to {audio_duration_s:.1f} s); check that the two "
            f"belong together, and the column transcript_offset"
        )
    return DocumentError(
        f"no turn of the transcript spans {SHORTEST_S} s or more of the audio that is kept; "
        f"mend its times, or give it without times"
    )


def _nothing_kept(what: str) -> DocumentError:
    return DocumentError(
        f"the columns start, end and exclude leave nothing of its {what}; mend them"
    )


def _check(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:  # so that NaN fails, too
        flag = "--" + name.replace("_", "-")
        raise HilbertError(f"{flag} must lie between {least:g} and {most:g}, not {value:g}.")
