"""Routing and load balancing."""

import pytest
import torch

from hilbert.stages.fit.config import ModelConfig
from hilbert.stages.fit.moe import MixtureOfExperts, gate, load_balancing_loss
from hilbert.stages.fit.targets import Target

TWO = Target("y", "classes", ("a", "b"))


def test_dense_gate_is_the_softmax_and_top_k_keeps_the_best() -> None:
    scores = torch.tensor([[1.0, 3.0, 2.0]])
    assert torch.allclose(gate(scores, 0), scores.softmax(1))
    best = gate(scores, 2)
    assert best[0, 0] == 0.0
    assert torch.allclose(best[0, 1:], torch.tensor([3.0, 2.0]).softmax(0))


def test_dropped_experts_get_no_weight() -> None:
    dropped = torch.tensor([False, True, False])
    weights = gate(torch.randn(4, 3), 0, dropped)
    assert (weights[:, 1] == 0).all()
    assert torch.allclose(weights.sum(1), torch.ones(4))


def test_load_balancing_is_one_when_even_and_n_experts_when_collapsed() -> None:
    even = torch.full((8, 4), 0.25)
    one_hot = torch.eye(4)[torch.zeros(8, dtype=torch.long)]
    assert load_balancing_loss(even, even).item() == pytest.approx(1.0)
    assert load_balancing_loss(one_hot, one_hot).item() == pytest.approx(4.0)


def test_load_balancing_of_one_expert_a_document_is_the_switch_loss() -> None:
    probabilities = torch.randn(10, 3, generator=torch.Generator().manual_seed(0)).softmax(1)
    chosen = probabilities.argmax(1)
    share = torch.stack([(chosen == i).float().mean() for i in range(3)])
    expected = 3 * (share * probabilities.mean(0)).sum()
    assert torch.allclose(load_balancing_loss(torch.eye(3)[chosen], probabilities), expected)


def test_expert_dropout_spares_at_least_one_expert() -> None:
    config = ModelConfig(experts=3, expert_dropout=0.99)
    mixture = MixtureOfExperts(4, 2, TWO, config).train()
    for _ in range(20):
        routed = mixture(torch.randn(5, 4), torch.ones(5, 2, dtype=torch.bool))
        assert torch.isfinite(routed.logits).all()
        assert torch.allclose(routed.gates.sum(1), torch.ones(5))


def test_the_router_is_told_which_modality_is_missing() -> None:
    mixture = MixtureOfExperts(4, 2, TWO, ModelConfig(experts=2)).eval()
    z = torch.zeros(2, 4)
    routed = mixture(z, torch.tensor([[True, True], [True, False]]))
    assert not torch.allclose(routed.gates[0], routed.gates[1])
