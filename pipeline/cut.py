"""Cut one document: its files read, its turns and what is heard of its recording put together."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from hilbert.pipeline.plan import Work
from hilbert.pipeline.session import Session
from hilbert.stages.extract.recordings.audio import probe
from hilbert.stages.extract.segment import are_timed, require_within, segment_document, telling
from hilbert.stages.extract.segment_config import SegmentConfig
from hilbert.stages.extract.speech_activity import speech_regions
from hilbert.stages.extract.stretches import kept_of
from hilbert.stages.extract.transcripts.diarised import Speakers, read_diarised
from hilbert.stages.extract.transcripts.shared_file import names_of
from hilbert.stages.extract.transcripts.transcript import parse_transcript, read_transcript
from hilbert.store.errors import DocumentError, StoreError
from hilbert.store.segment_table import Cut
from hilbert.store.types import Document, Seconds, Segment, Span, Turn


class CutDocument(NamedTuple):
    """The segments of a document, audio before text, and by what its audio was cut."""

    segments: tuple[Segment, ...]
    by: Cut | None = None


def cut_document(
    document: Document, config: SegmentConfig, *, hear: bool = True, detect: bool = True
) -> CutDocument:
    """Read the files of one document and cut it.

    Parameters
    ----------
    document : Document
    config : SegmentConfig
    hear : bool
        False for its texts alone, which do not depend on its recording.
    detect : bool
        False to cut windows where regions of speech would be looked for, which takes time.

    Raises
    ------
    DocumentError
        If its audio or transcript cannot be used.
    """
    turns = _turns_of(document, config, hear=hear)
    if document.audio is None or not hear:
        return CutDocument(segment_document(turns, None, config, document=document))
    duration_s = probe(Path(document.audio)).duration_s
    by_speech = _is_cut_by_speech(turns, config)
    speech = _speech_of(document, duration_s, config) if by_speech and detect else ()
    segments = segment_document(turns, duration_s, config, document=document, speech=speech)
    by_turns = not by_speech and config.method != "windows"
    return CutDocument(segments, "turns" if by_turns else "speech" if speech else "windows")


def must_hear(document: Document, config: SegmentConfig) -> bool:
    """Whether regions of speech in its recording decide how a document is cut.

    Raises
    ------
    DocumentError
        If its transcript cannot be used.
    """
    if document.audio is None or not config.may_detect:
        return False
    return _is_cut_by_speech(_turns_of(document, config, hear=True), config)


def _is_cut_by_speech(turns: Sequence[Turn] | None, config: SegmentConfig) -> bool:
    if config.method == "auto":
        return not are_timed(telling(turns or ()))
    return config.method == "vad"


def _speech_of(document: Document, duration_s: Seconds, config: SegmentConfig) -> tuple[Span, ...]:
    stretches = kept_of(document, duration_s)
    try:
        found = speech_regions(Path(document.audio or ""), stretches, config.speech)
    except DocumentError:
        if config.method == "vad":
            raise
        return ()  # silent or broken, as who encodes it finds out; its texts may be sound
    if stretches and not found and config.method == "vad":
        raise DocumentError(
            "nobody speaks in the audio that is kept, as far as the detector tells; lower"
            " --vad-threshold, or use --segment auto or windows"
        )
    return found


def _turns_of(document: Document, config: SegmentConfig, *, hear: bool) -> tuple[Turn, ...] | None:
    if document.transcript is None:
        return None if document.text is None else parse_transcript(document.text.encode())
    path, names = Path(document.transcript), names_of(document)
    if document.diarisation is None:
        return read_transcript(path, config.transcript_format, names)
    who, offset_s = document.diarisation
    turns = read_transcript(Path(who), "rttm", names)
    if document.audio is not None and hear:
        require_within(turns, offset_s, probe(Path(document.audio)).duration_s)
    return read_diarised(path, Speakers(turns, offset_s))


def reason_of(error: DocumentError | StoreError | OSError) -> str:
    """Why a document failed, without the path that the system's errors hold."""
    return (error.strerror or "cannot be read") if isinstance(error, OSError) else str(error)


def config_of(work: Work, session: Session) -> SegmentConfig:
    """How a document is cut; the format that is forced is one of given transcripts."""
    config = session.options.segments
    if "transcription" in work.cut:  # its transcript was made, as Whisper's JSON
        return replace(config, transcript_format="auto")
    return config
