"""Standardisation of segment features, fitted on training documents only."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hilbert.stages.fit.dataset import DocumentSet, is_present
from hilbert.store.types import Features, Modality

FLOOR = 1e-3
"""Smallest deviation divided by: below it a dimension is constant up to float16."""


class Moments(NamedTuple):
    """Mean and deviation of each feature dimension, float32 arrays of shape (dim,)."""

    mean: NDArray[np.float32]
    deviation: NDArray[np.float32]


def segment_moments(
    documents: DocumentSet, index: NDArray[np.int64], modality: Modality
) -> Moments:
    """Moments over the segments of the documents at `index`, each document counting the same.

    Documents count the same, not segments: a label is a document's, so one recording of
    three hours must not decide alone where the zero of a corpus of short ones lies.

    Parameters
    ----------
    documents : DocumentSet
    index : int64 array of shape (n_training,)
        Training documents; those without the modality do not count.
    modality : {"audio", "text"}

    Returns
    -------
    Moments
        Zero and one where no training document has the modality.
    """
    stream = documents.stream(modality)
    parts = [_raw_moments(f) for i in index if (f := stream[i]) is not None and is_present(f)]
    if not parts:
        width = getattr(documents.widths, modality)
        return Moments(np.zeros(width, dtype=np.float32), np.ones(width, dtype=np.float32))
    first, second = np.mean(parts, axis=0)  # each (dim,)
    deviation = np.sqrt(np.maximum(second - first**2, 0.0))
    deviation[deviation < FLOOR] = 1.0
    return Moments(first.astype(np.float32), deviation.astype(np.float32))


def _raw_moments(features: Features) -> NDArray[np.float64]:
    """First and second raw moment of one document's segments, shape (2, dim)."""
    x = features.x.astype(np.float64)
    return np.stack([x.mean(0), (x**2).mean(0)])
