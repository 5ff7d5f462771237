"""The linear experts: logistic regression on pooled statistics, the baseline inside HILBERT.

Of each document an expert sees what the baselines see, mean and deviation over the segments of a
modality, standardised on training documents, and whether the modality is there; or, instead, its
largest responses to templates of single segments (see `peaks`). Which expert speaks depends on
the modalities that a document has.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hilbert.stages.fit.baselines import pool
from hilbert.stages.fit.batches import Index
from hilbert.stages.fit.dataset import DocumentSet, Widths, is_present
from hilbert.stages.fit.peaks import largest_responses
from hilbert.store.types import MODALITIES, Modality

Matrix = NDArray[np.float64]

PEAKS = "-peaks"
"""End of the name of an expert on largest responses."""


@dataclass(frozen=True, eq=False)
class LinearExpert:
    """A linear map from statistics of a document to class scores.

    Attributes
    ----------
    modalities : tuple of {"audio", "text"}
        Whose statistics it sees.
    mean, scale : float64 array of shape (n_features,)
        Standardisation of the training documents.
    weight : float64 array of shape (n_features, n_classes)
    bias : float64 array of shape (n_classes,)
    templates : float64 array of shape (dim, n_features), optional
        What its one modality's segments are compared with; without, statistics are pooled.
    """

    modalities: tuple[Modality, ...]
    mean: Matrix
    scale: Matrix
    weight: Matrix
    bias: Matrix
    templates: Matrix | None = None

    @property
    def name(self) -> str:
        """Its modalities, joined, and whether it sees peaks."""
        return "+".join(self.modalities) + (PEAKS if self.templates is not None else "")

    def log_probabilities(self, documents: DocumentSet, widths: Widths) -> Matrix:
        """Log of the class probabilities, shape (n_documents, n_classes)."""
        if self.templates is None:
            x = statistics(documents, self.modalities, widths)
        else:
            peaks = largest_responses(documents, self.modalities[0], self.templates)
            x = peaks.astype(np.float64)
        return log_softmax(standardised(x, self.mean, self.scale) @ self.weight + self.bias)

    def state(self) -> dict[str, Tensor]:
        """Its tensors by name."""
        names = ("mean", "scale", "weight", "bias", "templates")
        parts = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        return {name: torch.from_numpy(np.ascontiguousarray(x)) for name, x in parts.items()}


@dataclass(frozen=True, eq=False)
class LinearExperts:
    """Experts of which one speaks for each document.

    Attributes
    ----------
    experts : tuple of LinearExpert
        The first all of whose modalities a document has speaks for it, or else the first.
    """

    experts: tuple[LinearExpert, ...]

    def log_probabilities(self, documents: DocumentSet, widths: Widths) -> Matrix:
        """Log of the class probabilities, shape (n_documents, n_classes)."""
        speaks = who_speaks(documents, [expert.modalities for expert in self.experts])
        first = self.experts[0]
        found = np.empty((documents.n_documents, len(first.bias)))
        for i, expert in enumerate(self.experts):
            if len(rows := np.flatnonzero(speaks == i)):
                found[rows] = expert.log_probabilities(documents.take(rows), widths)
        return found

    def state(self) -> dict[str, Tensor]:
        """Tensors by ``<expert>.<tensor>``; `rank` is the order of the experts."""
        return {
            f"{expert.name}.{name}": tensor
            for i, expert in enumerate(self.experts)
            for name, tensor in {**expert.state(), "rank": torch.tensor(i)}.items()
        }


def who_speaks(documents: DocumentSet, sees: Sequence[tuple[Modality, ...]]) -> Index:
    """Which expert speaks for each document, by the modalities that each expert sees."""
    has = {
        modality: np.array([is_present(f) for f in documents.stream(modality)], dtype=bool)
        for modality in MODALITIES
    }
    found = np.zeros(documents.n_documents, dtype=np.int64)
    for i in reversed(range(len(sees))):
        found[np.all([has[modality] for modality in sees[i]], axis=0)] = i
    return found


def linear_expert(name: str, state: Mapping[str, Tensor]) -> LinearExpert:
    """The expert of a name whose `LinearExpert.state` this is."""
    modalities = tuple(m for m in MODALITIES if m in name.removesuffix(PEAKS).split("+"))
    return LinearExpert(modalities, **{n: tensor.numpy() for n, tensor in state.items()})


def linear_experts(state: Mapping[str, Tensor]) -> LinearExperts:
    """The experts whose `LinearExperts.state` this is."""
    parts: dict[str, dict[str, Tensor]] = {}
    for key, tensor in state.items():
        name, part = key.split(".")
        parts.setdefault(name, {})[part] = tensor
    ranks = {name: int(own.pop("rank", torch.tensor(0))) for name, own in parts.items()}
    return LinearExperts(
        tuple(linear_expert(n, parts[n]) for n in sorted(parts, key=lambda n: ranks[n]))
    )


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
    z = x - mean
    z /= scale
    return np.nan_to_num(z, copy=False)


def log_softmax(scores: Matrix) -> Matrix:
    """Log of the softmax over the last axis."""
    shifted = scores - scores.max(-1, keepdims=True)
    found: Matrix = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return found
