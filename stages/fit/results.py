"""What a model gives for one fold."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from hilbert.stages.fit.retrieval import Recall
    from hilbert.stages.fit.withheld import Withheld


class Inner(NamedTuple):
    """Predictions of training documents by models that did not see them.

    Thresholds are chosen on them, so that no document of the test part has a say.

    Attributes
    ----------
    documents : int64 array of shape (n_inner,)
        Training documents with a label.
    probabilities : float64 array of shape (n_inner, n_classes)
    """

    documents: NDArray[np.int64]
    probabilities: NDArray[np.float64]


class Result(NamedTuple):
    """What a model made of a fold.

    Attributes
    ----------
    probabilities : float64 array of shape (n_test, n_classes)
    inner : Inner, optional
        None where the model has nothing to choose a threshold of, or too few groups to.
    recall : Recall, optional
        How well the embeddings of test documents find their other modality.
    withheld : mapping, optional
        What the same model makes of test documents without one of their modalities.
    uncalibrated : float64 array of shape (n_test, n_classes), optional
        `probabilities` before they are calibrated.
    """

    probabilities: NDArray[np.float64]
    inner: Inner | None = None
    recall: "Recall | None" = None
    withheld: "Withheld | None" = None
    uncalibrated: NDArray[np.float64] | None = None
