"""Make a transcript of a recording, with the times of its words.

A recording streams by in pieces of up to five minutes that end where it is quiet, so that three
hours need no more memory than five minutes do; one shorter than that is one piece.
"""

import importlib.util
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from hilbert.stages.extract.language_codes import language_code
from hilbert.stages.extract.recogniser_files import WEIGHTS, RecogniserFiles
from hilbert.stages.extract.recordings.audio import Waveform, probe, read_spans
from hilbert.stages.extract.stretches import kept_of
from hilbert.stages.extract.transcripts.timing import equal_pieces
from hilbert.store.errors import DocumentError, HilbertError
from hilbert.store.file_digests import FileDigests
from hilbert.store.types import Document, Seconds, Span

TRANSCRIBE_VERSION = 1
"""Raised when transcribing gives another text for the same recogniser, options and recording."""

PACKAGE = "faster-whisper"
SAMPLING_RATE = 16_000

_PIECE_S = 300.0
_SEARCH_S = 60.0
"""How much of a piece's end is searched for the quietest moment."""
_QUIET_S = 0.4
_HOP_S = 0.02
_BLOCK_S = 30.0
_SEED = 0

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


@dataclass(frozen=True, slots=True)
class Word:
    """A word as it was heard, and how sure the recogniser is of it (0 to 1)."""

    word: str
    start: Seconds
    end: Seconds
    probability: float


@dataclass(frozen=True, slots=True)
class Heard:
    """What was said at a stretch; the names are those of Whisper's JSON."""

    start: Seconds
    end: Seconds
    text: str
    words: tuple[Word, ...]
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float
    temperature: float


@dataclass(frozen=True, slots=True)
class Transcription:
    """What was said in a recording, its language, and how sure that is (1 where it was told)."""

    language: str
    language_probability: float
    segments: tuple[Heard, ...]

    def as_json(self) -> dict[str, Any]:
        """The object of Whisper's JSON."""
        return asdict(self)


class Recogniser:
    """A loaded recogniser.

    Parameters
    ----------
    files : RecogniserFiles
    config : TranscribeConfig
    device : {"auto", "cpu", "cuda", "mps"}
        ``mps`` is the processor here.
    n_threads : int, optional
        To compute with on a processor; by default as many as ``OMP_NUM_THREADS`` says, else as
        there are processors.

    Raises
    ------
    HilbertError
        If faster-whisper is not installed, or the model cannot be loaded.
    """

    def __init__(
        self,
        files: RecogniserFiles,
        config: TranscribeConfig,
        device: str,
        n_threads: int | None = None,
    ) -> None:
        self._config = config
        self._name = files.name
        self._model = _load(files, config, device, n_threads)
        if config.language is not None:
            try:
                self._checked(config.language)
            except DocumentError as error:
                raise HilbertError(f"--language: {error}") from None

    def transcribe(
        self,
        pieces: Iterable[tuple[Seconds, Waveform]],
        language: str | None,
        advance: Callable[[Seconds], None] = lambda _: None,
    ) -> Transcription:
        """Transcribe pieces of a recording, one after another.

        Parameters
        ----------
        pieces : iterable of (float, float32 array of shape (n_samples,))
            Start of each in the recording, and its samples at 16 kHz.
        language : str, optional
            What is spoken; None detects it, in the first piece in which somebody speaks.
        advance : callable
            Called with the duration of each piece that is done.

        Raises
        ------
        DocumentError
            If the recogniser does not know the language.
        """
        import ctranslate2

        ctranslate2.set_random_seed(_SEED)  # used where the first reading is rejected
        spoken = None if language is None else self._checked(language)
        found: list[Heard] = []
        detected = ("", 0.0)
        for start_s, waveform in pieces:
            segments, info = self._model.transcribe(
                waveform,
                language=spoken,
                beam_size=self._config.beam_size,
                vad_filter=self._config.vad,
                word_timestamps=True,
                condition_on_previous_text=False,  # else it repeats what it once made up
            )
            piece = Span(start_s, start_s + len(waveform) / SAMPLING_RATE)
            found += [_heard(segment, piece) for segment in segments if segment.text.strip()]
            if spoken is None and (info.duration_after_vad > 0 or not detected[0]):
                detected = (info.language, float(info.language_probability))
                spoken = info.language if info.duration_after_vad > 0 else None
            advance(piece.duration_s)
        if language is not None:
            detected = (spoken or "", 1.0)
        return Transcription(*detected, tuple(found))

    def _checked(self, language: str) -> str:
        """Whisper's code of a language: ``en`` for ``EN``, ``en-US`` and ``English``."""
        code = language_code(language)
        known = self._model.supported_languages
        if code in known:
            return code
        if len(known) == 1:
            raise DocumentError(
                f"its language is {language}, but the recogniser {self._name} knows {known[0]}"
                f" alone; use one of many languages, for example --transcribe whisper-base"
            )
        raise DocumentError(
            f"the recogniser {self._name} knows no language {language}; give its code,"
            f" such as en or de"
        )


def transcribe_document(
    recogniser: Recogniser,
    document: Document,
    language: str | None,
    advance: Callable[[Seconds], None] = lambda _: None,
) -> Transcription:
    """What is said in what a document keeps of its recording.

    Raises
    ------
    DocumentError
        If the recording cannot be read, nothing of it is kept, or its language is not known.
    """
    assert document.audio is not None  # of documents that are transcribed
    audio = Path(document.audio)
    stretches = kept_of(document, probe(audio).duration_s)
    if not stretches:
        raise DocumentError(
            "the columns start, end and exclude leave nothing of its audio; mend them"
        )
    return recogniser.transcribe(quiet_pieces(audio, stretches), language, advance)


