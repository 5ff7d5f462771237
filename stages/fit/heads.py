"""What makes class scores of a network's outputs, by the kind of the target.

Every link ends in class scores whose softmax is the class probabilities, so that one loss, the
class-weighted cross-entropy, is the likelihood of every kind: of a link of cumulative odds it is
that of the ordered model, of a label that a document has or has not the binary cross-entropy.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from hilbert.stages.fit.losses import task_loss
from hilbert.stages.fit.targets import Target


class CumulativeLink(nn.Module):
    """Proportional odds: one score, and thresholds between the classes that are in order.

    ``P(y <= k) = sigmoid(threshold_k - score)``. The thresholds are the first and the steps
    between them, each a softplus, so that no training can put them out of order; they start
    where a score of 0 makes all classes equally likely.

    References
    ----------
    McCullagh, Regression Models for Ordinal Data, J. R. Stat. Soc. B 42 (1980).
    """

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        start = (torch.arange(1, n_classes) / n_classes).logit()
        self.first = nn.Parameter(start[:1].clone())
        self.steps = nn.Parameter(start.diff().expm1().log())  # the inverse of the softplus

    @property
    def thresholds(self) -> Tensor:
        """Rising, shape (n_classes - 1,)."""
        return torch.cat([self.first, functional.softplus(self.steps)]).cumsum(0)

    def forward(self, outputs: Tensor) -> Tensor:
        """Log of the class probabilities, shape (n_documents, n_classes).

        Parameters
        ----------
        outputs : Tensor of shape (n_documents, 1)
        """
        odds = self.thresholds - outputs  # (n_documents, n_classes - 1), log odds of y <= k
        # sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)), which cancels nothing
        apart = (-torch.expm1(-functional.softplus(self.steps))).log()
        below = functional.logsigmoid(odds)  # log P(y <= k)
        above = functional.logsigmoid(-odds)  # log P(y > k)
        between = below[:, 1:] + above[:, :-1] + apart
        return torch.cat([below[:, :1], between, above[:, -1:]], 1)


class BinaryLink(nn.Module):
    """One score a label: the log odds that a document has it."""

    def forward(self, outputs: Tensor) -> Tensor:
        """Scores of *has not*, always 0, and *has*, label by label.

        Parameters
        ----------
        outputs : Tensor of shape (n_documents, n_labels)

        Returns
        -------
        Tensor of shape (n_documents, 2 * n_labels)
        """
        return torch.stack([torch.zeros_like(outputs), outputs], 2).flatten(1)


def link_of(target: Target) -> nn.Module:
    """From `Target.n_outputs` numbers to the class scores of the target's questions."""
    if target.kind == "ordinal":
        return CumulativeLink(len(target.classes))
    return BinaryLink() if target.kind == "multilabel" else nn.Identity()


def log_probabilities(scores: Tensor, targets: Sequence[Target]) -> Tensor:
    """Log of the class probabilities of every question.

    Parameters
    ----------
    scores : Tensor of shape (n_documents, n_columns)
        Class scores of all questions side by side.
    targets : sequence of Target

    Returns
    -------
    Tensor of shape (n_documents, n_columns)
    """
    return torch.cat([part.log_softmax(1) for part in torch.split(scores, _widths(targets), 1)], 1)


def class_probabilities(scores: Tensor, targets: Sequence[Target]) -> Tensor:
    """Class probabilities of every question, those of each summing to 1.

    Parameters are those of `log_probabilities`.
    """
    return torch.cat([part.softmax(1) for part in torch.split(scores, _widths(targets), 1)], 1)


def targets_loss(
    scores: Tensor,
    labels: Tensor,
    targets: Sequence[Target],
    class_weights: Tensor,
    focal_gamma: float = 0.0,
) -> Tensor:
    """Mean over the targets of the mean `task_loss` of their questions.

    A document whose label of a target is missing has no part in that target's loss; a target
    of which no document has a label, none in the mean.

    Parameters
    ----------
    scores : Tensor of shape (n_documents, n_columns)
    labels : Tensor of shape (n_documents, n_questions), int64
        -1 where missing.
    targets : sequence of Target
    class_weights : Tensor of shape (n_columns,)
    focal_gamma : float
        See `task_loss`.
    """
    parts = [
        task_loss(own, answers, weights, focal_gamma)
        for own, answers, weights in zip(
            torch.split(scores, _widths(targets), 1),
            labels.unbind(1),
            torch.split(class_weights, _widths(targets)),
            strict=True,
        )
    ]
    if len(parts) == 1:
        return parts[0]
    known = (labels >= 0).any(0).to(scores.dtype)  # (n_questions,)
    # each question weighs as much as its target divided by the target's questions that count
    of_target = torch.tensor([i for i, t in enumerate(targets) for _ in t.widths])
    same = (of_target[:, None] == of_target[None, :]).to(scores)
    weights = known / (same @ known).clamp(min=1)
    return (weights * torch.stack(parts)).sum() / weights.sum().clamp(min=1)


def _widths(targets: Sequence[Target]) -> list[int]:
    return [width for target in targets for width in target.widths]
