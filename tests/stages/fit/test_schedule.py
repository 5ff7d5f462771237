"""Learning rates and lengths of trainings."""

import pytest
import torch
from torch import nn

from hilbert.stages.fit.config import TrainConfig
from hilbert.stages.fit.schedule import make_optimizer, n_epochs, n_networks


def test_the_rate_rises_then_falls_to_nothing() -> None:
    config = TrainConfig(lr=1.0, warmup=0.1)
    optimizer, schedule = make_optimizer(nn.Linear(2, 2), config, 100)
    rates = []
    for _ in range(100):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates[:10] == pytest.approx([0.1 * (i + 1) for i in range(10)])
    assert max(rates) == rates[10] == 1.0
    assert rates[-1] < 0.01


@pytest.mark.parametrize(
    ("n_documents", "passes"), [(20_000, 5), (2000, 6), (400, 20), (200, 20), (40, 80), (4, 80)]
)
def test_few_documents_are_passed_over_more_often_and_many_less(
    n_documents: int, passes: int
) -> None:
    assert n_epochs(n_documents, TrainConfig(batch_size=32, min_steps=80)) == passes


def test_passes_that_are_given_are_made() -> None:
    assert n_epochs(40, TrainConfig(epochs=7)) == 7


@pytest.mark.parametrize(
    ("n_documents", "options", "networks"),
    [
        (200, {}, 5),
        (1001, {}, 1),
        (200, {"inner_parts": 3}, 3),
        (200, {"inner_parts": 0}, 3),
        (5000, {"seeds_averaged": 2}, 2),
    ],
)
def test_many_documents_need_no_averaging(
    n_documents: int, options: dict[str, int], networks: int
) -> None:
    assert n_networks(n_documents, TrainConfig(**options)) == networks


def test_offsets_and_norms_are_not_decayed() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2))
    optimizer, _ = make_optimizer(network, TrainConfig(weight_decay=0.5), 10)
    decayed, kept = optimizer.param_groups
    assert [p.dim() for p in decayed["params"]] == [2]
    assert (decayed["weight_decay"], kept["weight_decay"]) == (0.5, 0.0)
    assert len(kept["params"]) == 3
    assert isinstance(kept["params"][0], torch.Tensor)
