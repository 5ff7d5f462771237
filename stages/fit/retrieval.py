"""Whether the audio of a document finds its own text among others: held-out alignment."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hilbert.stages.fit.dataset import DocumentSet, is_present
from hilbert.stages.fit.trained import TrainedModel


class Recall(NamedTuple):
    """Retrieval among the documents that have both modalities.

    Attributes
    ----------
    at_1 : float
        Share whose nearest embedding of the other modality is their own, mean of audio to
        text and text to audio; `chance` for embeddings that know nothing of each other.
    chance : float
        One over the number of documents.
    """

    at_1: float
    chance: float


def measure_recall(model: TrainedModel, documents: DocumentSet) -> Recall | None:
    """Recall of documents the model has not seen; None where fewer than two have both."""
    both = [
        i
        for i in range(documents.n_documents)
        if is_present(documents.audio[i]) and is_present(documents.text[i])
    ]
    if len(both) < 2:
        return None
    embeddings = model.embed(documents.take(both))
    return Recall(recall_at_1(embeddings["audio"], embeddings["text"]), 1 / len(both))


def recall_at_1(x: NDArray[np.float32], y: NDArray[np.float32]) -> float:
    """Share of rows whose most similar row of the other side, by cosine, is their own.

    Parameters
    ----------
    x, y : float32 arrays of shape (n_documents, width)
    """
    cosines = _unit(x) @ _unit(y).T  # (n_documents, n_documents)
    own = np.arange(len(x))
    return float((np.mean(cosines.argmax(1) == own) + np.mean(cosines.argmax(0) == own)) / 2)


def _unit(x: NDArray[np.float32]) -> NDArray[np.float64]:
    norms = np.linalg.norm(x, axis=1, keepdims=True)
    unit: NDArray[np.float64] = x / np.maximum(norms, 1e-12)
    return unit
