"""The sum that training minimises, term by term."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hilbert.stages.fit.cka import MIN_PAIRS, cka_loss
from hilbert.stages.fit.config import ObjectiveConfig
from hilbert.stages.fit.heads import targets_loss
from hilbert.stages.fit.information import club_information, gaussian_information
from hilbert.stages.fit.losses import (
    balance_loss,
    candidates,
    effective_number_weights,
    groups_are_masked,
    info_nce,
    information,
    similarities,
)
from hilbert.stages.fit.model import Embeddings
from hilbert.stages.fit.moe import Routed, load_balancing_loss
from hilbert.stages.fit.targets import Target

ALIGNMENT = ("contrast", "cka", "balance")
"""Terms that need no label."""


@dataclass(frozen=True, eq=False)
class Pair:
    """Two embeddings of the documents that have both, and who competes with whom.

    Attributes
    ----------
    x, y : Tensor of shape (n_pairs, width)
    competing : Tensor of shape (n_pairs, n_pairs), bool
    """

    x: Tensor
    y: Tensor
    competing: Tensor


@dataclass(frozen=True, eq=False)
class Objective:
    """Computes the terms of a batch.

    Attributes
    ----------
    config : ObjectiveConfig
    targets : tuple of Target
    class_weights : Tensor of shape (n_columns,)
        Of the classes of all questions side by side.
    log_prior : Tensor of shape (n_columns,)
        Log of the class frequencies in training, for the logit adjustment.
    mask_groups : bool
        See `losses.groups_are_masked`.
    """

    config: ObjectiveConfig
    targets: tuple[Target, ...]
    class_weights: Tensor
    log_prior: Tensor
    mask_groups: bool

    def alignment(
        self, embeddings: Embeddings, groups: Tensor, log_scale: Tensor
    ) -> dict[str, Tensor]:
        """Weighted terms that need no label.

        Parameters
        ----------
        embeddings : Embeddings
        groups : Tensor of shape (n_documents,), int64
        log_scale : Tensor of shape ()
            Log of the inverse temperature.

        Returns
        -------
        dict
            The terms of `ALIGNMENT` that could be computed: a batch where no two documents
            have both sides of a pair has none, nor has one without one of the modalities.
        """
        both = embeddings.present.all(1)
        if both.sum() < 2:
            return {}
        joined = self._joined(embeddings, groups)
        contrasted = [self._direct(embeddings, groups)] if self._is_direct else joined
        terms = {
            "contrast": _mean([_contrast(pair, log_scale) for pair in contrasted]),
            "cka": _mean([cka_loss(p.x, p.y, self.config.cka_kernel) for p in joined]),
            "balance": self._balance(embeddings, groups, both, log_scale),
        }
        weights = {name: getattr(self.config, f"{name}_weight") for name in ALIGNMENT}
        return {name: weights[name] * term for name, term in terms.items() if weights[name]}

    def task(self, routed: Routed, labels: Tensor) -> dict[str, Tensor]:
        """Weighted terms of the classifier: the task loss and the balance of the experts.

        Parameters
        ----------
        routed : Routed
        labels : Tensor of shape (n_documents, n_questions), int64
            -1 where missing.
        """
        logits = routed.logits + self.config.logit_adjustment * self.log_prior
        focus = self.config.focal_gamma
        task = targets_loss(logits, labels, self.targets, self.class_weights, focus)
        load = load_balancing_loss(routed.gates, routed.probabilities)
        return {"task": task, "load": self.config.load_weight * load}

    @property
    def _is_direct(self) -> bool:
        return self.config.contrast == "direct"

    def _joined(self, embeddings: Embeddings, groups: Tensor) -> list[Pair]:
        """Each modality with the joint embedding, the pairs of the reciprocal objective."""
        has_audio, has_text = embeddings.present.unbind(1)
        return [
            self._pair(embeddings.audio, embeddings.joint, groups, has_audio),
            self._pair(embeddings.text, embeddings.joint, groups, has_text),
        ]

    def _direct(self, embeddings: Embeddings, groups: Tensor) -> Pair:
        """Audio with text, the ablation."""
        both = embeddings.present.all(1)
        return self._pair(embeddings.audio, embeddings.text, groups, both)

    def _balance(
        self, embeddings: Embeddings, groups: Tensor, both: Tensor, log_scale: Tensor
    ) -> Tensor:
        """Balance over documents that have both: only there the two informations compare."""
        told = []
        for own in (embeddings.audio, embeddings.text):
            told.append(self._told(self._pair(own, embeddings.joint, groups, both), log_scale))
        return balance_loss(*told)

    def _told(self, pair: Pair, log_scale: Tensor) -> Tensor:
        """What the first embedding of a pair tells of the second."""
        if self.config.balance_estimator == "infonce":
            return information(similarities(pair.x, pair.y, log_scale), pair.competing)
        if len(pair.x) < MIN_PAIRS:
            return pair.x.new_zeros(())
        estimate = {"gaussian": gaussian_information, "club": club_information}
        told = estimate[self.config.balance_estimator](pair.x, pair.y) / pair.y.shape[1]
        return told.to(pair.x.dtype)

    def _pair(self, x: Tensor, y: Tensor, groups: Tensor, kept: Tensor) -> Pair:
        return Pair(x[kept], y[kept], candidates(groups[kept], self.mask_groups))


def make_objective(
    labels: Tensor, groups: Tensor, targets: Sequence[Target], config: ObjectiveConfig
) -> Objective:
    """Objective with the class weights and the masking rule that the training documents call for.

    Parameters
    ----------
    labels : Tensor of shape (n_training, n_questions), int64
        Of the training documents only, -1 where missing.
    groups : Tensor of shape (n_training,), int64
    targets : sequence of Target
    config : ObjectiveConfig
    """
    widths = [width for target in targets for width in target.widths]
    found = [
        _frequencies(own, n_classes, config.class_balance)
        for own, n_classes in zip(labels.unbind(1), widths, strict=True)
    ]
    weights, log_prior = (torch.cat(parts) for parts in zip(*found, strict=True))
    return Objective(config, tuple(targets), weights, log_prior, groups_are_masked(groups))


def _frequencies(labels: Tensor, n_classes: int, beta: float) -> tuple[Tensor, Tensor]:
    """Weights and log frequencies of the classes of one question, each of shape (n_classes,)."""
    counts = torch.bincount(labels[labels >= 0], minlength=n_classes)
    # a class without any document keeps a finite prior; its weight is 0 anyway
    log_prior = (counts.clamp(min=1) / counts.sum().clamp(min=1)).log()
    return effective_number_weights(counts, beta), log_prior


def _contrast(pair: Pair, log_scale: Tensor) -> Tensor:
    return info_nce(similarities(pair.x, pair.y, log_scale), pair.competing)


def _mean(terms: list[Tensor]) -> Tensor:
    return torch.stack(terms).mean()
