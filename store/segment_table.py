"""Segments as rows of numbers: how they lie in a pack, and what of them is kept.

The text of a segment is never stored, only its number of words.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hilbert.store.types import MODALITIES, Modality, Seconds, Segment

WIDTH = 5  # start_s, end_s, speaker code, number of words, modality code

Cut = Literal["turns", "speech", "windows"]
"""By what audio was cut: the transcript's times, where somebody speaks, or equal windows."""


@dataclass(frozen=True, slots=True)
class SegmentSummary:
    """Small facts of a document's segments, kept in the commit record.

    Attributes
    ----------
    boundaries : str
        Digest of the spans and speakers of the audio segments.
    texts : str
        Salted digest of the texts of the text segments.
    n_audio, n_text : int
        Numbers of segments.
    audio_s : float
        Seconds of the audio segments together.
    content : str
        Digest of all that is stored of the segments: what a fit sees of them.
    speakers : tuple of str
        Names the speaker codes stand for.
    components : dict
        What the segments' key was made of.
    cut : {"turns", "speech", "windows"}, optional
        By what the audio was cut; None without audio, and of segments made before it was told.
    """

    boundaries: str
    texts: str
    n_audio: int
    n_text: int
    audio_s: float
    content: str
    speakers: tuple[str, ...]
    components: dict[str, Any]
    cut: Cut | None = None

    @classmethod
    def from_json(cls, about: dict[str, Any]) -> "SegmentSummary":
        return cls(**{**about, "speakers": tuple(about["speakers"])})


def to_rows(segments: Sequence[Segment], speakers: Sequence[str]) -> NDArray[np.float64]:
    """Array of shape (n_segments, 5); unknown times are NaN, unknown speakers -1."""
    codes = {name: code for code, name in enumerate(speakers)}
    rows = [
        (
            math.nan if s.start_s is None else s.start_s,
            math.nan if s.end_s is None else s.end_s,
            -1 if s.speaker is None else codes[s.speaker],
            s.n_words,
            MODALITIES.index(s.modality),
        )
        for s in segments
    ]
    return np.array(rows, dtype=np.float64).reshape(len(rows), WIDTH)


def from_rows(rows: NDArray[np.float64], speakers: Sequence[str]) -> tuple[Segment, ...]:
    """The segments of `to_rows`, without their texts."""
    return tuple(
        Segment(
            modality=MODALITIES[int(modality)],
            speaker=None if code < 0 else speakers[int(code)],
            start_s=None if math.isnan(start) else float(start),
            end_s=None if math.isnan(end) else float(end),
            n_words=int(n_words),
        )
        for start, end, code, n_words, modality in rows
    )


def speakers_of(segments: Sequence[Segment]) -> tuple[str, ...]:
    """Names of the speakers in the order they first appear."""
    return tuple(dict.fromkeys(s.speaker for s in segments if s.speaker is not None))


def times_of(rows: NDArray[np.float64], modality: Modality) -> NDArray[np.float64]:
    """Start and end of the segments of one modality, shape (n, 2)."""
    return rows[:, :2].compress(rows[:, 4] == MODALITIES.index(modality), axis=0)


def speaker_codes_of(rows: NDArray[np.float64], modality: Modality) -> NDArray[np.int64]:
    """Speaker codes of the segments of one modality, -1 where unknown, shape (n,)."""
    codes = rows[:, 2].compress(rows[:, 4] == MODALITIES.index(modality))
    return codes.astype(np.int64)


def times_of_frames(
    times: NDArray[np.float64], n_rows: NDArray[np.int64], frame_s: Seconds | None
) -> NDArray[np.float64]:
    """Start and end of each row where a segment has several, one a frame.

    Parameters
    ----------
    times : float64 array of shape (n_segments, 2)
    n_rows : int64 array of shape (n_segments,)
        Rows of each segment, in order.
    frame_s : float, optional
        Seconds from one row of a segment to the next; None where rows have no times of their
        own (tokens of a text), which then have their segment's.

    Returns
    -------
    float64 array of shape (n_rows.sum(), 2)
        Inside the segment; NaN where its times are unknown.
    """
    spans = np.repeat(times, n_rows, axis=0)
    if frame_s is None:
        return spans
    number = np.arange(len(spans)) - np.repeat(np.cumsum(n_rows) - n_rows, n_rows)
    start = np.minimum(spans[:, 0] + number * frame_s, spans[:, 1])
    return np.stack([start, np.minimum(start + frame_s, spans[:, 1])], axis=1)
