"""Audio encoders: windows of speech to features of segments.

Decoding and what a tower makes of the samples run in a background thread, a few windows ahead
of the forward passes. Windows of one shape share batches, whatever document they are of. What a
window gives does not depend on what else is in its batch: a tower either gives all its windows
one shape, or pads none.
"""

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hilbert.stages.extract.encoders.base import (
    Encoded,
    EncodeJob,
    EncoderOptions,
    Failed,
    result_of,
)
from hilbert.stages.extract.encoders.fallback import NO_MEMORY, BatchSize
from hilbert.stages.extract.encoders.pooling import pool_of, stored
from hilbert.stages.extract.encoders.prefetch import prefetch
from hilbert.stages.extract.encoders.tower import Tower
from hilbert.stages.extract.encoders.windows import (
    SAMPLING_RATE,
    WINDOW_SAMPLES,
    Slot,
    WindowPlan,
    plan_windows,
)
from hilbert.stages.extract.encoders.workers import workers_for
from hilbert.stages.extract.recordings.audio import read_spans
from hilbert.store.errors import DocumentError, HilbertError
from hilbert.store.types import EncoderInfo

_WINDOWS_AHEAD = 6
BATCH_SIZES = {"cpu": 1, "mps": 8, "cuda": 16}
_BATCHES_WAITING = 2
"""Batches' worth of windows that wait for others of their shape; bounds memory."""

Rows = NDArray[np.float16]


@dataclass(slots=True)
class _Recording:
    """A document while its windows come in, in any order.

    Attributes
    ----------
    rows : list
        Features of each segment, of shape (n_rows, dim).
    """

    id: str
    rows: list[Rows | None]
    n_missing: int
    audio_seconds: float
    failed: bool = False


@dataclass(frozen=True, slots=True)
class _Window:
    """One window ready for the forward pass, with the segments that lie in it."""

    recording: _Recording
    inputs: Tensor  # as the tower prepared it
    slots: list[tuple[int, Slot]]  # with the number of the segment


@dataclass(slots=True)
class _Batch:
    """Windows for one forward pass, and the document that broke off after them, if any."""

    windows: list[_Window] = field(default_factory=list)
    failed: Failed | None = None


class AudioEncoder:
    """Features of audio segments by a frozen encoder.

    Parameters
    ----------
    info : EncoderInfo
    tower : Tower
        The loaded model.
    options : EncoderOptions
    batch_size : int, optional
        Windows a forward pass; by default what suits the device. Halved when memory runs out.
    """

    def __init__(
        self,
        info: EncoderInfo,
        tower: Tower,
        options: EncoderOptions,
        *,
        batch_size: int | None = None,
    ) -> None:
        self.info = info
        self._tower = tower
        self._options = options
        self._batch_size = BatchSize(batch_size or BATCH_SIZES[tower.device.type])

    def encode(self, jobs: Iterable[EncodeJob]) -> Iterator[Encoded | Failed]:
        """Features of every job's segments, each result as soon as it is complete.

        `jobs` is iterated in the caller's thread, a few ahead of the results. The background
        threads end when the iterator returned here is exhausted or closed.
        """
        with (
            workers_for(self._tower.device) as workers,
            prefetch(self._prepare, jobs, _WINDOWS_AHEAD) as events,
        ):
            lost: set[str] = set()
            batches = _batches(events, self._batch_size)
            for batch, rows in workers.map(self._encode_batch, batches):
                yield from self._results(batch, rows, lost)

    def _prepare(self, jobs: Iterable[EncodeJob]) -> Generator[_Window | Failed, None, None]:
        """Windows of all jobs, in order; a job that breaks off ends in a `Failed`."""
        torch.set_num_threads(1)  # of this background thread
        for job in jobs:
            try:
                yield from self._windows(job)
            except HilbertError as error:
                yield Failed(job.id, str(error))
            except OSError as error:  # its text would hold the path
                yield Failed(job.id, f"the audio cannot be read: {error.strerror or 'error'}")

    def _windows(self, job: EncodeJob) -> Iterator[_Window]:
        """Windows of one document; its last only when the whole recording proved sound."""
        if job.audio is None or not job.segments:
            raise DocumentError("no audio to encode" if job.audio is None else "no audio segments")
        plan = plan_windows(job.segments, self._options.context, self._tower.frame_samples)
        recording = _recording(job, plan)
        held: _Window | None = None
        for samples, slots in _filled(plan, read_spans(job.audio, plan.spans)):
            if held is not None:
                yield held
            if recording.failed:  # of another window, meanwhile; told already
                return
            held = _Window(recording, self._tower.prepare(samples), slots)
        if held is not None:
            yield held

    def _encode_batch(self, batch: _Batch) -> list[list[Rows] | None]:
        """Features of each segment of each window; None for a window that memory cannot hold."""
        return self._batch_size.run(self._encode_windows, batch.windows)

    def _encode_windows(self, windows: list[_Window]) -> list[list[Rows]]:
        """Features of each segment of each window, of shape (n_rows of the segment, dim)."""
        hidden = self._tower([window.inputs for window in windows])  # (n_windows, n_frames, width)
        n_frames = hidden.shape[1]
        return [
            [
                self._pooled(frames[slot.frames(self._tower.frame_samples, n_frames)])
                for _, slot in window.slots
            ]
            for window, frames in zip(windows, hidden, strict=True)
        ]

    def _pooled(self, frames: Tensor) -> Rows:
        pooling = self._options.pooling
        return stored([pool_of(frames, pooling).pooled(pooling)])

    def _results(
        self, batch: _Batch, rows: list[list[Rows] | None], lost: set[str]
    ) -> Iterator[Encoded | Failed]:
        """Results of the documents that `batch` completes; `lost` are those that failed."""
        for window, own in zip(batch.windows, rows, strict=True):
            recording = window.recording
            if recording.failed:
                continue
            if own is None:
                recording.failed = True
                lost.add(recording.id)
                yield Failed(recording.id, NO_MEMORY)
                continue
            for (i, _), segment in zip(window.slots, own, strict=True):
                recording.rows[i] = segment
            recording.n_missing -= len(own)
            if not recording.n_missing:
                yield self._whole(recording)
        if batch.failed and batch.failed.id not in lost:
            yield batch.failed

    def _whole(self, recording: _Recording) -> Encoded | Failed:
        rows = [segment for segment in recording.rows if segment is not None]
        n_rows = tuple(map(len, rows)) if self._options.pooling == "frames" else None
        return result_of(recording.id, np.concatenate(rows), recording.audio_seconds, n_rows)


