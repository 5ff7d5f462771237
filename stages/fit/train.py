"""Training of HILBERT: how many epochs, then several networks from different starts."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from hilbert.stages.fit.batches import Index, bounded_batches, collate, draw_view
from hilbert.stages.fit.config import TrainConfig
from hilbert.stages.fit.dataset import DocumentSet
from hilbert.stages.fit.losses import task_loss
from hilbert.stages.fit.model import Hilbert
from hilbert.stages.fit.objective import Objective, make_objective
from hilbert.stages.fit.schedule import best_epoch, make_optimizer, should_stop
from hilbert.stages.fit.splits import hold_out
from hilbert.stages.fit.standardise import segment_moments
from hilbert.stages.fit.trained import PREDICT_BATCH, Curves, TrainedModel, inference

Progress = Callable[[int, int], None]
"""Called with what is done and what there is to do."""

NOTHING: Index = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Task:
    """What one network is trained on.

    Attributes
    ----------
    documents : DocumentSet
    fitted, held : int64 arrays
        Documents that are trained on, and those that early stopping looks at.
    labels, groups : Tensor of shape (n_documents,), int64
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


def train_hilbert(
    documents: DocumentSet,
    train: Index,
    config: TrainConfig,
    *,
    seed: int,
    progress: Progress | None = None,
) -> TrainedModel:
    """Train HILBERT on some of the documents; the others are not looked at.

    Parameters
    ----------
    documents : DocumentSet
    train : int64 array
        Indices of the training documents, with or without label.
    config : TrainConfig
    seed : int
        The same seed gives the same model on the same machine.
    progress : callable, optional
        Called after each network with the number done and the number of all.

    Returns
    -------
    TrainedModel
        Averages ``config.seeds_averaged`` networks. Its `curves` hold the losses of each, and
        last those of the trial that chose the number of epochs, where there was one.

    Notes
    -----
    Early stopping: one network is tried on a part of the training groups, the rest held out,
    and the others are trained on all of them for as many epochs as served it best (Goodfellow
    et al., Deep Learning, algorithm 7.2). Stopping each network by its own held-out part
    instead took a seventh of the rare classes from it: macro AUC .894 against .912.
    """
    networks: list[Hilbert] = []
    curves: list[Curves] = []
    with _reproducible(config.threads):
        trial = _try_epochs(documents, train, config, seed)
        epochs = best_epoch(trial["held_out"]) if trial else config.epochs
        for member in range(config.seeds_averaged):
            network, losses = _train_one(
                documents, (train, NOTHING), config, (seed, member), epochs
            )
            networks.append(network)
            curves.append(losses)
            if progress is not None:
                progress(member + 1, config.seeds_averaged)
    return TrainedModel(
        tuple(networks), documents.classes, config, (*curves, trial) if trial else tuple(curves)
    )


@contextmanager
def _reproducible(threads: int) -> Iterator[None]:
    """A fixed number of torch threads; the caller's random state and threads come back."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.set_num_threads(before)


def _try_epochs(documents: DocumentSet, train: Index, config: TrainConfig, seed: int) -> Curves:
    """Losses of a network that watches held-out groups; empty where nothing can be held out."""
    if not config.patience:
        return {}
    parts = hold_out(documents.labels, documents.groups, train, config.held_out, seed)
    if not len(parts[1]):
        return {}
    return _train_one(documents, parts, config, (seed, config.seeds_averaged), config.epochs)[1]


def _train_one(
    documents: DocumentSet,
    parts: tuple[Index, Index],
    config: TrainConfig,
    seed: tuple[int, int],
    epochs: int,
) -> tuple[Hilbert, Curves]:
    """One network, trained on the first part and watched on the second."""
    state = np.random.SeedSequence(seed)
    torch.manual_seed(int(state.generate_state(1)[0]))
    task = _make_task(documents, parts, config, state)
    audio = segment_moments(documents, task.fitted, "audio")
    text = segment_moments(documents, task.fitted, "text")
    network = Hilbert(audio, text, documents.n_classes, config.model).to(config.device)
    return network, _run_phases(network, task, epochs)


def _make_task(
    documents: DocumentSet,
    parts: tuple[Index, Index],
    config: TrainConfig,
    state: np.random.SeedSequence,
) -> Task:
    labels = torch.from_numpy(documents.labels).to(config.device)
    numbers = np.unique(np.asarray(documents.groups), return_inverse=True)[1]
    groups = torch.from_numpy(numbers.astype(np.int64)).to(config.device)
    fitted = torch.from_numpy(parts[0]).to(config.device)
    objective = make_objective(
        labels[fitted], groups[fitted], documents.n_classes, config.objective
    )
    rng = np.random.default_rng(state)
    return Task(documents, *parts, labels, groups, objective, config, rng)


def _run_phases(network: Hilbert, task: Task, epochs: int) -> Curves:
    """All terms at once, or the alignment first and after it the classifier alone."""
    if task.config.phases == "joint":
        return _fit(network, network, task, ("align", "classify"), epochs)
    aligned = _fit(network, network, task, ("align",), task.config.align_epochs)
    classified = _fit(network, network.classifier, task, ("classify",), epochs)
    return aligned | classified


def _fit(
    network: Hilbert, trained: nn.Module, task: Task, parts: tuple[str, ...], epochs: int
) -> Curves:
    """Minimise some parts of the objective over the parameters of `trained`."""
    n_steps = epochs * len(_batches(task))
    optimizer, schedule = make_optimizer(trained, task.config, n_steps)
    # the held-out loss is the classifier's, so alignment alone runs its full length
    watched = len(task.held) > 0 and "classify" in parts
    curves: Curves = {}
    for _ in range(epochs):
        _record(curves, _epoch(network, task, parts, optimizer, schedule))
        if watched:
            _record(curves, {"held_out": _held_loss(network, task)})
            if should_stop(curves["held_out"], task.config.patience):
                break
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
                network,
                optimizer,
                torch.stack(list(terms.values())).sum(),
                task.config.gradient_clip,
            )
        schedule.step()
        steps.append({name: term.item() for name, term in terms.items()})
    names = {name for step in steps for name in step}
    return {n: float(np.mean([s[n] for s in steps if n in s])) for n in sorted(names)}


def _batches(task: Task) -> list[Index]:
    """The training documents in a new order, in batches of nearly equal size."""
    order = task.rng.permutation(task.fitted)
    return np.array_split(order, max(1, round(len(order) / task.config.batch_size)))


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
    torch.nn.utils.clip_grad_norm_(network.parameters(), clip)
    optimizer.step()


def _held_loss(network: Hilbert, task: Task) -> float:
    """Class-weighted cross-entropy of the held-out documents, all segments seen."""
    held = task.documents.take(task.held)
    logits = []
    network.eval()
    with inference(task.config.threads):
        for index in bounded_batches(held, PREDICT_BATCH):
            batch = collate(held, index, network.widths, device=task.config.device)
            logits.append(network(batch)[1].logits)
        labels = task.labels[torch.from_numpy(task.held).to(task.config.device)]
        return task_loss(torch.cat(logits), labels, task.objective.class_weights).item()


def _record(curves: Curves, values: dict[str, float]) -> None:
    for name, value in values.items():
        curves.setdefault(name, []).append(value)
