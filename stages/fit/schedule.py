"""Optimiser, learning rate and early stopping."""

import math
from collections.abc import Sequence

import numpy as np
from torch import nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from hilbert.stages.fit.config import TrainConfig

EPOCHS = 20
"""Most epochs of a training on some hundreds of documents; few are passed over more often."""

STEPS = 600
"""Steps after which a training on many documents ends with the epoch, if that is not too early."""

FEWEST_EPOCHS = 5
"""Epochs that it is given whatever steps they take."""

MANY = 1000
"""Documents above which one network, and one trial, do: averaging is for the luck of few."""

ANNEALING = 2
"""Annealed epochs that go as far as one at a constant rate: a cosine's mean is a half."""


def make_optimizer(
    trained: nn.Module, config: TrainConfig, n_steps: int, *, anneal: bool
) -> tuple[AdamW, LambdaLR]:
    """AdamW whose learning rate rises, then falls by a cosine to zero or stays.

    Only matrices are decayed: offsets, norms and the temperature are not weights
    whose size makes a model complex.

    Parameters
    ----------
    trained : Module
    config : TrainConfig
    n_steps : int
        Of the whole training.
    anneal : bool
        Whether the learning rate falls after its rise.
    """
    matrices = [p for p in trained.parameters() if p.dim() > 1]
    others = [p for p in trained.parameters() if p.dim() <= 1]
    optimizer = AdamW(
        [
            {"params": matrices, "weight_decay": config.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ],
        lr=config.lr,
        fused=True,
    )
    rise = max(1, round(config.warmup * n_steps))
    return optimizer, LambdaLR(optimizer, lambda step: _share(step, rise, n_steps, anneal))


def _share(step: int, rise: int, n_steps: int, anneal: bool) -> float:
    """Share of the largest learning rate at a step."""
    if step < rise or not anneal:
        return min(1.0, (step + 1) / rise)
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, n_steps - rise)))


def best_epoch(held_losses: Sequence[float]) -> int:
    """Number of epochs after which the held-out loss was lowest."""
    return int(np.argmin(held_losses)) + 1


def epoch_limits(n_documents: int, config: TrainConfig) -> tuple[int, int]:
    """Fewest and most passes over `n_documents`, between which early stopping chooses."""
    least = -(-config.min_steps // n_batches(n_documents, config))
    most = config.epochs or _most_epochs(n_documents, config, least)
    return min(least, most), most


def _most_epochs(n_documents: int, config: TrainConfig, least: int) -> int:
    of_steps = max(FEWEST_EPOCHS, STEPS // n_batches(n_documents, config))
    return max(min(EPOCHS, of_steps), 2 * least)


def n_networks(n_documents: int, config: TrainConfig) -> int:
    """Networks to average."""
    return config.seeds_averaged or (1 if n_documents > MANY else 3)


def n_trials(n_documents: int, config: TrainConfig) -> int:
    """Trials, each of which watches one of the inner parts."""
    return 1 if n_documents > MANY else config.inner_parts


def n_batches(n_documents: int, config: TrainConfig) -> int:
    """Batches of a pass, about `batch_size` documents each."""
    return max(1, round(n_documents / config.batch_size))


def should_stop(held_losses: Sequence[float], patience: int) -> bool:
    """Whether the last `patience` epochs brought no lower held-out loss."""
    return len(held_losses) - best_epoch(held_losses) >= patience
