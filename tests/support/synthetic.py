"""Document sets made up for a test: small, with a known truth."""

import numpy as np
from numpy.typing import NDArray

from hilbert.stages.fit.config import ModelConfig, TrainConfig
from hilbert.stages.fit.dataset import DocumentSet
from hilbert.store.types import Features

SMALL = ModelConfig(width=16, heads=2, hops=2, expert_width=8, experts=2, dropout=0.1)
"""A network that trains in a blink."""


def small_config(**options: object) -> TrainConfig:
    """Options of a short training of a small network."""
    values: dict[str, object] = {
        "model": SMALL,
        "epochs": 3,
        "min_steps": 1,
        "seeds_averaged": 1,
        "lr": 3e-3,
    }
    return TrainConfig(**{**values, **options})  # type: ignore[arg-type]


def features(rng: np.random.Generator, n_segments: int, center: NDArray[np.float64]) -> Features:
    """Noise around a centre, in consecutive spans of two seconds."""
    x = center + rng.standard_normal((n_segments, len(center)))
    start = 2.0 * np.arange(n_segments)
    return Features(x.astype(np.float16), np.stack([start, start + 1.5], 1))


def make_documents(
    n: int = 40,
    *,
    seed: int = 0,
    n_classes: int = 2,
    audio_dim: int = 6,
    text_dim: int = 4,
    per_group: int = 1,
    told_by: str = "audio",
    strength: float = 2.0,
) -> DocumentSet:
    """Documents whose label shows in the first feature of one modality, or in both as XOR.

    Parameters
    ----------
    n : int
    n_classes : int
        Labels go round; with ``told_by="xor"`` there are two.
    per_group : int
        Consecutive documents that share a group.
    told_by : {"audio", "text", "xor", "nothing"}
        What tells the label.
    strength : float
        Distance of the centres of two classes, in deviations of a segment.
    """
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, size=(n, 2))
    labels = bits[:, 0] ^ bits[:, 1] if told_by == "xor" else np.arange(n) % n_classes
    audio, text = [], []
    for i in range(n):
        heard, read = np.zeros(audio_dim), np.zeros(text_dim)
        heard[0], read[0] = strength * _centres(told_by, int(labels[i]), bits[i])
        audio.append(features(rng, int(rng.integers(3, 9)), heard))
        text.append(features(rng, int(rng.integers(2, 6)), read))
    return DocumentSet(
        ids=tuple(f"d{i:03d}" for i in range(n)),
        groups=tuple(f"g{i // per_group:03d}" for i in range(n)),
        labels=labels.astype(np.int64),
        classes=tuple("abcdefgh"[:n_classes]),
        audio=tuple(audio),
        text=tuple(text),
    )


def _centres(told_by: str, label: int, bits: NDArray[np.int64]) -> NDArray[np.float64]:
    """First feature of audio and of text."""
    if told_by == "xor":
        return 2.0 * bits - 1.0
    return np.array([label * (told_by == "audio"), label * (told_by == "text")], dtype=float)
