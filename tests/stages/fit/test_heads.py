"""What makes class scores of a network's outputs, against closed forms; missing labels."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from hilbert.stages.fit.config import ModelConfig
from hilbert.stages.fit.heads import (
    BinaryLink,
    CumulativeLink,
    class_probabilities,
    link_of,
    log_probabilities,
    targets_loss,
)
from hilbert.stages.fit.losses import task_loss
from hilbert.stages.fit.moe import MixtureOfExperts, as_one, load_balancing_loss
from hilbert.stages.fit.targets import Target

MOOD = Target("mood", "classes", ("a", "b", "c"))
SEVERITY = Target("severity", "ordinal", ("low", "mid", "high"))
TAGS = Target("tags", "multilabel", ("music", "noise"))
NUMBERS = st.floats(-20, 20, width=32)


def link(first: float, steps: list[float]) -> CumulativeLink:
    found = CumulativeLink(len(steps) + 2)
    with torch.no_grad():
        found.first.copy_(torch.tensor([first]))
        found.steps.copy_(torch.tensor(steps))
    return found.double()


def test_cumulative_link_is_the_difference_of_sigmoids() -> None:
    """P(y <= k) = sigmoid(threshold_k - score), by hand for four classes."""
    found = link(-1.0, [0.3, 2.0])
    thresholds = np.cumsum([-1.0, np.log1p(np.exp(0.3)), np.log1p(np.exp(2.0))])
    scores = np.array([-2.0, 0.0, 1.5])
    below = 1 / (1 + np.exp(-(thresholds[None] - scores[:, None])))
    expected = np.diff(np.hstack([np.zeros((3, 1)), below, np.ones((3, 1))]), axis=1)
    said = found(torch.from_numpy(scores)[:, None]).exp()
    np.testing.assert_allclose(said.detach().numpy(), expected, atol=1e-12)


def test_before_training_every_class_is_equally_likely_at_a_score_of_zero() -> None:
    for n_classes in (2, 3, 7):
        said = CumulativeLink(n_classes)(torch.zeros(1, 1)).exp()
        assert torch.allclose(said, torch.full((1, n_classes), 1 / n_classes), atol=1e-6)


@settings(max_examples=50, deadline=None)
@given(first=NUMBERS, steps=st.lists(NUMBERS, min_size=1, max_size=5), score=NUMBERS)
def test_no_parameters_put_thresholds_out_of_order(
    first: float, steps: list[float], score: float
) -> None:
    """And the probabilities are those of a distribution that rises with the score."""
    found = link(first, steps)
    assert (found.thresholds.diff() > 0).all()
    said = found(torch.tensor([[score], [score + 1.0]], dtype=torch.float64)).exp()
    assert torch.allclose(said.sum(1), torch.ones(2, dtype=torch.float64), atol=1e-9)
    lower, higher = said.cumsum(1)[:, :-1]
    assert (lower >= higher - 1e-12).all()


def test_a_score_far_out_is_sure_but_finite() -> None:
    found = CumulativeLink(3)(torch.tensor([[-1e4], [1e4]]))
    assert torch.isfinite(found).all()
    assert found.argmax(1).tolist() == [0, 2]


def test_each_label_of_many_is_a_binary_cross_entropy() -> None:
    torch.manual_seed(0)
    outputs, labels = torch.randn(6, 2), torch.randint(0, 2, (6, 2))
    loss = targets_loss(BinaryLink()(outputs), labels, [TAGS], torch.ones(4))
    expected = functional.binary_cross_entropy_with_logits(outputs, labels.float())
    assert torch.allclose(loss, expected)


def test_the_loss_of_one_target_is_that_of_the_task() -> None:
    torch.manual_seed(0)
    scores, labels = torch.randn(5, 3), torch.tensor([0, 1, 2, -1, 1])
    weights = torch.tensor([1.0, 2.0, 0.5])
    loss = targets_loss(scores, labels[:, None], [MOOD], weights, 1.5)
    assert loss.equal(task_loss(scores, labels, weights, 1.5))


def test_targets_weigh_the_same_however_many_labels_they_have() -> None:
    torch.manual_seed(0)
    scores, labels = torch.randn(8, 7), torch.randint(0, 2, (8, 3))
    both = targets_loss(scores, labels, [MOOD, TAGS], torch.ones(7))
    mood = task_loss(scores[:, :3], labels[:, 0], torch.ones(3))
    tags = targets_loss(scores[:, 3:], labels[:, 1:], [TAGS], torch.ones(4))
    assert torch.allclose(both, (mood + tags) / 2)


@pytest.mark.parametrize("missing", ["mood", "tags"])
def test_a_missing_label_has_no_gradient_and_the_others_keep_theirs(missing: str) -> None:
    torch.manual_seed(0)
    scores = torch.randn(6, 7, requires_grad=True)
    labels = torch.randint(0, 2, (6, 3))
    columns, asked = (slice(0, 3), [0]) if missing == "mood" else (slice(3, 7), [1, 2])
    labels[2, asked] = -1
    targets_loss(scores, labels, [MOOD, TAGS], torch.ones(7)).backward()  # type: ignore[no-untyped-call]
    assert scores.grad is not None
    assert (scores.grad[2, columns] == 0).all()
    kept = torch.ones(7, dtype=torch.bool)
    kept[columns] = False
    assert (scores.grad[2, kept] != 0).any()
    assert (scores.grad[[0, 1, 3, 4, 5]][:, columns] != 0).any()


def test_a_batch_that_knows_nothing_of_a_target_leaves_the_other_its_whole_weight() -> None:
    torch.manual_seed(0)
    scores, labels = torch.randn(4, 7), torch.randint(0, 2, (4, 3))
    labels[:, 0] = -1
    loss = targets_loss(scores, labels, [MOOD, TAGS], torch.ones(7))
    assert torch.allclose(loss, targets_loss(scores[:, 3:], labels[:, 1:], [TAGS], torch.ones(4)))
    nothing = torch.full((4, 3), -1)
    assert targets_loss(scores, nothing, [MOOD, TAGS], torch.ones(7)) == 0


def test_probabilities_of_each_question_sum_to_one() -> None:
    torch.manual_seed(0)
    targets = [MOOD, TAGS, SEVERITY]
    scores = torch.cat([link_of(t)(torch.randn(5, t.n_outputs)) for t in targets], 1)
    p = class_probabilities(scores, targets)
    assert torch.allclose(p.log(), log_probabilities(scores, targets), atol=1e-6)
    for part in p.split([3, 2, 2, 3], 1):
        assert torch.allclose(part.sum(1), torch.ones(5))


def test_mixtures_of_several_targets_weigh_the_same_in_the_load() -> None:
    torch.manual_seed(0)
    mixtures = [MixtureOfExperts(4, 2, t, ModelConfig()).eval() for t in (MOOD, SEVERITY)]
    z, present = torch.randn(6, 4), torch.ones(6, 2, dtype=torch.bool)
    parts = [mixture(z, present) for mixture in mixtures]
    whole = as_one(parts)
    assert whole.logits.shape == (6, 6)
    assert torch.allclose(whole.gates.sum(1), torch.ones(6))
    loads = [load_balancing_loss(part.gates, part.probabilities) for part in parts]
    assert torch.allclose(
        load_balancing_loss(whole.gates, whole.probabilities), torch.stack(loads).mean()
    )
