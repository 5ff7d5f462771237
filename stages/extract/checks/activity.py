"""Where somebody speaks, by power alone: no model, no threshold that suits one room only."""

import numpy as np
from numpy.typing import NDArray

from hilbert.stages.extract.checks.signal import Signal

RANGE_DB = 60.0
"""Below the loudest speech: what lies deeper is as silent as silence."""

FLOOR = 1e-10
"""-100 dBFS, below the noise of any microphone."""

NO_SPEECH_DB = 6.0
"""Between the quietest tenth and the loudest 1/200: steady noise and hum stay below, speech in
noise as loud as itself reaches 9, clean speech 30 to 60."""


def decibels(power: NDArray[np.float32]) -> NDArray[np.float32]:
    """Power in dB of full scale, not below -100."""
    level: NDArray[np.float32] = 10 * np.log10(np.maximum(power, np.float32(FLOOR)))
    return level


def activity_curve(power: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much each frame sounds like speech and not like a pause, from 0 to 1.

    The level between the recording's own noise (its quietest tenth) and its speech, at most
    60 dB apart; the root, as a pause differs from speech more than loud from soft speech does.

    Parameters
    ----------
    power : float32 array of shape (n_frames,)

    Returns
    -------
    float32 array of shape (n_frames,)
    """
    level = decibels(power)
    top = float(np.quantile(level, 0.95))
    low = max(float(np.quantile(level, 0.1)), top - RANGE_DB)
    share = np.clip((level - low) / max(top - low, 1e-3), 0.0, 1.0)
    curve: NDArray[np.float32] = np.sqrt(share).astype(np.float32)
    return curve


def level_range_db(signal: Signal) -> float:
    """How far the loudest frames stand above the quietest, clicks apart."""
    low, high = np.quantile(decibels(signal.power), [0.1, 0.995])
    return float(high - low)
