"""Templates of single segments that tell a class, for evidence that pooled statistics drown.

Segments of training documents are tried as templates: of each document only the segment that
responds most to a template counts. Those whose largest response tells a class best are kept.

References
----------
Chen, Bi and Wang, MILES: Multiple-Instance Learning via Embedded Instance Selection, IEEE
Transactions on Pattern Analysis and Machine Intelligence 28 (2006).
"""

from dataclasses import dataclass

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


@dataclass(frozen=True, eq=False)
class Candidates:
    """Segments of some documents as templates, and how documents respond.

    Attributes
    ----------
    modality : {"audio", "text"}
    templates : float64 array of shape (dim, n_candidates)
        The response of a segment is its product with a template.
    owner : int64 array of shape (n_candidates,)
        Document that each comes from.
    responses : float64 array of shape (n_documents, n_candidates)
        Largest response of a document's segments. NaN for a document without the modality, or
        that was not asked, and for the one that the template is of.
    """

    modality: Modality
    templates: Matrix
    owner: Index
    responses: Matrix

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
        x, y = self.responses[np.ix_(fitted, own)], labels[fitted]
        classes = np.unique(y)
        each = -(-n_peaks // len(classes))
        chosen = [own[np.argsort(-_contrast(x, y == k), kind="stable")[:each]] for k in classes]
        return np.unique(np.concatenate(chosen))


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
    directions = (drawn - centre) @ axes  # (n_candidates, n_axes)
    directions /= np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-12)
    templates = axes @ directions.T  # (dim, n_candidates)
    responses = np.full((documents.n_documents, len(owner)), np.nan)
    responses[heard] = largest_responses(documents.take(heard), modality, templates)
    responses[owner, np.arange(len(owner))] = np.nan  # a segment is most like itself
    return Candidates(modality, templates, owner, responses)


def largest_responses(documents: DocumentSet, modality: Modality, templates: Matrix) -> Matrix:
    """Largest response of each document's segments to each template.

    Parameters
    ----------
    documents : DocumentSet
    modality : {"audio", "text"}
    templates : float64 array of shape (dim, n_templates)

    Returns
    -------
    float64 array of shape (n_documents, n_templates)
        NaN for a document without the modality.
    """
    # single precision, in which the features are: half of the time
    weights = templates.astype(np.float32)
    found = np.full((documents.n_documents, templates.shape[1]), np.nan)
    for i, features in enumerate(documents.stream(modality)):
        if features is not None and is_present(features):
            found[i] = (features.x.astype(np.float32) @ weights).max(0)
    return found


def _draw(
    documents: DocumentSet, modality: Modality, heard: list[int], rng: np.random.Generator
) -> tuple[Matrix, Index]:
    """Segments of documents, of each as many, and which document each is of."""
    each = -(-CANDIDATES // len(heard))
    drawn, owner = [], []
    for i in rng.permutation(heard)[:CANDIDATES]:
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


def _contrast(x: Matrix, inside: NDArray[np.bool_]) -> Matrix:
    """Welch's t of each column, inside minus outside; least where it is undefined."""
    means, errors = [], []
    for part in (x[inside], x[~inside]):
        known = ~np.isnan(part)
        n = np.maximum(known.sum(0), 1)
        mean = np.where(known, part, 0.0).sum(0) / n
        means.append(np.where(known.any(0), mean, np.nan))
        errors.append(np.where(known, (part - mean) ** 2, 0.0).sum(0) / n**2)
    t: Matrix = (means[0] - means[1]) / np.sqrt(errors[0] + errors[1] + 1e-12)
    return np.where(np.isnan(t), -np.inf, t)