def quiet_pieces(
    audio: Path,
    stretches: Sequence[Span],
    *,
    longest_s: Seconds = _PIECE_S,
    search_s: Seconds = _SEARCH_S,
) -> Iterator[tuple[Seconds, Waveform]]:
    """Cut stretches of a recording, as it streams by, where it is quietest.

    Parameters
    ----------
    audio : Path
        The recording.
    stretches : sequence of Span
        What is wanted of it, in order and without overlap.
    longest_s : float
        A stretch no longer than this is one piece.
    search_s : float
        How much of the end of the longest piece is searched for the quietest moment.

    Yields
    ------
    float, float32 array of shape (n_samples,)
        Start of a piece in the recording, and its samples at 16 kHz; together all of them.

    Raises
    ------
    DocumentError
        If the recording cannot be read, or is silent.
    """
    parts = [(i, part) for i, s in enumerate(stretches) for part in equal_pieces(s, _BLOCK_S)]
    waveforms = read_spans(audio, [part for _, part in parts], sampling_rate=SAMPLING_RATE)
    longest, search = (round(s * SAMPLING_RATE) for s in (longest_s, search_s))
    held, start, number = np.zeros(0, dtype=np.float32), 0, -1
    for (i, part), waveform in zip(parts, waveforms, strict=True):
        if i != number:
            if len(held):
                yield start / SAMPLING_RATE, held
            held, start, number = held[:0], round(part.start_s * SAMPLING_RATE), i
        held = np.concatenate([held, waveform])
        while len(held) > longest:
            cut = longest - search + _quietest(held[longest - search : longest])
            yield start / SAMPLING_RATE, held[:cut]
            held, start = held[cut:], start + cut
    if len(held):
        yield start / SAMPLING_RATE, held


def _quietest(waveform: Waveform) -> int:
    """The middle of the 0.4 s with the least energy, in samples."""
    hop, n_hops = round(_HOP_S * SAMPLING_RATE), round(_QUIET_S / _HOP_S)
    energy = np.square(waveform[: len(waveform) // hop * hop]).reshape(-1, hop).sum(axis=1)
    moving = np.convolve(energy, np.ones(n_hops), mode="valid")  # (n_hops_of_all - n_hops + 1,)
    return (int(moving.argmin()) + n_hops // 2) * hop


def recogniser_components(
    files: RecogniserFiles, config: TranscribeConfig, digests: FileDigests
) -> dict[str, object]:
    """What decides transcripts of all recordings alike, by name; `model` is a name only."""
    return {
        "model": files.name,
        "weights": files.digest(digests),
        "detector": digests.of(_detector_file()) if config.vad else None,
        "beam_size": config.beam_size,
        "compute": config.compute,
        "version": TRANSCRIBE_VERSION,
    }


def _detector_file() -> Path:
    """Weights of the voice activity detector in faster-whisper, found without importing it."""
    spec = importlib.util.find_spec("faster_whisper")
    for place in (spec and spec.submodule_search_locations) or ():
        for found in sorted((Path(place) / "assets").glob("silero*.onnx")):
            return found
    raise _not_installed()


def _load(
    files: RecogniserFiles, config: TranscribeConfig, device: str, n_threads: int | None
) -> Any:
    try:
        import ctranslate2
        from faster_whisper import WhisperModel
    except ImportError:
        raise _not_installed() from None
    has_gpu = ctranslate2.get_cuda_device_count() > 0
    if device == "cuda" and not has_gpu:
        raise HilbertError("--device cuda: there is no GPU here that the recogniser could use.")
    chosen = "cuda" if has_gpu and device in ("auto", "cuda") else "cpu"
    contents = None if files.folder else files.contents()
    try:
        return WhisperModel(
            str(files.folder or files.name),
            device=chosen,
            compute_type=config.compute,
            cpu_threads=n_threads or _n_threads(),
            files=contents,
        )
    except (RuntimeError, ValueError, OSError) as error:  # whose messages hold paths
        reason = f"{WEIGHTS} is damaged, or of a format or arithmetic that is not supported here"
        raise HilbertError(
            f"recogniser {files.name} cannot be loaded on {chosen} as {config.compute}"
            f" ({type(error).__name__}): {reason}; try --compute float32"
        ) from None


def _n_threads() -> int:
    told = os.environ.get("OMP_NUM_THREADS", "")
    if told.isdecimal():
        return int(told)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0


def _heard(segment: Any, piece: Span) -> Heard:
    """A segment on the recording's clock, inside its piece."""

    def placed(seconds: float) -> Seconds:
        return round(min(piece.start_s + max(0.0, float(seconds)), piece.end_s), 3)

    words = tuple(
        Word(word.word, placed(word.start), placed(word.end), round(float(word.probability), 4))
        for word in segment.words or ()
    )
    return Heard(
        placed(segment.start),
        placed(segment.end),
        segment.text.strip(),
        words,
        *(
            round(float(value), 4)
            for value in (segment.avg_logprob, segment.no_speech_prob,
                          segment.compression_ratio, segment.temperature)
        ),
    )  # fmt: skip


def _not_installed() -> HilbertError:
    return HilbertError(
        f"--transcribe needs {PACKAGE}, which is not installed: pip install 'hilbert-speech[asr]'"
    )


def _require_choice(flag: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise HilbertError(f"{flag} must be one of {', '.join(choices)}, not {value!r}.")
