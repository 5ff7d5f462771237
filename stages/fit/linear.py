"""The linear expert: logistic regression on pooled statistics, the baseline inside HILBERT.

Of each document it sees what the baselines see, mean and deviation over the segments of a
modality, standardised on training documents, and whether the modality is there.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
from torch import Tensor

from hilbert.stages.fit.baselines import FALLBACK_C, INNER_PARTS, mean_log_loss, pool, rotation
from hilbert.stages.fit.batches import Index
from hilbert.stages.fit.dataset import MISSING, DocumentSet, Widths, is_present
from hilbert.stages.fit.splits import inner_splits
from hilbert.store.types import MODALITIES, Modality

Matrix = NDArray[np.float64]

PENALTIES: tuple[float, ...] = (1e-4, 1e-3, 1e-2, 1e-1, 1e0)
"""Inverse strengths of the penalty to choose from."""

ABSENT = -30.0
"""Score of a class that no training document has."""


@dataclass(frozen=True, eq=False)
class LinearExpert:
    """A linear map from pooled statistics to class scores.

    Attributes
    ----------
    modalities : tuple of {"audio", "text"}
        Whose statistics it sees.
    mean, scale : float64 array of shape (n_features,)
        Standardisation of the training documents.
    weight : float64 array of shape (n_features, n_classes)
    bias : float64 array of shape (n_classes,)
    """

    modalities: tuple[Modality, ...]
    mean: Matrix
    scale: Matrix
    weight: Matrix
    bias: Matrix

    @property
    def name(self) -> str:
        """Its modalities, joined."""
        return "+".join(self.modalities)

    def log_probabilities(self, documents: DocumentSet, widths: Widths) -> Matrix:
        """Log of the class probabilities, shape (n_documents, n_classes)."""
        x = standardised(statistics(documents, self.modalities, widths), self.mean, self.scale)
        return log_softmax(x @ self.weight + self.bias)

    def state(self) -> dict[str, Tensor]:
        """Its tensors by name."""
        names = ("mean", "scale", "weight", "bias")
        return {n: torch.from_numpy(np.ascontiguousarray(getattr(self, n))) for n in names}

    def named_state(self) -> dict[str, Tensor]:
        """Its tensors, named ``<modalities>.<tensor>``."""
        return {f"{self.name}.{name}": tensor for name, tensor in self.state().items()}


def linear_expert(name: str, state: Mapping[str, Tensor]) -> LinearExpert:
    """The expert of a name whose `LinearExpert.state` this is."""
    modalities = tuple(m for m in MODALITIES if m in name.split("+"))
    return LinearExpert(modalities, **{n: tensor.numpy() for n, tensor in state.items()})


def fit_linear(
    documents: DocumentSet, train: Index, seed: int
) -> tuple[LinearExpert | None, Matrix]:
    """The expert of one modality or of both, and its penalty, that inner splits speak for.

    Parameters
    ----------
    documents : DocumentSet
    train : int64 array
        Training documents.
    seed : int
        Of the inner splits.

    Returns
    -------
    expert : LinearExpert
        None where the training documents have one class.
    log_probabilities : float64 array of shape (n_documents, n_classes)
        What such experts that did not see a training document say of it; NaN where unknown.
    """
    known = train[documents.labels[train] != MISSING]
    if len(np.unique(documents.labels[known])) < 2:
        return None, np.full((documents.n_documents, documents.n_classes), np.nan)
    splits = inner_splits(documents.labels, documents.groups, train, INNER_PARTS, seed)
    # the matrices are small: threads of BLAS would cost more than they bring
    with threadpool_limits(1):
        choices = [
            _choose(modalities, documents, splits) for modalities in _combinations(documents, known)
        ]
        # of equals the last, which sees most: without inner splits it is both modalities
        best = min(reversed(choices), key=lambda choice: choice.loss)
        x = statistics(documents, best.modalities, documents.widths)
        (expert,) = _fit(x, documents, known, best.modalities, (best.penalty,))
    return expert, best.said


class Choice(NamedTuple):
    """An expert's modalities and penalty, with their mean loss and words on unseen documents."""

    modalities: tuple[Modality, ...]
    penalty: float
    loss: float
    said: Matrix


