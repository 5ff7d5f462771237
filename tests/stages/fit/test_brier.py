"""Brier score, and what calibration makes of it."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss

from hilbert.stages.fit.brier import brier_change, brier_score
from hilbert.stages.fit.mixing import Mixing

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 3, 60)
GROUPS = [str(i // 2) for i in range(60)]


def surer(p: np.ndarray, scale: float) -> np.ndarray:
    q = p**scale
    return q / q.sum(1, keepdims=True)


TRUE = RNG.dirichlet(np.ones(3), 60)
TRUTHFUL = np.array([RNG.choice(3, p=p) for p in TRUE])


def test_many_classes_are_scikit_learn_s_one_by_one() -> None:
    p = RNG.dirichlet(np.ones(3), 60)
    by_class = [brier_score_loss(k == LABELS, p[:, k]) for k in range(3)]
    assert brier_score(LABELS, p) == pytest.approx(sum(by_class))


def test_many_labels_are_scikit_learn_s_mean() -> None:
    truth, p = RNG.integers(0, 2, (60, 3)), RNG.random((60, 3))
    by_label = [2 * brier_score_loss(truth[:, k], p[:, k]) for k in range(3)]
    assert brier_score(truth, p) == pytest.approx(np.mean(by_label))


def test_what_was_too_sure_gains() -> None:
    repeats = [RNG.permutation(60) for _ in range(3)]
    honest = [(index, TRUE[index]) for index in repeats]
    sure = [(index, surer(TRUE, 5.0)[index]) for index in repeats]
    found = brier_change(TRUTHFUL, GROUPS, honest, sure)
    assert found.brier == pytest.approx(brier_score(TRUTHFUL, TRUE))
    assert found.uncalibrated == pytest.approx(brier_score(TRUTHFUL, surer(TRUE, 5.0)))
    assert found.difference == pytest.approx(found.brier - found.uncalibrated)
    assert found.low < found.difference < found.high < 0
    other = brier_change(TRUTHFUL, GROUPS, sure, honest)
    assert (other.low, other.high) == pytest.approx((-found.high, -found.low))


def test_groups_are_drawn_whole() -> None:
    """Twins in one group tell as much as one of them."""
    index = np.arange(60)
    twice = np.concatenate([index, index])
    p, q = TRUE[twice], surer(TRUE, 2.0)[twice]
    one = brier_change(TRUTHFUL, [str(i) for i in index], [(index, TRUE)], [(index, q[:60])])
    two = brier_change(TRUTHFUL[twice], [str(i) for i in twice],
                       [(np.arange(120), p)], [(np.arange(120), q)])  # fmt: skip
    assert two == pytest.approx(one)


def test_uncalibrated_is_the_mean_of_the_experts_by_their_shares() -> None:
    mixing = Mixing(np.array([1.5, 0.5]), np.array([0.3, -0.2, 0.0]))
    a, b = (np.log(RNG.dirichlet(np.ones(3), 5)) for _ in range(2))
    mean = np.exp(0.75 * a + 0.25 * b)
    found = mixing.uncalibrated().probabilities(a, b)
    assert found == pytest.approx(mean / mean.sum(1, keepdims=True))
    assert mixing.probabilities(a, b) != pytest.approx(found)
