"""Whisper's encoder: windows of speech to features of segments.

Decoding and the log-mel run in a background thread, a few windows ahead of the forward
passes. Every window is 30 s, padded with zeros, so a window's features do not depend on what
else is in its batch, and windows of different documents share batches.
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
from hilbert.stages.extract.encoders.log_mel import LogMel
from hilbert.stages.extract.encoders.pooling import Moments, stored
from hilbert.stages.extract.encoders.prefetch import prefetch
from hilbert.stages.extract.encoders.whisper_model import WhisperTower
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
_BATCH_SIZES = {"cpu": 1, "mps": 8, "cuda": 16}


@dataclass(slots=True)
class _Recording:
    """A document while its windows come in, in any order."""

    id: str
    x: NDArray[np.float16]  # (n_segments, dim)
    n_missing: int
    audio_seconds: float


@dataclass(frozen=True, slots=True)
class _Window:
    """One window ready for the forward pass, with the segments that lie in it."""

    recording: _Recording
    mel: Tensor  # (n_mels, 3000)
    slots: list[tuple[int, Slot]]  # with the number of the segment


@dataclass(slots=True)
class _Batch:
    """Windows for one forward pass, and the document that broke off after them, if any."""

    windows: list[_Window] = field(default_factory=list)
    failed: Failed | None = None


class WhisperAudioEncoder:
    """Features of audio segments by a frozen Whisper encoder.

    Parameters
    ----------
    info : EncoderInfo
    tower : WhisperTower
        The loaded encoder.
    options : EncoderOptions
    batch_size : int, optional
        Windows a forward pass; by default what suits the device.
    """

    def __init__(
        self,
        info: EncoderInfo,
        tower: WhisperTower,
        options: EncoderOptions,
        *,
        batch_size: int | None = None,
    ) -> None:
        self.info = info
        self._tower = tower
        self._options = options
        self._log_mel = LogMel(tower.n_mels)
        self._batch_size = batch_size or _BATCH_SIZES[tower.device.type]

    def encode(self, jobs: Iterable[EncodeJob]) -> Iterator[Encoded | Failed]:
        """Features of every job's segments, each result as soon as it is complete.

        `jobs` is iterated in the caller's thread, a few ahead of the results. The background
        threads end when the iterator returned here is exhausted or closed.
        """
        with (
            workers_for(self._tower.device) as workers,
            prefetch(self._prepare, jobs, _WINDOWS_AHEAD) as events,
        ):
            batches = _batches(events, self._batch_size)
            for batch, rows in workers.map(self._encode_batch, batches):
                yield from _results(batch, rows)

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
        plan = plan_windows(job.segments, self._options.context)
        recording = self._recording(job, plan)
        held: _Window | None = None
        for samples, slots in _filled(plan, read_spans(job.audio, plan.spans)):
            if held is not None:
                yield held
            held = _Window(recording, self._log_mel(torch.from_numpy(samples)), slots)
        if held is not None:
            yield held

    def _recording(self, job: EncodeJob, plan: WindowPlan) -> _Recording:
        n_segments = len(job.segments)
        x = np.empty((n_segments, self.info.dim), np.float16)
        n_samples = sum(slot.n_samples for slot in plan.slots)
        return _Recording(job.id, x, n_segments, n_samples / SAMPLING_RATE)

    def _encode_batch(self, batch: _Batch) -> list[NDArray[np.float16]]:
        """Features of the segments of each window, of shape (n_segments of the window, dim)."""
        if not batch.windows:
            return []
        hidden = self._tower([window.mel for window in batch.windows])  # (n_windows, 1500, width)
        pooling = self._options.pooling
        return [
            stored([Moments.of(frames[slot.frames]).pooled(pooling) for _, slot in window.slots])
            for window, frames in zip(batch.windows, hidden, strict=True)
        ]


def _results(batch: _Batch, rows: list[NDArray[np.float16]]) -> Iterator[Encoded | Failed]:
    """Results of the documents that `batch` completes."""
    for window, own in zip(batch.windows, rows, strict=True):
        recording = window.recording
        recording.x[[i for i, _ in window.slots]] = own
        recording.n_missing -= len(own)
        if not recording.n_missing:
            yield result_of(recording.id, recording.x, recording.audio_seconds)
    if batch.failed:
        yield batch.failed


class _Filling(NamedTuple):
    """A window while its segments are decoded."""

    samples: NDArray[np.float32]  # (480000,)
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
            yield filling.pop(slot.window)


def _batches(events: Iterable[_Window | Failed], batch_size: int) -> Iterator[_Batch]:
    """Collect windows; a batch is full with `batch_size` of them, or with a failure."""
    batch = _Batch()
    for event in events:
        if isinstance(event, Failed):
            batch.failed = event
        else:
            batch.windows.append(event)
        if batch.failed or len(batch.windows) == batch_size:
            yield batch
            batch = _Batch()
    if batch.windows:
        yield batch
