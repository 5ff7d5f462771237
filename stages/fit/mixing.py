"""How much each expert's word counts: weights, temperature and class frequencies at once.

The networks and the linear experts each give class probabilities. Their logs are added with
weights that are learned on documents that none of them saw. The sum of the weights is the
inverse temperature, so calibration is part of it; as all experts are trained to count classes
about equally, the log of the class frequencies is added with a weight of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from hilbert.stages.fit.linear import log_softmax

Matrix = NDArray[np.float64]

NETWORK = "network"
"""Name of the averaged networks among the experts."""

SPREAD = 0.25
"""Deviation from its start that a weight is thought to have before any document is seen."""

FLOOR = np.log(1e-6)
"""Least log probability of an expert, lest one that is sure and wrong decides all."""


@dataclass(frozen=True, eq=False)
class Mixing:
    """Weights of the experts.

    Attributes
    ----------
    names : tuple of str
        Of the experts.
    weights : float64 array of shape (n_experts,)
        None is negative.
    offset : float64 array of shape (n_classes,)
        Added to the mixed scores.
    """

    names: tuple[str, ...]
    weights: Matrix
    offset: Matrix

    def probabilities(self, log_probabilities: Matrix) -> Matrix:
        """Mixed class probabilities.

        Parameters
        ----------
        log_probabilities : float64 array of shape (n_experts, n_documents, n_classes)

        Returns
        -------
        float64 array of shape (n_documents, n_classes)
        """
        return np.exp(log_softmax(_scores(log_probabilities, self.weights) + self.offset))


def even_mixing(names: Sequence[str], n_classes: int) -> Mixing:
    """What is used where nothing is known: half the networks, half the linear experts."""
    return Mixing(tuple(names), _start(names), np.zeros(n_classes))


def fit_mixing(
    names: Sequence[str], log_probabilities: Matrix, labels: NDArray[np.int64]
) -> Mixing:
    """Weights under which documents that the experts did not see are likeliest.

    Parameters
    ----------
    names : sequence of str
    log_probabilities : float64 array of shape (n_experts, n_documents, n_classes)
        Each document's by experts that did not see it.
    labels : int64 array of shape (n_documents,)
        All known.
    """
    n_classes = log_probabilities.shape[2]
    if not len(labels):
        return even_mixing(names, n_classes)
    counts = np.bincount(labels, minlength=n_classes)
    log_frequency = np.log(np.maximum(counts, 1) / len(labels))
    start = np.append(_start(names), 0.0)

    def loss(theta: Matrix) -> float:
        mixed = log_softmax(_scores(log_probabilities, theta[:-1]) + theta[-1] * log_frequency)
        unlikely = -mixed[np.arange(len(labels)), labels].sum()
        return float(unlikely + 0.5 * np.square((theta - start) / SPREAD).sum())

    bounds = [*[(0.0, None)] * len(names), (0.0, 1.0)]
    theta = minimize(loss, start, method="L-BFGS-B", bounds=bounds).x
    return Mixing(tuple(names), theta[:-1], theta[-1] * log_frequency)


def _start(names: Sequence[str]) -> Matrix:
    n_linear = len(names) - 1
    if not n_linear:
        return np.ones(1)
    return np.array([0.5 if name == NETWORK else 0.5 / n_linear for name in names])


def _scores(log_probabilities: Matrix, weights: Matrix) -> Matrix:
    found: Matrix = np.tensordot(weights, np.maximum(log_probabilities, FLOOR), 1)
    return found
