"""The information balance, held out: it closes the gap by raising the weaker modality."""

import numpy as np
import torch

from hilbert.stages.fit.config import ObjectiveConfig
from hilbert.stages.fit.dataset import DocumentSet
from hilbert.stages.fit.losses import candidates, information, similarities
from hilbert.stages.fit.train import train_hilbert
from support.synthetic import features, small_config

N_TRAIN, N_TEST = 100, 60


def unequal_documents(seed: int) -> DocumentSet:
    """Documents of which text tells four numbers in a few segments, audio these and four more."""
    rng = np.random.default_rng(seed)
    n = N_TRAIN + N_TEST
    own, shared = rng.standard_normal((2, n, 4))
    heard = 2.0 * np.concatenate([own, shared, np.zeros((n, 4))], 1)
    read = 1.5 * np.concatenate([shared, np.zeros((n, 4))], 1)
    return DocumentSet(
        ids=tuple(map(str, range(n))),
        groups=tuple(map(str, range(n))),
        labels=(own[:, 0] > 0).astype(np.int64),
        classes=("a", "b"),
        audio=tuple(features(rng, int(rng.integers(6, 12)), center) for center in heard),
        text=tuple(features(rng, int(rng.integers(2, 5)), center) for center in read),
    )


def told(documents: DocumentSet, seed: int, weight: float) -> tuple[float, float]:
    """Information in nats that audio and text give of the joint embedding, held out."""
    objective = ObjectiveConfig(balance_weight=weight)
    config = small_config(epochs=30, inner_parts=0, objective=objective, linear=False)
    model = train_hilbert(documents, np.arange(N_TRAIN), config, seed=seed)
    found = model.embed(documents.take(range(N_TRAIN, N_TRAIN + N_TEST)))
    everyone = candidates(torch.arange(N_TEST), mask_groups=True)
    scale = model.networks[0].log_scale.detach()
    joint = torch.from_numpy(found["joint"])
    audio, text = (
        information(similarities(torch.from_numpy(found[m]), joint, scale), everyone).item()
        for m in ("audio", "text")
    )
    return audio, text


def test_the_gap_halves_while_the_stronger_modality_loses_at_most_a_tenth() -> None:
    default = ObjectiveConfig().balance_weight
    # (n_seeds, 2): audio and text
    without, balanced = (
        np.array([told(unequal_documents(seed), seed, weight) for seed in range(3)])
        for weight in (0.0, default)
    )
    gap_before, gap = (x[:, 0].mean() - x[:, 1].mean() for x in (without, balanced))
    assert gap_before > 0.5
    assert abs(gap) <= gap_before / 2
    assert balanced[:, 0].mean() >= 0.9 * without[:, 0].mean()
