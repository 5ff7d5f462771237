"""Documents that have both modalities, predicted from one: the same models, the other withheld."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hilbert.stages.fit.dataset import DocumentSet, is_present
from hilbert.stages.fit.splits import Fold
from hilbert.stages.fit.trained import TrainedModel
from hilbert.store.types import MODALITIES, Modality

Scores = NDArray[np.float64]
Withheld = Mapping[Modality, Scores]
"""By the modality that was withheld: probabilities of shape (n_documents, n_columns), NaN for a
document that does not have both."""


def without(documents: DocumentSet, modality: Modality) -> DocumentSet:
    """The same documents, none of which has the modality."""
    nothing = (None,) * documents.n_documents
    if modality == "audio":
        return replace(documents, audio=nothing)
    return replace(documents, text=nothing)


def has_both(documents: DocumentSet) -> NDArray[np.bool_]:
    """Whether each document has audio and text, shape (n_documents,)."""
    pairs = zip(documents.audio, documents.text, strict=True)
    return np.array([all(map(is_present, pair)) for pair in pairs], dtype=bool)


def predict_withheld(model: TrainedModel, documents: DocumentSet) -> Withheld:
    """What a model makes of documents that have both modalities when it is given one of them."""
    both = np.flatnonzero(has_both(documents))
    found: dict[Modality, Scores] = {}
    for modality in MODALITIES:
        found[modality] = np.full((documents.n_documents, documents.n_columns), np.nan)
        if len(both):
            found[modality][both] = model.predict_proba(without(documents.take(both), modality))
    return found


def of_both(
    documents: DocumentSet, folds: Sequence[Fold], parts: Sequence[Scores]
) -> tuple[list[Fold], list[Scores]]:
    """Folds and predictions of the test documents that have both modalities.

    Parameters
    ----------
    documents : DocumentSet
    folds : sequence of Fold
    parts : sequence of float64 arrays of shape (n_test, n_columns)

    Returns
    -------
    folds : list of Fold
        Without those that test no such document.
    parts : list of float64 arrays
    """
    both = has_both(documents)
    pairs = [(f, p) for f, p in zip(folds, parts, strict=True) if both[f.test].any()]
    return (
        [Fold(f.repeat, f.fold, f.train, f.test[both[f.test]]) for f, _ in pairs],
        [p[both[f.test]] for f, p in pairs],
    )
