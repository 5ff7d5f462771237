"""Scores under weights against scikit-learn's, and intervals that hold the number."""

import numpy as np
import pytest
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    cohen_kappa_score,
    f1_score,
    matthews_corrcoef,
    mean_absolute_error,
)

from hilbert.stages.fit.metrics import evaluate
from hilbert.stages.fit.resampled import _decided, weighted_auprc
from hilbert.stages.fit.splits import SplitConfig, make_folds
from hilbert.stages.fit.truth import median_class

RNG = np.random.default_rng(0)
N = 60
LABELS = np.arange(N) % 3
P = RNG.dirichlet(np.ones(3), N) * 0.7 + 0.3 * np.eye(3)[LABELS]
WEIGHTS = RNG.integers(0, 4, (5, N)).astype(float)


def test_weighted_average_precision_equals_scikit_learns_with_ties() -> None:
    truth, scores = LABELS == 1, RNG.integers(0, 6, N).astype(float)
    expected = [average_precision_score(truth, scores, sample_weight=w) for w in WEIGHTS]
    assert weighted_auprc(truth, scores, WEIGHTS) == pytest.approx(expected)
    assert np.isnan(weighted_auprc(truth, scores, WEIGHTS * truth)).all()
    assert np.isnan(weighted_auprc(truth, scores, WEIGHTS * ~truth)).all()


def test_weighted_decisions_equal_scikit_learns() -> None:
    found, decided = _decided(LABELS, P, WEIGHTS), P.argmax(1)
    truth = np.eye(3)[LABELS]
    for i, w in enumerate(WEIGHTS):
        kept = w > 0
        a, b, c = LABELS[kept], decided[kept], w[kept]
        assert found["balanced_accuracy"][i] == pytest.approx(
            balanced_accuracy_score(a, b, sample_weight=c)
        )
        assert found["macro_f1"][i] == pytest.approx(
            f1_score(a, b, average="macro", sample_weight=c)
        )
        assert found["mcc"][i] == pytest.approx(matthews_corrcoef(a, b, sample_weight=c))
        by_class = [brier_score_loss(truth[kept, k], P[kept, k], sample_weight=c) for k in range(3)]
        assert found["brier"][i] == pytest.approx(sum(by_class))


def test_correlation_is_0_where_all_is_called_one_class() -> None:
    constant = np.tile([0.6, 0.2, 0.2], (N, 1))
    assert (_decided(LABELS, constant, WEIGHTS)["mcc"] == 0).all()


def test_every_interval_holds_its_number() -> None:
    groups = [f"g{i // 2}" for i in range(N)]
    folds = make_folds(LABELS, groups, SplitConfig(folds=3, repeats=2))
    found = evaluate(LABELS, groups, "abc", folds, [P[f.test] for f in folds], resamples=300)
    for name in ("auc_macro", "auprc_macro", "balanced_accuracy", "macro_f1", "mcc", "brier"):
        low, high = getattr(found, f"{name}_ci")
        assert low < getattr(found, name) < high, name


def test_pooled_folds_are_ranked_as_a_whole() -> None:
    """Leave-one-out of a model that knows class frequencies alone is worse than chance."""
    labels = np.array([0, 1] * 10)
    groups = [str(i) for i in range(20)]
    folds = [
        type(make_folds(labels, groups, SplitConfig(repeats=1))[0])(
            0, i, np.delete(np.arange(20), i), np.array([i])
        )
        for i in range(20)
    ]
    p = [np.bincount(labels[f.train], minlength=2)[None] / 19 for f in folds]
    apart = evaluate(labels, groups, "ab", folds, p, resamples=20)
    assert np.isnan(apart.auc_macro)
    assert apart.undefined_folds == 20
    together = evaluate(labels, groups, "ab", folds, p, pooled=True, resamples=20)
    assert together.auc_macro == 0.0
    assert together.undefined_folds == 0
    assert len(together.auc_folds) == 1


