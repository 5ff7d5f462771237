"""How recordings get a transcript where there is none, and which of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from hilbert.store.errors import HilbertError
from hilbert.store.types import Document

When = Literal["missing", "all"]
Compute = Literal["float32", "int8", "float16", "int8_float16"]


@dataclass(frozen=True, slots=True)
class TranscribeConfig:
    """How recordings get a transcript where there is none."""

    model: str | None = None
    """Recogniser: whisper (tiny.en), whisper-base, whisper-small and so on, an id on the hub, or a
    folder, in CTranslate2's format; without one, nothing is transcribed."""
    when: When = "missing"
    """Which recordings: those without transcript and text (an RTTM is neither), or all."""
    language: str | None = None
    """Code of the language spoken, such as en, where the column language does not tell it; without
    either it is detected."""
    beam_size: int = 5
    """How many readings are followed at once; more is slower and a little better."""
    vad: bool = True
    """Leave out where nobody speaks, so that no words are made up there."""
    compute: Compute = "float32"
    """Arithmetic of the recogniser; float16 needs a GPU, int8 is faster on most processors."""
    transcripts_dir: Path | None = None
    """Folder of the transcripts that are made; beside the store, feats.transcripts, unless set."""
    as_before: bool = True
    """Without a model: transcribe as documents of the store were, where there are such."""

    def __post_init__(self) -> None:
        if self.model is not None and not self.model:
            raise HilbertError("--transcribe needs the name of a recogniser, such as whisper.")
        _require_choice("--transcribe-when", self.when, get_args(When))
        _require_choice("--compute", self.compute, get_args(Compute))
        if not 1 <= self.beam_size <= 100:
            raise HilbertError(f"--beam-size must lie between 1 and 100, not {self.beam_size}.")

    def covers(self, document: Document) -> bool:
        """Whether the document's transcript is to be made."""
        if self.model is None or document.audio is None:
            return False
        return self.when == "all" or lacks_words(document)


def lacks_words(document: Document) -> bool:
    """Whether nothing tells what is said: no transcript, or one that tells who speaks alone."""
    if document.transcript is not None:
        return tells_speakers(document.transcript)
    return document.text is None


def tells_speakers(transcript: str) -> bool:
    """Whether a transcript is an RTTM, by the ending of its name: who speaks when."""
    return transcript.lower().endswith(".rttm")


def _require_choice(flag: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise HilbertError(f"{flag} must be one of {', '.join(choices)}, not {value!r}.")
