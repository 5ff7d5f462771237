"""Templates of single segments that tell a class, for evidence that pooled statistics drown.

Segments of training documents are tried as templates: of each document only the segment that
responds most to a template counts. Those whose largest response tells a class best are kept.

References
----------
Chen, Bi and Wang, MILES: Multiple-Instance Learning via Embedded Instance Selection, IEEE
Transactions on Pattern Analysis and Machine Intelligence 28 (2006).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from hilbert.stages.fit.batches import Index
from hilbert.stages.fit.dataset import DocumentSet, is_present
from hilbert.store.types import Modality

Matrix = NDArray[np.float64]

CANDIDATES = 2048
"""Segments that are tried as templates, about: enough that some are of a kind that is one in
300 of the segments."""

AXES = 64
"""Principal axes in which segments are compared, at most. Noise of a template grows with their
number, and evidence outside of them is not seen."""

RIDGE = 0.01
"""Added to the variance of each axis, as a share of their mean."""


MAX_CELLS = 40_000_000
"""Responses that are kept at once; of more than 20,000 documents fewer segments are tried."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """Segments of some documents as templates, and how documents respond.

    Attributes
    ----------
    modality : {"audio", "text"}
    axes : float64 array of shape (dim, n_axes)
    directions : float64 array of shape (n_axes, n_candidates)
        Each of length 1. The response of a segment is its product with axes and direction.
    owner : int64 array of shape (n_candidates,)
        Document that each comes from.
    responses : float32 array of shape (n_documents, n_candidates)
        Largest response of a document's segments. NaN for a document without the modality, or
        that was not asked, and for the one that the template is of.
    """

    modality: Modality
    axes: Matrix
    directions: Matrix
    owner: Index
    responses: NDArray[np.float32]

    def best(self, labels: NDArray[np.int64], fitted: Index, n_peaks: int) -> Index:
        """Templates of fitted documents that tell a class, as many for each class.

        Parameters
        ----------
        labels : int64 array of shape (n_documents,)
        fitted : int64 array
            Documents whose labels are looked at, all known.
        n_peaks : int
            Wanted, about.

        Returns
        -------
        int64 array of shape (n_chosen,)
            Sorted.
        """
        own = np.flatnonzero(np.isin(self.owner, fitted))
        told = _contrasts(self.responses[np.ix_(fitted, own)], labels[fitted])
        each = -(-n_peaks // len(told))
        chosen = [own[np.argsort(-t, kind="stable")[:each]] for t in told]
        return np.unique(np.concatenate(chosen))

    def templates(self, chosen: Index) -> Matrix:
        """Some of the templates as one matrix, shape (dim, n_chosen)."""
        found: Matrix = self.axes @ self.directions[:, chosen]
        return found


def find_candidates(
    documents: DocumentSet, modality: Modality, train: Index, seed: int
) -> Candidates | None:
    """Templates drawn evenly from training documents; None where none has the modality."""
    stream = documents.stream(modality)
    heard = [int(i) for i in train if is_present(stream[int(i)])]
    if not heard:
        return None
    rng = np.random.default_rng(seed)
    drawn, owner = _draw(documents, modality, heard, rng)
    axes, centre = _whitening(drawn)
    directions = ((drawn - centre) @ axes).T  # (n_axes, n_candidates)
    directions /= np.maximum(np.linalg.norm(directions, axis=0), 1e-12)
    responses = np.full((documents.n_documents, len(owner)), np.nan, dtype=np.float32)
    responses[heard] = largest_responses(documents.take(heard), modality, axes, directions)
    responses[owner, np.arange(len(owner))] = np.nan  # a segment is most like itself
    return Candidates(modality, axes, directions, owner, responses)


def largest_responses(
    documents: DocumentSet, modality: Modality, *templates: Matrix
) -> NDArray[np.float32]:
    """Largest response of each document's segments to each template.

    Parameters
    ----------
    documents : DocumentSet
    modality : {"audio", "text"}
    *templates : float64 arrays of shapes (dim, ...), ..., (..., n_templates)
        Segments are multiplied by each in turn.

    Returns
    -------
    float32 array of shape (n_documents, n_templates)
        NaN for a document without the modality.
    """
    # single precision, in which the features are: half of the time
    factors = [factor.astype(np.float32) for factor in templates]
    found = np.full((documents.n_documents, factors[-1].shape[1]), np.nan, dtype=np.float32)
    for i, features in enumerate(documents.stream(modality)):
        if features is not None and is_present(features):
            found[i] = reduce(np.matmul, factors, features.x.astype(np.float32)).max(0)
    return found


def _draw(
    documents: DocumentSet, modality: Modality, heard: list[int], rng: np.random.Generator
) -> tuple[Matrix, Index]:
    """Segments of documents, of each as many, and which document each is of."""
    wanted = min(CANDIDATES, 1 + MAX_CELLS // documents.n_documents)
    each = -(-wanted // len(heard))
    drawn, owner = [], []
    for i in rng.permutation(heard)[:wanted]:
        features = documents.stream(modality)[i]
        assert features is not None
        rows = rng.permutation(len(features.x))[:each]
        drawn.append(features.x[rows].astype(np.float64))
        owner += [i] * len(rows)
    return np.concatenate(drawn), np.array(owner, dtype=np.int64)


def _whitening(drawn: Matrix) -> tuple[Matrix, Matrix]:
    """Axes of shape (dim, n_axes) along which segments have about unit variance, and the centre."""
    centre, scale = drawn.mean(0), drawn.std(0)
    scale = np.where(scale > 1e-6, scale, 1.0)
    variances, axes = np.linalg.eigh(np.cov(((drawn - centre) / scale).T).reshape(2 * scale.shape))
    variances, axes = variances[-AXES:], axes[:, -AXES:]
    spread = np.sqrt(np.maximum(variances, 0.0) + RIDGE * variances.mean() + 1e-12)
    return axes / spread / scale[:, None], centre


def _contrasts(x: NDArray[np.float32], labels: NDArray[np.int64]) -> Matrix:
    """Welch's t of each column, each class against the others, shape (n_classes, n_columns).

    NaN are left out; least where a side has nothing else.
    """
    classes = np.unique(labels)
    member = (labels == classes[:, None]).astype(np.float32)  # (n_classes, n_documents)
    known = ~np.isnan(x)
    centred = np.where(known, x, 0.0) - np.where(known, x, 0.0).mean(0)
    centred = np.where(known, centred, 0.0)
    sums = [(member @ part).astype(np.float64) for part in (known, centred, centred**2)]
    (n, mean, error), rest = _moments(sums), _moments([part.sum(0) - part for part in sums])
    t = (mean - rest[1]) / np.sqrt(error + rest[2] + 1e-12)
    return np.where((n > 0) & (rest[0] > 0), t, -np.inf)


def _moments(sums: Sequence[Matrix]) -> tuple[Matrix, Matrix, Matrix]:
    """Number, mean and squared standard error from number, sum and sum of squares."""
    n = np.maximum(sums[0], 1)
    mean = sums[1] / n
    return sums[0], mean, np.maximum(sums[2] / n - mean**2, 0.0) / n