def _recording(job: EncodeJob, plan: WindowPlan) -> _Recording:
    n_segments = len(job.segments)
    n_samples = sum(slot.n_samples for slot in plan.slots)
    return _Recording(job.id, [None] * n_segments, n_segments, n_samples / SAMPLING_RATE)


class _Filling(NamedTuple):
    """A window while its segments are decoded."""

    samples: NDArray[np.float32]  # (480000,), or when it is complete up to its last segment's end
    slots: list[tuple[int, Slot]]  # with the number of the segment


def _filled(plan: WindowPlan, waveforms: Iterable[NDArray[np.float32]]) -> Iterator[_Filling]:
    """Each window as soon as it is complete.

    A recording may hold a little less than its header promised; its last slot then ends where
    the sound does, so that no padding is pooled.
    """
    filling: dict[int, _Filling] = {}
    for i, waveform in enumerate(waveforms):
        slot = plan.slots[i]
        slot = slot._replace(n_samples=min(len(waveform), slot.n_samples))
        if slot.window not in filling:
            filling[slot.window] = _Filling(np.zeros(WINDOW_SAMPLES, np.float32), [])
        window = filling[slot.window]
        window.samples[slot.start : slot.start + slot.n_samples] = waveform[: slot.n_samples]
        window.slots.append((i, slot))
        if plan.windows[slot.window][-1] == i:
            samples, slots = filling.pop(slot.window)
            end = max(own.start + own.n_samples for _, own in slots)
            yield _Filling(samples[:end], slots)


def _batches(events: Iterable[_Window | Failed], size: BatchSize) -> Iterator[_Batch]:
    """Collect windows of one shape; a batch is full with as many as `size` allows.

    A window waits for others of its shape no longer than until `_BATCHES_WAITING` batches' worth
    of windows wait, or a document breaks off: then the shape with most windows goes, or all.
    """
    waiting: dict[torch.Size, list[_Window]] = {}
    for event in events:
        if isinstance(event, Failed):
            yield from map(_Batch, waiting.values())
            waiting = {}
            yield _Batch(failed=event)
            continue
        alike = waiting.setdefault(event.inputs.shape, [])
        alike.append(event)
        if len(alike) >= size.limit:
            yield _Batch(waiting.pop(event.inputs.shape))
        elif sum(map(len, waiting.values())) >= _BATCHES_WAITING * size.limit:
            yield _Batch(waiting.pop(max(waiting, key=lambda shape: len(waiting[shape]))))
    yield from map(_Batch, waiting.values())
