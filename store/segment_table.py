"""Segments as rows of numbers: how they lie in a pack, and what of them is kept.

The text of a segment is never stored, only its number of words.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilbert.store.types import MODALITIES, Modality, Segment

WIDTH = 5  # start_s, end_s, speaker code, number of words, modality code


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
    """

    boundaries: str
    texts: str
    n_audio: int
    n_text: int
    audio_s: float
    content: str
    speakers: tuple[str, ...]
    components: dict[str, Any]

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
