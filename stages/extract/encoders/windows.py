"""Which segments share a window of an audio encoder, and where each lies in it.

Windows never cross speakers or documents. Measured: when two speakers share a window, the
features of one tell who the other was (AUC 0.985; 0.43 when encoded alone).

Each speaker of a document has an open window of their own, so that a dialogue packs as well
as a monologue: a speaker's segments are laid one after another, `GAP_S` of silence between,
until the next does not fit. Speaker ``None`` counts as one speaker. The plan depends on the
boundaries and speakers only, which is exactly what the feature key covers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from hilbert.stages.extract.encoders.base import Context
from hilbert.store.errors import DocumentError
from hilbert.store.types import Segment, Span

SAMPLING_RATE = 16_000
WINDOW_S = 30.0
GAP_S = 0.2
FRAME_SAMPLES = 320  # of Whisper (hop of 160 samples, stride 2), and of nearly all other models
WINDOW_SAMPLES = int(WINDOW_S * SAMPLING_RATE)
WINDOW_FRAMES = WINDOW_SAMPLES // FRAME_SAMPLES
MAX_OPEN_WINDOWS = 32
"""Windows of one document that wait for more segments; bounds memory to 61 MB of samples."""

_GAP_SAMPLES = int(GAP_S * SAMPLING_RATE)


class Slot(NamedTuple):
    """Place of one segment: window number, first sample, number of samples."""

    window: int
    start: int
    n_samples: int

    def frames(self, frame_samples: int = FRAME_SAMPLES, n_frames: int = WINDOW_FRAMES) -> slice:
        """Encoder frames that the segment covers, at least one.

        Parameters
        ----------
        frame_samples : int
            Samples from one frame to the next.
        n_frames : int
            Frames of the whole window; a convolution without padding gives one fewer than the
            samples would fill, so that the last frame may have to do for what is left.
        """
        first = min(self.start // frame_samples, n_frames - 1)
        stop = -(-(self.start + self.n_samples) // frame_samples)
        return slice(first, min(max(stop, first + 1), n_frames))


@dataclass(frozen=True, slots=True)
class WindowPlan:
    """Where every segment of one document goes.

    Attributes
    ----------
    spans : list of Span
        Of the recording, one a segment, sorted by start.
    slots : list of Slot
        One a segment, in the order of the segments.
    windows : list of list of int
        For each window its segments, in order; a window is complete, and can be encoded, as
        soon as the last of them was decoded.
    """

    spans: list[Span]
    slots: list[Slot] = field(default_factory=list)
    windows: list[list[int]] = field(default_factory=list)

    def add(self, slot: Slot) -> None:
        if slot.window == len(self.windows):
            self.windows.append([])
        self.windows[slot.window].append(len(self.slots))
        self.slots.append(slot)


def plan_windows(
    segments: Sequence[Segment], context: Context, frame_samples: int = FRAME_SAMPLES
) -> WindowPlan:
    """Lay out the segments of one document.

    Parameters
    ----------
    segments : sequence of Segment
        Audio segments with their times, sorted by start.
    context : {"packed", "isolated"}
        ``"isolated"`` gives every segment a window of its own.
    frame_samples : int
        Samples from one frame of the encoder to the next.

    Raises
    ------
    DocumentError
        If a segment has no times or is longer than the window, or the segments are not
        sorted by start.
    """
    plan = WindowPlan(_checked_spans(segments))
    open_windows: dict[str | None, tuple[int, int]] = {}  # speaker: window, first free sample
    for segment, span in zip(segments, plan.spans, strict=True):
        n_samples = min(_n_samples(span), WINDOW_SAMPLES)
        window, start = open_windows.pop(segment.speaker, (-1, WINDOW_SAMPLES + 1))
        if context == "isolated" or start + n_samples > WINDOW_SAMPLES:
            window, start = len(plan.windows), 0
        plan.add(Slot(window, start, n_samples))
        open_windows[segment.speaker] = window, _next_start(start + n_samples, frame_samples)
        if len(open_windows) > MAX_OPEN_WINDOWS:  # close the one that waited longest
            del open_windows[next(iter(open_windows))]
    return plan


def _checked_spans(segments: Sequence[Segment]) -> list[Span]:
    spans: list[Span] = []
    for number, segment in enumerate(segments, start=1):
        if segment.start_s is None or segment.end_s is None:
            raise DocumentError(f"audio segment {number} has no times")
        span = Span(segment.start_s, segment.end_s)
        if not (spans[-1].start_s if spans else 0.0) <= span.start_s <= span.end_s:
            raise DocumentError(f"audio segment {number} ends or begins before it should")
        if _n_samples(span) > WINDOW_SAMPLES + FRAME_SAMPLES:  # rounded times may overshoot
            raise DocumentError(
                f"audio segment {number} lasts {span.duration_s:.1f} s; this encoder's window is"
                f" {WINDOW_S:.0f} s. Lower the longest segment allowed"
            )
        spans.append(span)
    return spans


def _n_samples(span: Span) -> int:
    return round(span.end_s * SAMPLING_RATE) - round(span.start_s * SAMPLING_RATE)


def _next_start(stop: int, frame_samples: int) -> int:
    """First sample after the gap, on a frame's boundary so that no frame has two segments."""
    return -(-(stop + _GAP_SAMPLES) // frame_samples) * frame_samples
