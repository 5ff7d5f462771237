"""Decode a recording: once, from start to end, in blocks, resampled as it streams by.

A three-hour recording is never in memory as a whole: `read_spans` holds the longest span asked
for and one block. It never seeks, because only PCM seeks exactly and decoding what lies
between two spans costs little beside encoding them.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilbert.stages.extract.recordings.audio_files import (
    AudioSource,
    UndecodableError,
    check_whole,
    length_tolerance,
    open_source,
)
from hilbert.stages.extract.recordings.extent import Extent
from hilbert.store.errors import DocumentError
from hilbert.store.types import Seconds, Span

Waveform = NDArray[np.float32]

SILENCE_PEAK = 1e-4
"""-80 dBFS, three steps of 16-bit audio: dither reaches it, speech at any usable level does not."""

SILENT = "the audio is silent: no sample reaches -80 dBFS; check the recording and its channels"


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """What an audio file's header tells."""

    duration_s: Seconds
    sampling_rate: int
    n_channels: int


def probe(path: Path) -> AudioInfo:
    """Duration, rate and channels, from the header.

    Only where a header does not tell the length (some files of ffmpeg's) is the file decoded.

    Raises
    ------
    DocumentError
        If the file is missing, empty, not audio, holds no samples, or visibly ends early.
    """
    source = open_source(path)
    n_frames = source.n_frames
    if n_frames is None:
        n_frames = sum(len(block) for block in _mono_blocks(source))
    if n_frames == 0:
        raise DocumentError("the audio holds no samples; record or copy it again")
    return AudioInfo(n_frames / source.sampling_rate, source.sampling_rate, source.n_channels)


def read_spans(
    path: Path, spans: Sequence[Span], *, sampling_rate: int = 16_000
) -> Iterator[Waveform]:
    """Yield the waveform of each span, the mean of its channels.

    Decoding stops behind the last span. Samples beyond ±1, which files of floats may hold, are
    kept. Because everything is read once, a fault is raised when it is met, after the spans
    before it were yielded; silence can only be told at the end.

    Parameters
    ----------
    path : Path
        An audio file.
    spans : sequence of Span
        Sorted by start; they may overlap.
    sampling_rate : int
        Of the waveforms, in Hz.

    Yields
    ------
    float32 array of shape (n_samples,)
        Samples ``round(start_s * sampling_rate)`` to ``round(end_s * sampling_rate)``; a few
        less in the last one where the header promised a little more than the file holds.

    Raises
    ------
    DocumentError
        As `probe` does; and if the audio is truncated or damaged, holds NaN or infinite
        samples, ends before a span, or is silent throughout the spans.
    ValueError
        If the spans are not sorted by start, or one starts before 0 or ends before its start.
    """
    bounds = [_sample_bounds(span, sampling_rate) for span in spans]
    if any(late[0] < early[0] for early, late in pairwise(bounds)):
        raise ValueError("the spans must be sorted by start")
    source = open_source(path)
    blocks = _resampled(_mono_blocks(source), source.sampling_rate, sampling_rate)
    peak = 0.0
    for bound, waveform in zip(bounds, _cut(blocks, bounds), strict=True):
        _check_long_enough(waveform, bound, sampling_rate)
        peak = max(peak, float(np.abs(waveform).max(initial=0.0)))
        yield waveform
    if bounds and peak < SILENCE_PEAK:
        raise DocumentError(SILENT)


def _sample_bounds(span: Span, sampling_rate: int) -> tuple[int, int]:
    if not 0 <= span.start_s <= span.end_s:
        raise ValueError(f"a span must run forward from 0 s on, not {tuple(span)}")
    return round(span.start_s * sampling_rate), round(span.end_s * sampling_rate)


def checked_blocks(source: AudioSource) -> Iterator[NDArray[np.float32]]:
    """Yield all blocks of shape (n_frames, n_channels), checked for everything that can be wrong.

    Raises
    ------
    DocumentError
        If the audio is truncated or damaged, or holds NaN or infinite samples.
    """
    n_frames = 0
    try:
        for block in source.blocks():  # (n_frames, n_channels)
            if not np.isfinite(block).all():
                raise DocumentError(
                    f"the audio holds NaN or infinite samples after "
                    f"{_first_bad_frame(block, n_frames) / source.sampling_rate:.1f} s; "
                    f"export it again"
                )
            n_frames += len(block)
            yield block
    except UndecodableError as error:
        raise DocumentError(
            f"the audio cannot be decoded beyond {n_frames / source.sampling_rate:.1f} s; "
            f"copy the file again"
        ) from error
    if source.n_frames is not None:
        check_whole(Extent(n_frames, source.n_frames), source.sampling_rate)


def _mono_blocks(source: AudioSource) -> Iterator[Waveform]:
    """The mean of the channels, block by block."""
    for block in checked_blocks(source):
        yield block[:, 0] if block.shape[1] == 1 else block.mean(axis=1)


def _first_bad_frame(block: Waveform, n_before: int) -> int:
    return n_before + int(np.flatnonzero(~np.isfinite(block).all(axis=1))[0])


def _resampled(blocks: Iterable[Waveform], rate_in: int, rate_out: int) -> Iterator[Waveform]:
    """Resample a stream; its samples do not depend on where the blocks end."""
    if rate_in == rate_out:
        yield from blocks
        return
    import soxr

    stream = soxr.ResampleStream(rate_in, rate_out, 1, dtype="float32", quality="HQ")
    for block in blocks:
        yield stream.resample_chunk(block)
    yield stream.resample_chunk(np.zeros(0, dtype=np.float32), last=True)


def _cut(blocks: Iterator[Waveform], bounds: Iterable[tuple[int, int]]) -> Iterator[Waveform]:
    """Cut ``[start, stop)`` out of a stream, holding only what is still needed of it."""
    held: deque[tuple[int, Waveform]] = deque()  # with the index of the block's first sample
    n_read = 0
    for start, stop in bounds:
        while n_read < stop and (block := next(blocks, None)) is not None:
            held.append((n_read, block))
            n_read += len(block)
            _drop_before(held, start)
        _drop_before(held, start)
        parts = [block[max(0, start - first) : max(0, stop - first)] for first, block in held]
        yield np.concatenate([np.zeros(0, dtype=np.float32), *parts])


def _drop_before(held: deque[tuple[int, Waveform]], start: int) -> None:
    while held and held[0][0] + len(held[0][1]) <= start:
        held.popleft()


def _check_long_enough(waveform: Waveform, bound: tuple[int, int], sampling_rate: int) -> None:
    start, stop = bound
    n_missing = (stop - start) - len(waveform)
    if n_missing > length_tolerance(sampling_rate) or (n_missing and not len(waveform)):
        raise DocumentError(
            f"the audio ends before {stop / sampling_rate:.1f} s, where a segment still lies; "
            f"copy the file again"
        )
