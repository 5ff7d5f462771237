"""Check one document: read its files as an extraction would, without encoding anything."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hilbert.pipeline.cut import cut_document, reason_of
from hilbert.stages.extract.checks.alignment import alignment_problems
from hilbert.stages.extract.checks.bandwidth import bandwidth_problems
from hilbert.stages.extract.checks.columns import column_problems
from hilbert.stages.extract.checks.level import level_problems
from hilbert.stages.extract.checks.problem import Problem, problem_of
from hilbert.stages.extract.checks.signal import Signal
from hilbert.stages.extract.checks.speakers import speaker_problems
from hilbert.stages.extract.checks.turns import spans_of, turn_problems
from hilbert.stages.extract.recordings.audio import SILENCE_PEAK, SILENT, AudioInfo, probe
from hilbert.stages.extract.segment import telling
from hilbert.stages.extract.segment_config import SegmentConfig
from hilbert.stages.extract.sentences import count_words
from hilbert.stages.extract.stretches import kept_stretches
from hilbert.stages.extract.transcripts.formats import TranscriptFormat
from hilbert.stages.extract.transcripts.shared_file import names_of
from hilbert.stages.extract.transcripts.transcript import (
    decoded,
    detect_format,
    parse_transcript,
    read_transcript,
)
from hilbert.stages.extract.turns import placed
from hilbert.store import keys
from hilbert.store.errors import DocumentError
from hilbert.store.types import Document, Segment, Span, Turn


@dataclass(frozen=True, slots=True)
class Facts:
    """What was seen of a document.

    Attributes
    ----------
    document : Document
    problems : tuple of Problem
    info : AudioInfo, optional
        Of its recording, where that can be opened.
    segments : tuple of Segment
        What an extraction would encode, without texts.
    n_words : int
        Of all text segments.
    audio_digest, turns_digest : str, optional
        Of the decoded samples, and of the turns with their times.
    is_timed : bool
        Whether all its turns have times.
    understood : Understood, optional
        How its transcript file is read, where it can be.
    """

    document: Document
    problems: tuple[Problem, ...]
    info: AudioInfo | None = None
    segments: tuple[Segment, ...] = ()
    n_words: int = 0
    audio_digest: str | None = None
    turns_digest: str | None = None
    is_timed: bool = False
    understood: "Understood | None" = None

    @property
    def fails(self) -> bool:
        """Whether an extraction will fail on it."""
        return any(problem.severity == "error" for problem in self.problems)

    def seconds(self) -> float:
        """Of audio that an extraction would encode."""
        return sum((s.end_s or 0.0) - (s.start_s or 0.0) for s in self.segments if _is_audio(s))


@dataclass(frozen=True, slots=True)
class Understood:
    """What a transcript was taken for.

    Attributes
    ----------
    format : str
    n_words : int
    is_timed : bool
        Whether all turns have times.
    speakers : frozenset of str
    """

    format: str
    n_words: int
    is_timed: bool
    speakers: frozenset[str]


def check_document(document: Document, config: SegmentConfig, signal: Signal | None) -> Facts:
    """All that can be told of one document alone.

    Parameters
    ----------
    document : Document
    config : SegmentConfig
        How it will be cut.
    signal : Signal or None
        Its recording, measured; without one only headers and the transcript are looked at.
    """
    problems: list[Problem] = []
    segments: tuple[Segment, ...] = ()
    try:
        segments = cut_document(document, config, detect=signal is not None).segments
    except (DocumentError, OSError) as error:
        problems.append(problem_of(DocumentError(reason_of(error))))
    turns = _turns(document, config.transcript_format)
    said = [turn for turn in turns if count_words(turn.text)]
    info = _info(document)
    duration_s = None if info is None else info.duration_s
    problems += column_problems(document, turns, duration_s)
    problems += speaker_problems(turns)
    if signal is not None:
        problems += _signal_problems(signal, segments, turns, document)
    problems += turn_problems(turns, duration_s)
    return Facts(
        document=document,
        problems=tuple(problems),
        info=info,
        segments=tuple(_without_text(segment) for segment in segments),
        n_words=sum(segment.n_words for segment in segments),
        audio_digest=None if signal is None or signal.fault else signal.digest,
        turns_digest=_digest(said, document),
        is_timed=bool(said and spans_of(said)),
        understood=_understood(document, config.transcript_format, turns),
    )


def _signal_problems(
    signal: Signal, segments: Sequence[Segment], turns: Sequence[Turn], document: Document
) -> Iterator[Problem]:
    spans = [Span(s.start_s or 0.0, s.end_s or 0.0) for s in segments if _is_audio(s)]
    if signal.fault is not None:
        last_s = max((span.end_s for span in spans), default=float("inf"))
        if signal.duration_s < last_s:
            yield problem_of(signal.fault)
            return
        yield problem_of(signal.fault, "warning")  # an extraction reads no further
    kept = signal.only(kept_stretches(document))
    found = list(level_problems(kept))
    yield from found
    if any(problem.kind in ("silence", "no speech") for problem in found):
        return
    if spans and float(signal.only(spans).peak.max(initial=0.0)) < SILENCE_PEAK:
        what, _, mend = SILENT.rpartition("; ")
        yield Problem("error", "silence", f"where it has turns, {what}", mend)
    yield from bandwidth_problems(kept)
    if timed := spans_of(turns):
        yield from alignment_problems(signal, timed, document)


def _turns(document: Document, format: TranscriptFormat) -> list[Turn]:
    """Turns on the recording's clock; none where the transcript cannot be read.

    Those without words only where they tell who speaks, which cuts the recording likewise.
    """
    try:
        if document.transcript is not None:
            turns = read_transcript(Path(document.transcript), format, names_of(document))
        elif document.text is not None:
            turns = parse_transcript(document.text.encode())
        else:
            return []
    except (DocumentError, OSError):
        return []
    return placed(telling(turns), document)


def _understood(
    document: Document, format: TranscriptFormat, turns: Sequence[Turn]
) -> Understood | None:
    """How the transcript file was read; None without one that can be."""
    if document.transcript is None or not turns:
        return None
    path = Path(document.transcript)
    try:
        if format == "auto":
            format = detect_format(decoded(path.read_bytes()), path.name.lower())
    except (DocumentError, OSError):
        return None
    n_words = sum(count_words(turn.text) for turn in turns)
    speakers = frozenset(turn.speaker for turn in turns if turn.speaker is not None)
    return Understood(format, n_words, bool(spans_of(turns)), speakers)


def _info(document: Document) -> AudioInfo | None:
    try:
        return None if document.audio is None else probe(Path(document.audio))
    except (DocumentError, OSError):
        return None


def _digest(turns: Sequence[Turn], document: Document) -> str | None:
    """Digest of what a transcript says and when, whatever its format."""
    if not turns:
        return None
    offset_s = document.transcript_offset_s
    said = [[turn.text, None if turn.start_s is None else round(turn.start_s - offset_s, 2)]
            for turn in turns]  # fmt: skip
    return keys.digest("turns", said)


def _is_audio(segment: Segment) -> bool:
    return segment.modality == "audio"


def _without_text(segment: Segment) -> Segment:
    return Segment(segment.modality, None, segment.start_s, segment.end_s, None, segment.n_words)