def statistics(documents: DocumentSet, modalities: Sequence[Modality], widths: Widths) -> Matrix:
    """Mean and deviation over the segments of each modality, and whether it is there.

    Returns
    -------
    float64 array of shape (n_documents, n_features)
        NaN where a document lacks a modality, but for the marks of presence, the last columns.
    """
    parts = [pool(documents, modality, getattr(widths, modality)) for modality in modalities]
    present = np.stack([~np.isnan(x[:, 0]) for x in parts], axis=1)
    return np.concatenate([*parts, present.astype(np.float64)], axis=1)


def standardised(x: Matrix, mean: Matrix, scale: Matrix) -> Matrix:
    """Standardised statistics; what is missing becomes the mean, which is 0."""
    return np.nan_to_num((x - mean) / scale)


def log_softmax(scores: Matrix) -> Matrix:
    """Log of the softmax over the last axis."""
    shifted = scores - scores.max(-1, keepdims=True)
    found: Matrix = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return found


def _combinations(documents: DocumentSet, train: Index) -> list[tuple[Modality, ...]]:
    """Each modality that a training document has, and both."""
    single = [m for m in MODALITIES if any(is_present(documents.stream(m)[int(i)]) for i in train)]
    return [*((m,) for m in single), *([tuple(single)] if len(single) == 2 else [])]


def _choose(
    modalities: tuple[Modality, ...],
    documents: DocumentSet,
    splits: Sequence[tuple[Index, Index]],
) -> Choice:
    """The penalty with the lowest mean log loss."""
    x = statistics(documents, modalities, documents.widths)
    shape = (len(PENALTIES), documents.n_documents, documents.n_classes)
    said = np.full(shape, np.nan)
    if not splits:
        return Choice(modalities, FALLBACK_C, np.inf, said[0])
    losses = []
    for fitted, validated in splits:
        for i, expert in enumerate(_fit(x, documents, fitted, modalities, PENALTIES)):
            z = standardised(x[validated], expert.mean, expert.scale)
            said[i, validated] = log_softmax(z @ expert.weight + expert.bias)
        truth = documents.labels[validated]
        losses.append([mean_log_loss(np.exp(part[validated]), truth) for part in said])
    means = np.mean(losses, axis=0)
    best = int(np.argmin(means))
    return Choice(modalities, PENALTIES[best], float(means[best]), said[best])


def _fit(
    x: Matrix,
    documents: DocumentSet,
    train: Index,
    modalities: tuple[Modality, ...],
    penalties: Sequence[float],
) -> Iterator[LinearExpert]:
    """An expert for each penalty, the strongest first."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # no training document has a modality
        mean, scale = np.nanmean(x[train], axis=0), np.nanstd(x[train], axis=0)
    mean, scale = np.nan_to_num(mean), np.where(scale > 1e-6, scale, 1.0)
    fitted = standardised(x[train], mean, scale)
    # (n_features, n_axes); where all documents look the same any axis does
    axes = rotation(fitted) if fitted.any() else np.eye(x.shape[1], 1)
    # each penalty starts from the coefficients of the one before
    model = LogisticRegression(max_iter=1000, warm_start=True, class_weight="balanced")
    for C in penalties:
        model.set_params(C=C).fit(fitted @ axes, documents.labels[train])
        weight = np.zeros((x.shape[1], documents.n_classes))
        bias = np.full(documents.n_classes, ABSENT)
        two = len(model.classes_) == 2  # scikit-learn gives the second class's scores alone
        columns = model.classes_[1:] if two else model.classes_
        weight[:, columns] = axes @ model.coef_.T
        bias[model.classes_] = 0.0
        bias[columns] = model.intercept_
        yield LinearExpert(modalities, mean, scale, weight, bias)
