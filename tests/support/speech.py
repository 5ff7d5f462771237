"""Noise that rises and falls as speech does, where turns are; for checks that models do not see."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from hilbert.store.types import Span


def babble(
    turns: Sequence[Span],
    duration_s: float,
    *,
    rate: int = 16_000,
    seed: int = 0,
    level: float = 0.1,
    noise_db: float = -60.0,
) -> NDArray[np.float32]:
    """A waveform of shape (n_samples,): syllables of noise within turns, faint noise elsewhere.

    Parameters
    ----------
    level : float
        Root mean square of a syllable.
    noise_db : float
        Of the room, to a syllable.
    """
    rng = np.random.default_rng(seed)
    n = round(duration_s * rate)
    t = np.arange(n) / rate
    syllables = 0.15 + 0.85 * np.sin(np.pi * 4.0 * t + rng.uniform(0, 6)) ** 2  # four a second
    spoken = np.zeros(n)
    for turn in turns:
        spoken[round(turn.start_s * rate) : round(turn.end_s * rate)] = 1.0
    voice = rng.standard_normal(n) * spoken * syllables
    # fricatives: some syllables have more of their power above 4 kHz
    hiss = butter(4, min(4_000, 0.4 * rate), "high", fs=rate, output="sos")
    voice += 2 * sosfilt(hiss, voice) * (np.sin(2 * np.pi * 0.7 * t) > 0.8)
    room = 10 ** (noise_db / 20) * rng.standard_normal(n)
    return (level * (voice + room)).astype(np.float32)


def regular_turns(n: int, *, seed: int = 0, start_s: float = 0.5) -> list[Span]:
    """`n` turns of one to four seconds with pauses of a half to two between them."""
    rng = np.random.default_rng(seed)
    turns, position = [], start_s
    for _ in range(n):
        length = rng.uniform(1.0, 4.0)
        turns.append(Span(position, position + length))
        position += length + rng.uniform(0.5, 2.0)
    return turns
