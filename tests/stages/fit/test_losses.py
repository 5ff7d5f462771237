"""Alignment and task losses against explicit sums and closed forms."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from hilbert.stages.fit import losses

RNG = np.random.default_rng(0)
SCALE = torch.tensor(10.0).log()


def tensors(*shape: int) -> torch.Tensor:
    return torch.from_numpy(RNG.standard_normal(shape))


def info_nce_by_sums(scores: NDArray[np.float64], competing: NDArray[np.bool_]) -> float:
    """Both directions, one document at a time."""
    n, total = len(scores), 0.0
    for i in range(n):
        row = sum(np.exp(scores[i, j]) for j in range(n) if competing[i, j])
        column = sum(np.exp(scores[j, i]) for j in range(n) if competing[j, i])
        total -= np.log(np.exp(scores[i, i]) / row) + np.log(np.exp(scores[i, i]) / column)
    return float(total / (2 * n))


def test_info_nce_equals_explicit_sums_without_documents_of_the_same_group() -> None:
    groups = torch.tensor([0, 0, 1, 2, 2, 3])
    competing = losses.candidates(groups, mask_groups=True)
    scores = losses.similarities(tensors(6, 5), tensors(6, 5), SCALE)
    expected = info_nce_by_sums(scores.numpy(), competing.numpy())
    assert losses.info_nce(scores, competing).item() == pytest.approx(expected)


def test_candidates_leave_out_the_group_but_never_the_document_itself() -> None:
    competing = losses.candidates(torch.tensor([0, 0, 1]), mask_groups=True)
    assert competing.tolist() == [[True, False, True], [False, True, True], [True, True, True]]
    assert losses.candidates(torch.tensor([0, 0, 1]), mask_groups=False).all()


@pytest.mark.parametrize(("largest", "masked"), [(10, True), (11, False)])
def test_groups_over_a_tenth_of_the_documents_are_sites(largest: int, masked: bool) -> None:
    groups = torch.cat([torch.zeros(largest), torch.arange(1, 101 - largest)]).long()
    assert losses.groups_are_masked(groups) is masked


def test_information_is_zero_for_equal_scores_and_log_n_for_certain_ones() -> None:
    everyone = torch.ones(8, 8, dtype=torch.bool)
    assert losses.information(torch.zeros(8, 8), everyone).item() == pytest.approx(0.0, abs=1e-6)
    certain = 100.0 * torch.eye(8)
    assert losses.information(certain, everyone).item() == pytest.approx(np.log(8))


def test_similarities_ignore_length_and_cap_the_scale() -> None:
    x, y = tensors(4, 3), tensors(4, 3)
    plain = losses.similarities(x, y, SCALE)
    assert torch.allclose(plain, losses.similarities(7 * x, y / 3, SCALE))
    assert losses.similarities(x, x, torch.tensor(9.0)).max().item() == pytest.approx(100.0)


@pytest.mark.parametrize("audio_is_stronger", [True, False])
def test_balance_moves_only_the_weaker_modality(audio_is_stronger: bool) -> None:
    audio = torch.tensor(2.0 if audio_is_stronger else 1.0, requires_grad=True)
    text = torch.tensor(1.5, requires_grad=True)
    loss = losses.balance_loss(audio, text)
    loss.backward()
    stronger, weaker = (audio, text) if audio_is_stronger else (text, audio)
    assert loss.item() == pytest.approx(0.25)
    assert stronger.grad is None or stronger.grad.item() == 0.0
    assert weaker.grad is not None
    assert weaker.grad.item() < 0  # a step downhill raises it


def test_effective_number_weights_follow_the_formula_and_skip_empty_classes() -> None:
    weights = losses.effective_number_weights(torch.tensor([5, 50, 0]), 0.9).numpy()
    raw = np.array([(1 - 0.9) / (1 - 0.9**5), (1 - 0.9) / (1 - 0.9**50)])
    assert weights[:2] == pytest.approx(raw * 2 / raw.sum())
    assert weights[2] == 0.0
    assert losses.effective_number_weights(torch.tensor([5, 50]), 0.0).tolist() == [1.0, 1.0]


def test_task_loss_is_weighted_cross_entropy_over_known_labels() -> None:
    logits, weights = tensors(5, 3).float(), torch.tensor([1.0, 2.0, 0.5])
    labels = torch.tensor([0, -1, 2, 1, -1])
    expected = torch.nn.functional.cross_entropy(logits, labels, weight=weights, ignore_index=-1)
    assert torch.allclose(losses.task_loss(logits, labels, weights), expected)


def test_task_loss_without_any_label_is_zero_and_differentiable() -> None:
    logits = torch.zeros(3, 2, requires_grad=True)
    loss = losses.task_loss(logits, torch.full((3,), -1), torch.ones(2))
    loss.backward()
    assert loss.item() == 0.0


def test_focal_loss_weighs_cross_entropy_by_the_error() -> None:
    logits, labels = torch.tensor([[2.0, 0.0]]), torch.tensor([0])
    p = 1 / (1 + np.exp(-2.0))
    focal = losses.task_loss(logits, labels, torch.ones(2), focal_gamma=2.0)
    assert focal.item() == pytest.approx(-((1 - p) ** 2) * np.log(p), rel=1e-5)
