"""Synthetic tasks of which is known what a model can reach, with the evidence in given features.

Every task deals labels in two classes. Each modality has a direction of its own, drawn at
random, along which a document's factor (-1 or 1) shows in its segments; everything else is
noise of deviation 1 for each segment and `NUISANCE` for each document.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hilbert.stages.fit.dataset import DocumentSet
from hilbert.store.types import Features

AUDIO_DIM, TEXT_DIM = 32, 24
NUISANCE = 0.3
"""Deviation by document of every feature, which no number of segments averages out."""

Bits = NDArray[np.int64]


def xor(n: int = 400, *, seed: int = 0) -> DocumentSet:
    """The label is whether the factors of audio and text differ."""
    rng = np.random.default_rng(seed)
    heard, read = rng.integers(0, 2, size=(2, n))
    return _documents(rng, heard ^ read, heard, read)


def one_modality(n: int = 400, *, seed: int = 0, strength: float = 0.35) -> DocumentSet:
    """Audio tells the label, with an AUC of about .9; text is noise."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, size=n)
    return _documents(rng, labels, labels, rng.integers(0, 2, size=n), strength=strength)


def redundant(n: int = 400, *, seed: int = 0, strength: float = 0.25) -> DocumentSet:
    """Audio tells the label and so does text, each with an AUC of about .8; both, of about .9."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, size=n)
    return _documents(rng, labels, labels, labels, strength=strength)


def needle(n: int = 400, *, seed: int = 0, n_segments: int = 300) -> DocumentSet:
    """One audio segment of each document is shifted, along a direction or against it by its label.

    Pooled statistics cannot see it: the mean of a document moves by a fortieth of a segment's
    deviation, and deviations are the same in both classes.
    """
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, size=n)
    found = _documents(rng, labels, labels, labels, strength=0.0, n_audio=(n_segments, n_segments))
    direction = rng.standard_normal(AUDIO_DIM)
    direction /= np.linalg.norm(direction)
    audio = []
    for i, features in enumerate(found.audio):
        assert features is not None
        x = features.x.astype(np.float64)
        x[rng.integers(n_segments)] += NEEDLE * (2 * labels[i] - 1) * direction
        audio.append(Features(x.astype(np.float16), features.times))
    return replace(found, audio=tuple(audio))


NEEDLE = 8.0
"""Length of the one segment's shift, in deviations of a segment."""


def withhold_text(documents: DocumentSet, share: float, *, seed: int = 0) -> DocumentSet:
    """The same documents, a share of which has lost its text."""
    rng = np.random.default_rng(seed)
    lost = rng.permutation(documents.n_documents) < share * documents.n_documents
    text = [None if gone else f for gone, f in zip(lost, documents.text, strict=True)]
    return replace(documents, text=tuple(text))


def _documents(
    rng: np.random.Generator,
    labels: Bits,
    heard: Bits,
    read: Bits,
    *,
    strength: float = 1.0,
    n_audio: tuple[int, int] = (10, 30),
    n_text: tuple[int, int] = (5, 15),
) -> DocumentSet:
    n = len(labels)
    return DocumentSet(
        ids=tuple(f"d{i:03d}" for i in range(n)),
        groups=tuple(f"g{i:03d}" for i in range(n)),
        labels=labels.astype(np.int64),
        classes=("no", "yes"),
        audio=_stream(rng, strength * (2 * heard - 1), AUDIO_DIM, n_audio),
        text=_stream(rng, strength * (2 * read - 1), TEXT_DIM, n_text),
    )


def _stream(
    rng: np.random.Generator, factor: NDArray[np.float64], dim: int, lengths: tuple[int, int]
) -> tuple[Features, ...]:
    """Segments of every document in one modality."""
    direction = rng.standard_normal(dim)
    direction /= np.linalg.norm(direction)
    found = []
    for value in factor:
        length = int(rng.integers(lengths[0], lengths[1] + 1))
        center = value * direction + NUISANCE * rng.standard_normal(dim)
        x = center + rng.standard_normal((length, dim))
        start = 2.0 * np.arange(length)
        found.append(Features(x.astype(np.float16), np.stack([start, start + 1.5], 1)))
    return tuple(found)
