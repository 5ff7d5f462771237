"""Documents as padded tensors with masks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hilbert.stages.fit.dataset import DocumentSet, Widths, is_present
from hilbert.store.types import Features

Index = NDArray[np.int64]
MAX_CELLS = 1_000_000
"""Pairs of audio and text segments in a batch, which bounds the memory of cross-attention."""


@dataclass(frozen=True, eq=False)
class Stream:
    """One modality of a batch.

    Attributes
    ----------
    x : Tensor of shape (n_documents, n_segments, dim), float32
        Features, zero where padded; at least one segment long.
    mask : Tensor of shape (n_documents, n_segments), bool
        True at segments, False at padding; all False where a document lacks the modality.
    times : Tensor of shape (n_documents, n_segments, 2), float32
        Start and end in seconds, NaN where unknown.
    """

    x: Tensor
    mask: Tensor
    times: Tensor

    @property
    def present(self) -> Tensor:
        """Whether each document has the modality, bool of shape (n_documents,)."""
        return self.mask.any(1)


@dataclass(frozen=True, eq=False)
class Batch:
    """Both modalities of some documents."""

    audio: Stream
    text: Stream


def draw_view(batch: Batch, low: float) -> Batch:
    """The same batch with a random part of each document's segments masked out.

    Parameters
    ----------
    batch : Batch
    low : float
        Smallest share of segments kept; each document's share is uniform between it and 1.

    Returns
    -------
    Batch
        Shares features and times; every modality that was present stays present.
    """
    return Batch(_draw(batch.audio, low), _draw(batch.text, low))


def withhold(batch: Batch, share: float) -> Batch:
    """The same batch where some documents that have both modalities lose one of them.

    A document that is seen with audio alone and with text alone is predicted from either.

    Parameters
    ----------
    batch : Batch
    share : float
        Chance that a document loses one; audio and text go equally often.
    """
    if not share:
        return batch
    luck = torch.rand(len(batch.audio.mask), device=batch.audio.mask.device)
    both = batch.audio.present & batch.text.present
    silent, unread = both & (luck < share / 2), both & (luck >= 1 - share / 2)
    return Batch(
        replace(batch.audio, mask=batch.audio.mask & ~silent[:, None]),
        replace(batch.text, mask=batch.text.mask & ~unread[:, None]),
    )


def _draw(stream: Stream, low: float) -> Stream:
    n_segments = stream.mask.sum(1)
    share = low + (1 - low) * torch.rand(n_segments.shape, device=n_segments.device)
    kept = (share * n_segments).round().clamp(min=1)
    # segments in random order, padding last: the first `kept` of each row stay
    luck = torch.rand(stream.mask.shape, device=n_segments.device)
    rank = luck.masked_fill(~stream.mask, torch.inf).argsort(1).argsort(1)
    return replace(stream, mask=stream.mask & (rank < kept[:, None]))


def collate(
    documents: DocumentSet,
    index: Index,
    widths: Widths,
    *,
    limit: int | None = None,
    rng: np.random.Generator | None = None,
    device: str = "cpu",
) -> Batch:
    """Pad the documents at `index` into one batch.

    Parameters
    ----------
    documents : DocumentSet
    index : int64 array of shape (n_batch,)
    widths : Widths
        Feature widths, also of a modality that none of these documents has.
    limit : int, optional
        Segments of a modality at most, drawn with `rng`; all are taken without it.
    device : str
        Where the tensors go.
    """
    audio = [_limited(documents.audio[i], limit, rng) for i in index]
    text = [_limited(documents.text[i], limit, rng) for i in index]
    return Batch(_pad(audio, widths.audio, device), _pad(text, widths.text, device))


def bounded_batches(documents: DocumentSet, batch_size: int) -> Iterator[Index]:
    """Consecutive documents in batches of bounded size and bounded number of segment pairs."""
    batch: list[int] = []
    longest = np.zeros(2, dtype=np.int64)
    for i in range(documents.n_documents):
        lengths = np.array([_length(documents.audio[i]), _length(documents.text[i])])
        grown = np.maximum(longest, lengths)
        if batch and (len(batch) == batch_size or (len(batch) + 1) * grown.prod() > MAX_CELLS):
            yield np.array(batch)
            batch, grown = [], lengths
        batch.append(i)
        longest = grown
    if batch:
        yield np.array(batch)


def _length(features: Features | None) -> int:
    return 1 if features is None else max(1, len(features.x))


def _limited(
    features: Features | None, limit: int | None, rng: np.random.Generator | None
) -> Features | None:
    """Some of the segments, in order, where there are more than `limit`."""
    if features is None or limit is None or rng is None or len(features.x) <= limit:
        return features
    kept = drawn_rows(len(features.x), limit, rng)
    return Features(features.x[kept], features.times[kept])


def drawn_rows(n: int, limit: int, rng: np.random.Generator) -> Index:
    """Which of `n` segments a batch takes, in order: all, or `limit` that are drawn."""
    return np.arange(n) if n <= limit else np.sort(rng.permutation(n)[:limit])


def _pad(stream: Sequence[Features | None], width: int, device: str) -> Stream:
    """Pad to the longest document, at least one segment so that no tensor is empty."""
    longest = max(_length(features) for features in stream)
    x = np.zeros((len(stream), longest, width), dtype=np.float32)
    mask = np.zeros((len(stream), longest), dtype=np.bool_)
    times = np.full((len(stream), longest, 2), np.nan, dtype=np.float32)
    for i, features in enumerate(stream):
        if features is not None and is_present(features):
            n = len(features.x)
            x[i, :n], mask[i, :n], times[i, :n] = features.x, True, features.times
    return Stream(*(torch.from_numpy(part).to(device) for part in (x, mask, times)))
