"""Learning rates and when to stop."""

import pytest
import torch
from torch import nn

from hilbert.stages.fit.config import TrainConfig
from hilbert.stages.fit.schedule import (
    ANNEALING,
    best_epoch,
    epoch_limits,
    make_optimizer,
    should_stop,
)


def rates(n_steps: int, *, anneal: bool) -> list[float]:
    """Learning rate of every step."""
    config = TrainConfig(lr=1.0, warmup=0.1)
    optimizer, schedule = make_optimizer(nn.Linear(2, 2), config, n_steps, anneal=anneal)
    found = []
    for _ in range(n_steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found


def test_the_rate_rises_then_falls_to_nothing_or_stays() -> None:
    annealed, constant = rates(100, anneal=True), rates(100, anneal=False)
    assert annealed[:10] == pytest.approx([0.1 * (i + 1) for i in range(10)])
    assert max(annealed) == annealed[10] == 1.0
    assert annealed[-1] < 0.01
    assert constant[10:] == [1.0] * 90


def test_annealed_epochs_go_as_far_as_half_as_many_at_a_constant_rate() -> None:
    assert sum(rates(ANNEALING * 100, anneal=True)) == pytest.approx(
        sum(rates(100, anneal=False)), rel=0.1
    )


@pytest.mark.parametrize(
    ("n_documents", "limits"),
    [(20_000, (1, 5)), (2000, (2, 9)), (200, (14, 28)), (40, (80, 160)), (4, (80, 160))],
)
def test_few_documents_are_passed_over_more_often_and_always_with_a_choice(
    n_documents: int, limits: tuple[int, int]
) -> None:
    assert epoch_limits(n_documents, TrainConfig(batch_size=32, min_steps=80)) == limits


def test_epochs_that_are_given_are_the_most_there_are() -> None:
    config = TrainConfig(epochs=20, batch_size=32, min_steps=80)
    assert epoch_limits(200, config) == (14, 20)
    assert epoch_limits(40, config) == (20, 20)


def test_training_stops_when_the_last_epochs_brought_nothing() -> None:
    assert best_epoch([3.0, 1.0, 2.0]) == 2
    assert not should_stop([3.0, 1.0, 2.0], patience=2)
    assert should_stop([3.0, 1.0, 2.0, 1.5], patience=2)


def test_offsets_and_norms_are_not_decayed() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2))
    optimizer, _ = make_optimizer(network, TrainConfig(weight_decay=0.5), 10, anneal=True)
    decayed, kept = optimizer.param_groups
    assert [p.dim() for p in decayed["params"]] == [2]
    assert (decayed["weight_decay"], kept["weight_decay"]) == (0.5, 0.0)
    assert len(kept["params"]) == 3
    assert isinstance(kept["params"][0], torch.Tensor)
