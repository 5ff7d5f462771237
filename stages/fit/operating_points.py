"""Thresholds chosen on training documents, and what they are worth on test documents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_curve

from hilbert.stages.fit.intervals import interval_of
from hilbert.stages.fit.results import Inner
from hilbert.stages.fit.splits import Fold
from hilbert.stages.fit.truth import has_class

Labels = NDArray[np.int64]
Scores = NDArray[np.float64]

SENSITIVITY = 0.8
BALANCED, SENSITIVE = "balanced", "sensitivity_80"
RULES = {
    BALANCED: "highest balanced accuracy on training documents",
    SENSITIVE: "highest threshold that finds 80 % of the class's training documents",
}
"""How a threshold is chosen, by the name of the operating point."""


@dataclass(frozen=True)
class OperatingPoint:
    """A class against the rest at thresholds that were chosen fold by fold.

    Attributes
    ----------
    threshold : float
        Mean over the folds of the probability from which a document counts as of the class.
    threshold_range : tuple of two floats
        The lowest and the highest of the folds.
    sensitivity, specificity : float
        Of test documents, all folds together; NaN where there are none to find, or to spare.
    sensitivity_ci, specificity_ci : tuple of two floats
        95 % intervals by bootstrap over groups, thresholds fixed.
    n_folds : int
        Folds in which a threshold could be chosen; the others are left out.
    """

    threshold: float
    threshold_range: tuple[float, float]
    sensitivity: float
    sensitivity_ci: tuple[float, float]
    specificity: float
    specificity_ci: tuple[float, float]
    n_folds: int


def choose_thresholds(truth: NDArray[np.bool_], scores: Scores) -> dict[str, float]:
    """A threshold for each rule; none where there is no document of the class, or no other.

    Parameters
    ----------
    truth : bool array of shape (n_documents,)
    scores : float64 array of shape (n_documents,)
    """
    if truth.all() or not truth.any():
        return {}
    false, true, thresholds = roc_curve(truth, scores, drop_intermediate=False)
    false, true, thresholds = false[1:], true[1:], thresholds[1:]  # the first finds nobody
    return {
        BALANCED: float(thresholds[np.argmax(true - false)]),
        SENSITIVE: float(thresholds[np.argmax(true >= SENSITIVITY)]),
    }


def operating_points(
    labels: Labels,
    classes: Sequence[str],
    folds: Sequence[Fold],
    probabilities: Sequence[Scores],
    inner: Sequence[Inner | None],
    weights: Scores,
) -> dict[str, dict[str, OperatingPoint]]:
    """Operating points by class and rule; a class without any threshold is left out.

    Parameters
    ----------
    labels : int64 array of shape (n_documents,), or (n_documents, n_labels)
    classes : sequence of str
    folds : sequence of Fold
    probabilities : sequence of float64 arrays of shape (n_test, n_classes)
    inner : sequence of (Inner or None)
        One a fold.
    weights : float64 array of shape (n_resamples, n_documents)
        See `group_weights`.
    """
    whole = np.concatenate([np.ones((1, len(labels))), weights])
    found: dict[str, dict[str, OperatingPoint]] = {}
    for k, name in enumerate(classes):
        truth = has_class(labels, k)
        chosen = [_chosen(truth, part, k) for part in inner]
        points = {
            rule: _measure(truth, folds, [p[:, k] for p in probabilities], thresholds, whole)
            for rule in RULES
            if any(thresholds := [c.get(rule) for c in chosen])
        }
        if points:
            found[name] = points
    return found


def _chosen(truth: NDArray[np.bool_], inner: Inner | None, k: int) -> Mapping[str, float]:
    if inner is None:
        return {}
    return choose_thresholds(truth[inner.documents], inner.probabilities[:, k])


def _measure(
    truth: NDArray[np.bool_],
    folds: Sequence[Fold],
    scores: Sequence[Scores],
    thresholds: Sequence[float | None],
    weights: Scores,
) -> OperatingPoint:
    """Sensitivity and specificity under weights, the first of which are all 1."""
    used = [t for t in thresholds if t is not None]
    # right positives, positives, right negatives, negatives; each of shape (1 + n_resamples,)
    sums = np.zeros((4, len(weights)))
    for fold, score, threshold in zip(folds, scores, thresholds, strict=True):
        if threshold is None:
            continue
        positive, called = truth[fold.test], score >= threshold
        counted = [positive & called, positive, ~positive & ~called, ~positive]
        sums += np.stack(counted).astype(np.float64) @ weights[:, fold.test].T
    with np.errstate(invalid="ignore", divide="ignore"):
        sensitivity, specificity = sums[0] / sums[1], sums[2] / sums[3]
    return OperatingPoint(
        threshold=float(np.mean(used)),
        threshold_range=(min(used), max(used)),
        sensitivity=float(sensitivity[0]),
        sensitivity_ci=interval_of(sensitivity[1:]),
        specificity=float(specificity[0]),
        specificity_ci=interval_of(specificity[1:]),
        n_folds=len(used),
    )
