"""Calibration error, its band and the curve, against scikit-learn and by simulation."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from hilbert.stages.fit.calibration import calibrate, calibration_error

RNG = np.random.default_rng(0)


def drawn(n: int, seed: int, sharpness: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Labels drawn from true probabilities, and those that a model states: sharper or duller."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet([1.0, 2.0, 1.0], n)
    labels = (rng.random(n)[:, None] > p.cumsum(1)).sum(1)
    stated = p**sharpness
    return labels, stated / stated.sum(1, keepdims=True)


def test_the_curve_is_scikit_learns() -> None:
    labels, p = drawn(500, 0)
    found = calibrate(labels, [(np.arange(500), p)], draws=50).reliability
    right = p.argmax(1) == labels
    accuracy, confidence = calibration_curve(right, p.max(1), n_bins=10)
    assert [b.accuracy for b in found] == pytest.approx(list(accuracy))
    assert [b.confidence for b in found] == pytest.approx(list(confidence))
    assert sum(b.n for b in found) == 500


def test_the_error_is_the_curves_mean_gap_and_the_mean_over_repeats() -> None:
    labels, p = drawn(300, 1)
    whole = np.arange(300)
    one = calibrate(labels, [(whole, p)], draws=20)
    gaps = [b.n * abs(b.accuracy - b.confidence) for b in one.reliability]
    assert one.ece == pytest.approx(sum(gaps) / 300) == calibration_error(labels, p)
    even = np.full_like(p, 1 / 3)
    two = calibrate(labels, [(whole, p), (whole[::-1], even)], draws=20)
    assert two.ece == pytest.approx(
        (calibration_error(labels, p) + calibration_error(labels[::-1], even)) / 2
    )


def test_true_probabilities_are_inside_the_band_as_often_as_it_says() -> None:
    inside = 0
    for seed in range(60):
        labels, p = drawn(250, seed)
        found = calibrate(labels, [(np.arange(250), p)], draws=300, seed=seed)
        inside += found.ece_band[0] <= found.ece <= found.ece_band[1]
    assert inside >= 51  # 57 expected


def test_overconfident_probabilities_are_above_the_band_of_chance() -> None:
    labels, p = drawn(400, 5, sharpness=3.0)
    found = calibrate(labels, [(np.arange(400), p)])
    assert found.ece > found.ece_band[1]
    assert found.ece_band[0] > 0  # a perfect model is not at 0 either
    assert any(b.accuracy < b.accuracy_band[0] for b in found.reliability)


def test_repeats_share_a_documents_luck() -> None:
    """Five repeats of one model know no more than one, so their band is as wide."""
    labels, p = drawn(200, 2)
    one = calibrate(labels, [(np.arange(200), p)])
    five = calibrate(labels, [(np.arange(200), p)] * 5)
    assert five.ece_band == pytest.approx(one.ece_band)
    assert five.reliability[0].accuracy_band == pytest.approx(one.reliability[0].accuracy_band)
