"""The training loop of one network."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hilbert.stages.fit.batches import Index, bounded_batches, collate, draw_view, withhold
from hilbert.stages.fit.config import TrainConfig
from hilbert.stages.fit.dataset import DocumentSet
from hilbert.stages.fit.heads import log_probabilities
from hilbert.stages.fit.model import Hilbert
from hilbert.stages.fit.objective import Objective, make_objective
from hilbert.stages.fit.schedule import make_optimizer, n_batches, should_stop
from hilbert.stages.fit.trained import PREDICT_BATCH, Curves, inference


@dataclass(frozen=True, eq=False)
class Task:
    """What one network is trained on.

    Attributes
    ----------
    documents : DocumentSet
    fitted, held : int64 arrays
        Documents that are trained on, and those that early stopping looks at.
    labels : Tensor of shape (n_documents, n_questions), int64
    groups : Tensor of shape (n_documents,), int64
    objective : Objective
    config : TrainConfig
    rng : numpy Generator
        For the order of documents and the draws of segments.
    """

    documents: DocumentSet
    fitted: Index
    held: Index
    labels: Tensor
    groups: Tensor
    objective: Objective
    config: TrainConfig
    rng: np.random.Generator


class History(NamedTuple):
    """What a training left behind.

    Attributes
    ----------
    curves : dict
        Mean of each term by epoch.
    said : list of float64 arrays of shape (n_held, n_columns)
        Log probabilities of the held-out documents after each epoch.
    """

    curves: Curves
    said: list[NDArray[np.float64]]


def make_task(
    documents: DocumentSet,
    parts: tuple[Index, Index],
    config: TrainConfig,
    state: np.random.SeedSequence,
) -> Task:
    """What a network is trained on: documents to fit and documents to watch."""
    labels = torch.from_numpy(documents.answers).to(config.device)
    numbers = np.unique(np.asarray(documents.groups), return_inverse=True)[1]
    groups = torch.from_numpy(numbers.astype(np.int64)).to(config.device)
    fitted = torch.from_numpy(parts[0]).to(config.device)
    objective = make_objective(labels[fitted], groups[fitted], documents.targets, config.objective)
    rng = np.random.default_rng(state)
    return Task(documents, *parts, labels, groups, objective, config, rng)


def run_phases(network: Hilbert, task: Task, epochs: int, least: int = 1) -> History:
    """Train a network: all terms at once, or the alignment first and then the classifier.

    Where documents are held out, the learning rate stays constant and training ends when,
    after `least` epochs, their loss has not fallen for a while; otherwise it is annealed over
    `epochs`.
    """
    if task.config.phases == "joint":
        return _fit(network, network, task, ("align", "classify"), (least, epochs))
    n_align = task.config.align_epochs
    aligned, _ = _fit(network, network, task, ("align",), (n_align, n_align))
    classified, said = _fit(network, network.classifiers, task, ("classify",), (least, epochs))
    return History(aligned | classified, said)


def _fit(
    network: Hilbert,
    trained: nn.Module,
    task: Task,
    parts: tuple[str, ...],
    limits: tuple[int, int],
) -> History:
    """Minimise some parts of the objective over the parameters of `trained`."""
    least, epochs = limits
    network.requires_grad_(False)
    network.zero_grad(set_to_none=True)  # of the phase before
    trained.requires_grad_(True)
    n_steps = epochs * len(_batches(task))
    # the held-out loss is the classifier's, so alignment alone runs its full length
    watched = len(task.held) > 0 and "classify" in parts
    optimizer, schedule = make_optimizer(trained, task.config, n_steps, anneal=not watched)
    history = History({}, [])
    for epoch in range(epochs):
        _record(history.curves, _epoch(network, task, parts, optimizer, schedule))
        if watched:
            loss, said = _look(network, task)
            _record(history.curves, {"held_out": loss})
            history.said.append(said)
            past = should_stop(history.curves["held_out"], task.config.patience)
            if epoch + 1 >= least and past:
                break
    return history


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
    config, documents = task.config, task.documents
    batch = collate(
        documents,
        index,
        network.widths,
        limit=config.max_segments,
        rng=task.rng,
        device=config.device,
    )
    batch = withhold(batch, config.modality_dropout)
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


def _look(network: Hilbert, task: Task) -> tuple[float, NDArray[np.float64]]:
    """Loss of the held-out documents and their log probabilities."""
    held = task.documents.take(task.held)
    logits = []
    network.eval()
    with inference(task.config.threads):
        for index in bounded_batches(held, PREDICT_BATCH):
            batch = collate(held, index, network.widths, device=task.config.device)
            logits.append(network(batch)[1].logits)
        labels = task.labels[torch.from_numpy(task.held).to(task.config.device)]
        loss = task.objective.held_out(torch.cat(logits), labels).item()
        said = log_probabilities(torch.cat(logits).double(), network.targets)
    return loss, said.cpu().numpy()


def _record(curves: Curves, values: dict[str, float]) -> None:
    for name, value in values.items():
        curves.setdefault(name, []).append(value)
