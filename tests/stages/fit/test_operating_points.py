"""Thresholds of training documents, scored on test documents."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, recall_score

from hilbert.stages.fit.operating_points import choose_thresholds, operating_points
from hilbert.stages.fit.results import Inner
from hilbert.stages.fit.splits import Fold

RNG = np.random.default_rng(0)


def test_the_balanced_threshold_has_the_highest_balanced_accuracy() -> None:
    truth = RNG.random(200) < 0.2
    scores = RNG.normal(truth * 1.0, 1)
    found = choose_thresholds(truth, scores)
    best = max(balanced_accuracy_score(truth, scores >= t) for t in scores)
    assert balanced_accuracy_score(truth, scores >= found["balanced"]) == pytest.approx(best)


def test_the_sensitive_threshold_is_the_highest_that_finds_enough() -> None:
    truth = np.array([True] * 10 + [False] * 10)
    scores = np.arange(20)[::-1].astype(float)
    found = choose_thresholds(truth, scores)
    assert recall_score(truth, scores >= found["sensitivity_80"]) == 0.8
    assert recall_score(truth, scores > found["sensitivity_80"]) < 0.8


def test_there_is_no_threshold_without_two_classes() -> None:
    assert choose_thresholds(np.ones(4, dtype=bool), np.arange(4.0)) == {}
    assert choose_thresholds(np.zeros(4, dtype=bool), np.arange(4.0)) == {}


def test_each_fold_uses_its_own_threshold_and_folds_without_one_are_left_out() -> None:
    labels = np.array([0, 1] * 10)
    p = np.stack([1 - labels * 0.8, labels * 0.8], 1)
    folds = [Fold(0, i, np.arange(8), np.arange(8 + 4 * i, 12 + 4 * i)) for i in range(3)]
    inner: list[Inner | None] = [Inner(np.arange(8), p[:8]), Inner(np.arange(8), 0.5 * p[:8]), None]
    found = operating_points(
        labels, "ab", folds, [p[f.test] for f in folds], inner, np.ones((3, 20))
    )
    point = found["b"]["balanced"]
    assert point.n_folds == 2
    assert point.threshold_range == pytest.approx((0.4, 0.8))
    assert point.threshold == pytest.approx(0.6)
    assert (point.sensitivity, point.specificity) == (1.0, 1.0)
    assert point.sensitivity_ci == (1.0, 1.0)
    assert operating_points(labels, "ab", folds, [p[f.test] for f in folds], [None] * 3,
                            np.ones((1, 20))) == {}  # fmt: skip


def test_labels_of_test_documents_choose_no_threshold() -> None:
    labels = np.array([0, 1] * 20)
    scores = RNG.random(40)
    p = np.stack([1 - scores, scores], 1)
    fold, inner = Fold(0, 0, np.arange(20), np.arange(20, 40)), Inner(np.arange(20), p[:20])
    flipped = np.where(np.arange(40) < 20, labels, 1 - labels)
    one, other = (
        operating_points(known, "ab", [fold], [p[20:]], [inner], np.ones((1, 40)))["b"]["balanced"]
        for known in (labels, flipped)
    )
    assert one.threshold == other.threshold
    assert one.sensitivity == pytest.approx(1 - other.specificity)
