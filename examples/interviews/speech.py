"""Synthesis with Kokoro, and how a sentence is delivered: lively or flat."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import pyworld
import soundfile
from kokoro_onnx.tokenizer import Tokenizer
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
from scipy.signal import resample_poly

RATE = 16_000  # Hz, of everything after synthesis
KOKORO_RATE = 24_000  # Hz

FRAME_S = 0.005  # WORLD's hop

Audio = NDArray[np.float32]


@dataclass(frozen=True)
class Delivery:
    """How the participant speaks throughout one interview; durations stay as they are."""

    pitch_range: float  # exponent on pitch over its median: below 1 monotonous
    pitch_shift: float  # semitones
    energy_range: float  # exponent on the energy contour: below 1 even, above 1 emphatic
    tilt_db: float  # gain at 8 kHz, reached linearly from 0 Hz: below 0 dull, above 0 bright


def draw_delivery(kind: str, rng: np.random.Generator) -> Delivery:
    """A lively or a flat delivery, each document a little different."""
    strength = rng.uniform(0.7, 1.0)
    if kind == "lively":
        return Delivery(1 + 0.7 * strength, 1.0 * strength, 1 + 0.4 * strength, 4 * strength)
    return Delivery(1 - 0.85 * strength, -1.0 * strength, 1 - 0.5 * strength, -6 * strength)


class Synthesiser:
    """Voices text with Kokoro on one thread and keeps each utterance in a cache."""

    def __init__(self, model: Path, voices: Path, cache: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            model, options, providers=["CPUExecutionProvider"]
        )
        self.tokenizer = Tokenizer()
        self.voices, self.cache = voices, cache
        cache.mkdir(parents=True, exist_ok=True)

    def say(self, text: str, voice: str) -> Audio:
        """Speech at 16 kHz, without silence around it."""
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        path = self.cache / f"{voice}-{digest}.wav"
        if not path.exists():
            speech = resample_poly(trim(self.run(text, voice), KOKORO_RATE), 2, 3)
            partial = path.with_suffix(".part")
            soundfile.write(partial, speech, RATE, format="WAV", subtype="FLOAT")
            partial.rename(path)
        return soundfile.read(path, dtype="float32")[0]

    def run(self, text: str, voice: str) -> Audio:
        """What the model makes of the text, at 24 kHz."""
        language = "en-gb" if voice.startswith("b") else "en-us"
        tokens = self.tokenizer.tokenize(self.tokenizer.phonemize(text, language))
        # a voice file holds one style vector of width 256 for each length of input
        styles = np.fromfile(self.voices / f"{voice}.bin", np.float32).reshape(-1, 256)
        inputs = {
            "tokens": np.array([[0, *tokens, 0]], np.int64),
            "style": styles[[len(tokens) - 1]],
            "speed": np.ones(1, np.float32),
        }
        return self.session.run(None, inputs)[0].ravel()


def trim(speech: Audio, rate: int, margin_s: float = 0.05) -> Audio:
    """Cut what lies more than 40 dB below the peak at either end, but for a margin."""
    loud = np.flatnonzero(np.abs(speech) > 0.01 * np.abs(speech).max())
    margin = int(margin_s * rate)
    return speech[max(loud[0] - margin, 0) : loud[-1] + margin]


def deliver(speech: Audio, how: Delivery) -> Audio:
    """Change pitch contour, energy contour and brightness with the WORLD vocoder."""
    x = speech.astype(np.float64)
    pitch, times = pyworld.harvest(x, RATE, f0_floor=60, f0_ceil=500, frame_period=1000 * FRAME_S)
    power = pyworld.cheaptrick(x, pitch, times, RATE)  # [frames, bins]
    noise = pyworld.d4c(x, pitch, times, RATE)
    voiced = pitch > 0
    median = np.median(pitch[voiced])
    pitch[voiced] = median * (pitch[voiced] / median) ** how.pitch_range
    pitch *= 2 ** (how.pitch_shift / 12)
    power *= energy_gain(power, how.energy_range)[:, None]
    power *= 10 ** (np.linspace(0, how.tilt_db, power.shape[1]) / 10)
    y = pyworld.synthesize(pitch, power, noise, RATE, 1000 * FRAME_S)
    return y[: len(x)].astype(np.float32)


def energy_gain(power: NDArray[np.float64], energy_range: float) -> NDArray[np.float64]:
    """Gain on each frame's power that widens or narrows the contour over syllables, [frames]."""
    energy = uniform_filter1d(power.sum(1), round(0.1 / FRAME_S))
    loud = np.percentile(energy, 90)
    # frames 30 dB below count as pauses: no gain reaches further
    level = np.clip(energy / loud, 1e-3, None)
    return level ** (energy_range - 1)


def set_level(speech: Audio, level_db: float) -> Audio:
    """Scale to a root mean square of `level_db` below full scale."""
    return speech * (10 ** (level_db / 20) / np.sqrt(np.mean(speech**2)))
