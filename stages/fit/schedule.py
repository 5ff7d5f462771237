"""Optimiser, learning rate and length of a training."""

import math

from torch import nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from hilbert.stages.fit.config import TrainConfig

EPOCHS = 20
"""Passes over some hundreds of documents; few are passed over more often, many less."""

STEPS = 400
"""Steps after which a training on many documents ends with the epoch, if that is not too early."""

FEWEST_EPOCHS = 5
"""Epochs that it is given whatever steps they take."""

MANY = 1000
"""Documents above which one network does: averaging is for the luck of few."""


def make_optimizer(trained: nn.Module, config: TrainConfig, n_steps: int) -> tuple[AdamW, LambdaLR]:
    """AdamW whose learning rate rises, then falls by a cosine to zero.

    Only matrices are decayed: offsets, norms and the temperature are not weights
    whose size makes a model complex.

    Parameters
    ----------
    trained : Module
    config : TrainConfig
    n_steps : int
        Of the whole training.
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
    return optimizer, LambdaLR(optimizer, lambda step: _share(step, rise, n_steps))


def _share(step: int, rise: int, n_steps: int) -> float:
    """Share of the largest learning rate at a step."""
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, n_steps - rise)))


def n_epochs(n_documents: int, config: TrainConfig) -> int:
    """Passes of a network over the documents that it is trained on."""
    if config.epochs:
        return config.epochs
    n = n_batches(n_documents, config)
    most = max(FEWEST_EPOCHS, STEPS // n)
    return max(min(EPOCHS, most), -(-config.min_steps // n))


def n_networks(n_labelled: int, config: TrainConfig) -> int:
    """Networks to average, by the number of documents that have a label."""
    return config.seeds_averaged or (1 if n_labelled > MANY else config.inner_parts or 3)


def n_batches(n_documents: int, config: TrainConfig) -> int:
    """Batches of a pass, about `batch_size` documents each."""
    return max(1, round(n_documents / config.batch_size))
