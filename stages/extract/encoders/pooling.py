"""Pooling of frames or tokens, in float32: what of them a segment keeps.

A text may be encoded in several pieces, so that what pooling knows of each can be merged.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hilbert.stages.extract.encoders.base import Pooling

_FLOAT16_MAX = float(np.finfo(np.float16).max)


class Pool(Protocol):
    """Some frames of one segment, as far as pooling needs to know them."""

    def merge(self, other: Self) -> Self:
        """These frames, then the others."""

    def pooled(self, pooling: Pooling) -> Tensor:
        """Features of shape (dim,), or (n_frames, dim) for ``"frames"``, float32."""


def pool_of(frames: Tensor, pooling: Pooling) -> Pool:
    """What `pooling` needs to know of `frames`, of shape (n, d) with n >= 1."""
    if pooling == "max":
        return Maximum(frames.float().amax(0))
    if pooling == "frames":
        return Frames(frames.float())
    return Moments.of(frames)


def merged(parts: Sequence[Pool | None]) -> Pool | None:
    """All parts of one segment, in order; None if one is missing."""
    whole, *others = parts
    for part in others:
        if whole is None or part is None:
            return None
        whole = whole.merge(part)
    return whole


class Maximum(NamedTuple):
    """The greatest value of each feature, a float32 Tensor of shape (d,)."""

    value: Tensor

    def merge(self, other: "Maximum") -> "Maximum":
        return Maximum(torch.maximum(self.value, other.value))

    def pooled(self, pooling: Pooling) -> Tensor:
        return self.value


class Frames(NamedTuple):
    """All frames, a float32 Tensor of shape (n, d)."""

    all: Tensor

    def merge(self, other: "Frames") -> "Frames":
        return Frames(torch.cat([self.all, other.all]))

    def pooled(self, pooling: Pooling) -> Tensor:
        return self.all


class Moments(NamedTuple):
    """What pooling needs to know of some frames; two can be merged.

    Attributes
    ----------
    n : int
        Number of frames.
    mean : float32 Tensor of shape (d,)
    variance : float32 Tensor of shape (d,)
        Population variance.
    """

    n: int
    mean: Tensor
    variance: Tensor

    @classmethod
    def of(cls, frames: Tensor) -> Self:
        """Moments of `frames`, of shape (n, d) with n >= 1, taken in float32."""
        frames = frames.float()
        mean = frames.mean(dim=0)
        # a tenth of the time of torch.var_mean, which goes down the columns
        variance = (frames - mean).square_().mean(dim=0)
        return cls(len(frames), mean, variance)

    def merge(self, other: "Moments") -> "Moments":
        """Moments of both sets of frames together.

        References
        ----------
        Chan, Golub & LeVeque, Updating formulae for computing sample variances, 1979.
        """
        n = self.n + other.n
        share = other.n / n
        step = other.mean - self.mean
        mean = self.mean + share * step
        spread = (1 - share) * self.variance + share * other.variance
        return Moments(n, mean, spread + share * (1 - share) * step.square())

    def pooled(self, pooling: Pooling) -> Tensor:
        """Features of shape (d,) for ``"mean"``, (2 d,) for ``"mean+std"``, float32."""
        if pooling == "mean":
            return self.mean
        return torch.cat([self.mean, self.variance.clamp(min=0).sqrt()])


def stored(rows: Sequence[Tensor]) -> NDArray[np.float16]:
    """Features as the store keeps them, of shape (n_rows, dim).

    Float16, clamped to its finite range; what was no finite number before is NaN. Each of
    `rows` is one row, of shape (dim,), or several, of shape (n, dim).
    """
    features = torch.cat([row.reshape(-1, row.shape[-1]) for row in rows]).float()
    finite = torch.isfinite(features)
    clamped = features.clamp(-_FLOAT16_MAX, _FLOAT16_MAX).masked_fill(~finite, torch.nan)
    return np.asarray(clamped.cpu().numpy(), dtype=np.float16)


def row_counts(rows: Sequence[Tensor], pooling: Pooling) -> tuple[int, ...] | None:
    """Rows of each segment where they may be several, else None; see `Encoded`."""
    return tuple(map(len, rows)) if pooling == "frames" else None
