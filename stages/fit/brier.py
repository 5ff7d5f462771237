"""Brier score, and what calibration makes of it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hilbert.stages.fit.intervals import group_weights, interval_of

Labels = NDArray[np.int64]
Scores = NDArray[np.float64]
Repeats = Sequence[tuple[Labels, Scores]]
"""Documents of each repeat, all its folds together, and their probabilities."""


class BrierChange(NamedTuple):
    """Brier score of calibrated probabilities beside that of the same ones uncalibrated.

    Attributes
    ----------
    brier, uncalibrated : float
        Means over the repeats.
    difference, low, high : float
        Calibrated less uncalibrated, with its 95 % interval by bootstrap over groups, the refits
        fixed.
    """

    brier: float
    uncalibrated: float
    difference: float
    low: float
    high: float


def squared_errors(labels: Labels, probabilities: Scores) -> Scores:
    """Squared distance of each document's probabilities from the truth, summed over the classes.

    Parameters
    ----------
    labels : int64 array of shape (n_documents,), or (n_documents, n_labels)
        Classes, or a matrix of 0 and 1.
    probabilities : float64 array of shape (n_documents, n_classes)

    Returns
    -------
    float64 array of shape (n_documents,)
        Of many labels the mean over them, each with its two classes: has it, or has it not.
    """
    if labels.ndim == 2:
        own: Scores = 2 * ((probabilities - labels) ** 2).mean(1)
        return own
    truth = np.eye(probabilities.shape[1])[labels]
    found: Scores = ((probabilities - truth) ** 2).sum(1)
    return found


def brier_score(labels: Labels, probabilities: Scores) -> float:
    """Mean of `squared_errors`: 0 for a certain and right model, at most 2 (Brier 1950)."""
    return float(squared_errors(labels, probabilities).mean())


def brier_change(
    labels: Labels,
    groups: Sequence[str],
    calibrated: Repeats,
    uncalibrated: Repeats,
    resamples: int = 1000,
    seed: int = 0,
) -> BrierChange:
    """What calibration makes of the Brier score.

    Parameters
    ----------
    labels : int64 array of shape (n_documents,), or (n_documents, n_labels)
    groups : sequence of str
    calibrated, uncalibrated : sequence of (int64 array, float64 array)
        Repeat by repeat the same documents and their probabilities.
    resamples, seed : int
    """
    weights = group_weights(groups, np.concatenate([t for t, _ in calibrated]), resamples, seed)
    scores, drawn = [], []
    for (tested, after), (_, before) in zip(calibrated, uncalibrated, strict=True):
        own = squared_errors(labels[tested], after)
        bare = squared_errors(labels[tested], before)
        w = weights[:, tested]
        scores.append((own.mean(), bare.mean()))
        drawn.append(w @ (own - bare) / w.sum(1))
    brier, bare_brier = np.mean(scores, axis=0)
    low, high = interval_of(np.mean(drawn, axis=0))
    return BrierChange(float(brier), float(bare_brier), float(brier - bare_brier), low, high)
