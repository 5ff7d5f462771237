"""Optimiser, learning rate and early stopping."""

import math

import torch
from torch import Tensor, nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from hilbert.stages.fit.config import TrainConfig


def make_optimizer(trained: nn.Module, config: TrainConfig, n_steps: int) -> tuple[AdamW, LambdaLR]:
    """AdamW whose learning rate rises over the warm-up and falls by a cosine to zero.

    Only matrices are decayed: offsets, norms, slopes and the temperature are not weights
    whose size makes a model complex.
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


class EarlyStopping:
    """Remembers the best weights, and says when no better ones came for some epochs.

    Parameters
    ----------
    patience : int
        Epochs to wait for a better loss.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.best = math.inf
        self.waited = 0
        self.state: dict[str, Tensor] = {}

    def should_stop(self, loss: float, network: nn.Module) -> bool:
        """Note the held-out loss of an epoch."""
        if loss < self.best:
            self.best, self.waited = loss, 0
            self.state = {k: v.detach().clone() for k, v in network.state_dict().items()}
        else:
            self.waited += 1
        return self.waited >= self.patience

    def restore(self, network: nn.Module) -> None:
        """Put the best weights back, where any loss was noted."""
        if self.state:
            with torch.no_grad():
                network.load_state_dict(self.state)
