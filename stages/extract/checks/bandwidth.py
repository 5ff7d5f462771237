"""Sampling rates, and telephone speech that its sampling rate does not tell."""

from collections.abc import Iterator

import numpy as np

from hilbert.stages.extract.checks.problem import Problem
from hilbert.stages.extract.checks.signal import UPPER_BAND_HZ, Signal

USUAL_RATES = (8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
WIDE_RATE = 16_000
"""What speech encoders take; they were trained on what it holds."""

TELEPHONE_DB = -45.0
"""Of the upper band to that of speech, in the frames that have most of it (one in fifty). Real
wide-band speech is above -32, also from a poor microphone; upsampled telephone speech below -55."""

_SHORTEST_FRAMES = 50


def bandwidth_problems(signal: Signal) -> Iterator[Problem]:
    """What the sampling rate and the spectrum tell."""
    rate = signal.sampling_rate
    if rate < WIDE_RATE:
        yield Problem(
            "warning" if rate < 8_000 else "note",
            "narrow band",
            f"sampled at {rate} Hz, it holds nothing above {rate // 2} Hz",
            "use the original if there is one; see that not only one class is like it",
        )
    elif is_telephone(signal):
        yield Problem(
            "note",
            "narrow band",
            f"sampled at {rate} Hz, it holds nothing above 4 kHz: likely telephone speech",
            "use the original if there is one; see that not only one class is like it",
        )
    if rate not in USUAL_RATES:
        yield Problem(
            "note",
            "sampling rate",
            f"the sampling rate of {rate} Hz is unusual",
            "check that it plays at the right speed",
        )


def is_telephone(signal: Signal) -> bool:
    """Whether a recording of 16 kHz or more holds nothing that a telephone would not pass."""
    if signal.sampling_rate < 2 * UPPER_BAND_HZ[1] or len(signal.bands) < _SHORTEST_FRAMES:
        return False
    speech, upper = signal.bands[signal.bands[:, 0] >= np.median(signal.bands[:, 0])].T
    if not speech.max() > 0:
        return False
    ratio_db = 10 * np.log10((upper + 1e-12) / (speech + 1e-12))
    return float(np.quantile(ratio_db, 0.98)) < TELEPHONE_DB
