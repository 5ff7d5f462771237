"""Scores of many weightings of the same documents at once, as the bootstrap needs them.

scikit-learn's functions score one weighting a call; a thousand resamples of 25 folds would take
minutes. Each function here equals scikit-learn's under ``sample_weight``, which tests show.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hilbert.stages.fit.config import Kind
from hilbert.stages.fit.intervals import fold_means, interval_of
from hilbert.stages.fit.splits import Fold
from hilbert.stages.fit.truth import has_class, median_class, told_labels

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
    kind: Kind = "classes",
) -> dict[str, Interval]:
    """95 % intervals by bootstrap over groups, the refits fixed.

    Parameters
    ----------
    labels : int64 array of shape (n_documents,), or (n_documents, n_labels)
    folds : sequence of Fold
    probabilities : sequence of float64 arrays of shape (n_test, n_classes)
    repeats : sequence of (int64 array, float64 array)
        The same predictions, repeat by repeat.
    weights : float64 array of shape (n_resamples, n_documents)
    kind : {"classes", "ordinal", "multilabel"}

    Returns
    -------
    dict of str to (low, high)
        Of ``auprc_macro``, a mean over folds; of ``balanced_accuracy``, ``macro_f1``, ``mcc`` and
        ``brier``, means over repeats, and of an ordinal target ``kappa`` and ``mae``.
    """
    drawn = (labels, folds, probabilities, weights)
    by_repeat = [_decided(labels[tested], p, weights[:, tested], kind) for tested, p in repeats]
    return {
        "auprc_macro": interval_of(fold_means(class_auprcs, *drawn)),
        **{
            name: interval_of(np.mean([scores[name] for scores in by_repeat], axis=0))
            for name in by_repeat[0]
        },
    }


def class_auprcs(labels: Labels, scores: Scores, weights: Scores) -> Scores:
    """One-vs-rest average precision of each class, as `class_aucs`, at the prevalence there is.

    Precision depends on the prevalence, and of few positives a resample has more or less: each
    side is weighted to be as large as it is.
    """
    truths = [has_class(labels, k) for k in range(scores.shape[1])]
    return np.stack(
        [
            weighted_auprc(truth, scores[:, k], at_prevalence(truth, weights))
            for k, truth in enumerate(truths)
        ]
    )


def at_prevalence(truth: NDArray[np.bool_], weights: Scores) -> Scores:
    """The weights, those of positives and of negatives each scaled to their number."""
    found = weights.copy()
    for side in (truth, ~truth):
        total = weights[:, side].sum(1, keepdims=True)
        found[:, side] *= side.sum() / np.maximum(total, 1e-12)
    return found


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


def _decided(
    labels: Labels, probabilities: Scores, weights: Scores, kind: Kind = "classes"
) -> dict[str, Scores]:
    """Scores of decisions and the Brier score, each of shape (n_resamples,).

    Where a resample lacks a class, what counts all classes alike is NaN: else the interval would be
    of the other classes.
    """
    if kind == "multilabel":
        return _decided_by_label(labels, probabilities, weights)
    n_classes = probabilities.shape[1]
    tables = confusions(labels, probabilities.argmax(1), n_classes, weights)
    right = np.diagonal(tables, axis1=1, axis2=2)
    true, called = tables.sum(2), tables.sum(1)
    there = np.unique(labels)
    complete = (true[:, there] > 0).all(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        recalls = right / true
        f1 = 2 * right / (true + called)
    distances = ((probabilities - np.eye(n_classes)[labels]) ** 2).sum(1)
    return {
        "balanced_accuracy": np.where(complete, recalls[:, there].mean(1), np.nan),
        "macro_f1": np.where(complete, f1[:, there].mean(1), np.nan),
        "mcc": np.where(complete, _mcc(right, true, called), np.nan),
        "brier": weights @ distances / np.maximum(weights.sum(1), 1e-12),
        **(_in_order(labels, probabilities, weights) if kind == "ordinal" else {}),
    }


def _in_order(labels: Labels, probabilities: Scores, weights: Scores) -> dict[str, Scores]:
    """Scores of the median class of an ordinal target."""
    middle = median_class(probabilities)
    return ordered_scores(confusions(labels, middle, probabilities.shape[1], weights))


def _decided_by_label(labels: Labels, probabilities: Scores, weights: Scores) -> dict[str, Scores]:
    """The same of whether a document has each label, mean over the labels."""
    parts = []
    for truth, p in zip(labels.T, probabilities.T, strict=True):
        own = _decided(truth, np.stack([1 - p, p], axis=1), weights, "classes")
        tables = confusions(truth, np.asarray(p > 0.5, dtype=np.int64), 2, weights)
        found, wrong = tables[:, 1, 1], tables[:, 0, 1] + tables[:, 1, 0]
        f1 = 2 * found / np.maximum(2 * found + wrong, 1e-12)
        parts.append({**own, "macro_f1": np.where(np.isnan(own["macro_f1"]), np.nan, f1)})
    brier = np.mean([part["brier"] for part in parts], axis=0)
    told = [parts[k] for k in told_labels(labels)]
    return {name: np.mean([part[name] for part in told], axis=0) for name in parts[0]} | {
        "brier": brier
    }


def ordered_scores(tables: Scores) -> dict[str, Scores]:
    """Kappa with quadratic weights and the mean absolute error of classes that have an order.

    Parameters
    ----------
    tables : float64 array of shape (n_resamples, n_classes, n_classes)
        Confusion matrices, true classes in rows, the classes in their order.

    Returns
    -------
    dict of str to float64 array of shape (n_resamples,)
        Kappa is 0 where all is, and is called, one class.

    References
    ----------
    Cohen, Weighted kappa, Psychological Bulletin 70 (1968).
    """
    steps = np.abs(np.subtract.outer(np.arange(tables.shape[1]), np.arange(tables.shape[1])))
    n = np.maximum(tables.sum((1, 2)), 1e-12)
    by_chance = tables.sum(2)[:, :, None] * tables.sum(1)[:, None, :] / n[:, None, None]
    found = (tables * steps**2).sum((1, 2))
    expected = (by_chance * steps**2).sum((1, 2))
    kappa = np.where(expected > 0, 1 - found / np.maximum(expected, 1e-12), 0.0)
    return {"kappa": kappa, "mae": (tables * steps).sum((1, 2)) / n}


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
