"""Contrastive alignment, information balance and the task loss."""

import torch
from torch import Tensor
from torch.nn import functional

MAX_SCALE = 100.0
"""Largest inverse temperature, as in CLIP; above it a few pairs decide every step."""

LARGEST_GROUP = 0.1
"""Share of the documents above which a group is a site, not a person or a family."""


def groups_are_masked(groups: Tensor) -> bool:
    """Whether documents of one group are kept from being each other's negatives.

    They are, as two recordings of a person should be allowed to be alike. Where the largest
    group holds over a tenth of the documents, groups are sites: then masking would leave
    only negatives from other sites, and telling sites apart would satisfy the loss.

    Parameters
    ----------
    groups : Tensor of shape (n_documents,), int64
        Group of every training document.
    """
    return bool(torch.unique(groups, return_counts=True)[1].max() <= LARGEST_GROUP * len(groups))


def candidates(groups: Tensor, mask_groups: bool) -> Tensor:
    """Which documents compete in each row: the document itself and its negatives.

    Parameters
    ----------
    groups : Tensor of shape (n_documents,), int64
    mask_groups : bool
        Leave other documents of the same group out.

    Returns
    -------
    Tensor of shape (n_documents, n_documents), bool
    """
    itself = torch.eye(len(groups), dtype=torch.bool, device=groups.device)
    if not mask_groups:
        return torch.ones_like(itself)
    return itself | (groups[:, None] != groups[None, :])


def similarities(x: Tensor, y: Tensor, log_scale: Tensor) -> Tensor:
    """Cosine similarities over the temperature, the critic of `info_nce`.

    Parameters
    ----------
    x, y : Tensor of shape (n_documents, width)
        Two embeddings of the same documents.
    log_scale : Tensor of shape ()
        Log of the inverse temperature.

    Returns
    -------
    Tensor of shape (n_documents, n_documents)
    """
    cosines = functional.normalize(x, dim=1) @ functional.normalize(y, dim=1).T
    return cosines * log_scale.exp().clamp(max=MAX_SCALE)


def info_nce(scores: Tensor, competing: Tensor) -> Tensor:
    """Symmetric InfoNCE: rows look for their column, columns for their row.

    Parameters
    ----------
    scores : Tensor of shape (n_documents, n_documents)
        See `similarities`; the pairs are on the diagonal.
    competing : Tensor of shape (n_documents, n_documents), bool
        See `candidates`.

    Returns
    -------
    Tensor of shape ()

    References
    ----------
    van den Oord et al., arXiv 1807.03748; symmetric as in CLIP, arXiv 2103.00020.
    """
    scores = scores.masked_fill(~competing, -torch.inf)
    pairs = scores.diagonal()
    rows, columns = scores.logsumexp(1) - pairs, scores.logsumexp(0) - pairs
    return (rows.mean() + columns.mean()) / 2


def information(scores: Tensor, competing: Tensor) -> Tensor:
    """Lower bound of the mutual information of two embeddings, in nats.

    It shares the critic of `info_nce` and can never exceed the log of the number of competing
    documents: two strong modalities both near it look equal.

    Returns
    -------
    Tensor of shape ()
    """
    return competing.sum(1).to(scores.dtype).log().mean() - info_nce(scores, competing)


def balance_loss(audio: Tensor, text: Tensor) -> Tensor:
    """Squared gap between two informations that only the smaller is asked to close.

    Without the stop-gradient, harming the stronger modality would satisfy the term as well.

    Parameters
    ----------
    audio, text : Tensor of shape ()
        Information that each embedding holds about the joint one.

    Returns
    -------
    Tensor of shape ()
    """
    return (torch.minimum(audio, text) - torch.maximum(audio, text).detach()).square()


def effective_number_weights(counts: Tensor, beta: float) -> Tensor:
    """Weight of each class, the inverse of its effective number of documents.

    Parameters
    ----------
    counts : Tensor of shape (n_classes,)
        Training documents of each class; a class without any gets weight 0.
    beta : float
        0 for equal weights, towards 1 for weights inverse to the counts.

    Returns
    -------
    Tensor of shape (n_classes,), float32
        Sums to the number of classes that have documents.

    References
    ----------
    Cui et al., Class-Balanced Loss, eq. 4, arXiv 1901.05555.
    """
    counts = counts.to(torch.float64)
    weights = torch.where(counts > 0, (1 - beta) / (1 - beta ** counts.clamp(min=1)), 0.0)
    return (weights * (counts > 0).sum() / weights.sum()).to(torch.float32)


def task_loss(
    logits: Tensor, labels: Tensor, class_weights: Tensor, focal_gamma: float = 0.0
) -> Tensor:
    """Class-weighted cross-entropy, or focal loss, over the documents that have a label.

    Parameters
    ----------
    logits : Tensor of shape (n_documents, n_classes)
    labels : Tensor of shape (n_documents,), int64
        -1 where missing.
    class_weights : Tensor of shape (n_classes,)
    focal_gamma : float
        Exponent of ``1 - p(label)``; 0 is cross-entropy.

    Returns
    -------
    Tensor of shape ()
        Weighted mean; 0 without any label.

    References
    ----------
    Lin et al., Focal Loss, eq. 4, arXiv 1708.02002.
    """
    known = labels >= 0
    log_p = logits[known].log_softmax(1).gather(1, labels[known, None])[:, 0]  # (n_known,)
    weights = class_weights[labels[known]]
    focus = (1 - log_p.exp()).pow(focal_gamma) if focal_gamma else 1.0
    return -(weights * focus * log_p).sum() / weights.sum().clamp(min=1e-12)
