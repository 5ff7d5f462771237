"""Weights of the experts: what they learn, and that they calibrate."""

import numpy as np
import pytest
from numpy.typing import NDArray

from hilbert.stages.fit.linear import log_softmax
from hilbert.stages.fit.mixing import even_mixing, fit_mixing

Matrix = NDArray[np.float64]


def experts(
    n: int = 400, *, too_sure: float = 1.0, seed: int = 0
) -> tuple[Matrix, NDArray[np.int64]]:
    """One expert that knows, in scores too large by a factor, and one that guesses."""
    rng = np.random.default_rng(seed)
    scores = 1.5 * rng.standard_normal((n, 3))
    p = np.exp(log_softmax(scores))
    labels = np.array([rng.choice(3, p=row) for row in p])
    guess = rng.standard_normal((n, 3))
    return np.stack([log_softmax(too_sure * scores), log_softmax(guess)]), labels


def log_loss(p: Matrix, labels: NDArray[np.int64]) -> float:
    return float(-np.log(p[np.arange(len(labels)), labels]).mean())


def test_the_expert_that_knows_is_believed_more() -> None:
    said, labels = experts(n=2000)
    assert fit_mixing(said[0], said[1], labels).weights[0] > 0.6
    assert fit_mixing(said[1], said[0], labels).weights[0] < 0.4


def test_scale_undoes_too_large_scores_on_documents_it_did_not_see() -> None:
    said, labels = experts(too_sure=4.0)
    mixing = fit_mixing(said[0], None, labels)
    assert mixing.weights[0] == pytest.approx(0.25, abs=0.08)
    unseen, truth = experts(too_sure=4.0, seed=1)
    mixed = log_loss(mixing.probabilities(unseen[0], None), truth)
    assert mixed < log_loss(np.exp(unseen[0]), truth)


def test_class_frequencies_come_back_to_experts_that_count_classes_equally() -> None:
    labels = np.repeat([0, 1], [360, 40])
    blind = np.full((400, 2), np.log(0.5))
    p = fit_mixing(blind, blind, labels).probabilities(blind, blind)
    assert p.sum(1) == pytest.approx(1.0)
    assert p[0, 1] == pytest.approx(0.1, abs=0.03)


def test_without_documents_networks_and_linear_expert_have_half_the_say_each() -> None:
    nothing = np.empty((0, 2))
    labels = np.empty(0, dtype=np.int64)
    assert fit_mixing(nothing, nothing, labels).weights.tolist() == [0.5, 0.5]
    assert even_mixing(2, has_linear=False).weights.tolist() == [1.0, 0.0]


def test_an_expert_that_is_sure_and_wrong_leaves_every_probability_finite() -> None:
    wrong, even = np.tile([-np.inf, 0.0], (4, 1)), np.full((4, 2), np.log(0.5))
    mixing = fit_mixing(wrong, even, np.array([0, 1, 1, 1]))
    assert np.isfinite(mixing.probabilities(wrong, even)).all()
