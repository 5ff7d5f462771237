"""Predictions of training documents by HILBERT networks that did not see them."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hilbert.stages.fit.batches import Index
from hilbert.stages.fit.config import TrainConfig
from hilbert.stages.fit.dataset import DocumentSet
from hilbert.stages.fit.results import Inner
from hilbert.stages.fit.splits import inner_splits
from hilbert.stages.fit.train import train_hilbert
from hilbert.stages.fit.trained import TrainedModel

PARTS = 2
"""Parts of the training documents, each predicted by one network that is fitted on the others.
Two cost as much as one network more; five would cost four."""


def inner_predictions(
    documents: DocumentSet, train: Index, model: TrainedModel, seed: int
) -> Inner | None:
    """Out-of-fold predictions within the training documents of a model.

    Parameters
    ----------
    documents : DocumentSet
    train : int64 array
        Training documents of `model`.
    model : TrainedModel
        Tells how many epochs; that early stopping saw some of these documents when it chose them
        makes the predictions no better worth mentioning, and concerns no test document.
    seed : int

    Returns
    -------
    Inner, optional
        None where the groups are too few for two parts that each have every class.
    """
    splits = inner_splits(documents.labels, documents.groups, train, PARTS, seed)
    if not splits:
        return None
    config = replace(model.config, epochs=_epochs(model), patience=0, seeds_averaged=1)
    parts = [_predict(documents, train, validated, config, seed) for _, validated in splits]
    return Inner(np.concatenate([v for _, v in splits]), np.concatenate(parts))


def _predict(
    documents: DocumentSet, train: Index, validated: Index, config: TrainConfig, seed: int
) -> NDArray[np.float64]:
    """Probabilities by a network of all other groups, documents without a label among them."""
    names = np.asarray(documents.groups, dtype=object)
    fitted = train[~np.isin(names[train], names[validated])]
    network = train_hilbert(documents, fitted, config, seed=seed)
    return network.predict_proba(documents.take(validated))


def _epochs(model: TrainedModel) -> int:
    """Passes of the model's networks over the documents, of the classifier's phase."""
    curves = model.curves[0]
    return max(1, len(curves.get("task", ())))
