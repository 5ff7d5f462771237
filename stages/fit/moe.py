"""Mixture-of-experts classifier."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from hilbert.stages.fit.config import ModelConfig
from hilbert.stages.fit.heads import link_of
from hilbert.stages.fit.targets import Target


class Routed(NamedTuple):
    """What the mixture says of a batch.

    Attributes
    ----------
    logits : Tensor of shape (n_documents, n_columns)
        Class scores, of all questions side by side.
    gates : Tensor of shape (n_documents, n_experts)
        Weight given to each expert, sums to 1; 0 for experts not used.
    probabilities : Tensor of shape (n_documents, n_experts)
        Softmax over all experts, before any was left out.
    """

    logits: Tensor
    gates: Tensor
    probabilities: Tensor


def as_one(parts: Sequence[Routed]) -> Routed:
    """What the mixtures of several targets say, as one mixture of all their experts.

    Each target's experts share an equal part of the weight, so that the load-balancing loss of
    the whole is the mean of theirs.
    """
    if len(parts) == 1:
        return parts[0]
    logits, gates, probabilities = (torch.cat(part, 1) for part in zip(*parts, strict=True))
    return Routed(logits, gates / len(parts), probabilities / len(parts))


def gate(scores: Tensor, top_k: int, dropped: Tensor | None = None) -> Tensor:
    """Weights of the experts: a softmax over the `top_k` best that are not dropped.

    Parameters
    ----------
    scores : Tensor of shape (n_documents, n_experts)
    top_k : int
        Experts used for a document; 0 for all.
    dropped : Tensor of shape (n_experts,), bool, optional
        Experts left out; at least one must stay.

    Returns
    -------
    Tensor of shape (n_documents, n_experts)
    """
    if dropped is not None:
        scores = scores.masked_fill(dropped, -torch.inf)
    if top_k:
        kept = torch.zeros_like(scores, dtype=torch.bool)
        kept.scatter_(1, scores.topk(top_k, dim=1).indices, True)
        scores = scores.masked_fill(~kept, -torch.inf)
    return scores.softmax(1)


def load_balancing_loss(gates: Tensor, probabilities: Tensor) -> Tensor:
    """Penalty that grows as routing concentrates on few experts.

    For one expert a document this is the loss of the Switch Transformer, the share of an
    expert being the part of the documents sent to it; for a dense mixture the share is the
    mean weight, and the loss the squared importance of Shazeer et al. (2017).

    Parameters
    ----------
    gates, probabilities : Tensor of shape (n_documents, n_experts)
        See `Routed`.

    Returns
    -------
    Tensor of shape ()
        ``n_experts * sum_i share_i * probability_i``; 1 when balanced, at most `n_experts`.

    References
    ----------
    Fedus et al., Switch Transformers, eqs. 4-6, arXiv 2101.03961.
    """
    share, probability = gates.mean(0), probabilities.mean(0)
    return gates.shape[1] * (share * probability).sum()


class MixtureOfExperts(nn.Module):
    """Experts of one target over a document's embeddings, mixed by a router.

    Parameters
    ----------
    width : int
        Of the embeddings of a document, all modalities side by side.
    n_flags : int
        Number of modalities, whose presence is told to the router.
    target : Target
    config : ModelConfig
    """

    def __init__(self, width: int, n_flags: int, target: Target, config: ModelConfig) -> None:
        super().__init__()
        self.top_k, self.expert_dropout = config.top_k, config.expert_dropout
        self.router = nn.Linear(width + n_flags, config.experts)
        self.experts = nn.ModuleList(
            _expert(width, config.expert_width, target.n_outputs, config.dropout)
            for _ in range(config.experts)
        )
        self.link = link_of(target)

    def forward(self, embeddings: Tensor, present: Tensor) -> Routed:
        """Classify documents.

        Parameters
        ----------
        embeddings : Tensor of shape (n_documents, width)
        present : Tensor of shape (n_documents, n_flags), bool
        """
        scores = self.router(torch.cat([embeddings, present.to(embeddings.dtype)], 1))
        gates = gate(scores, self.top_k, self._dropped(scores))
        # (n_documents, n_experts, n_outputs)
        opinions = torch.stack([expert(embeddings) for expert in self.experts], 1)
        outputs = (gates[..., None] * opinions).sum(1)
        return Routed(self.link(outputs), gates, scores.softmax(1))

    def _dropped(self, scores: Tensor) -> Tensor | None:
        """Experts left out of this training step, enough staying for `top_k`."""
        if not (self.training and self.expert_dropout):
            return None
        luck = torch.rand(scores.shape[1], device=scores.device)
        spared = luck.topk(max(1, self.top_k)).indices
        return (luck < self.expert_dropout).index_fill(0, spared, False)


def _expert(width: int, hidden: int, n_outputs: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(width, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, n_outputs)
    )
