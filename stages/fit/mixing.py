"""How much the networks' and the linear expert's word counts, and how sure both may be.

The log probabilities of the averaged networks and of the linear expert that fits best are
averaged with a share that is learned on documents that neither saw. A scale, the inverse
temperature, calibrates; and as experts are trained to count classes about equally, the log of
the class frequencies is added in part.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor

from hilbert.stages.fit.linear import log_softmax

Matrix = NDArray[np.float64]

SHARE_SPREAD = 0.05
"""Deviation from a half that the share is thought to have before any document is seen. Small,
since one network is worse than the mean of several for which it speaks: macro AUC on unseen
documents .86 to .90, where that of the averaged networks is .916."""

SCALE_SPREAD = 0.5
"""Deviation of the log of the scale, and of the weight of the class frequencies, from 0."""

FLOOR = np.log(1e-6)
"""Least log probability of an expert, lest one that is sure and wrong decides all."""


@dataclass(frozen=True, eq=False)
class Mixing:
    """How class probabilities of two experts become one.

    Attributes
    ----------
    weights : float64 array of shape (2,)
        Of the networks and of the linear expert; sum to the inverse temperature. 0 for a
        linear expert that there is not.
    offset : float64 array of shape (n_classes,)
        Added to the mixed scores.
    """

    weights: Matrix
    offset: Matrix

    def probabilities(self, network: Matrix, linear: Matrix | None) -> Matrix:
        """Mixed class probabilities of shape (n_documents, n_classes).

        Parameters
        ----------
        network, linear : float64 array of shape (n_documents, n_classes)
            Log probabilities.
        """
        mixed = self.weights[0] * np.maximum(network, FLOOR)
        if linear is not None:
            mixed = mixed + self.weights[1] * np.maximum(linear, FLOOR)
        return np.exp(log_softmax(mixed + self.offset))

    def uncalibrated(self) -> "Mixing":
        """The same shares of both experts, without scale and class frequencies."""
        return Mixing(self.weights / self.weights.sum(), np.zeros_like(self.offset))

    def state(self) -> dict[str, Tensor]:
        """Its tensors by name."""
        return {name: torch.from_numpy(getattr(self, name)) for name in ("weights", "offset")}


def even_mixing(n_classes: int, *, has_linear: bool) -> Mixing:
    """What is used where nothing is known."""
    return Mixing(_weights(0.5 if has_linear else 1.0, 0.0), np.zeros(n_classes))


def fit_mixing(network: Matrix, linear: Matrix | None, labels: NDArray[np.int64]) -> Mixing:
    """The mixing under which documents that the experts did not see are likeliest.

    Parameters
    ----------
    network, linear : float64 array of shape (n_documents, n_classes)
        Log probabilities of each document by experts that did not see it.
    labels : int64 array of shape (n_documents,)
        All known.
    """
    n_classes = network.shape[1]
    if not len(labels):
        return even_mixing(n_classes, has_linear=linear is not None)
    counts = np.bincount(labels, minlength=n_classes)
    log_frequency = np.log(np.maximum(counts, 1) / len(labels))
    rows = np.arange(len(labels))

    def mixing(theta: Matrix) -> Mixing:
        share = 1.0 if linear is None else theta[0]
        return Mixing(_weights(share, theta[1]), theta[2] * log_frequency)

    def loss(theta: Matrix) -> float:
        p = mixing(theta).probabilities(network, linear)[rows, labels]
        surprise = ((theta - start) / spread) ** 2
        return float(-np.log(np.maximum(p, 1e-300)).sum() + 0.5 * surprise.sum())

    start = np.array([0.5, 0.0, 0.0])
    spread = np.array([SHARE_SPREAD, SCALE_SPREAD, SCALE_SPREAD])
    bounds = [(0.0, 1.0), (-3.0, 3.0), (0.0, 1.0)]
    return mixing(minimize(loss, start, method="L-BFGS-B", bounds=bounds).x)


def _weights(share: float, log_scale: float) -> Matrix:
    found: Matrix = np.exp(log_scale) * np.array([share, 1.0 - share])
    return found
