"""Scores within parts of the documents, such as each gender or site."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hilbert.stages.fit.dataset import DocumentSet
from hilbert.stages.fit.splits import Fold
from hilbert.stages.fit.targets import Asked
from hilbert.stages.fit.truth import has_class
from hilbert.store.errors import FitError

if TYPE_CHECKING:
    from hilbert.stages.fit.metrics import Metrics

Scores = NDArray[np.float64]

MOST_VALUES = 20
"""Of a column of subgroups; a column with more is a number or an id."""
EMPTY = "(empty)"

SHOWN = (
    "auc_macro", "auc_macro_ci", "undefined_folds", "auprc_macro", "auprc_macro_ci",
    "prevalence_macro", "balanced_accuracy", "balanced_accuracy_ci", "brier", "brier_ci", "ece",
    "ece_band",
)  # fmt: skip
"""Scores of a subgroup."""


def check_subgroups(name: str, values: Sequence[str | None]) -> None:
    """Refuse a column that does not part the documents into few.

    Raises
    ------
    FitError
        If no document has a value, or there are too many.
    """
    found = {value for value in values if value is not None}
    if not found:
        raise FitError(f"--subgroups {name}: no document has a value in this column")
    if len(found) > MOST_VALUES:
        raise FitError(
            f"--subgroups {name}: the column has {len(found)} values, at most {MOST_VALUES} make"
            " subgroups; add a column to the corpus that bins them"
        )


def subgroup_scores(
    documents: DocumentSet,
    folds: Sequence[Fold],
    probabilities: Mapping[str, Sequence[Scores]],
    values: Sequence[str | None],
    *,
    asked: Asked | None = None,
    pooled: bool = False,
) -> dict[str, dict[str, Any]]:
    """Scores of every model on the documents of each value.

    The models are those of all documents; only the test documents are parted. A fold in which
    a subgroup has one class leaves its AUC undefined, and small subgroups have many.

    Parameters
    ----------
    documents : DocumentSet
    folds : sequence of Fold
    probabilities : mapping of str to sequence of float64 arrays of shape (n_test, n_classes)
        Model name to its predictions, one a fold.
    values : sequence of (str or None)
        One a document.
    asked : Asked, optional
        The target; by default the first.
    pooled : bool
        As for `evaluate`.

    Returns
    -------
    dict
        Value to its numbers of documents and groups that were tested, and the models' scores.
    """
    asked = documents.asked[0] if asked is None else asked
    own = np.array([EMPTY if value is None else value for value in values], dtype=object)
    tested = np.unique(np.concatenate([fold.test for fold in folds]))
    return {
        value: _scores(documents, asked, folds, probabilities, tested, own == value, pooled)
        for value in sorted(set(own[tested]))
    }


def _scores(
    documents: DocumentSet,
    asked: Asked,
    folds: Sequence[Fold],
    probabilities: Mapping[str, Sequence[Scores]],
    tested: NDArray[np.int64],
    inside: NDArray[np.bool_],
    pooled: bool,
) -> dict[str, Any]:
    index = tested[inside[tested]]
    models = {
        name: _evaluate(documents, asked, folds, parts, inside, pooled)
        for name, parts in probabilities.items()
    }
    counts = {
        name: int(has_class(asked.labels[index], k).sum())
        for k, name in enumerate(asked.target.classes)
    }
    return {
        "documents": len(index),
        "groups": len({documents.groups[i] for i in index}),
        "documents_by_class": counts,
        "models": {n: {s: getattr(m, s) for s in SHOWN} for n, m in models.items()},
    }


def _evaluate(
    documents: DocumentSet,
    asked: Asked,
    folds: Sequence[Fold],
    probabilities: Sequence[Scores],
    inside: NDArray[np.bool_],
    pooled: bool,
) -> "Metrics":
    from hilbert.stages.fit.metrics import evaluate  # seconds, and a plan only checks the column

    kept = [
        (Fold(fold.repeat, fold.fold, fold.train, fold.test[inside[fold.test]]),
         p[inside[fold.test]])
        for fold, p in zip(folds, probabilities, strict=True)
        if inside[fold.test].any()
    ]  # fmt: skip
    return evaluate(
        asked.labels,
        documents.groups,
        asked.target.classes,
        [fold for fold, _ in kept],
        [p for _, p in kept],
        kind=asked.target.kind,
        pooled=pooled,
    )
