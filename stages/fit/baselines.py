"""What HILBERT must beat: class frequencies, and logistic regression on pooled features."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from hilbert.stages.fit.batches import Index
from hilbert.stages.fit.dataset import MISSING, DocumentSet, is_present
from hilbert.stages.fit.results import Inner, Result
from hilbert.stages.fit.splits import inner_splits
from hilbert.store.types import MODALITIES, Features, Modality

Matrix = NDArray[np.float64]

PENALTIES: tuple[float, ...] = (1e-4, 1e-3, 1e-2, 1e-1, 1e0, 1e1)
"""Inverse strengths of the penalty to choose from."""

INNER_PARTS = 5
FALLBACK_C = 1e-2
"""Used where the training groups are too few to choose."""


@dataclass(frozen=True)
class Majority:
    """Predicts the class frequencies of the training documents."""

    name: str = "majority"
    is_quick: ClassVar[bool] = True

    def fit_predict(self, documents: DocumentSet, train: Index, test: Index, seed: int) -> Matrix:
        """Probabilities of the test documents, shape (n_test, n_classes)."""
        labels = documents.labels[train]
        counts = np.bincount(labels[labels != MISSING], minlength=documents.n_classes)
        return np.tile(counts / counts.sum(), (len(test), 1))


@dataclass(frozen=True, eq=False)
class Logistic:
    """Logistic regression on pooled features, its penalty chosen inside the training documents.

    Attributes
    ----------
    name : str
    pooled : float64 array of shape (n_documents, n_features)
        NaN where a document lacks a modality, see `pool`.
    """

    name: str
    pooled: Matrix
    is_quick: ClassVar[bool] = True

    def fit_predict(self, documents: DocumentSet, train: Index, test: Index, seed: int) -> Matrix:
        """Probabilities of the test documents, shape (n_test, n_classes)."""
        return self.fit_fold(documents, train, test, seed).probabilities

    def fit_fold(self, documents: DocumentSet, train: Index, test: Index, seed: int) -> Result:
        """Predictions, and those of the inner splits under the penalty that they chose."""
        known = train[documents.labels[train] != MISSING]
        # the matrices are small: threads of BLAS would cost more than they bring
        with threadpool_limits(1):
            C, inner = self._choose(documents, known, seed)
            return Result(self._path(documents, known, test, (C,))[0], inner)

    def _choose(
        self, documents: DocumentSet, train: Index, seed: int
    ) -> tuple[float, Inner | None]:
        """The penalty with the lowest mean log loss over the inner splits."""
        splits = inner_splits(documents.labels, documents.groups, train, INNER_PARTS, seed)
        if not splits:
            return FALLBACK_C, None
        tested = [test for _, test in splits]
        paths = [self._path(documents, fitted, test, PENALTIES) for fitted, test in splits]
        losses = [
            [mean_log_loss(p, documents.labels[test]) for p in path]
            for test, path in zip(tested, paths, strict=True)
        ]
        best = int(np.argmin(np.mean(losses, axis=0)))
        inner = Inner(np.concatenate(tested), np.concatenate([path[best] for path in paths]))
        return PENALTIES[best], inner

    def _path(
        self, documents: DocumentSet, train: Index, test: Index, penalties: Sequence[float]
    ) -> list[Matrix]:
        """Probabilities of the test documents for each penalty, the strongest first."""
        present = np.unique(documents.labels[train])
        fitted, tested = _standardised(self.pooled[train], self.pooled[test])
        if len(present) == 1 or not fitted.any():  # nothing to tell apart, or nothing to tell by
            even = np.zeros((len(test), documents.n_classes))
            even[:, present] = 1 / len(present)
            return [even] * len(penalties)
        fitted, tested = rotate(fitted, tested)
        # each penalty starts from the coefficients of the one before
        model = LogisticRegression(max_iter=1000, warm_start=True, class_weight="balanced")
        found = []
        for C in penalties:
            model.set_params(C=C).fit(fitted, documents.labels[train])
            p = np.zeros((len(test), documents.n_classes))
            p[:, model.classes_] = model.predict_proba(tested)
            found.append(p)
        return found


def make_baselines(documents: DocumentSet) -> tuple[Majority | Logistic, ...]:
    """Baselines that the documents allow.

    Returns
    -------
    tuple
        `majority`, then `logistic_audio`, `logistic_text` and `logistic_both`; those that
        need a modality which no document has are left out.
    """
    pooled = {m: pool(documents, m) for m in MODALITIES if getattr(documents.widths, m)}
    pooled = {m: x for m, x in pooled.items() if not np.isnan(x).all()}
    found = [Logistic(f"logistic_{m}", x) for m, x in pooled.items()]
    if len(pooled) == 2:
        found.append(Logistic("logistic_both", _side_by_side(list(pooled.values()))))
    return (Majority(), *found)


def mean_log_loss(probabilities: Matrix, labels: NDArray[np.int64]) -> float:
    """Mean of minus the log of the true class's probability.

    scikit-learn's takes as long as the fit that it judges.

    Parameters
    ----------
    probabilities : float64 array of shape (n_documents, n_classes)
    labels : int64 array of shape (n_documents,)
    """
    p = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(p, np.finfo(np.float64).eps)).mean())


def pool(documents: DocumentSet, modality: Modality, width: int | None = None) -> Matrix:
    """Mean and deviation over the segments of each document.

    Parameters
    ----------
    documents : DocumentSet
    modality : {"audio", "text"}
    width : int, optional
        Of the features, where these documents may not tell it because none has the modality.

    Returns
    -------
    float64 array of shape (n_documents, 2 * dim)
        NaN where a document lacks the modality.
    """
    known = getattr(documents.widths, modality) if width is None else width
    rows = [_pool_one(features, known) for features in documents.stream(modality)]
    return np.stack(rows)


def rotate(fitted: Matrix, tested: Matrix) -> tuple[Matrix, Matrix]:
    """Coordinates along the principal axes of `fitted`, as many as it has rows at most.

    A ridge penalty is the same in rotated coordinates, and the solution lies in the span of
    the training documents; so 3,072 features of 200 documents become 200 without loss.

    Parameters
    ----------
    fitted : float64 array of shape (n_fitted, n_features)
    tested : float64 array of shape (n_tested, n_features)
    """
    axes = rotation(fitted)
    return fitted @ axes, tested @ axes


def rotation(fitted: Matrix) -> Matrix:
    """The axes of `rotate`, orthonormal columns; the identity where it would save nothing.

    Returns
    -------
    float64 array of shape (n_features, n_axes)
    """
    if fitted.shape[1] <= fitted.shape[0]:
        return np.eye(fitted.shape[1])
    variances, axes = np.linalg.eigh(fitted @ fitted.T)
    kept = variances > 1e-10 * variances.max(initial=0.0)
    found: Matrix = fitted.T @ (axes[:, kept] / np.sqrt(variances[kept]))
    return found


def _side_by_side(pooled: Sequence[Matrix]) -> Matrix:
    """Features of all modalities, and which are present where any document lacks one.

    HILBERT's router sees which modalities a document has, so the baseline sees it too.
    """
    present = np.stack([~np.isnan(x).all(axis=1) for x in pooled], axis=1)
    told = [] if present.all() else [present.astype(np.float64)]
    return np.concatenate([*pooled, *told], axis=1)


def _pool_one(features: Features | None, width: int) -> Matrix:
    if features is None or not is_present(features):
        return np.full(2 * width, np.nan)
    x = features.x.astype(np.float64)
    return np.concatenate([x.mean(0), x.std(0)])


def _standardised(fitted: Matrix, tested: Matrix) -> tuple[Matrix, Matrix]:
    """Standardised by `fitted` alone; what is missing becomes its mean, which is 0."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # no training document has a modality
        scaler = StandardScaler().fit(fitted)
    return np.nan_to_num(scaler.transform(fitted)), np.nan_to_num(scaler.transform(tested))
