"""Scores of many weightings of the same documents at once, as the bootstrap needs them.

scikit-learn's functions score one weighting a call; a thousand resamples of 25 folds would take
minutes. Each function here equals scikit-learn's under ``sample_weight``, which tests show.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from hilbert.stages.fit.intervals import interval_of, macro_auc, nan_mean
from hilbert.stages.fit.splits import Fold

Labels = NDArray[np.int64]
Scores = NDArray[np.float64]
Interval = tuple[float, float]
Repeats = Sequence[tuple[Labels, Scores]]
"""Documents of each repeat, all its folds together, and their probabilities."""


def score_intervals(
    labels: Labels,
    folds: Sequence[Fold],
    probabilities: Sequence[Scores],
    repeats: Repeats,
    weights: Scores,
) -> dict[str, Interval]:
    """95 % intervals by bootstrap over groups, the refits fixed.

    Parameters
    ----------
    labels : int64 array of shape (n_documents,)
    folds : sequence of Fold
    probabilities : sequence of float64 arrays of shape (n_test, n_classes)
    repeats : sequence of (int64 array, float64 array)
        The same predictions, repeat by repeat.
    weights : float64 array of shape (n_resamples, n_documents)

    Returns
    -------
    dict of str to (low, high)
        Of ``auc_macro`` and ``auprc_macro``, means over folds; of ``balanced_accuracy``,
        ``macro_f1``, ``mcc`` and ``brier``, means over repeats.
    """

    def by_fold(score: Callable[[Labels, Scores, Scores], Scores]) -> Interval:
        parts = [
            score(labels[fold.test], p, weights[:, fold.test])
            for fold, p in zip(folds, probabilities, strict=True)
        ]
        return interval_of(nan_mean(np.stack(parts), 0))

    by_repeat = [_decided(labels[tested], p, weights[:, tested]) for tested, p in repeats]
    return {
        "auc_macro": by_fold(macro_auc),
        "auprc_macro": by_fold(macro_auprc),
        **{
            name: interval_of(np.mean([scores[name] for scores in by_repeat], axis=0))
            for name in by_repeat[0]
        },
    }


def macro_auprc(labels: Labels, scores: Scores, weights: Scores) -> Scores:
    """Macro one-vs-rest average precision, shape (n_resamples,); NaN as for `macro_auc`."""
    by_class = [weighted_auprc(labels == k, scores[:, k], weights) for k in range(scores.shape[1])]
    return nan_mean(np.stack(by_class), 0)


def weighted_auprc(truth: NDArray[np.bool_], scores: Scores, weights: Scores) -> Scores:
    """Average precision under weights, documents of equal score coming together.

    Parameters
    ----------
    truth : bool array of shape (n_documents,)
    scores : float64 array of shape (n_documents,)
    weights : float64 array of shape (n_resamples, n_documents)

    Returns
    -------
    float64 array of shape (n_resamples,)
        NaN where no positive, or no negative, has weight.
    """
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    found = (weights[:, order] * truth[order]).cumsum(1)[:, last]
    called = weights[:, order].cumsum(1)[:, last]
    precision = found / np.maximum(called, 1e-12)
    gained = np.diff(found, axis=1, prepend=0.0)
    positives, everyone = found[:, -1], called[:, -1]
    total = (precision * gained).sum(1) / np.maximum(positives, 1e-12)
    return np.where((positives > 0) & (everyone > positives), total, np.nan)


def confusions(labels: Labels, decided: Labels, n_classes: int, weights: Scores) -> Scores:
    """Weighted confusion matrices, true classes in rows, shape (n_resamples, k, k)."""
    cells = np.eye(n_classes**2)[labels * n_classes + decided]  # (n_documents, k * k)
    tables: Scores = (weights @ cells).reshape(-1, n_classes, n_classes)
    return tables


def _decided(labels: Labels, probabilities: Scores, weights: Scores) -> dict[str, Scores]:
    """Scores of decisions and the Brier score, each of shape (n_resamples,)."""
    n_classes = probabilities.shape[1]
    tables = confusions(labels, probabilities.argmax(1), n_classes, weights)
    right = np.diagonal(tables, axis1=1, axis2=2)
    true, called = tables.sum(2), tables.sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        recalls = right / true
        f1 = np.where(true > 0, 2 * right / (true + called), np.nan)
    distances = ((probabilities - np.eye(n_classes)[labels]) ** 2).sum(1)
    return {
        "balanced_accuracy": nan_mean(recalls, 1),
        "macro_f1": nan_mean(f1, 1),
        "mcc": _mcc(right, true, called),
        "brier": weights @ distances / np.maximum(weights.sum(1), 1e-12),
    }


def _mcc(right: Scores, true: Scores, called: Scores) -> Scores:
    """Matthews correlation of several classes; 0 where all is, or is called, one class.

    References
    ----------
    Gorodkin, Comparing two K-category assignments by a K-category correlation coefficient,
    Computational Biology and Chemistry 28 (2004).
    """
    n = true.sum(1)
    shared = right.sum(1) * n - (true * called).sum(1)
    spread = (n**2 - (true**2).sum(1)) * (n**2 - (called**2).sum(1))
    return np.where(spread > 0, shared / np.sqrt(np.maximum(spread, 1e-12)), 0.0)
