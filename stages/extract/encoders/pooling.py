"""Pooling of frames or tokens: mean and population standard deviation, in float32."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hilbert.stages.extract.encoders.base import Pooling

_FLOAT16_MAX = float(np.finfo(np.float16).max)


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
        variance, mean = torch.var_mean(frames.float(), dim=0, correction=0)
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

    Float16, clamped to its finite range; what was no finite number before is NaN.
    """
    features = torch.stack(list(rows)).float()
    finite = torch.isfinite(features)
    clamped = features.clamp(-_FLOAT16_MAX, _FLOAT16_MAX).masked_fill(~finite, torch.nan)
    return np.asarray(clamped.cpu().numpy(), dtype=np.float16)