def test_weighted_scores_of_an_order_equal_scikit_learns() -> None:
    found, middle = _decided(LABELS, P, WEIGHTS, "ordinal"), median_class(P)
    for i, w in enumerate(WEIGHTS):
        kappa = cohen_kappa_score(LABELS, middle, weights="quadratic", sample_weight=w)
        assert found["kappa"][i] == pytest.approx(kappa)
        error = mean_absolute_error(LABELS, middle, sample_weight=w)
        assert found["mae"][i] == pytest.approx(error)
    constant = np.tile([0.0, 1.0, 0.0], (N, 1))
    assert (_decided(LABELS, constant, WEIGHTS, "ordinal")["kappa"] == 0).all()


def test_the_median_class_is_the_nearest_on_average() -> None:
    steps = np.abs(np.subtract.outer(np.arange(3), np.arange(3)))
    assert np.array_equal(median_class(P), (P @ steps).argmin(1))
    assert median_class(np.array([[0.4, 0.2, 0.4]])).tolist() == [1]


def test_scores_of_many_labels_are_means_over_the_labels() -> None:
    """Each label, scored alone as a binary target, gives the same."""
    truth = RNG.integers(0, 2, (N, 2))
    p = np.clip(0.25 + 0.5 * truth + RNG.normal(0, 0.3, (N, 2)), 0.01, 0.99)
    groups = [f"g{i // 2}" for i in range(N)]
    folds = make_folds(truth[:, 0], groups, SplitConfig(folds=3, repeats=2))
    parts = [p[fold.test] for fold in folds]
    found = evaluate(truth, groups, "ab", folds, parts, kind="multilabel", resamples=200)
    alone = [
        evaluate(truth[:, k], groups, ("no", "yes"), folds,
                 [np.stack([1 - q[:, k], q[:, k]], 1) for q in parts], resamples=200)
        for k in range(2)
    ]  # fmt: skip
    for name in ("auc_macro", "balanced_accuracy", "mcc", "brier"):
        assert getattr(found, name) == pytest.approx(np.mean([getattr(m, name) for m in alone]))
        low, high = getattr(found, f"{name}_ci")
        assert low < getattr(found, name) < high, name
    assert found.auc_class == {
        name: pytest.approx(m.auc_class["yes"]) for name, m in zip("ab", alone, strict=True)
    }
    assert found.auprc_macro == pytest.approx(np.mean([m.auprc_class["yes"] for m in alone]))
    f1 = [f1_score(truth[:, k], p[:, k] > 0.5) for k in range(2)]
    assert found.macro_f1 == pytest.approx(np.mean(f1))
    low, high = found.macro_f1_ci
    assert low < found.macro_f1 < high
    assert sum(point.n for point in found.reliability) == 2 * N


def test_a_label_that_no_tested_document_has_counts_for_nothing_but_brier() -> None:
    """Else a model that says *has not* of all would be half right, of documents of few labels."""
    truth = np.stack([np.arange(N) % 2, np.zeros(N, dtype=np.int64)], 1)
    p = np.stack([np.where(RNG.random(N) < 0.8, truth[:, 0], 1 - truth[:, 0]) * 0.8 + 0.1,
                  np.full(N, 0.4)], 1)  # fmt: skip
    groups = [f"g{i // 2}" for i in range(N)]
    folds = make_folds(truth[:, 0], groups, SplitConfig(folds=3, repeats=1))
    both, one = (
        evaluate(truth[:, :n], groups, "ab"[:n], folds, [p[f.test, :n] for f in folds],
                 kind="multilabel", resamples=100)
        for n in (2, 1)
    )  # fmt: skip
    for name in ("auc_macro", "balanced_accuracy", "macro_f1", "mcc"):
        assert getattr(both, name) == getattr(one, name), name
        assert getattr(both, f"{name}_ci") == getattr(one, f"{name}_ci"), name
    assert both.brier == pytest.approx((one.brier + 2 * 0.4**2) / 2)


def test_a_resample_that_lacks_a_class_is_left_out() -> None:
    labels = np.array([0, 0, 0, 0, 1])
    p = np.array([[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.1, 0.9], [0.9, 0.1]])
    found = _decided(labels, p, np.array([[2.0, 1, 1, 1, 0], [1, 1, 1, 1, 1]]))
    assert np.isnan(found["balanced_accuracy"]).tolist() == [True, False]
    assert np.isnan(found["mcc"]).tolist() == [True, False]
    assert found["balanced_accuracy"][1] == pytest.approx(0.375)
    assert not np.isnan(found["brier"]).any()
