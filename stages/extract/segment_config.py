"""How documents are cut into segments."""

from dataclasses import asdict, dataclass
from typing import Literal, get_args

from hilbert.stages.extract.speech_activity import SPEECH, SpeechOptions
from hilbert.stages.extract.transcripts.formats import TranscriptFormat
from hilbert.store.errors import HilbertError
from hilbert.store.types import Seconds

LONGEST_S = 30.0
"""Whisper's window."""

Method = Literal["auto", "turns", "windows", "vad"]

_SINCE_THE_FIRST_VERSION = ("window_s", "max_s", "min_s", "max_gap_s", "max_words")
OF_DETECTION = ("vad_threshold", "min_speech_s", "min_silence_s", "speech_pad_s")


@dataclass(frozen=True, slots=True)
class SegmentConfig:
    """How documents are cut."""

    window_s: Seconds = 10.0
    """Windows of audio, at most this long and all equal, where neither turns nor speech cut it."""
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
    method: Method = "auto"
    """Audio is cut by turns, which all need times; into windows, whatever the turns say; or by vad
    into regions of speech, with the limits of turns; auto is by turns where all have times, else
    by vad, or into windows where nobody speaks."""
    vad_threshold: float = SPEECH.threshold
    """vad, auto: probability from which on a frame of 32 ms is speech."""
    min_speech_s: Seconds = SPEECH.min_speech_s
    """vad, auto: a shorter sound is no speech."""
    min_silence_s: Seconds = SPEECH.min_silence_s
    """vad, auto: a shorter pause does not end a region."""
    speech_pad_s: Seconds = SPEECH.pad_s
    """vad, auto: added at both ends of a region, up to the middle of the pause."""

    def __post_init__(self) -> None:
        if self.method not in get_args(Method):
            known = ", ".join(get_args(Method))
            raise HilbertError(f"--segment must be one of {known}, not {self.method!r}.")
        _check("window_s", self.window_s, 0.1, LONGEST_S)
        _check("max_s", self.max_s, 0.1, LONGEST_S)
        _check("min_s", self.min_s, 0.0, LONGEST_S)
        _check("max_gap_s", self.max_gap_s, 0.0, LONGEST_S)
        _check("max_words", self.max_words, 1, 10_000)
        _check("vad_threshold", self.vad_threshold, 0.01, 0.99)
        _check("min_speech_s", self.min_speech_s, 0.0, LONGEST_S)
        _check("min_silence_s", self.min_silence_s, 0.0, LONGEST_S)
        _check("speech_pad_s", self.speech_pad_s, 0.0, LONGEST_S)
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
        """The options that can change how documents are cut, as keys hold them.

        What came later is left out while it changes nothing, so that older keys stay what they
        were.
        """
        names = list(_SINCE_THE_FIRST_VERSION)
        names += ["transcript_format"] * (self.transcript_format != "auto")
        names += ["method"] * (self.method != "auto")
        names += OF_DETECTION * self.may_detect
        values = asdict(self)
        return {name: values[name] for name in names}

    @property
    def may_detect(self) -> bool:
        """Whether there may be documents that regions of speech are looked for in."""
        return self.method in ("auto", "vad")

    @property
    def speech(self) -> SpeechOptions:
        """How regions of speech are found."""
        return SpeechOptions(
            self.vad_threshold, self.min_speech_s, self.min_silence_s, self.speech_pad_s
        )


def _check(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:  # so that NaN fails, too
        flag = "--" + name.replace("_", "-")
        raise HilbertError(f"{flag} must lie between {least:g} and {most:g}, not {value:g}.")
