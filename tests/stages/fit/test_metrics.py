"""Scores against scikit-learn, closed forms and resampling by hand."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import roc_auc_score

from hilbert.stages.fit import metrics
from hilbert.stages.fit.calibration import calibration_error
from hilbert.stages.fit.compare import corrected_t_test, differences, judge, paired_bootstrap
from hilbert.stages.fit.intervals import (
    auc_draws,
    auc_interval,
    class_aucs,
    fold_means,
    group_weights,
    nan_mean,
    weighted_auc,
)
from hilbert.stages.fit.resampled import class_auprcs
from hilbert.stages.fit.splits import Fold, SplitConfig, make_folds

RNG = np.random.default_rng(0)
N = 120
LABELS = np.arange(N) % 3
GROUPS = [f"g{i // 2}" for i in range(N)]
FOLDS = make_folds(LABELS, GROUPS, SplitConfig(folds=4, repeats=2))


def predictions(strength: float, seed: int = 0) -> tuple[NDArray[np.float64], ...]:
    """Test probabilities of every fold that know the label a little."""
    rng = np.random.default_rng(seed)
    logits = rng.standard_normal((N, 3)) + strength * np.eye(3)[LABELS]
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return tuple(p[fold.test] for fold in FOLDS)


def evaluate(probabilities: tuple[NDArray[np.float64], ...]) -> metrics.Metrics:
    return metrics.evaluate(LABELS, GROUPS, "abc", FOLDS, probabilities, resamples=200)


def test_macro_auc_is_the_mean_over_folds_of_scikit_learns() -> None:
    p = predictions(1.0)
    by_fold = [
        roc_auc_score(LABELS[f.test], q, multi_class="ovr") for f, q in zip(FOLDS, p, strict=True)
    ]
    found = evaluate(p)
    assert found.auc_folds == pytest.approx(by_fold)
    assert found.auc_macro == pytest.approx(np.mean(by_fold))
    low, high = found.auc_macro_ci
    assert low < found.auc_macro < high


def test_binary_macro_auc_is_the_usual_auc() -> None:
    truth = RNG.integers(0, 2, 50)
    p = RNG.random(50)
    found = metrics.auc_by_class(truth, np.stack([1 - p, p], 1))
    assert found == pytest.approx(roc_auc_score(truth, p))


def test_classes_absent_from_a_fold_are_left_out_and_undefined_folds_counted() -> None:
    labels = np.array([0, 0, 1, 1, 0, 0])
    folds = [
        Fold(0, 0, np.arange(4, 6), np.arange(4)),
        Fold(0, 1, np.arange(4), np.arange(4, 6)),
    ]
    p = RNG.random((6, 3))
    found = metrics.evaluate(labels, list("abcdef"), "xyz", folds, [p[:4], p[4:]], resamples=50)
    expected = [roc_auc_score(labels[:4] == k, p[:4, k]) for k in (0, 1)]
    assert found.auc_macro == pytest.approx(np.mean(expected))
    assert found.auc_folds[1] is None
    assert found.undefined_folds == 1
    assert found.auc_class["z"] is None


def test_a_constant_score_reaches_the_prevalence_and_no_more() -> None:
    found = evaluate(tuple(np.full((len(f.test), 3), 1 / 3) for f in FOLDS))
    assert found.auc_macro == pytest.approx(0.5)
    assert found.auprc_macro == pytest.approx(found.prevalence_macro)
    assert found.auc_macro_ci == pytest.approx((0.5, 0.5))


def test_decisions_are_scored_on_each_repeats_out_of_fold_predictions() -> None:
    certain = evaluate(tuple(np.eye(3)[LABELS[f.test]] for f in FOLDS))
    assert (certain.balanced_accuracy, certain.macro_f1, certain.mcc) == (1.0, 1.0, 1.0)
    assert (certain.brier, certain.ece) == (0.0, 0.0)
    wrong = evaluate(tuple(np.eye(3)[(LABELS[f.test] + 1) % 3] for f in FOLDS))
    assert (wrong.balanced_accuracy, wrong.brier, wrong.ece) == (0.0, 2.0, 1.0)


def test_calibration_error_is_the_gap_weighted_by_bins() -> None:
    p = np.array([[0.95, 0.05]] * 10 + [[0.65, 0.35]] * 10)
    labels = np.array([0] * 10 + [0] * 5 + [1] * 5)
    assert calibration_error(labels, p) == pytest.approx((0.05 + 0.15) / 2)


def test_out_of_fold_averages_the_repeats() -> None:
    folds = [Fold(r, 0, np.array([2]), np.array([0, 1])) for r in range(2)]
    found = metrics.out_of_fold(folds, [np.full((2, 2), v) for v in (0.2, 0.6)], 3)
    assert found[:2] == pytest.approx(0.4)
    assert np.isnan(found[2]).all()


def test_weighted_auc_equals_scikit_learns_with_ties() -> None:
    truth = RNG.integers(0, 2, 40).astype(bool)
    scores = RNG.integers(0, 6, 40).astype(float)
    weights = RNG.integers(0, 4, (5, 40)).astype(float)
    expected = [roc_auc_score(truth, scores, sample_weight=w) for w in weights]
    assert weighted_auc(truth, scores, weights) == pytest.approx(expected)
    assert np.isnan(weighted_auc(truth, scores, np.zeros((1, 40)))).all()


def test_resampling_equals_repeating_the_documents() -> None:
    labels, p = LABELS[:30], RNG.random((30, 3))
    weights = RNG.integers(0, 3, (1, 30)).astype(float)
    again = np.repeat(np.arange(30), weights[0].astype(int))
    expected = roc_auc_score(
        labels[again], p[again] / p[again].sum(1, keepdims=True), multi_class="ovr"
    )
    found = nan_mean(class_aucs(labels, p / p.sum(1, keepdims=True), weights), 0)
    assert found[0] == pytest.approx(expected)


def test_groups_are_resampled_whole_and_only_where_tested() -> None:
    weights = group_weights(["a", "a", "b", "c"], np.array([0, 1, 2]), 50, seed=0)
    assert (weights[:, 0] == weights[:, 1]).all()
    assert (weights[:, 3] == 0).all()
    assert (weights[:, [0, 2]].sum(1) == 2).all()


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    covered = 0
    truth = stats.norm.cdf(1 / np.sqrt(2))  # AUC of two normals one deviation apart
    for seed in range(60):
        rng = np.random.default_rng(seed)
        labels = np.arange(80) % 2
        score = rng.standard_normal(80) + labels
        p = np.stack([-score, score], 1)
        fold = Fold(0, 0, np.arange(0), np.arange(80))
        groups = [str(i) for i in range(80)]
        low, high = auc_interval(labels, groups, [fold], [p], resamples=200, seed=seed)
        covered += low < truth < high
    assert covered >= 51  # 57 expected


def folds_of(n: int, n_folds: int, seed: int = 0) -> list[Fold]:
    parts = np.array_split(np.random.default_rng(seed).permutation(n), n_folds)
    return [Fold(0, i, np.setdiff1d(np.arange(n), part), part) for i, part in enumerate(parts)]


def test_without_resampling_draws_are_the_score() -> None:
    """Also where some folds lack a class."""
    labels = np.array([0, 1] * 28 + [2] * 4)
    p = np.random.default_rng(0).dirichlet(np.ones(3), 60)
    folds = folds_of(60, 10)
    parts = [p[fold.test] for fold in folds]
    found = metrics.evaluate(labels, [str(i) for i in range(60)], list("abc"), folds, parts)
    as_is = np.ones((1, 60))
    assert len({len(set(labels[fold.test])) for fold in folds}) > 1
    assert fold_means(class_aucs, labels, folds, parts, as_is) == pytest.approx(found.auc_macro)
    assert fold_means(class_auprcs, labels, folds, parts, as_is) == pytest.approx(found.auprc_macro)


def test_a_rare_class_does_not_fall_out_of_the_interval() -> None:
    """One document a fold: of three resamples one lacks it there, and has easier classes alone."""
    outside = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        labels = rng.integers(0, 2, 100)
        labels[:5] = 2
        folds = make_folds(labels, [str(i) for i in range(100)], SplitConfig(repeats=1, seed=seed))
        scores = np.stack([3.0 * (labels == 0), 3.0 * (labels == 1), np.full(100, -0.5)], 1)
        p = np.exp(scores + rng.normal(0, 1, (100, 3)))
        p /= p.sum(1, keepdims=True)
        parts = [p[fold.test] for fold in folds]
        m = metrics.evaluate(
            labels, [str(i) for i in range(100)], list("abc"), folds, parts, resamples=200
        )
        outside += not m.auc_macro_ci[0] < m.auc_macro < m.auc_macro_ci[1]
        outside += not m.auprc_macro_ci[0] < m.auprc_macro < m.auprc_macro_ci[1]
    assert outside <= 2


def test_where_a_fold_is_a_group_the_interval_is_that_of_the_folds() -> None:
    rng = np.random.default_rng(0)
    labels, groups = np.tile([0, 1], 100), np.repeat(np.arange(5), 40)
    score = rng.normal(size=200) + rng.normal(1, 1, 5)[groups] * labels
    p = np.stack([-score, score], 1)
    folds = [Fold(0, k, np.flatnonzero(groups != k), np.flatnonzero(groups == k)) for k in range(5)]
    low, high = auc_interval(
        labels, [str(g) for g in groups], folds, [p[f.test] for f in folds], resamples=4000
    )
    aucs = np.array([roc_auc_score(labels[f.test], score[f.test]) for f in folds])
    drawn = aucs[rng.integers(0, 5, (4000, 5))].mean(1)
    assert (low, high) == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.02)


def test_corrected_t_test_follows_nadeau_and_bengio() -> None:
    a = [0.8, 0.9, 0.7, 0.85, 0.8, None, 0.9, 0.8]
    b = [0.7, 0.85, 0.75, 0.8, 0.7, 0.5, None, 0.7]
    d = np.array([x - y for x, y in zip(a, b, strict=True) if x is not None and y is not None])
    ratio = np.mean([len(f.test) / len(f.train) for f in FOLDS[:5] + FOLDS[7:]])
    error = np.sqrt((1 / len(d) + ratio) * d.var(ddof=1))
    found = corrected_t_test(a, b, FOLDS)
    assert found.n_folds == 6
    assert found.mean == pytest.approx(d.mean())
    assert found.high - found.mean == pytest.approx(stats.t.ppf(0.975, 5) * error)
    assert found.p_value == pytest.approx(2 * stats.t.sf(d.mean() / error, 5))


@pytest.mark.parametrize(
    ("strength", "outcome", "words"),
    [
        (5.0, "beats", "HILBERT beats"),
        (1.0, "undecided", "nor is it shown to be worse"),
        (-1.0, "below", "is worse"),
    ],
)
def test_the_verdict_is_honest(strength: float, outcome: str, words: str) -> None:
    scores = {
        "hilbert": evaluate(predictions(strength, seed=1)),
        "majority": evaluate(tuple(np.full((len(f.test), 3), 1 / 3) for f in FOLDS)),
        "logistic_audio": evaluate(predictions(1.0)),
    }
    verdict = judge(scores, FOLDS)
    assert verdict.outcome == outcome
    assert verdict.baseline == "logistic_audio"
    assert words in verdict.sentence
    assert "95 % interval" in verdict.sentence


@pytest.mark.parametrize(
    ("n_defined", "words"), [(0, "no fold tests"), (1, "one fold only"), (2, "two folds only")]
)
def test_an_undefined_comparison_is_said_without_nan(n_defined: int, words: str) -> None:
    own = evaluate(predictions(1.0))
    defined = [a if i < n_defined else None for i, a in enumerate(own.auc_folds)]
    own = replace(own, auc_folds=tuple(defined))
    verdict = judge({"hilbert": own, "majority": own}, FOLDS)
    assert verdict.outcome == "undecided"
    assert words in verdict.sentence
    assert "undefined" in verdict.sentence
    assert "nan" not in verdict.sentence


def test_every_pair_of_models_is_compared_the_better_first() -> None:
    scores = {name: evaluate(predictions(s, seed=i)) for i, (name, s) in
              enumerate([("weak", 0.5), ("strong", 4.0), ("middle", 1.5)])}  # fmt: skip
    table = differences(scores, FOLDS)
    assert [(row["a"], row["b"]) for row in table] == [
        ("strong", "middle"), ("strong", "weak"), ("middle", "weak"),
    ]  # fmt: skip
    for row in table:
        expected = corrected_t_test(scores[row["a"]].auc_folds, scores[row["b"]].auc_folds, FOLDS)
        assert (row["mean"], row["low"], row["high"]) == (
            expected.mean, expected.low, expected.high,
        )  # fmt: skip
        assert row["mean"] > 0
        assert row["method"] == "t-test"


def test_one_fold_is_judged_by_a_paired_bootstrap() -> None:
    fold = Fold(0, 0, np.arange(0), np.arange(N))
    rng = np.random.default_rng(0)
    shared = rng.random((N, 3))  # what is hard for one model is hard for the other
    good, bad = (s * np.eye(3)[LABELS] + shared for s in (0.5, 0.2))
    weights = group_weights(GROUPS, fold.test, 300, seed=0)
    scores = {n: metrics.evaluate(LABELS, GROUPS, "abc", [fold], [p], resamples=300)
              for n, p in (("hilbert", good), ("logistic", bad))}  # fmt: skip
    draws = {n: auc_draws(LABELS, [fold], [p], weights)
             for n, p in (("hilbert", good), ("logistic", bad))}  # fmt: skip
    verdict = judge(scores, [fold])
    assert verdict.outcome == "beats"
    assert (verdict.difference.method, verdict.difference.n_folds) == ("bootstrap", 1)
    assert "paired bootstrap over groups" in verdict.sentence
    low, high = verdict.difference.low, verdict.difference.high
    assert 0 < low < verdict.difference.mean < high
    apart = np.quantile(draws["hilbert"] - draws["logistic"][::-1], [0.025, 0.975])
    assert high - low < apart[1] - apart[0]  # the pairing narrows it
    same = paired_bootstrap(0.0, draws["logistic"], draws["logistic"], 1)
    assert (same.low, same.high, same.p_value) == (0.0, 0.0, 1.0)
    nothing = np.full(3, np.nan)
    assert np.isnan(paired_bootstrap(0.1, nothing, nothing, 1).low)
