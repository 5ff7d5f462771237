"""Scores of all models of a fit, and how they compare."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilbert.stages.fit.compare import Verdict, differences, judge, needs_draws
from hilbert.stages.fit.crossval import CrossValidated
from hilbert.stages.fit.dataset import DocumentSet
from hilbert.stages.fit.intervals import auc_draws, group_weights
from hilbert.stages.fit.metrics import Metrics, evaluate, pool_folds
from hilbert.stages.fit.splits import Fold

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
)
"""Scores that stand in ``run.json``; ``metrics.json`` has all."""


def in_short(metrics: Metrics) -> dict[str, Any]:
    """The scores that stand in ``run.json``."""
    return {name: value for name, value in asdict(metrics).items() if name in SHORT}


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores of some models on the same folds.

    Attributes
    ----------
    metrics : mapping of str to Metrics
    draws : mapping of str to float64 array of shape (n_resamples,)
        Macro AUC under the same resamples; empty where folds tell the spread.
    folds : tuple of Fold
    pooled : bool
        Whether the folds of a repeat are ranked together.
    """

    metrics: Mapping[str, Metrics]
    draws: Mapping[str, NDArray[np.float64]]
    folds: tuple[Fold, ...]
    pooled: bool

    def verdict(self) -> Verdict:
        """Whether HILBERT beats the best of the others."""
        return judge(self.metrics, self.folds, draws=self.draws or None)

    def differences(self) -> list[dict[str, Any]]:
        """Every pair of models."""
        return differences(self.metrics, self.folds, self.draws or None)


def score_all(
    documents: DocumentSet, folds: Sequence[Fold], found: CrossValidated, *, pooled: bool
) -> Scored:
    """Evaluate all models of a cross-validation.

    Parameters
    ----------
    pooled : bool
        As for `evaluate`.
    """
    metrics = {
        name: evaluate(
            documents.labels,
            documents.groups,
            documents.classes,
            folds,
            parts,
            inner=found.inner.get(name, ()),
            pooled=pooled,
            resamples=RESAMPLES,
        )
        for name, parts in found.probabilities.items()
    }
    draws = {}
    if needs_draws(metrics, folds):
        tested = np.concatenate([fold.test for fold in folds])
        weights = group_weights(documents.groups, tested, RESAMPLES, seed=0)
        for name, parts in found.probabilities.items():
            units, scores = pool_folds(folds, parts) if pooled else (folds, parts)
            draws[name] = auc_draws(documents.labels, units, scores, weights)
    return Scored(metrics, draws, tuple(folds), pooled)
