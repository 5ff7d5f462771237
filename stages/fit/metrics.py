"""Scores of out-of-fold predictions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import (
    average_precision_score,
    f1_score,
    matthews_corrcoef,
    recall_score,
    roc_auc_score,
)

from hilbert.stages.fit.intervals import auc_interval, nan_mean
from hilbert.stages.fit.splits import Fold

Labels = NDArray[np.int64]
Truth = NDArray[np.bool_]
Scores = NDArray[np.float64]

BINS = 10
"""Bins of the calibration error."""


@dataclass(frozen=True)
class Metrics:
    """Scores of one model, plain numbers for JSON.

    Attributes
    ----------
    auc_macro : float
        Mean over folds of the fold's macro one-vs-rest AUC over the classes present.
    auc_macro_ci : tuple of two floats
        95 % interval by bootstrap over groups, the refits fixed.
    auc_folds : tuple of (float or None)
        One a fold, None where undefined.
    undefined_folds : int
        Folds whose test documents are all of one class.
    auc_class, auprc_class, prevalence_class : dict
        Class name to the mean over folds, None where it is undefined in all.
    auprc_macro, prevalence_macro : float
        Mean over the classes; `prevalence_macro` is what a constant score reaches.
    balanced_accuracy, macro_f1, mcc, brier, ece : float
        Of each repeat's out-of-fold predictions, mean over the repeats.
    """

    auc_macro: float
    auc_macro_ci: tuple[float, float]
    auc_folds: tuple[float | None, ...]
    undefined_folds: int
    auc_class: dict[str, float | None]
    auprc_class: dict[str, float | None]
    prevalence_class: dict[str, float | None]
    auprc_macro: float
    prevalence_macro: float
    balanced_accuracy: float
    macro_f1: float
    mcc: float
    brier: float
    ece: float


def evaluate(
    labels: Labels,
    groups: Sequence[str],
    classes: Sequence[str],
    folds: Sequence[Fold],
    probabilities: Sequence[Scores],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Metrics:
    """Every score of one model.

    Parameters
    ----------
    labels : int64 array of shape (n_documents,)
    groups : sequence of str
        One a document, resampled as a whole for the interval.
    classes : sequence of str
    folds : sequence of Fold
    probabilities : sequence of float64 arrays of shape (n_test, n_classes)
        One a fold.
    resamples, seed : int
        Of the bootstrap.
    """
    truth = [labels[fold.test] for fold in folds]
    tested = list(zip(truth, probabilities, strict=True))
    auc = np.stack([auc_by_class(*fold) for fold in tested])  # (n_folds, n_classes)
    auprc = np.stack([auprc_by_class(*fold) for fold in tested])
    prevalence = np.stack([prevalence_by_class(*fold) for fold in tested])
    by_fold = nan_mean(auc, 1)
    repeats = [_pooled_scores(*pooled) for pooled in _repeats(labels, folds, probabilities)]
    return Metrics(
        auc_macro=float(nan_mean(by_fold, 0)),
        auc_macro_ci=auc_interval(labels, groups, folds, probabilities, resamples, seed),
        auc_folds=tuple(_plain(value) for value in by_fold),
        undefined_folds=int(np.isnan(by_fold).sum()),
        auc_class=_named(classes, nan_mean(auc, 0)),
        auprc_class=_named(classes, nan_mean(auprc, 0)),
        prevalence_class=_named(classes, nan_mean(prevalence, 0)),
        auprc_macro=float(nan_mean(nan_mean(auprc, 1), 0)),
        prevalence_macro=float(nan_mean(nan_mean(prevalence, 1), 0)),
        **{name: float(np.mean([r[name] for r in repeats])) for name in repeats[0]},
    )


def auc_by_class(labels: Labels, scores: Scores) -> Scores:
    """One-vs-rest AUC of each class, NaN for a class that no document or every one has."""
    return _by_class(roc_auc_score, labels, scores)


def auprc_by_class(labels: Labels, scores: Scores) -> Scores:
    """One-vs-rest average precision of each class, NaN as for `auc_by_class`."""
    return _by_class(average_precision_score, labels, scores)


def prevalence_by_class(labels: Labels, scores: Scores) -> Scores:
    """Share of the documents of each class, what a constant score reaches in `auprc_by_class`."""
    return _by_class(lambda truth, _: truth.mean(), labels, scores)


def brier_score(labels: Labels, probabilities: Scores) -> float:
    """Mean squared distance of the probabilities from the truth, summed over the classes.

    0 for a certain and right model, at most 2 (Brier 1950).
    """
    truth = np.eye(probabilities.shape[1])[labels]
    return float(((probabilities - truth) ** 2).sum(1).mean())


def calibration_error(labels: Labels, probabilities: Scores, bins: int = BINS) -> float:
    """Expected calibration error of the predicted class, in bins of equal width.

    Small samples make it positive for a perfect model too: .057 at 250 documents.

    References
    ----------
    Guo et al., On Calibration of Modern Neural Networks, eq. 3, arXiv 1706.04599.
    """
    confidence = probabilities.max(1)
    right = probabilities.argmax(1) == labels
    which = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(which, weights=right - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(labels))


def out_of_fold(folds: Sequence[Fold], probabilities: Sequence[Scores], n_documents: int) -> Scores:
    """Mean over the repeats of each document's test probabilities.

    Returns
    -------
    float64 array of shape (n_documents, n_classes)
        NaN for documents that no fold tested.
    """
    total = np.zeros((n_documents, probabilities[0].shape[1]))
    count = np.zeros((n_documents, 1))
    for fold, p in zip(folds, probabilities, strict=True):
        total[fold.test] += p
        count[fold.test] += 1
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _by_class(score: Callable[[Truth, Scores], float], labels: Labels, scores: Scores) -> Scores:
    """`score` of each class against the rest, NaN where the rest or the class is empty."""
    found = np.full(scores.shape[1], np.nan)
    for k in range(scores.shape[1]):
        truth = labels == k
        if truth.any() and not truth.all():
            found[k] = score(truth, scores[:, k])
    return found


def _repeats(
    labels: Labels, folds: Sequence[Fold], probabilities: Sequence[Scores]
) -> list[tuple[Labels, Scores]]:
    """Labels and probabilities of each repeat, its folds one after the other."""
    found = []
    for repeat in sorted({fold.repeat for fold in folds}):
        own = [i for i, fold in enumerate(folds) if fold.repeat == repeat]
        tested = np.concatenate([folds[i].test for i in own])
        found.append((labels[tested], np.concatenate([probabilities[i] for i in own])))
    return found


def _pooled_scores(labels: Labels, probabilities: Scores) -> dict[str, float]:
    """Scores of one repeat. Decisions of different folds may be pooled, rankings may not."""
    decided, found = probabilities.argmax(1), np.unique(labels)
    return {
        # the mean recall; `balanced_accuracy_score` is the same, but warns of absent classes
        "balanced_accuracy": recall_score(labels, decided, labels=found, average="macro"),
        "macro_f1": f1_score(labels, decided, labels=found, average="macro", zero_division=0.0),
        "mcc": matthews_corrcoef(labels, decided),
        "brier": brier_score(labels, probabilities),
        "ece": calibration_error(labels, probabilities),
    }


def _plain(value: np.float64) -> float | None:
    return None if np.isnan(value) else float(value)


def _named(classes: Sequence[str], values: Scores) -> dict[str, float | None]:
    return {name: _plain(value) for name, value in zip(classes, values, strict=True)}
