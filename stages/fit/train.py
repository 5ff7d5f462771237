"""Training of HILBERT: how many epochs, then several networks from different starts."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch

from hilbert.stages.fit.batches import Index
from hilbert.stages.fit.config import TrainConfig
from hilbert.stages.fit.dataset import DocumentSet
from hilbert.stages.fit.loop import make_task, run_phases
from hilbert.stages.fit.model import Hilbert
from hilbert.stages.fit.schedule import ANNEALING, best_epoch, epoch_limits
from hilbert.stages.fit.splits import hold_out
from hilbert.stages.fit.standardise import segment_moments
from hilbert.stages.fit.trained import Curves, TrainedModel

Progress = Callable[[int, int], None]
"""Called with what is done and what there is to do."""

NOTHING: Index = np.empty(0, dtype=np.int64)


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
    Early stopping: one network is tried at a constant learning rate on a part of the training
    groups, the rest held out; the others are trained on all of them, annealed, as far as
    served it best (Goodfellow et al., Deep Learning, algorithm 7.2). Stopping each network by
    its own held-out part took a seventh of the rare classes from it: macro AUC .894, not .912.
    """
    networks: list[Hilbert] = []
    curves: list[Curves] = []
    with _reproducible(config.threads):
        least, most = epoch_limits(len(train), config)
        trial = _try_epochs(documents, train, config, seed, most) if least < most else {}
        epochs = _chosen_epochs(trial, least, most)
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


def _try_epochs(
    documents: DocumentSet, train: Index, config: TrainConfig, seed: int, most: int
) -> Curves:
    """Losses of a network that watches held-out groups; empty where nothing can be held out."""
    if not config.patience:
        return {}
    parts = hold_out(documents.labels, documents.groups, train, config.held_out, seed)
    if not len(parts[1]):
        return {}
    constant = -(-most // ANNEALING)
    return _train_one(documents, parts, config, (seed, config.seeds_averaged), constant)[1]


def _chosen_epochs(trial: Curves, least: int, most: int) -> int:
    """Passes of the annealed networks: as far as served the trial best, within the limits."""
    if not trial:
        return most
    return min(max(least, ANNEALING * best_epoch(trial["held_out"])), most)


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
    task = make_task(documents, parts, config, state)
    audio = segment_moments(documents, task.fitted, "audio")
    text = segment_moments(documents, task.fitted, "text")
    network = Hilbert(audio, text, documents.n_classes, config.model).to(config.device)
    return network, run_phases(network, task, epochs)
