"""What it costs HILBERT to predict from one modality, for ``run.json``."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from hilbert.pipeline.scoring import Scored, score_all
from hilbert.stages.fit.compare import compare
from hilbert.stages.fit.crossval import CrossValidated, Probabilities
from hilbert.stages.fit.dataset import DocumentSet
from hilbert.stages.fit.splits import Fold
from hilbert.stages.fit.targets import Asked
from hilbert.stages.fit.withheld import of_both

COMPLETE = "complete"


def withheld_as_json(
    documents: DocumentSet, folds: Sequence[Fold], found: CrossValidated, *, pooled: bool
) -> list[dict[str, Any] | None]:
    """Scores of HILBERT on test documents with both modalities, one of which is withheld.

    Parameters
    ----------
    documents : DocumentSet
    folds : sequence of Fold
    found : CrossValidated
        HILBERT and others on these folds.
    pooled : bool
        As for `evaluate`.

    Returns
    -------
    list of (dict or None)
        One a target. By the modality that is withheld: the number of documents, their macro AUC
        without it (`auc_macro`) and with both (`complete`), and the difference with its
        interval. None where no test document has both.
    """
    parts: dict[str, Probabilities] = {}
    kept: list[Fold] = []
    predictions = [(COMPLETE, found.probabilities["hilbert"]), *found.withheld.items()]
    for name, predicted in predictions:
        kept, own = of_both(documents, folds, predicted)
        parts[name] = tuple(own)
    if not all(_is_tested(asked, kept) for asked in documents.asked) or len(parts) == 1:
        return [None] * len(documents.asked)
    every = score_all(documents, kept, CrossValidated(parts, ()), pooled=pooled)
    return [{name: _lost(scored, name) for name in found.withheld} for scored in every]


def _is_tested(asked: Asked, folds: Sequence[Fold]) -> bool:
    """Whether some test document has a label of a target."""
    return any(asked.known[fold.test].any() for fold in folds)


def _lost(scored: Scored, name: str) -> dict[str, Any]:
    lacking, complete = scored.metrics[name], scored.metrics[COMPLETE]
    difference = compare(lacking, complete, scored.folds)
    return {
        "documents": len(np.unique(np.concatenate([fold.test for fold in scored.folds]))),
        "auc_macro": lacking.auc_macro,
        "auc_macro_ci": lacking.auc_macro_ci,
        COMPLETE: complete.auc_macro,
        "difference": difference.mean,
        "interval": (difference.low, difference.high),
        "p_value": difference.p_value,
        "method": difference.method,
    }
