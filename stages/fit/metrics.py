"""Scores of out-of-fold predictions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import (
    average_precision_score,
    cohen_kappa_score,
    f1_score,
    matthews_corrcoef,
    mean_absolute_error,
    recall_score,
    roc_auc_score,
)

from hilbert.stages.fit.brier import brier_score
from hilbert.stages.fit.calibration import Bin, calibrate
from hilbert.stages.fit.config import Kind
from hilbert.stages.fit.intervals import auc_draws, group_weights, interval_of, nan_mean
from hilbert.stages.fit.operating_points import OperatingPoint, operating_points
from hilbert.stages.fit.resampled import Interval, score_intervals
from hilbert.stages.fit.results import Inner
from hilbert.stages.fit.splits import Fold
from hilbert.stages.fit.targets import Asked
from hilbert.stages.fit.truth import as_decisions, has_class, median_class, told_labels

FEWEST_FOLDS = 3
"""Folds below which their spread is not judged by."""

Labels = NDArray[np.int64]
Truth = NDArray[np.bool_]
Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Metrics:
    """Scores of one model, plain numbers for JSON.

    Attributes
    ----------
    auc_macro : float
        Mean over folds of the fold's macro one-vs-rest AUC over the classes present.
    auc_folds : tuple of (float or None)
        One a fold, None where undefined.
    undefined_folds : int
        Folds whose test documents are all of one class.
    pooled : bool
        Whether, instead, all folds of a repeat were ranked together; `auc_folds` then has one
        number a repeat, and "fold" above and below means that.
    auc_class, auprc_class, prevalence_class : dict
        Class name to the mean over folds, None where it is undefined in all.
    auprc_macro, prevalence_macro : float
        Mean over the classes; `prevalence_macro` is what a constant score reaches.
    balanced_accuracy, macro_f1, mcc, brier, ece : float
        Of each repeat's out-of-fold predictions, mean over the repeats.
    auc_macro_ci, auprc_macro_ci, ... : tuple of two floats
        95 % intervals by bootstrap over groups, the refits fixed.
    ece_band, reliability
        See `Calibration`.
    operating_points : dict
        By class and rule, see `OperatingPoint`; empty without predictions inside the training
        documents.
    kappa, mae : float, optional
        Of an ordinal target: Cohen's kappa with quadratic weights of the median class, and its
        mean distance from the true class, in classes; of each repeat, mean over them.
    auc_draws : tuple of (float or None), optional
        Macro AUC under each resample of the groups, which are the same for every model on the same
        folds; only where differences are judged by them, because the scores are pooled or there
        are fewer than `FEWEST_FOLDS`. Two folds may differ by the same amount by chance, and then
        seem to leave no doubt.
    """

    auc_macro: float
    auc_macro_ci: Interval
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
    pooled: bool
    auprc_macro_ci: Interval
    balanced_accuracy_ci: Interval
    macro_f1_ci: Interval
    mcc_ci: Interval
    brier_ci: Interval
    ece_band: Interval
    reliability: tuple[Bin, ...]
    operating_points: dict[str, dict[str, OperatingPoint]]
    kappa: float | None = None
    mae: float | None = None
    kappa_ci: Interval | None = None
    mae_ci: Interval | None = None
    auc_draws: tuple[float | None, ...] | None = None


def evaluate(
    labels: Labels,
    groups: Sequence[str],
    classes: Sequence[str],
    folds: Sequence[Fold],
    probabilities: Sequence[Scores],
    *,
    kind: Kind = "classes",
    inner: Sequence[Inner | None] = (),
    pooled: bool = False,
    resamples: int = 1000,
    seed: int = 0,
) -> Metrics:
    """Every score of one model.

    Parameters
    ----------
    labels : int64 array of shape (n_documents,), or (n_documents, n_labels)
        Of a target of many labels a matrix of 0 and 1.
    groups : sequence of str
        One a document, resampled as a whole for the interval.
    classes : sequence of str
    folds : sequence of Fold
    probabilities : sequence of float64 arrays of shape (n_test, n_classes)
        One a fold; of a target of many labels the probability that a document has each.
    kind : {"classes", "ordinal", "multilabel"}
        Of the target.
    inner : sequence of (Inner or None)
        One a fold, to choose thresholds on; no operating points without.
    pooled : bool
        Rank all folds of a repeat together, where a fold alone rarely has two classes.
    resamples, seed : int
        Of the bootstrap.
    """
    weights = group_weights(groups, np.concatenate([f.test for f in folds]), resamples, seed)
    parts = (folds, probabilities, inner or [None] * len(folds))
    points = operating_points(labels, classes, *parts, weights)
    drawn = pooled or len(folds) < FEWEST_FOLDS
    if pooled:
        folds, probabilities = pool_folds(folds, probabilities)
    tested = [(labels[f.test], p) for f, p in zip(folds, probabilities, strict=True)]
    auc = np.stack([auc_by_class(*fold) for fold in tested])  # (n_folds, n_classes)
    auprc = np.stack([auprc_by_class(*fold) for fold in tested])
    prevalence = np.stack([prevalence_by_class(*fold) for fold in tested])
    by_fold = nan_mean(auc, 1)
    repeats = repeats_of(folds, probabilities)
    decided = [_pooled_scores(labels[index], p, kind) for index, p in repeats]
    draws = auc_draws(labels, folds, probabilities, weights)
    intervals = score_intervals(labels, folds, probabilities, repeats, weights, kind)
    calibration = calibrate(*as_decisions(labels, repeats), seed=seed)
    scores: dict[str, Any] = {n: float(np.mean([d[n] for d in decided])) for n in decided[0]}
    scores |= {f"{name}_ci": interval for name, interval in intervals.items()}
    return Metrics(
        auc_macro=float(nan_mean(by_fold, 0)),
        auc_macro_ci=interval_of(draws),
        auc_draws=tuple(_plain(value) for value in draws) if drawn else None,
        auc_folds=tuple(_plain(value) for value in by_fold),
        undefined_folds=int(np.isnan(by_fold).sum()),
        auc_class=_named(classes, nan_mean(auc, 0)),
        auprc_class=_named(classes, nan_mean(auprc, 0)),
        prevalence_class=_named(classes, nan_mean(prevalence, 0)),
        auprc_macro=float(nan_mean(nan_mean(auprc, 1), 0)),
        prevalence_macro=float(nan_mean(nan_mean(prevalence, 1), 0)),
        pooled=pooled,
        **scores,
        ece=calibration.ece,
        ece_band=calibration.ece_band,
        reliability=calibration.reliability,
        operating_points=points,
    )


def auc_by_class(labels: Labels, scores: Scores) -> Scores:
    """One-vs-rest AUC of each class, NaN for a class that no document or every one has."""
    return _by_class(roc_auc_score, labels, scores)


def known_auc(asked: Asked, tested: Sequence[Labels], probabilities: Sequence[Scores]) -> float:
    """Macro AUC of a target, mean over parts of the documents whose label of it is known.

    Parameters
    ----------
    asked : Asked
    tested : sequence of int64 arrays of shape (n_tested,)
        Documents of each part.
    probabilities : sequence of float64 arrays of shape (n_tested, n_columns)
        Of all questions of all targets side by side.

    Returns
    -------
    float
        NaN where no part has two classes.
    """
    found = []
    for index, p in zip(tested, probabilities, strict=True):
        known = asked.known[index]
        found.append(nan_mean(auc_by_class(asked.labels[index[known]], asked.scores(p[known])), 0))
    return float(nan_mean(np.array(found), 0))


def auprc_by_class(labels: Labels, scores: Scores) -> Scores:
    """One-vs-rest average precision of each class, NaN as for `auc_by_class`."""
    return _by_class(average_precision_score, labels, scores)


def prevalence_by_class(labels: Labels, scores: Scores) -> Scores:
    """Share of the documents of each class, what a constant score reaches in `auprc_by_class`."""
    return _by_class(lambda truth, _: truth.mean(), labels, scores)


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
        truth = has_class(labels, k)
        if truth.any() and not truth.all():
            found[k] = score(truth, scores[:, k])
    return found


def repeats_of(
    folds: Sequence[Fold], probabilities: Sequence[Scores]
) -> list[tuple[Labels, Scores]]:
    """Documents of each repeat and their probabilities, its folds one after the other."""
    found = []
    for repeat in sorted({fold.repeat for fold in folds}):
        own = [i for i, fold in enumerate(folds) if fold.repeat == repeat]
        tested = np.concatenate([folds[i].test for i in own])
        found.append((tested, np.concatenate([probabilities[i] for i in own])))
    return found


def pool_folds(
    folds: Sequence[Fold], probabilities: Sequence[Scores]
) -> tuple[list[Fold], list[Scores]]:
    """Each repeat as one fold that nothing was trained for, so that it is ranked as a whole."""
    nothing = np.empty(0, dtype=np.int64)
    pooled = repeats_of(folds, probabilities)
    merged = [Fold(repeat, 0, nothing, tested) for repeat, (tested, _) in enumerate(pooled)]
    return merged, [p for _, p in pooled]


def _pooled_scores(labels: Labels, probabilities: Scores, kind: Kind) -> dict[str, float]:
    """Scores of one repeat. Decisions of different folds may be pooled, rankings may not."""
    if kind == "multilabel":
        return _mean_over_labels(labels, probabilities)
    decided, found = probabilities.argmax(1), np.unique(labels)
    scores = {
        # the mean recall; `balanced_accuracy_score` is the same, but warns of absent classes
        "balanced_accuracy": recall_score(labels, decided, labels=found, average="macro"),
        "macro_f1": f1_score(labels, decided, labels=found, average="macro", zero_division=0.0),
        # which it warns of where all is, and is called, one class
        "mcc": matthews_corrcoef(labels, decided) if len({*labels, *decided}) > 1 else 0.0,
        "brier": brier_score(labels, probabilities),
    }
    if kind == "ordinal":
        middle = median_class(probabilities)
        scores |= {"kappa": _kappa(labels, middle), "mae": mean_absolute_error(labels, middle)}
    return scores


def _mean_over_labels(labels: Labels, probabilities: Scores) -> dict[str, float]:
    """Scores of the decisions whether a document has each label."""
    parts = []
    for truth, p in zip(labels.T, probabilities.T, strict=True):
        own = _pooled_scores(truth, np.stack([1 - p, p], axis=1), "classes")
        # of a label that is rare, *has not* is found by anyone
        f1 = f1_score(truth, p > 0.5, zero_division=0.0)
        parts.append({**own, "macro_f1": f1})
    brier = float(np.mean([part["brier"] for part in parts]))
    told = [parts[k] for k in told_labels(labels)]
    return {name: float(np.mean([part[name] for part in told])) for name in parts[0]} | {
        "brier": brier
    }


def _kappa(labels: Labels, decided: Labels) -> float:
    """Cohen's kappa with quadratic weights; 0 where all is, and is called, one class."""
    if len({*labels, *decided}) < 2:
        return 0.0
    return float(cohen_kappa_score(labels, decided, weights="quadratic"))


def _plain(value: np.float64) -> float | None:
    return None if np.isnan(value) else float(value)


def _named(classes: Sequence[str], values: Scores) -> dict[str, float | None]:
    return {name: _plain(value) for name, value in zip(classes, values, strict=True)}
