"""Interval of the macro AUC: bootstrap over groups with the refits fixed."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from hilbert.stages.fit.splits import Fold
from hilbert.stages.fit.truth import has_class

Labels = NDArray[np.int64]
Scores = NDArray[np.float64]

LEVEL = 0.95


def auc_interval(
    labels: Labels,
    groups: Sequence[str],
    folds: Sequence[Fold],
    probabilities: Sequence[Scores],
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """95 % interval of the mean over folds of the macro one-vs-rest AUC.

    Tested groups are drawn with replacement; each document weighs as often as its group was
    drawn, in every repeat alike. The models stay as they were fitted, so the interval tells
    how much the number depends on who was tested, not on who was trained on.

    Parameters
    ----------
    labels : int64 array of shape (n_documents,)
    groups : sequence of str
    folds : sequence of Fold
    probabilities : sequence of float64 arrays of shape (n_test, n_classes)
    resamples, seed : int

    Returns
    -------
    tuple of two floats
        NaN where every fold is undefined.
    """
    weights = group_weights(groups, np.concatenate([f.test for f in folds]), resamples, seed)
    return interval_of(auc_draws(labels, folds, probabilities, weights))


def auc_draws(
    labels: Labels, folds: Sequence[Fold], probabilities: Sequence[Scores], weights: Scores
) -> Scores:
    """Mean over folds of the macro AUC under each weighting, shape (n_resamples,)."""
    return fold_means(class_aucs, labels, folds, probabilities, weights)


def fold_means(
    score: Callable[[Labels, Scores, Scores], Scores],
    labels: Labels,
    folds: Sequence[Fold],
    probabilities: Sequence[Scores],
    weights: Scores,
) -> Scores:
    """Mean over folds of the mean over classes of a score, under each weighting.

    A class that a resample lacks in a fold is taken from the other folds, weighing what it weighs
    in the documents as they are: else the mean would be of the easier classes alone. A fold whose
    groups are drawn twice counts twice.

    Parameters
    ----------
    score : callable
        From labels, scores and weights of the documents of a fold to the score of each class
        under each weighting, shape (n_classes, n_resamples); NaN where undefined.
    weights : float64 array of shape (n_resamples, n_documents)

    Returns
    -------
    float64 array of shape (n_resamples,)
        With weights of 1 the mean over the folds; NaN where a class is lacking altogether.
    """
    tested = [(labels[fold.test], p) for fold, p in zip(folds, probabilities, strict=True)]
    drawn = [weights[:, fold.test] for fold in folds]
    as_is = np.stack([score(*part, np.ones((1, len(part[0]))))[:, 0] for part in tested])
    defined = ~np.isnan(as_is)  # (n_folds, n_classes)
    share = defined / np.maximum(defined.sum(1, keepdims=True), 1)
    if not defined.any():
        return np.full(len(weights), np.nan)
    values = np.stack([score(*part, own) for part, own in zip(tested, drawn, strict=True)])
    often = np.stack([own.mean(1) for own in drawn])  # (n_folds, n_resamples)
    known = ~np.isnan(values)
    w = share[:, :, None] * often[:, None, :] * known  # (n_folds, n_classes, n_resamples)
    total = w.sum(0)
    by_class = np.where(
        total > 0, (w * np.where(known, values, 0.0)).sum(0) / np.maximum(total, 1e-12), np.nan
    )
    of_class = share.sum(0) / share.sum()
    kept = of_class > 0
    found: Scores = of_class[kept] @ by_class[kept]
    return found


def interval_of(draws: Scores) -> tuple[float, float]:
    """Between which 95 % of the resamples lie; NaN where all are undefined."""
    known = draws[~np.isnan(draws)]
    if not len(known):
        return float("nan"), float("nan")
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(known, [tail, 1 - tail])
    return float(low), float(high)


def group_weights(groups: Sequence[str], tested: Labels, resamples: int, seed: int) -> Scores:
    """How often each document is in each resample of the tested groups.

    Returns
    -------
    float64 array of shape (n_resamples, n_documents)
        The same for all documents of a group; 0 for groups that are never tested.
    """
    names, which = np.unique(np.asarray(groups), return_inverse=True)
    drawable = np.zeros(len(names))
    drawable[which[tested]] = 1.0
    n_groups = int(drawable.sum())
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(n_groups, drawable / n_groups, size=resamples)
    return counts[:, which].astype(np.float64)


def class_aucs(labels: Labels, scores: Scores, weights: Scores) -> Scores:
    """One-vs-rest AUC of each class of weighted documents, for many weightings at once.

    Parameters
    ----------
    labels : int64 array of shape (n_documents,)
    scores : float64 array of shape (n_documents, n_classes)
    weights : float64 array of shape (n_resamples, n_documents)

    Returns
    -------
    float64 array of shape (n_classes, n_resamples)
        NaN where the resample has no document of the class, or no other.
    """
    return np.stack(
        [weighted_auc(has_class(labels, k), scores[:, k], weights) for k in range(scores.shape[1])]
    )


def weighted_auc(truth: NDArray[np.bool_], scores: Scores, weights: Scores) -> Scores:
    """Weighted share of pairs that are ranked right, ties counting half.

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
    difference = scores[truth][:, None] - scores[~truth][None, :]  # (n_positive, n_negative)
    right = (np.sign(difference) + 1) / 2
    positive, negative = weights[:, truth], weights[:, ~truth]
    pairs = positive.sum(1) * negative.sum(1)
    total = ((positive @ right) * negative).sum(1)
    return np.where(pairs > 0, total / np.maximum(pairs, 1e-12), np.nan)


def nan_mean(values: Scores, axis: int) -> Scores:
    """Mean of what is not NaN; NaN, without a warning, where nothing is left."""
    known = ~np.isnan(values)
    count = known.sum(axis)
    total = np.where(known, values, 0.0).sum(axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
