"""Estimates of the mutual information of two embeddings from one batch, differentiable.

`losses.information` is the InfoNCE bound, which shares the critic of the contrastive loss. The
two here know no critic: they take the embeddings for what a linear Gaussian model says of them.
"""

import torch
from torch import Tensor

RIDGE = 1.0
"""Ridge of the regression of CLUB, in mean squared lengths of a document."""

LOADING = 0.01
"""Variance added to every direction before a log determinant, in variances of a dimension."""

SHIFTS = 4
"""Wrong pairings whose mean estimate is taken off that of the right one, see `gaussian`."""


def gaussian_information(x: Tensor, y: Tensor) -> Tensor:
    """Mutual information of two embeddings as if they were jointly Gaussian, in nats.

    With ridge covariances it is the difference of three log determinants, here of n × n
    matrices, so that a width above the batch is no obstacle. A few documents seem dependent
    in every direction: four wrong pairings, rows shifted against each other, tell by how much,
    and that is taken off. So it is 0 on average for independent embeddings.

    Parameters
    ----------
    x : Tensor of shape (n_documents, width_x)
    y : Tensor of shape (n_documents, width_y)
        Of the same documents, at least 3.

    Returns
    -------
    Tensor of shape ()
        ``-log(1 - r ** 2) / 2`` for two Gaussian numbers of correlation r, less what the ridge
        hides; may be negative.

    References
    ----------
    Cover and Thomas, Elements of Information Theory, eq. 8.54 (Gaussian entropy).
    """
    K, L = _gram(x), _gram(y)
    n_shifts = min(SHIFTS, len(x) - 1)
    # evenly spread, never the pairing itself
    shifts = [1 + (i * (len(x) - 1)) // n_shifts for i in range(n_shifts)]
    wrong = [_log_det(K + L.roll((s, s), (0, 1))) for s in shifts]
    return (torch.stack(wrong).mean() - _log_det(K + L)) / 2


def club_information(x: Tensor, y: Tensor) -> Tensor:
    """Contrastive log-ratio upper bound of the mutual information, in nats.

    The bound needs a model of y given x: here a linear Gaussian one, fitted to the batch by
    ridge regression in closed form, each document predicted by the others (leave-one-out), so
    that no second network has to be trained and few documents do not explain themselves.

    Parameters
    ----------
    x : Tensor of shape (n_documents, width_x)
    y : Tensor of shape (n_documents, width_y)
        Of the same documents, at least 3.

    Returns
    -------
    Tensor of shape ()
        ``r ** 2 / (1 - r ** 2)`` for two Gaussian numbers of correlation r, which is no less
        than their information; it has no upper limit.

    References
    ----------
    Cheng et al., CLUB, eq. 8, arXiv 2006.12013.
    """
    x, y = _standardised(x), _standardised(y)
    n = len(x)
    K = x @ x.T
    ridge = RIDGE * K.diagonal().mean() + 1e-6  # an embedding may have collapsed
    hat = torch.linalg.solve(K + ridge * torch.eye(n, dtype=K.dtype, device=K.device), K)
    own = hat.diagonal()[:, None] + 1 / n  # what a document says of itself, by the mean as well
    error = (y - hat @ y) / (1 - own)  # leave-one-out, (n_documents, width_y)
    predicted = y - error
    right = error.square().mean(0)
    # mean over j of (y_j - predicted_i)^2, without a cube of documents and dimensions
    mean, spread = y.mean(0), y.var(0, unbiased=False)
    wrong = (mean - predicted).square().mean(0) + spread
    # the variance of the model is the mean squared error, which a collapsed y must not make 0
    bound: Tensor = ((wrong - right) / (2 * right.clamp(min=1e-6))).sum()
    return bound


def _gram(x: Tensor) -> Tensor:
    """Inner products of standardised rows, over what the ridge adds, of shape (n, n)."""
    x = _standardised(x)
    return x @ x.T / (LOADING * len(x))


def _log_det(K: Tensor) -> Tensor:
    """Log determinant of the identity plus a kernel matrix."""
    found: Tensor = torch.logdet(torch.eye(len(K), dtype=K.dtype, device=K.device) + K)
    return found


def _standardised(x: Tensor) -> Tensor:
    """Centred, with dimensions of deviation 1; float64, as determinants need."""
    x = x.to(torch.float64)
    x = x - x.mean(0)
    return x / (x.square().mean(0) + 1e-12).sqrt()
