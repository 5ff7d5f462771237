"""Levels: silent, hardly to be heard, clipped, off centre, cancelled out."""

from collections.abc import Iterator

import numpy as np

from hilbert.stages.extract.checks.activity import NO_SPEECH_DB, decibels, level_range_db
from hilbert.stages.extract.checks.problem import Problem
from hilbert.stages.extract.checks.signal import Signal
from hilbert.stages.extract.recordings.audio import SILENCE_PEAK, SILENT

QUIET_DBFS = -50.0
"""Of active speech; telephones and meetings lie around -26, -50 is 16-bit audio with 40 dB left."""

CLIPPED_SHARE = 1e-3
SLIGHTLY_CLIPPED_SHARE = 1e-4
DC_SHARE = 0.01
SILENT_SHARE = 0.5
SHORTEST_S = 1.0
"""Below that, nothing is said of speech and pauses."""

_ACTIVE_DB = 16.0  # below the loudest: the margin of ITU-T P.56


def level_problems(signal: Signal) -> Iterator[Problem]:
    """Problems with the level of the frames that are kept of a recording."""
    if not len(signal.power):
        return
    if float(signal.peak.max()) < SILENCE_PEAK:
        what, _, mend = SILENT.rpartition("; ")
        yield Problem("error", "silence", what, mend)
        return
    yield from _clipping(signal)
    yield from _offset(signal)
    if signal.n_channels > 1 and 100 * signal.power.mean() < signal.channel_power.mean():
        yield Problem(
            "warning",
            "channels cancel",
            "its channels cancel each other out: their mean is 20 dB below them",
            "turn the phase of one around, or store one channel alone",
        )
        return
    yield from _silent_half(signal)
    if signal.duration_s >= SHORTEST_S and level_range_db(signal) < NO_SPEECH_DB:
        yield Problem(
            "warning",
            "no speech",
            f"no speech is to be heard: the level stays within {level_range_db(signal):.1f} dB",
            "listen to it; remove the document if it is noise or hum",
        )
    elif (level := active_dbfs(signal)) < QUIET_DBFS:
        yield Problem(
            "warning",
            "low level",
            f"its speech is very quiet ({level:.0f} dBFS)",
            "use the original, or amplify it before it is stored with 16 bits",
        )


def active_dbfs(signal: Signal) -> float:
    """Level of the frames that are at most 16 dB below the loudest hundredth, in dBFS."""
    level = decibels(signal.power)
    active = signal.power[level >= float(np.quantile(level, 0.99)) - _ACTIVE_DB]
    return float(decibels(active.mean(keepdims=True))[0])


def _silent_half(signal: Signal) -> Iterator[Problem]:
    share = float((signal.peak < SILENCE_PEAK).mean())
    if share > SILENT_SHARE:
        yield Problem(
            "warning",
            "silence",
            f"{share:.0%} of it is digital silence",
            "check whether the recording dropped out; name such stretches in the column exclude",
        )


def _clipping(signal: Signal) -> Iterator[Problem]:
    share = float(signal.clipped.mean())
    if share >= SLIGHTLY_CLIPPED_SHARE:
        yield Problem(
            "warning" if share >= CLIPPED_SHARE else "note",
            "clipping",
            f"{share:.2%} of the samples are at full scale: it is clipped",
            "use the original, or record at a lower level",
        )


def _offset(signal: Signal) -> Iterator[Problem]:
    dc = float(signal.mean.mean())
    if abs(dc) >= DC_SHARE:
        yield Problem(
            "warning",
            "DC offset",
            f"the waveform lies off centre by {dc:+.1%} of full scale",
            "remove the offset with a high-pass filter",
        )
