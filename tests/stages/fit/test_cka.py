"""Debiased HSIC and CKA against loops, invariances and the biased estimator."""

import itertools

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from hilbert.stages.fit.cka import cka, cka_loss, hsic, kernel_matrix
from hilbert.stages.fit.config import Kernel


def gaussian(n: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((n, width)))


def hsic_by_loops(K: NDArray[np.float64], L: NDArray[np.float64]) -> float:
    """Song et al. 2012, eq. 3: averages over ordered tuples of different documents."""
    n = len(K)

    def average(size: int, term: object) -> float:
        tuples = list(itertools.permutations(range(n), size))
        return float(np.mean([term(*t) for t in tuples]))  # type: ignore[operator]

    return (
        average(2, lambda i, j: K[i, j] * L[i, j])
        + average(4, lambda i, j, q, r: K[i, j] * L[q, r])
        - 2 * average(3, lambda i, j, q: K[i, j] * L[i, q])
    )


def biased_cka(x: torch.Tensor, y: torch.Tensor) -> float:
    x, y = x - x.mean(0), y - y.mean(0)
    return float((x.T @ y).norm() ** 2 / ((x.T @ x).norm() * (y.T @ y).norm()))


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_hsic_equals_the_average_over_tuples(kernel: Kernel) -> None:
    K, L = kernel_matrix(gaussian(7, 3), kernel), kernel_matrix(gaussian(7, 2, seed=1), kernel)
    assert hsic(K, L).item() == pytest.approx(hsic_by_loops(K.numpy(), L.numpy()))


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_cka_ignores_rotation_scale_and_offset(kernel: Kernel) -> None:
    x, y = gaussian(40, 6), gaussian(40, 6, seed=1)
    y = y + x
    rotation = torch.linalg.qr(gaussian(6, 6, seed=2)).Q
    expected = cka(x, y, kernel).item()
    assert cka(3.0 * x @ rotation + 30.0, y, kernel).item() == pytest.approx(expected)
    assert cka(x, 0.1 * x @ rotation - 5.0, kernel).item() == pytest.approx(1.0)


def test_cka_of_independent_embeddings_is_zero_on_average_unlike_the_biased_one() -> None:
    pairs = [(gaussian(24, 32, seed=i), gaussian(24, 32, seed=1000 + i)) for i in range(200)]
    assert np.mean([cka(x, y).item() for x, y in pairs]) == pytest.approx(0.0, abs=0.02)
    assert np.mean([biased_cka(x, y) for x, y in pairs]) > 0.5


def test_cka_survives_an_offset_in_float32() -> None:
    x = gaussian(32, 8).float()
    y = x + 0.5 * gaussian(32, 8, seed=1).float()
    assert cka(x + 30.0, y + 30.0).item() == pytest.approx(cka(x, y).item(), abs=1e-4)


def test_cka_loss_is_skipped_below_sixteen_pairs() -> None:
    x = gaussian(16, 4)
    assert cka_loss(x[:15], x[:15] + gaussian(15, 4, seed=1)).item() == 0.0
    assert cka_loss(x, x).item() == pytest.approx(0.0, abs=1e-9)


def test_cka_loss_of_a_collapsed_embedding_has_finite_gradients() -> None:
    x = torch.ones(20, 4, requires_grad=True)
    cka_loss(x, gaussian(20, 4).float()).backward()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()
