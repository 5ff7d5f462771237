"""Scores of all models of a fit, target by target, and how they compare."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilbert.stages.fit.brier import BrierChange, brier_change
from hilbert.stages.fit.compare import Verdict, differences, judge
from hilbert.stages.fit.crossval import CrossValidated, Probabilities
from hilbert.stages.fit.dataset import DocumentSet
from hilbert.stages.fit.metrics import Metrics, evaluate, repeats_of
from hilbert.stages.fit.results import Inner
from hilbert.stages.fit.splits import Fold
from hilbert.stages.fit.targets import Asked

RESAMPLES = 1000

SHORT = (
    "auc_macro",
    "auc_macro_ci",
    "undefined_folds",
    "pooled",
    "balanced_accuracy",
    "balanced_accuracy_ci",
    "auprc_macro",
    "auprc_macro_ci",
    "prevalence_macro",
    "auprc_class",
    "prevalence_class",
    "brier",
    "brier_ci",
    "ece",
    "ece_band",
    "operating_points",
    "kappa",
    "kappa_ci",
    "mae",
    "mae_ci",
)
"""Scores that stand in ``run.json``; ``metrics.json`` has all."""


def in_short(metrics: Metrics) -> dict[str, Any]:
    """The scores that stand in ``run.json``."""
    return {name: value for name, value in in_full(metrics).items() if name in SHORT}


def in_full(metrics: Metrics) -> dict[str, Any]:
    """All scores; without those that the kind of the target does not have."""
    return {name: value for name, value in asdict(metrics).items() if value is not None}


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores of some models on the same folds, of one target.

    Attributes
    ----------
    asked : Asked
    metrics : mapping of str to Metrics
    folds : tuple of Fold
        Their test documents are those whose label of the target is known.
    probabilities : mapping of str to sequence of float64 arrays of shape (n_test, n_classes)
    pooled : bool
        Whether the folds of a repeat are ranked together.
    calibration : BrierChange, optional
        Of HILBERT, if it is among the models and was calibrated.
    """

    asked: Asked
    metrics: Mapping[str, Metrics]
    folds: tuple[Fold, ...]
    probabilities: Mapping[str, Sequence[NDArray[np.float64]]]
    pooled: bool
    calibration: BrierChange | None = None

    def verdict(self) -> Verdict:
        """Whether HILBERT beats the best of the others."""
        return judge(self.metrics, self.folds)

    def differences(self) -> list[dict[str, Any]]:
        """Every pair of models."""
        return differences(self.metrics, self.folds)


def score_all(
    documents: DocumentSet, folds: Sequence[Fold], found: CrossValidated, *, pooled: bool
) -> tuple[Scored, ...]:
    """Evaluate all models of a cross-validation, target by target.

    Parameters
    ----------
    pooled : bool
        As for `evaluate`.
    """
    return tuple(_score(documents, asked, folds, found, pooled) for asked in documents.asked)


def _score(
    documents: DocumentSet,
    asked: Asked,
    folds: Sequence[Fold],
    found: CrossValidated,
    pooled: bool,
) -> Scored:
    tested = [asked.known[fold.test] for fold in folds]
    kept = labelled_folds(asked, folds)

    def of_target(parts: Probabilities) -> list[NDArray[np.float64]]:
        return [asked.scores(p[k]) for p, k in zip(parts, tested, strict=True) if k.any()]

    probabilities = {name: of_target(parts) for name, parts in found.probabilities.items()}
    inner = {
        name: [_inner(asked, p) for p, k in zip(parts, tested, strict=True) if k.any()]
        for name, parts in found.inner.items()
    }
    metrics = {
        name: evaluate(
            asked.labels,
            documents.groups,
            asked.target.classes,
            kept,
            parts,
            kind=asked.target.kind,
            inner=inner.get(name, ()),
            pooled=pooled,
            resamples=RESAMPLES,
        )
        for name, parts in probabilities.items()
    }
    calibration = None
    if (uncalibrated := found.uncalibrated.get("hilbert")) is not None:
        both = (probabilities["hilbert"], of_target(uncalibrated))
        calibration = _calibration(asked, documents.groups, kept, *both)
    return Scored(asked, metrics, kept, probabilities, pooled, calibration)


def _calibration(
    asked: Asked,
    groups: Sequence[str],
    folds: Sequence[Fold],
    calibrated: Sequence[NDArray[np.float64]],
    uncalibrated: Sequence[NDArray[np.float64]],
) -> BrierChange | None:
    """What calibration makes of the Brier score; None where there was nothing to calibrate by."""
    if all(map(np.array_equal, calibrated, uncalibrated)):
        return None
    after, before = repeats_of(folds, calibrated), repeats_of(folds, uncalibrated)
    return brier_change(asked.labels, groups, after, before, RESAMPLES)


def labelled_folds(asked: Asked, folds: Sequence[Fold]) -> tuple[Fold, ...]:
    """Folds whose documents are those with a label of a target; without those that test none.

    Documents without a label tell nothing of the target, in training neither: a test of
    differences must not count them.
    """
    labelled = (
        Fold(f.repeat, f.fold, f.train[asked.known[f.train]], f.test[asked.known[f.test]])
        for f in folds
    )
    return tuple(fold for fold in labelled if len(fold.test))


def _inner(asked: Asked, part: Inner | None) -> Inner | None:
    """Predictions of one target inside the training documents."""
    if part is None:
        return None
    scores = asked.scores(part.probabilities)
    known = asked.known[part.documents] & np.isfinite(scores).all(1)
    return Inner(part.documents[known], scores[known]) if known.any() else None
