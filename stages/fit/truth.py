"""Labels as scores look at them: classes against the rest, and decisions."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]
Scores = NDArray[np.float64]
Repeats = Sequence[tuple[Labels, Scores]]


def has_class(labels: Labels, k: int) -> NDArray[np.bool_]:
    """Which documents are of a class, or have a label.

    Parameters
    ----------
    labels : int64 array of shape (n_documents,), or (n_documents, n_labels)
        Classes, or a matrix of 0 and 1.
    k : int
    """
    found: NDArray[np.bool_] = labels == k if labels.ndim == 1 else labels[:, k] == 1
    return found


def told_labels(labels: Labels) -> Labels:
    """Which of many labels some documents have and others lack; all, where there are none such.

    Of the others no score tells anything: *has not* is always right of what nobody has.

    Parameters
    ----------
    labels : int64 array of shape (n_documents, n_labels)
        A matrix of 0 and 1.
    """
    n = labels.sum(0)
    told = np.flatnonzero((n > 0) & (n < len(labels)))
    return told if len(told) else np.arange(labels.shape[1])


def as_decisions(labels: Labels, repeats: Repeats) -> tuple[Labels, Repeats]:
    """One class a decision: as it is, or whether a document has each of many labels.

    Parameters
    ----------
    labels : int64 array of shape (n_documents,), or (n_documents, n_labels)
    repeats : sequence of (int64 array of shape (n_tested,), float64 array)
        Documents and their probabilities, repeat by repeat.

    Returns
    -------
    labels : int64 array of shape (n_documents * n_labels,)
        Of a matrix label by label, 0 or 1.
    repeats : sequence of (int64 array, float64 array of shape (n_tested * n_labels, 2))
    """
    if labels.ndim == 1:
        return labels, repeats
    n_documents, n_labels = labels.shape
    parts = []
    for tested, p in repeats:
        index = np.concatenate([tested + k * n_documents for k in range(n_labels)])
        has = p.T.ravel()
        parts.append((index, np.stack([1 - has, has], axis=1)))
    return labels.T.ravel(), parts


def median_class(probabilities: Scores) -> Labels:
    """The class with half of the probability on either side, of classes that have an order.

    Of all it is the nearest on average if the probabilities are true. The most probable class
    would pass over those in the middle wherever a model is not sure.

    Parameters
    ----------
    probabilities : float64 array of shape (n_documents, n_classes)
    """
    found: Labels = (probabilities.cumsum(1)[:, :-1] < 0.5).sum(1)
    return found
