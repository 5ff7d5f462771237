"""Documents whose features lie on the device, for training on a GPU.

`batches.collate` pads a batch on the processor and copies it over; of documents that lie on the
device already, it is gathered there, and only the numbers of its rows are sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hilbert.stages.fit.batches import Batch, Index, Stream, drawn_rows
from hilbert.stages.fit.dataset import DocumentSet, Widths, is_present
from hilbert.store.types import Features

SHARE = 0.5
"""Of the memory of a GPU that is free: the rest is for the network and its batches."""


@dataclass(frozen=True, eq=False)
class ResidentStream:
    """One modality of all documents, one after another, on the device.

    Attributes
    ----------
    x : Tensor of shape (n_rows + 1, dim), float16
        The last row is zero, and stands where a batch is padded.
    times : Tensor of shape (n_rows + 1, 2), float32
        NaN in the last row.
    starts, lengths : int64 arrays of shape (n_documents,)
        A document's first row, and how many it has.
    """

    x: Tensor
    times: Tensor
    starts: Index
    lengths: Index

    def rows(self, document: int, limit: int, rng: np.random.Generator) -> Index:
        """Rows of a document that a batch takes."""
        drawn = drawn_rows(int(self.lengths[document]), limit, rng)
        return drawn + int(self.starts[document])

    def gather(self, rows: Sequence[Index]) -> Stream:
        """Those rows of each document, padded; at least one segment long."""
        longest = max(1, *(len(own) for own in rows))
        padding = len(self.x) - 1
        numbers = np.full((len(rows), longest), padding)
        for i, own in enumerate(rows):
            numbers[i, : len(own)] = own
        index = torch.from_numpy(numbers).to(self.x.device)
        return Stream(self.x[index].float(), index != padding, self.times[index])


@dataclass(frozen=True, eq=False)
class Resident:
    """Both modalities of all documents on the device."""

    audio: ResidentStream
    text: ResidentStream

    def collate(self, index: Index, limit: int, rng: np.random.Generator) -> Batch:
        """What `batches.collate` makes of the documents at `index`, with the same draws."""
        audio = [self.audio.rows(i, limit, rng) for i in index]
        text = [self.text.rows(i, limit, rng) for i in index]
        return Batch(self.audio.gather(audio), self.text.gather(text))


def make_resident(documents: DocumentSet, widths: Widths, device: str) -> Resident:
    """Copy the features of all documents to the device."""
    return Resident(
        _make_stream(documents.audio, widths.audio, device),
        _make_stream(documents.text, widths.text, device),
    )


def may_reside(documents: DocumentSet, device: str) -> bool:
    """Whether the device is a GPU of the kind CUDA with room for the features."""
    if torch.device(device).type != "cuda":
        return False
    free, _ = torch.cuda.mem_get_info(device)
    return n_bytes(documents) <= SHARE * free


def n_bytes(documents: DocumentSet) -> int:
    """What the features take on a device."""
    streams = (f for f in (*documents.audio, *documents.text) if f is not None)
    return sum(2 * f.x.size + 4 * f.times.size for f in streams)


def _make_stream(stream: Sequence[Features | None], width: int, device: str) -> ResidentStream:
    lengths = np.array([0 if f is None or not is_present(f) else len(f.x) for f in stream])
    starts = np.cumsum(lengths) - lengths
    n_rows = int(lengths.sum())
    x = torch.zeros((n_rows + 1, width), dtype=torch.float16, device=device)
    times = torch.full((n_rows + 1, 2), torch.nan, device=device)
    for features, start, length in zip(stream, starts, lengths, strict=True):
        if features is not None and length:
            x[start : start + length] = torch.from_numpy(np.array(features.x))
            times[start : start + length] = torch.from_numpy(np.array(features.times)).float()
    return ResidentStream(x, times, starts, lengths)
