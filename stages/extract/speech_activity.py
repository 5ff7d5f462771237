"""Where in a recording somebody speaks.

Frames of 32 ms get a probability of speech; what is likely speech, with the pauses in it that
are short, becomes a region. Probabilities come from silero-vad's packaged weights, whose digest
belongs to the key of what is cut by them. The recording streams by in blocks of half a minute.
"""

import importlib.util
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hilbert.stages.extract.recordings.audio import Waveform, read_spans
from hilbert.stages.extract.transcripts.timing import equal_pieces
from hilbert.store.errors import HilbertError
from hilbert.store.types import Seconds, Span

if TYPE_CHECKING:
    from hilbert.stages.extract.silero import SileroDetector

SPEECH_VERSION = 1
"""Raised when the same probabilities or samples give other regions."""

PACKAGE = "silero-vad"
SAMPLING_RATE = 16_000
FRAME_S = 512 / SAMPLING_RATE

_BLOCK_S = 30.0
_HYSTERESIS = 0.15
"""Speech that began ends only when its probability falls this far below the threshold."""


@dataclass(frozen=True, slots=True)
class SpeechOptions:
    """How probabilities become regions."""

    threshold: float = 0.5
    """Probability from which on a frame is speech."""
    min_speech_s: Seconds = 0.25
    """Shorter regions are dropped."""
    min_silence_s: Seconds = 0.3
    """Shorter pauses do not end a region."""
    pad_s: Seconds = 0.1
    """Added at both ends of a region, up to the middle of the pause."""


SPEECH = SpeechOptions()


def weights_file() -> Path:
    """The detector's weights, found without importing the package.

    Raises
    ------
    HilbertError
        If the package is not installed.
    """
    spec = importlib.util.find_spec("silero_vad")
    for folder in (spec and spec.submodule_search_locations) or ():
        found = Path(folder) / "data" / "silero_vad.jit"
        if found.is_file():
            return found
    raise HilbertError(
        f"finding speech needs the weights of {PACKAGE}, which is not installed:"
        f" pip install '{PACKAGE}>=6.2.3,<7', or cut with --segment turns or windows"
    )


def speech_regions(
    audio: Path, stretches: Sequence[Span], options: SpeechOptions
) -> tuple[Span, ...]:
    """Regions of speech in stretches of a recording.

    Parameters
    ----------
    audio : Path
        The recording.
    stretches : sequence of Span
        What of it is looked at, in order and without overlap; each by itself.
    options : SpeechOptions

    Returns
    -------
    tuple of Span
        In order, without overlap, each inside one stretch; none where nobody speaks.

    Raises
    ------
    DocumentError
        If the recording cannot be read, or is silent.
    HilbertError
        If the detector is not to be had.
    """
    if not stretches:
        return ()
    pieces = [(i, piece) for i, s in enumerate(stretches) for piece in equal_pieces(s, _BLOCK_S)]
    waveforms = read_spans(audio, [piece for _, piece in pieces], sampling_rate=SAMPLING_RATE)
    regions: list[Span] = []
    for i, blocks in groupby(zip(pieces, waveforms, strict=True), key=lambda pair: pair[0][0]):
        found = _probabilities(waveform for _, waveform in blocks)
        regions += regions_of(found, stretches[i], options)
    return tuple(regions)


def regions_of(
    probabilities: NDArray[np.float32], stretch: Span, options: SpeechOptions
) -> list[Span]:
    """Regions of speech in a stretch, from the probability of each of its frames.

    Parameters
    ----------
    probabilities : float32 array of shape (n_frames,)
        Of frames of 32 ms, the first of which starts where the stretch does.
    stretch : Span
    options : SpeechOptions

    Returns
    -------
    list of Span
        In order, without overlap, inside the stretch.
    """
    spans = [
        Span(
            stretch.start_s + first * FRAME_S, min(stretch.start_s + stop * FRAME_S, stretch.end_s)
        )
        for first, stop in _runs(probabilities, options)
    ]
    long_enough = [span for span in spans if span.duration_s >= options.min_speech_s]
    return _padded(long_enough, stretch, options.pad_s)


def _runs(probabilities: NDArray[np.float32], options: SpeechOptions) -> Iterator[tuple[int, int]]:
    """First frame of each run of speech, and the one behind its last.

    A run begins at the threshold; it goes on, over pauses that are short, while the probability
    stays above a lower one, so that a voice which fades a little is not cut up.
    """
    begins = probabilities >= options.threshold
    ends = probabilities < max(options.threshold - _HYSTERESIS, 0.01)
    longest_pause = options.min_silence_s / FRAME_S
    first: int | None = None
    pause: int | None = None  # where the pause began that may end the run
    for i, (is_speech, is_silence) in enumerate(zip(begins.tolist(), ends.tolist(), strict=True)):
        if is_speech:
            first, pause = i if first is None else first, None
        elif first is not None and (is_silence or pause is not None):
            pause = i if pause is None else pause
            if i + 1 - pause >= longest_pause:
                yield first, pause
                first = pause = None
    if first is not None:
        yield first, len(probabilities) if pause is None else pause


def _padded(spans: Sequence[Span], stretch: Span, pad_s: Seconds) -> list[Span]:
    """Spans made longer at both ends, never over the edge nor beyond the middle of a pause."""
    middles = [(early.end_s + late.start_s) / 2 for early, late in pairwise(spans)]
    bounds = [stretch.start_s, *middles, stretch.end_s]
    return [
        Span(max(span.start_s - pad_s, least), min(span.end_s + pad_s, most))
        for span, least, most in zip(spans, bounds, bounds[1:], strict=False)
    ]


def _probabilities(blocks: Iterable[Waveform]) -> NDArray[np.float32]:
    """Probability of speech of each frame of a stream; the last one is filled up with zeros."""
    from hilbert.stages.extract.silero import FRAME

    detector = _detector(weights_file())
    state = detector.start()
    found: list[NDArray[np.float32]] = []
    rest = np.zeros(0, dtype=np.float32)
    for block in blocks:
        samples = np.concatenate([rest, block])
        n_whole = len(samples) - len(samples) % FRAME
        rest = samples[n_whole:]
        if n_whole:
            probabilities, state = detector.probabilities(samples[:n_whole], state)
            found.append(probabilities)
    if len(rest):
        probabilities, _ = detector.probabilities(np.pad(rest, (0, FRAME - len(rest))), state)
        found.append(probabilities)
    return np.concatenate([np.zeros(0, dtype=np.float32), *found])


@lru_cache(1)
def _detector(weights: Path) -> "SileroDetector":
    from hilbert.stages.extract.silero import SileroDetector

    return SileroDetector(weights)
