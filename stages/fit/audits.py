"""Models that should not be able to tell the label, and what it means where they can.

Each is evaluated on the folds of the fit. What they find is put in words by `findings`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from hilbert.stages.fit.baselines import Logistic, make_baselines
from hilbert.stages.fit.batches import Index
from hilbert.stages.fit.config import SplitConfig, TrainConfig
from hilbert.stages.fit.crossval import HilbertModel, Model
from hilbert.stages.fit.dataset import MISSING, DocumentSet, is_present
from hilbert.stages.fit.intervals import LEVEL, nan_mean
from hilbert.stages.fit.metrics import known_auc
from hilbert.stages.fit.side_by_side import answering_all, baselines_of
from hilbert.stages.fit.splits import Fold, make_folds
from hilbert.store.types import MODALITIES

Matrix = NDArray[np.float64]

LATE_FUSION = "late_fusion"
METADATA = "metadata"
PERMUTED = "permuted_"
N_PERMUTED = {"logistic_both": 20, "logistic_audio": 20, "logistic_text": 20, "hilbert": 5}
"""Permutations of the labels: one alone spreads by .04 around chance."""


@dataclass(frozen=True, eq=False)
class Metadata:
    """What is known of documents without hearing or reading them.

    Attributes
    ----------
    names : tuple of str
        Of the columns, as in a sentence.
    values : float64 array of shape (n_documents, n_columns)
        Not negative; NaN where unknown.
    """

    names: tuple[str, ...]
    values: Matrix


def with_presence(metadata: Metadata, documents: DocumentSet) -> Metadata:
    """The metadata, and which documents have features of each modality.

    A file that is missing for a reason tells of it, and models see which are missing.
    """
    names = tuple(f"whether it has {modality}" for modality in MODALITIES)
    has = [list(map(is_present, documents.stream(modality))) for modality in MODALITIES]
    values = np.column_stack([metadata.values, np.array(has, dtype=np.float64).T])
    return Metadata((*metadata.names, *names), values)


@dataclass(frozen=True)
class Chance:
    """Macro AUC of a model under permuted labels.

    Attributes
    ----------
    mean, low, high : float
        Over the permutations, and its 95 % interval.
    n : int
        Permutations.
    """

    mean: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, eq=False)
class Permuted:
    """A model trained and tested under labels that were dealt out anew."""

    model: Model
    seed: int

    @property
    def name(self) -> str:
        return f"{PERMUTED}{self.model.name}_{self.seed}"

    @property
    def is_quick(self) -> bool:
        """Whether the model is."""
        return getattr(self.model, "is_quick", False)

    def fit_predict(self, documents: DocumentSet, train: Index, test: Index, seed: int) -> Matrix:
        """Probabilities of the test documents, shape (n_test, n_columns)."""
        return self.model.fit_predict(permuted(documents, self.seed), train, test, seed)


def metadata_models(metadata: Metadata) -> list[Logistic]:
    """Logistic regression on all metadata, then on each column of it alone."""
    values = np.log1p(metadata.values)
    varied = [
        (name, column)
        for name, column in zip(metadata.names, values.T, strict=True)
        if np.isfinite(column).any() and np.nanmin(column) < np.nanmax(column)
    ]
    if not varied:
        return []
    every = Logistic(METADATA, np.stack([column for _, column in varied], axis=1))
    alone = [Logistic(f"{METADATA}: {name}", column[:, None]) for name, column in varied]
    return [every, *alone]


def single_modality(documents: DocumentSet) -> dict[str, DocumentSet]:
    """The documents with one modality alone, by the name of the HILBERT that sees it.

    Empty where the documents have only one.
    """
    nothing = (None,) * documents.n_documents
    present = [m for m in MODALITIES if any(map(is_present, documents.stream(m)))]
    if len(present) < 2:
        return {}
    return {
        "hilbert_audio": replace(documents, text=nothing),
        "hilbert_text": replace(documents, audio=nothing),
    }


def other_voices(documents: DocumentSet, name: str, config: TrainConfig) -> list[Model]:
    """Models of what others than those of interest say: HILBERT and the widest regression."""
    widest = replace(make_baselines(documents)[-1], name=f"logistic_{name}")
    return [HilbertModel(config, f"hilbert_{name}"), *answering_all(documents, [widest])]


def permuted_models(documents: DocumentSet, config: TrainConfig) -> list[Permuted]:
    """One HILBERT network and the widest logistic regression, under several permutations."""
    hilbert = HilbertModel(replace(config, seeds_averaged=1))
    models: list[Model] = [hilbert, baselines_of(documents)[-1]]
    return [Permuted(m, seed) for m in models for seed in range(N_PERMUTED[m.name])]


def permutation_folds(
    documents: DocumentSet, folds: Sequence[Fold], *, pooled: bool
) -> tuple[Fold, ...]:
    """Folds to try permuted labels on: the first repeat's, or few where a fold is one group."""
    if not pooled:
        return tuple(fold for fold in folds if fold.repeat == 0)
    # strata number the classes of an order anew, which may turn a tie in the dealing out of groups
    strata = documents.strata if documents.further else documents.labels
    known = strata != MISSING
    n_groups = len(set(np.asarray(documents.groups)[known]))
    most = int(np.bincount(strata[known]).max())
    config = SplitConfig(folds=min(5, n_groups, most), repeats=1)
    return make_folds(strata, documents.groups, config)


