"""The training loop of one network."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from hilbert.stages.fit.batches import Batch, Index, collate, draw_view, withhold
from hilbert.stages.fit.config import TrainConfig
from hilbert.stages.fit.dataset import DocumentSet, Widths
from hilbert.stages.fit.model import Hilbert
from hilbert.stages.fit.objective import Objective, make_objective
from hilbert.stages.fit.resident import Resident, make_resident, may_reside
from hilbert.stages.fit.schedule import make_optimizer, n_batches
from hilbert.stages.fit.trained import Curves


@dataclass(frozen=True, eq=False)
class Task:
    """What one network is trained on.

    Attributes
    ----------
    documents : DocumentSet
    fitted : int64 array
        Documents that are trained on.
    labels : Tensor of shape (n_documents, n_questions), int64
    groups : Tensor of shape (n_documents,), int64
    objective : Objective
    config : TrainConfig
    rng : numpy Generator
        For the order of documents and the draws of segments.
    resident : Resident or None
        The features on the device, where they lie there.
    """

    documents: DocumentSet
    fitted: Index
    labels: Tensor
    groups: Tensor
    objective: Objective
    config: TrainConfig
    rng: np.random.Generator
    resident: Resident | None = None

    def collate(self, index: Index, widths: Widths) -> Batch:
        """The documents at `index` as one batch, of at most `max_segments` a modality."""
        limit, device = self.config.max_segments, self.config.device
        if self.resident is not None:
            return self.resident.collate(index, limit, self.rng)
        return collate(self.documents, index, widths, limit=limit, rng=self.rng, device=device)


def make_task(
    documents: DocumentSet, fitted: Index, config: TrainConfig, state: np.random.SeedSequence
) -> Task:
    """What a network is trained on."""
    labels = torch.from_numpy(documents.answers).to(config.device)
    numbers = np.unique(np.asarray(documents.groups), return_inverse=True)[1]
    groups = torch.from_numpy(numbers.astype(np.int64)).to(config.device)
    rows = torch.from_numpy(fitted).to(config.device)
    objective = make_objective(labels[rows], groups[rows], documents.targets, config.objective)
    resident = None
    if may_reside(documents, config.device):
        resident = make_resident(documents, documents.widths, config.device)
    rng = np.random.default_rng(state)
    return Task(documents, fitted, labels, groups, objective, config, rng, resident)


def run_phases(network: Hilbert, task: Task, epochs: int) -> Curves:
    """Train a network: all terms at once, or the alignment first and then the classifier.

    Returns
    -------
    dict
        Mean of each term by epoch.
    """
    if task.config.phases == "joint":
        return _fit(network, network, task, ("align", "classify"), epochs)
    aligned = _fit(network, network, task, ("align",), task.config.align_epochs)
    return aligned | _fit(network, network.classifiers, task, ("classify",), epochs)


def _fit(
    network: Hilbert, trained: nn.Module, task: Task, parts: tuple[str, ...], epochs: int
) -> Curves:
    """Minimise some parts of the objective over the parameters of `trained`."""
    network.requires_grad_(False)
    network.zero_grad(set_to_none=True)  # of the phase before
    trained.requires_grad_(True)
    optimizer, schedule = make_optimizer(trained, task.config, epochs * len(_batches(task)))
    curves: Curves = {}
    for _ in range(epochs):
        for name, value in _epoch(network, task, parts, optimizer, schedule).items():
            curves.setdefault(name, []).append(value)
    return curves


def _epoch(
    network: Hilbert,
    task: Task,
    parts: tuple[str, ...],
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
) -> dict[str, float]:
    """One pass over the training documents; the mean of each term."""
    network.train()
    steps = []
    for index in _batches(task):
        terms = _terms(network, task, index, parts)
        if terms:
            _step(
                network, optimizer, torch.stack([*terms.values()]).sum(), task.config.gradient_clip
            )
        schedule.step()
        steps.append({name: term.item() for name, term in terms.items()})
    names = {name for step in steps for name in step}
    return {n: float(np.mean([s[n] for s in steps if n in s])) for n in sorted(names)}


def _batches(task: Task) -> list[Index]:
    """The training documents in a new order, in batches of nearly equal size."""
    order = task.rng.permutation(task.fitted)
    return np.array_split(order, n_batches(len(order), task.config))


def _terms(network: Hilbert, task: Task, index: Index, parts: tuple[str, ...]) -> dict[str, Tensor]:
    """Weighted terms of one batch of training documents."""
    config = task.config
    batch = withhold(task.collate(index, network.widths), config.modality_dropout)
    own = draw_view(batch, config.subset_low)
    joint = draw_view(batch, config.subset_low) if config.independent_views else own
    embeddings, routed = network(own, joint)
    rows = torch.from_numpy(index).to(config.device)
    terms: dict[str, Tensor] = {}
    if "align" in parts:
        terms |= task.objective.alignment(embeddings, task.groups[rows], network.log_scale)
    if "classify" in parts:
        terms |= task.objective.task(routed, task.labels[rows])
    return terms


def _step(network: Hilbert, optimizer: torch.optim.Optimizer, loss: Tensor, clip: float) -> None:
    optimizer.zero_grad()
    torch.autograd.backward(loss)
    torch.nn.utils.clip_grad_norm_([p for p in network.parameters() if p.requires_grad], clip)
    optimizer.step()
