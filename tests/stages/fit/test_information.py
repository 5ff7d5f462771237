"""Estimators of mutual information against Gaussians, whose information is known."""

import numpy as np
import pytest
import torch

from hilbert.stages.fit.information import club_information, gaussian_information
from hilbert.stages.fit.losses import candidates, information, similarities


def pair(n: int, width: int, r: float, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Gaussian embeddings, each dimension of one correlated by `r` with that of the other."""
    x, noise = torch.from_numpy(np.random.default_rng(seed).standard_normal((2, n, width)))
    return x, r * x + np.sqrt(1 - r**2) * noise


def several(estimate: object, n: int, width: int, r: float) -> tuple[float, float]:
    """Mean and deviation over 40 draws."""
    found = [estimate(*pair(n, width, r, seed)).item() for seed in range(40)]  # type: ignore[operator]
    return float(np.mean(found)), float(np.std(found))


@pytest.mark.parametrize("r", [0.0, 0.5, 0.8])
@pytest.mark.parametrize("width", [1, 3])
def test_gaussian_information_is_the_closed_form(r: float, width: int) -> None:
    expected = -0.5 * width * np.log(1 - r**2)
    assert several(gaussian_information, 300, width, r)[0] == pytest.approx(
        expected, rel=0.07, abs=0.01
    )


@pytest.mark.parametrize("r", [0.0, 0.5, 0.8])
@pytest.mark.parametrize("width", [1, 3])
def test_club_is_the_closed_form_of_its_bound_and_above_the_information(
    r: float, width: int
) -> None:
    mean, _ = several(club_information, 300, width, r)
    assert mean == pytest.approx(width * r**2 / (1 - r**2), rel=0.25, abs=0.02)
    if r:
        assert mean > -0.5 * width * np.log(1 - r**2)


@pytest.mark.parametrize("estimate", [gaussian_information, club_information])
@pytest.mark.parametrize("width", [8, 128])
def test_a_batch_of_32_tells_independent_from_dependent(estimate: object, width: int) -> None:
    nothing, spread = several(estimate, 32, width, 0.0)
    something, _ = several(estimate, 32, width, 0.9)
    assert abs(nothing) < max(3 * spread, 0.05 * width)
    assert something > nothing + 3 * spread


@pytest.mark.parametrize("estimate", [gaussian_information, club_information])
def test_gradients_are_finite_also_where_an_embedding_has_collapsed(estimate: object) -> None:
    for x in (torch.randn(20, 64), torch.ones(20, 64)):
        x = x.requires_grad_()
        estimate(x, torch.randn(20, 64)).backward()  # type: ignore[operator]
        assert x.grad is not None
        assert torch.isfinite(x.grad).all()


def test_infonce_stays_below_the_log_of_the_documents_and_the_truth() -> None:
    x, y = pair(64, 2, 0.9)
    everyone = candidates(torch.arange(64), mask_groups=False)
    for scale in (1.0, 10.0, 100.0):
        found = information(similarities(x, y, torch.tensor(scale).log()), everyone).item()
        assert found <= np.log(64)
        assert found <= -np.log(1 - 0.9**2) + 0.2
