"""Cut a document into segments: what one feature vector stands for.

Where every turn has times, the turns decide: their spans are the audio segments, their texts the
text segments. Where none is known, the audio is cut into the regions in which somebody speaks, or
where nobody does into windows, and the text into windows of its own. Instead, the audio may always
be cut into either. No text
segment ever holds two speakers' turns, and none reaches over a stretch that the corpus excludes.
"""

from collections.abc import Iterable, Sequence

from hilbert.stages.extract.segment_config import SegmentConfig
from hilbert.stages.extract.sentences import count_words, split_text
from hilbert.stages.extract.stretches import intersect, kept_stretches
from hilbert.stages.extract.transcripts.timing import equal_pieces, share_time
from hilbert.stages.extract.turns import (
    cut_to,
    end_of,
    group_by_speaker,
    is_timed,
    merge_short,
    placed,
    span_of,
    speaker_heard,
    start_of,
)
from hilbert.store.errors import DocumentError
from hilbert.store.types import Document, Seconds, Segment, Span, Turn

SHORTEST_S = 0.02
"""A frame of speech encoders; nothing shorter is kept as a segment."""


def telling(turns: Sequence[Turn]) -> list[Turn]:
    """The turns with a text; where there are none, those that tell who speaks when."""
    spoken = [turn for turn in turns if turn.text.strip()]
    return spoken or [turn for turn in turns if is_timed(turn)]


def are_timed(turns: Sequence[Turn]) -> bool:
    """Whether audio can be cut by the turns that `telling` gives."""
    return bool(turns) and all(is_timed(turn) for turn in turns)


def segment_document(
    turns: Sequence[Turn] | None,
    audio_duration_s: Seconds | None,
    config: SegmentConfig,
    *,
    document: Document,
    speech: Sequence[Span] = (),
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
        turns' times first, its ``speaker`` is that of turns without one (see `placed`).
    speech : sequence of Span
        Regions of speech in what is kept of the audio, by which it is cut where turns do not;
        without them into windows.

    Returns
    -------
    tuple of Segment
        Audio segments by start, each at least 0.02 s and at most 30 s; then text segments in
        reading order, each with a word at least. Their numbers may differ.

    Raises
    ------
    DocumentError
        If nothing is left of the audio or the transcript, or they do not overlap; or turns
        without times are to cut the audio.
    """
    if audio_duration_s is not None and audio_duration_s < SHORTEST_S:
        raise DocumentError(
            f"the audio lasts {audio_duration_s:.3f} s, a segment at least {SHORTEST_S} s; "
            f"remove the document"
        )
    turns = placed(telling(turns or ()), document)
    times = are_timed(turns)
    if config.method == "turns" and not times:
        raise DocumentError(_no_times(turns))
    groups = _groups(turns, config, document) if times else group_by_speaker(turns)
    text = [
        segment
        for group in groups
        for segment in _text_segments(group, config, span_of(group) if times else None)
    ]
    audio: list[Segment] = []
    if audio_duration_s is not None and times and config.method in ("auto", "turns"):
        audio = _audio_of_groups(groups, audio_duration_s, config)
        if groups and not audio:
            raise _no_audio_of_turns(sorted(turns, key=start_of), audio_duration_s)
    elif audio_duration_s is not None:
        audio = _audio_of_itself(turns, audio_duration_s, config, document, speech)
        if not audio:
            raise _nothing_kept("audio")
    elif not turns:
        raise DocumentError("the document has neither audio nor a transcript with words; add one")
    if not audio and not text:
        if not any(turn.text for turn in turns):
            raise DocumentError(
                "the transcript tells who speaks, not what is said, and the document has no audio; "
                "add one of them"
            )
        raise _nothing_kept("transcript")
    return (*audio, *text)


def _groups(turns: Iterable[Turn], config: SegmentConfig, document: Document) -> list[list[Turn]]:
    """Timed turns that are kept, short ones with their neighbours."""
    turns = sorted(turns, key=start_of)
    return [
        group
        for stretch in kept_stretches(document)  # so that no group reaches over what is left out
        for group in _merged(cut_to(turns, stretch), config)
    ]


def _merged(turns: Iterable[Turn], config: SegmentConfig) -> list[list[Turn]]:
    return merge_short(turns, min_s=config.min_s, max_gap_s=config.max_gap_s, max_s=config.max_s)


def _audio_of_itself(
    turns: Sequence[Turn],
    audio_duration_s: Seconds,
    config: SegmentConfig,
    document: Document,
    speech: Sequence[Span],
) -> list[Segment]:
    """Windows or regions of speech, whatever the turns' times are."""
    # a window is one speaker's only where there is but one
    is_monologue = all(turn.speaker == document.speaker for turn in turns)
    speaker = document.speaker if is_monologue else None
    recording = Span(0.0, audio_duration_s)
    audio: list[Segment] = []
    for stretch in kept_stretches(document):
        kept = intersect(stretch, recording)
        if speech:
            regions = [Turn("", speaker, *region) for region in speech]
            groups = _merged(cut_to(regions, kept), config)
            audio += _audio_of_groups(groups, audio_duration_s, config)
        else:
            audio += _audio_segments(kept, config.window_s, speaker)
    return audio


def _audio_of_groups(
    groups: Iterable[Sequence[Turn]], audio_duration_s: Seconds, config: SegmentConfig
) -> list[Segment]:
    recording = Span(0.0, audio_duration_s)
    segments = [
        segment
        for group in groups
        for segment in _audio_segments(
            intersect(span_of(group), recording), config.max_s, speaker_heard(group)
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


def require_within(turns: Sequence[Turn], offset_s: Seconds, audio_duration_s: Seconds) -> None:
    """Check that who speaks when, `offset_s` added, tells of the recording.

    Else nobody would be found to have said anything.

    Raises
    ------
    DocumentError
        If there are timed turns, and all lie outside it.
    """
    timed = [turn for turn in turns if is_timed(turn)]
    spans = [Span(start_of(turn) + offset_s, end_of(turn) + offset_s) for turn in timed]
    if spans and all(s.start_s >= audio_duration_s or s.end_s <= 0 for s in spans):
        whole = Span(min(s.start_s for s in spans), max(s.end_s for s in spans))
        raise _outside(whole, audio_duration_s)


def _outside(span: Span, audio_duration_s: Seconds) -> DocumentError:
    return DocumentError(
        f"the transcript's times lie outside the audio (they run from {span.start_s:.1f} s "
        f"to {span.end_s:.1f} s, the audio to {audio_duration_s:.1f} s); check that the two "
        f"belong together, and the column transcript_offset"
    )


def _no_audio_of_turns(turns: Sequence[Turn], audio_duration_s: Seconds) -> DocumentError:
    span = span_of(turns)
    if span.start_s > audio_duration_s - SHORTEST_S or span.end_s < SHORTEST_S:
        return _outside(span, audio_duration_s)
    return DocumentError(
        f"no turn of the transcript spans {SHORTEST_S} s or more of the audio that is kept; "
        f"mend its times, or give it without times"
    )


def _no_times(turns: Sequence[Turn]) -> str:
    n = sum(not is_timed(turn) for turn in turns)
    what = f"{n} of its {len(turns)} turns have none" if turns else "it has no transcript"
    return (
        f"--segment turns cuts by the transcript's times, but {what}; give a transcript with times"
        f" or use --segment auto, windows or vad"
    )


def _nothing_kept(what: str) -> DocumentError:
    return DocumentError(
        f"the columns start, end and exclude leave nothing of its {what}; mend them"
    )
