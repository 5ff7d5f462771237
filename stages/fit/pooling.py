"""Self-attentive pooling of a masked sequence into one vector."""

import torch
from torch import Tensor, nn

from hilbert.stages.fit.config import Pooling

VARIANCE_FLOOR = 1e-4
"""Added under the square root, whose slope is infinite at the variance of one segment, 0."""


def masked_softmax(scores: Tensor, mask: Tensor) -> Tensor:
    """Softmax over dimension 1 that gives padding exactly 0, and all 0 where nothing is left.

    Parameters
    ----------
    scores : Tensor of shape (n_documents, n_segments, n_hops)
    mask : Tensor of shape (n_documents, n_segments), bool

    Returns
    -------
    Tensor of shape (n_documents, n_segments, n_hops)
    """
    kept = mask[..., None]
    # the smallest finite number, not -inf: a document without any segment must not yield NaN
    lowest = torch.finfo(scores.dtype).min
    return scores.masked_fill(~kept, lowest).softmax(1) * kept


def weighted_statistics(x: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation of segments under each hop's weights.

    Parameters
    ----------
    x : Tensor of shape (n_documents, n_segments, width)
    weights : Tensor of shape (n_documents, n_segments, n_hops)
        Sums to 1 over the segments.

    Returns
    -------
    tuple of two Tensors of shape (n_documents, n_hops, width)

    References
    ----------
    Okabe et al., Attentive Statistics Pooling, eqs. 5-6, arXiv 1803.10963.
    """
    spread = weights.transpose(1, 2)  # (n_documents, n_hops, n_segments)
    mean = spread @ x
    variance = (spread @ x.square() - mean.square()).clamp(min=0.0)
    return mean, (variance + VARIANCE_FLOOR).sqrt()


class AttentivePooling(nn.Module):
    """Pools segments into one embedding by several attention hops.

    Parameters
    ----------
    width : int
        Of the segments and of the embedding.
    hops : int
        Attention distributions over the segments.
    pooling : {"statistics", "mean"}
        Whether the deviation under the weights joins the mean.
    peaks : int
        Linear detectors of which only the largest response to any segment counts, for evidence
        in a single segment, which every mean over hundreds drowns (max pooling of instances).
    dropout : float
        Of the pooled statistics.

    References
    ----------
    Lin et al., A Structured Self-Attentive Sentence Embedding, arXiv 1703.03130.
    """

    def __init__(self, width: int, hops: int, pooling: Pooling, peaks: int, dropout: float) -> None:
        super().__init__()
        self.pooling = pooling
        query = nn.Linear(width, hops)
        # all hops start as the plain mean, which is what little data can improve upon
        nn.init.zeros_(query.weight)
        self.score = nn.Sequential(nn.Linear(width, width), nn.Tanh(), query)
        n_statistics = 2 if pooling == "statistics" else 1
        self.detect = nn.Linear(width, peaks) if peaks else None
        self.output = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(hops * n_statistics * width + peaks, width),
            nn.LayerNorm(width),
        )

    def forward(self, x: Tensor, mask: Tensor, prior: Tensor | None = None) -> Tensor:
        """Embed each document.

        Parameters
        ----------
        x : Tensor of shape (n_documents, n_segments, width)
        mask : Tensor of shape (n_documents, n_segments), bool
        prior : Tensor of shape (n_documents, n_segments), optional
            Added to every hop's scores.

        Returns
        -------
        Tensor of shape (n_documents, width)
            Zero for a document without segments.
        """
        scores = self.score(x)  # (n_documents, n_segments, n_hops)
        if prior is not None:
            scores = scores + prior[..., None]
        mean, deviation = weighted_statistics(x, masked_softmax(scores, mask))
        parts = [mean, deviation] if self.pooling == "statistics" else [mean]
        # (n_documents, n_hops * n_statistics * width + n_peaks)
        pooled = torch.cat([*(part.flatten(1) for part in parts), *self._peaks(x, mask)], 1)
        embedding: Tensor = self.output(pooled) * mask.any(1, keepdim=True)
        return embedding

    def _peaks(self, x: Tensor, mask: Tensor) -> list[Tensor]:
        """Largest response of each detector, of shape (n_documents, n_peaks), if there are any."""
        if self.detect is None:
            return []
        responses = self.detect(x)  # (n_documents, n_segments, n_peaks)
        largest = responses.masked_fill(~mask[..., None], torch.finfo(x.dtype).min).amax(1)
        return [largest.masked_fill(~mask.any(1, keepdim=True), 0.0)]
