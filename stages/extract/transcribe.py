"""Make a transcript of a recording, with the times of its words."""

import importlib.util
import os
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hilbert.stages.extract.language_codes import language_code
from hilbert.stages.extract.quiet_pieces import SAMPLING_RATE, quiet_pieces
from hilbert.stages.extract.recogniser_files import WEIGHTS, RecogniserFiles
from hilbert.stages.extract.recordings.audio import Waveform, probe
from hilbert.stages.extract.stretches import kept_of
from hilbert.stages.extract.transcribe_config import TranscribeConfig
from hilbert.store.errors import DocumentError, HilbertError
from hilbert.store.file_digests import FileDigests
from hilbert.store.types import Document, Seconds, Span

TRANSCRIBE_VERSION = 1
"""Raised when transcribing gives another text for the same recogniser, options and recording."""

PACKAGE = "faster-whisper"
_SEED = 0


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
