"""Measure a recording in one pass: a few numbers for each 20 ms, nothing of the samples kept.

Three hours take 11 MB. Everything that is told of a recording is computed from these numbers, so
that stretches which the corpus leaves out can be left out of it.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hilbert.stages.extract.recordings.audio import checked_blocks
from hilbert.stages.extract.recordings.audio_files import AudioSource, open_source
from hilbert.store.errors import DocumentError
from hilbert.store.types import Seconds, Span

HOP_S = 0.02
SPECTRUM_EVERY = 8
"""Frames from one whose spectrum is looked at to the next."""

FULL_SCALE = 0.999
"""Where clipping begins: 16-bit audio ends at 0.99997, and resampling rounds the corners."""

SPEECH_BAND_HZ = (300.0, 3400.0)
"""What a telephone passes (ITU-T G.712)."""
UPPER_BAND_HZ = (4300.0, 7500.0)
"""Where it passes nothing, and fricatives have most of their power."""

Curve = NDArray[np.float32]


class _Frames(NamedTuple):
    """Numbers of consecutive frames; see `Signal`."""

    power: Curve
    mean: Curve
    peak: Curve
    clipped: Curve
    channel_power: Curve
    bands: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Signal:
    """A recording in numbers, one a frame.

    Attributes
    ----------
    sampling_rate, n_channels : int
    hop_s : float
        Length of a frame: 20 ms in whole samples.
    power, mean, peak : float32 array of shape (n_frames,)
        Of the mean of the channels: variance, mean and highest magnitude of the samples.
    clipped : float32 array of shape (n_frames,)
        Share of the samples of all channels that are at full scale.
    channel_power : float32 array of shape (n_frames,)
        Mean over the channels of their variances.
    bands : float32 array of shape (ceil(n_frames / 8), 2)
        Power of every eighth frame in the band of speech, and in the one above telephones.
    digest : str
        Of all decoded samples: equal for equal recordings, whatever format they are stored in.
    fault : DocumentError, optional
        Why decoding ended early; the frames are those before.
    """

    sampling_rate: int
    n_channels: int
    hop_s: Seconds
    power: Curve
    mean: Curve
    peak: Curve
    clipped: Curve
    channel_power: Curve
    bands: NDArray[np.float32]
    digest: str
    fault: DocumentError | None = None

    @property
    def duration_s(self) -> Seconds:
        """Length of all frames."""
        return len(self.power) * self.hop_s

    def inside(self, spans: Sequence[Span]) -> NDArray[np.bool_]:
        """Which frames begin within some span; shape (n_frames,)."""
        kept = np.zeros(len(self.power), dtype=bool)
        for span in spans:
            first = np.ceil(max(0.0, span.start_s) / self.hop_s - 1e-6)
            stop = np.ceil(min(span.end_s, self.duration_s) / self.hop_s - 1e-6)
            kept[int(min(first, len(kept))) : int(max(0, stop))] = True
        return kept

    def only(self, spans: Sequence[Span]) -> "Signal":
        """The frames within `spans` alone, put together."""
        kept = self.inside(spans)
        return replace(
            self,
            power=self.power[kept],
            mean=self.mean[kept],
            peak=self.peak[kept],
            clipped=self.clipped[kept],
            channel_power=self.channel_power[kept],
            bands=self.bands[kept[::SPECTRUM_EVERY]],
        )


def measure_signal(path: Path) -> Signal:
    """Decode a recording from start to end, in blocks, and measure its frames.

    Raises
    ------
    DocumentError
        If it cannot be opened; one that breaks off later has a `Signal.fault` instead.
    """
    source = open_source(path)
    size = max(1, round(HOP_S * source.sampling_rate))
    hasher = hashlib.blake2b(digest_size=20)
    hasher.update(f"{source.sampling_rate} {source.n_channels} ".encode())
    parts = [_measure(np.zeros((0, source.n_channels), np.float32), size, source.sampling_rate, 0)]
    fault = None
    n_frames = 0
    try:
        for block in _whole_frames(source, size):  # (n_frames * size, n_channels)
            hasher.update(np.ascontiguousarray(block).data)
            frames = _measure(block, size, source.sampling_rate, skip=-n_frames % SPECTRUM_EVERY)
            n_frames += len(frames.power)
            parts.append(frames)
    except DocumentError as error:
        fault = error
    joined = {name: np.concatenate([getattr(part, name) for part in parts])
              for name in _Frames._fields}  # fmt: skip
    return Signal(
        sampling_rate=source.sampling_rate,
        n_channels=source.n_channels,
        hop_s=size / source.sampling_rate,
        digest=hasher.hexdigest(),
        fault=fault,
        **joined,
    )


def _whole_frames(source: AudioSource, size: int) -> Iterator[NDArray[np.float32]]:
    """Blocks that are a multiple of `size` long; what is left at the end is dropped."""
    rest = np.zeros((0, source.n_channels), np.float32)
    for block in checked_blocks(source):
        joined = np.concatenate([rest, block])
        n_whole = len(joined) // size * size
        yield joined[:n_whole]
        rest = joined[n_whole:]


def _measure(block: NDArray[np.float32], size: int, rate: int, skip: int) -> _Frames:
    """Numbers of the frames of a block of shape (n_frames * size, n_channels)."""
    n_channels = block.shape[1]
    mono = (block[:, 0] if n_channels == 1 else block.mean(axis=1)).reshape(-1, size)
    mean = mono.mean(axis=1)
    power = np.einsum("ij,ij->i", mono, mono) / size - mean * mean
    peak = np.maximum(mono.max(axis=1), -mono.min(axis=1))
    frames = block.reshape(-1, size * n_channels)
    loud = np.maximum(frames.max(axis=1), -frames.min(axis=1)) >= FULL_SCALE
    clipped = np.zeros(len(mono), np.float32)
    clipped[loud] = (np.abs(frames[loud]) >= FULL_SCALE).mean(axis=1)
    if n_channels == 1:
        channel_power = power
    else:  # (n_frames, size, n_channels) to (n_frames,)
        channel_power = block.reshape(-1, size, n_channels).var(axis=1).mean(axis=1)
    bands = _bands(mono[skip::SPECTRUM_EVERY], rate)
    return _Frames(power, mean, peak, clipped, channel_power, bands)


def _bands(frames: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """Power of frames (n, size) in the two bands; shape (n, 2)."""
    size = frames.shape[1]
    spectrum = np.fft.rfft(frames * np.hanning(size).astype(np.float32), axis=1)
    power = spectrum.real**2 + spectrum.imag**2  # (n, size // 2 + 1)
    hz = np.fft.rfftfreq(size, 1 / rate)
    bands = [power[:, (hz >= low) & (hz < high)] for low, high in (SPEECH_BAND_HZ, UPPER_BAND_HZ)]
    return np.stack([band.sum(axis=1) for band in bands], axis=1).astype(np.float32)
