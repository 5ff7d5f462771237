"""How linear experts are fitted: which of them, on what, and how strongly penalised.

Inner splits of the training documents decide, by the log loss of what they leave out.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from hilbert.stages.fit.baselines import FALLBACK_C, INNER_PARTS, rotation
from hilbert.stages.fit.batches import Index
from hilbert.stages.fit.dataset import MISSING, DocumentSet, is_present
from hilbert.stages.fit.linear import (
    LinearExpert,
    LinearExperts,
    Matrix,
    log_softmax,
    standardised,
    statistics,
    who_speaks,
)
from hilbert.stages.fit.peaks import Candidates, find_candidates
from hilbert.stages.fit.splits import inner_splits
from hilbert.store.types import MODALITIES, Modality

PENALTIES: tuple[float, ...] = (1e-4, 1e-3, 1e-2, 1e-1, 1e0)
"""Inverse strengths of the penalty to choose from."""

ABSENT = -30.0
"""Score of a class that no training document has."""


def fit_linear(
    documents: DocumentSet, train: Index, seed: int, peaks: int = 0
) -> tuple[LinearExperts | None, Matrix]:
    """The experts, and their penalties, that inner splits speak for.

    One for documents that have both modalities, of audio, of text or of both, and one of each
    modality for those that have no other.

    Parameters
    ----------
    documents : DocumentSet
    train : int64 array
        Training documents.
    seed : int
        Of the inner splits, and of the draw of templates.
    peaks : int
        Templates of an expert on largest responses, about; 0 for no such expert.

    Returns
    -------
    experts : LinearExperts
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
        views = [_pooled_view(documents, m) for m in _combinations(documents, known)]
        if splits and peaks:
            views += _peak_views(documents, known, seed, peaks)
        choices = [_choose(view, documents, splits) for view in views]
        chosen = _rank(documents, known, choices)
        experts = LinearExperts(tuple(_fit_chosen(choice, documents, known) for choice in chosen))
    speaks = who_speaks(documents, [choice.view.modalities for choice in chosen])
    said = np.stack([choice.said for choice in chosen])[speaks, np.arange(len(speaks))]
    return experts, said


class View(NamedTuple):
    """What an expert sees.

    Attributes
    ----------
    modalities : tuple of {"audio", "text"}
    features : callable
        From the documents that it is fitted on: features of all documents, of shape
        (n_documents, n_features), and the templates, if any.
    """

    modalities: tuple[Modality, ...]
    features: Callable[[Index], tuple[Matrix, Matrix | None]]


class Choice(NamedTuple):
    """A view and a penalty, and what experts so fitted say of documents that they did not see."""

    view: View
    penalty: float
    said: Matrix


def _combinations(documents: DocumentSet, train: Index) -> list[tuple[Modality, ...]]:
    """Each modality that a training document has, and both."""
    single = [m for m in MODALITIES if any(is_present(documents.stream(m)[int(i)]) for i in train)]
    return [*((m,) for m in single), *([tuple(single)] if len(single) == 2 else [])]


def _pooled_view(documents: DocumentSet, modalities: tuple[Modality, ...]) -> View:
    x = statistics(documents, modalities, documents.widths)
    return View(modalities, lambda _: (x, None))


def _peak_views(documents: DocumentSet, train: Index, seed: int, peaks: int) -> list[View]:
    """Views of the largest responses in each modality."""
    found = (find_candidates(documents, modality, train, seed) for modality in MODALITIES)
    return [_peak_view(documents, c, peaks) for c in found if c is not None]


def _peak_view(documents: DocumentSet, candidates: Candidates, peaks: int) -> View:
    def features(fitted: Index) -> tuple[Matrix, Matrix]:
        chosen = candidates.best(documents.labels, fitted, peaks)
        return candidates.responses[:, chosen].astype(np.float64), candidates.templates(chosen)

    return View((candidates.modality,), features)


def _choose(view: View, documents: DocumentSet, splits: Sequence[tuple[Index, Index]]) -> Choice:
    """The penalty with the lowest log loss on documents that have what is viewed."""
    shape = (len(PENALTIES), documents.n_documents, documents.n_classes)
    said = np.full(shape, np.nan)
    if not splits:
        return Choice(view, FALLBACK_C, said[0])
    for fitted, validated in splits:
        x, _ = view.features(fitted)
        for i, expert in enumerate(_fit(x, documents, fitted, view.modalities, PENALTIES)):
            z = standardised(x[validated], expert.mean, expert.scale)
            said[i, validated] = log_softmax(z @ expert.weight + expert.bias)
    losses = [_loss(documents, view.modalities, part) for part in said]
    best = int(np.argmin(losses))
    return Choice(view, PENALTIES[best], said[best])


def _loss(documents: DocumentSet, modalities: Sequence[Modality], said: Matrix) -> float:
    """Mean log loss over the documents that have all of some modalities; of all if none has."""
    heard = who_speaks(documents, [(), tuple(modalities)]) == 1
    told = np.isfinite(said).all(1)
    rows = np.flatnonzero(told & heard if (told & heard).any() else told)
    if not len(rows):
        return np.inf
    return float(-said[rows, documents.labels[rows]].mean())


def _rank(documents: DocumentSet, train: Index, choices: Sequence[Choice]) -> list[Choice]:
    """The best for documents with every modality, then the best of each modality alone."""
    present = _combinations(documents, train)
    wanted = [present[-1], *present[:-1]]
    ranked: list[Choice] = []
    for modalities in wanted:
        able = [c for c in choices if set(c.view.modalities) <= set(modalities)]
        # of equals the widest: without inner splits it is both modalities
        able.sort(key=lambda choice: -len(choice.view.modalities))
        best = min(able, key=lambda choice: _loss(documents, modalities, choice.said))
        if not any(best is other for other in ranked):
            ranked.append(best)
    return ranked


def _fit_chosen(choice: Choice, documents: DocumentSet, train: Index) -> LinearExpert:
    x, templates = choice.view.features(train)
    (expert,) = _fit(x, documents, train, choice.view.modalities, (choice.penalty,))
    return replace(expert, templates=templates)


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
