"""The nouns that pass between the stages: frozen, plain, without behaviour of their own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Seconds = float
Modality = Literal["audio", "text"]
MODALITIES: tuple[Modality, Modality] = ("audio", "text")


class Span(NamedTuple):
    """A stretch of a recording, ``start_s <= end_s``."""

    start_s: Seconds
    end_s: Seconds

    @property
    def duration_s(self) -> Seconds:
        return self.end_s - self.start_s


class Diarisation(NamedTuple):
    """A file that tells who speaks when, and what is to be added to its times."""

    path: str
    offset_s: Seconds


_NONE: Mapping[str, str | None] = {}


class Document(NamedTuple):
    """One row of the corpus table, its paths absolute.

    Paths are text: all of them are made in every call, and few are opened.
    At least one of `audio`, `transcript` and `text` is given; `transcript` and `text` never
    both. `diarisation` goes with a transcript that was made. `columns` are the columns that are
    not reserved, as text, empty cells as ``None``.
    """

    id: str
    audio: str | None = None
    transcript: str | None = None
    text: str | None = None
    group: str | None = None
    columns: Mapping[str, str | None] = _NONE
    speaker: str | None = None
    start_s: Seconds | None = None
    end_s: Seconds | None = None
    exclude: tuple[Span, ...] = ()
    transcript_offset_s: Seconds = 0.0
    language: str | None = None
    split: str | None = None
    diarisation: Diarisation | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """What one speaker says at a stretch; either both times are known or neither."""

    text: str
    speaker: str | None = None
    start_s: Seconds | None = None
    end_s: Seconds | None = None
    is_shared: bool = False
    """Whether its times are a share, by the number of words, of a stretch that several speakers
    fill: then nobody knows whose voice is heard in it."""


@dataclass(frozen=True, slots=True)
class Segment:
    """What one feature vector stands for: a span of audio, or a span of text.

    An audio segment always has times and never text; a text segment always has text and
    times only where the transcript tells them.
    """

    modality: Modality
    speaker: str | None = None
    start_s: Seconds | None = None
    end_s: Seconds | None = None
    text: str | None = field(default=None, repr=False)
    n_words: int = 0


class Features(NamedTuple):
    """Features of one document under one encoder.

    Attributes
    ----------
    x : float16 array of shape (n_rows, dim)
        One row a segment; one a frame or token if the encoder pools nothing.
    times : float64 array of shape (n_rows, 2)
        Start and end of each row in seconds, NaN where unknown.
    """

    x: NDArray[np.float16]
    times: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class EncoderInfo:
    """What the store keeps of an encoder: enough to tell two apart and to load it again."""

    name: str
    modality: Modality
    dim: int
    fingerprint: str
    options: Mapping[str, object] = field(default_factory=dict)
