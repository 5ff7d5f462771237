"""Centred kernel alignment with the debiased HSIC estimator."""

import torch
from torch import Tensor

from hilbert.stages.fit.config import Kernel

MIN_PAIRS = 16
"""Pairs below which the estimate is noise: its standard deviation is .22 at 8 pairs."""

TINY = 1e-12


def hsic(K: Tensor, L: Tensor) -> Tensor:
    """Unbiased estimate of the Hilbert-Schmidt independence criterion, HSIC_1.

    Parameters
    ----------
    K, L : Tensor of shape (n, n), float64
        Kernel matrices of the same n > 3 documents.

    Returns
    -------
    Tensor of shape ()
        May be negative; 0 on average for independent data.

    References
    ----------
    Song et al., Feature Selection via Dependence Maximization, JMLR 13 (2012), eq. 5.
    """
    n = len(K)
    off_diagonal = 1.0 - torch.eye(n, dtype=K.dtype, device=K.device)
    K, L = K * off_diagonal, L * off_diagonal
    product = (K * L).sum()  # the trace of KL, as both are symmetric
    sums = K.sum() * L.sum() / ((n - 1) * (n - 2))
    cross = 2.0 / (n - 2) * (K.sum(0) @ L.sum(0))
    return (product + sums - cross) / (n * (n - 3))


def kernel_matrix(x: Tensor, kernel: Kernel) -> Tensor:
    """Kernel matrix of shape (n, n) of `x` of shape (n, width).

    The RBF kernel takes the median squared distance as its scale, without a gradient, so
    that it does not depend on the scale of `x`.
    """
    if kernel == "linear":
        return x @ x.T
    lengths = x.square().sum(1)
    distances = (lengths[:, None] + lengths[None, :] - 2.0 * x @ x.T).clamp(min=0.0)
    pairs = torch.triu_indices(len(x), len(x), offset=1, device=x.device)
    median = distances.detach()[pairs[0], pairs[1]].median().clamp(min=TINY)
    return torch.exp(-distances / (2.0 * median))


def cka(x: Tensor, y: Tensor, kernel: Kernel = "linear") -> Tensor:
    """Debiased CKA of two embeddings of the same documents.

    Parameters
    ----------
    x : Tensor of shape (n, width_x)
    y : Tensor of shape (n, width_y)
    kernel : {"linear", "rbf"}

    Returns
    -------
    Tensor of shape (), float64
        1 for embeddings equal up to rotation, scale and offset; 0 on average for independent
        ones, where the plain estimator tends to 1 as n falls to the width.

    References
    ----------
    Nguyen et al., Do Wide and Deep Networks Learn the Same Things?, arXiv 2010.15327, eq. 4.
    """
    # float64 and centred first: with an offset of 30, float32 returned -1.0 for a truth of 0.66
    K, L = (kernel_matrix(_centred(z), kernel) for z in (x, y))
    scale = hsic(K, K).clamp(min=TINY).sqrt() * hsic(L, L).clamp(min=TINY).sqrt()
    return hsic(K, L) / scale


def cka_loss(x: Tensor, y: Tensor, kernel: Kernel = "linear") -> Tensor:
    """1 - CKA, or 0 below `MIN_PAIRS` documents; see `cka`."""
    if len(x) < MIN_PAIRS:
        return x.new_zeros(())
    return (1.0 - cka(x, y, kernel)).to(x.dtype)


def _centred(x: Tensor) -> Tensor:
    x = x.to(torch.float64)
    return x - x.mean(0)