def permuted_scores(
    documents: DocumentSet, folds: Sequence[Fold], found: Mapping[str, Sequence[Matrix]]
) -> list[dict[str, Chance]]:
    """Macro AUC under permuted labels by the model's own name, over its permutations.

    Returns
    -------
    list of dict of str to Chance
        One a target.
    """
    tested = [fold.test for fold in folds]
    scores: list[dict[str, list[float]]] = [{} for _ in documents.targets]
    for model, parts in found.items():
        name, _, seed = model.removeprefix(PERMUTED).rpartition("_")
        for own, asked in zip(scores, permuted(documents, int(seed)).asked, strict=True):
            own.setdefault(name, []).append(known_auc(asked, tested, parts))
    return [{name: _chance(np.array(values)) for name, values in own.items()} for own in scores]


def _chance(scores: Matrix) -> Chance:
    known = scores[~np.isnan(scores)]
    if len(known) < 2:
        return Chance(float(nan_mean(known, 0)), float("nan"), float("nan"), len(known))
    error = known.std(ddof=1) / np.sqrt(len(known))
    reach = float(error * stats.t.ppf((1 + LEVEL) / 2, len(known) - 1))
    mean = float(known.mean())
    return Chance(mean, mean - reach, mean + reach, len(known))


def permuted(documents: DocumentSet, seed: int) -> DocumentSet:
    """The documents with labels dealt out anew, those of a group together as far as sizes allow.

    The labels of whole groups, in a new order of groups and of the documents within each, are
    laid over the documents in the old one. So labels hang together within groups as they did,
    and each class stays as frequent. What a document answers to all questions stays together; a
    document that answers none stays as it is.
    """
    answers = documents.answers  # (n_documents, n_questions)
    known = np.flatnonzero((answers != MISSING).any(1))
    _, which = np.unique(np.asarray(documents.groups)[known], return_inverse=True)
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(which.max() + 1)[which]
    old, new = np.argsort(which, kind="stable"), np.lexsort((rng.random(len(known)), shuffled))
    dealt = answers.copy()
    dealt[known[old]] = answers[known[new]]
    return documents.with_labels(dealt)


def late_fusion(
    documents: DocumentSet, folds: Sequence[Fold], probabilities: Mapping[str, Sequence[Matrix]]
) -> list[Matrix]:
    """Mean of the probabilities from audio and from text, of the modalities a document has.

    Returns
    -------
    list of float64 arrays of shape (n_test, n_columns)
        One a fold; empty where a modality has no regression.
    """
    if not all(f"logistic_{m}" in probabilities for m in MODALITIES):
        return []
    present = np.stack([[is_present(f) for f in documents.stream(m)] for m in MODALITIES])
    parts = zip(*(probabilities[f"logistic_{m}"] for m in MODALITIES), strict=True)
    return [
        _weighted(np.stack(both), present[:, fold.test])
        for fold, both in zip(folds, parts, strict=True)
    ]


def _weighted(both: Matrix, present: NDArray[np.bool_]) -> Matrix:
    """Mean over the first axis of those that are present; of shape (n_test, n_columns)."""
    weights = present.astype(np.float64)[..., None]
    mean: Matrix = (both * weights).sum(0) / weights.sum(0)
    return mean
