"""Training of HILBERT: trials inside the training documents, then networks on all of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from hilbert.stages.fit.batches import Index
from hilbert.stages.fit.config import TrainConfig
from hilbert.stages.fit.dataset import MISSING, DocumentSet
from hilbert.stages.fit.loop import History, make_task, run_phases
from hilbert.stages.fit.mixing import Mixing, even_mixing, fit_mixing
from hilbert.stages.fit.model import Hilbert
from hilbert.stages.fit.results import Inner
from hilbert.stages.fit.schedule import (
    ANNEALING,
    best_epoch,
    epoch_limits,
    n_networks,
    n_trials,
)
from hilbert.stages.fit.side_by_side import fit_linears, mix_all
from hilbert.stages.fit.splits import inner_splits
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
        Averages the networks, whose number its `config` tells. Its `curves` hold the losses of
        each, and last those of the trial that chose the number of epochs, where there was one.

    Notes
    -----
    Trials: a network for each inner split, at a constant learning rate, watches the part that
    is held out; the averaged ones are trained on all documents, annealed, as far as served the
    trials best (Goodfellow et al., Deep Learning, algorithm 7.2). Stopping each network by its
    own held-out part took a seventh of the rare classes from it: macro AUC .894, not .912.
    What the trials say of documents that they did not see, and linear experts of inner splits,
    tells how networks and linear expert are mixed.
    """
    n_averaged = n_networks(len(train), config)
    config = replace(config, seeds_averaged=n_averaged)
    networks: list[Hilbert] = []
    curves: list[Curves] = []
    with _reproducible(config.threads):
        least, most = epoch_limits(len(train), config)
        trials = _try_epochs(documents, train, config, seed, (least, most))
        epochs = min(max(least, ANNEALING * trials.best), most) if trials.curves else most
        peaks = config.model.peaks
        expert, said = fit_linears(documents, train, seed, peaks) if config.linear else (None, None)
        mixing, inner = mix_all(documents, trials.said, expert, said, _mix)
        for member in range(n_averaged):
            network, history = _train_one(
                documents, (train, NOTHING), config, (seed, member), (epochs, epochs)
            )
            networks.append(network)
            curves.append(history.curves)
            if progress is not None:
                progress(member + 1, n_averaged)
    watched = (trials.curves,) if trials.curves else ()
    return TrainedModel(
        tuple(networks), documents.targets, config, (*curves, *watched), expert, mixing, inner
    )


@dataclass(frozen=True, eq=False)
class Trials:
    """What networks on a part of the training documents showed.

    Attributes
    ----------
    curves : dict
        Mean of each term over the trials; empty without any.
    best : int
        Epochs after which the held-out loss was lowest.
    said : float64 array of shape (n_documents, n_columns)
        Log probabilities after `best` epochs, NaN for documents that were not held out.
    """

    curves: Curves
    best: int
    said: NDArray[np.float64]


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
    documents: DocumentSet,
    train: Index,
    config: TrainConfig,
    seed: int,
    limits: tuple[int, int],
) -> Trials:
    """Train one network for each inner split and watch what it did not see."""
    said = np.full((documents.n_documents, documents.n_columns), np.nan)
    if not config.patience:
        return Trials({}, 0, said)
    splits = inner_splits(
        documents.strata, documents.groups, train, config.inner_parts, seed, documents.answers
    )
    splits = splits[: n_trials(len(train), config)]
    least, most = (-(-n // ANNEALING) for n in limits)
    names = np.asarray(documents.groups, dtype=object)
    histories = []
    for i, (_, held) in enumerate(splits):
        fitted = train[~np.isin(names[train], names[held])]  # with those that have no label
        number = (seed, n_networks(len(train), config) + i)
        histories.append(_train_one(documents, (fitted, held), config, number, (least, most))[1])
    if not histories:
        return Trials({}, 0, said)
    curves = _mean_curves([h.curves for h in histories])
    best = max(best_epoch(curves["held_out"]), least)
    for (_, held), history in zip(splits, histories, strict=True):
        said[held] = history.said[min(best, len(history.said)) - 1]
    return Trials(curves, best, said)


def _mean_curves(curves: list[Curves]) -> Curves:
    """Mean of each term by epoch; a trial that ended goes on as it was."""
    n_epochs = max(len(values) for c in curves for values in c.values())
    names = sorted(set().union(*curves))
    return {
        name: np.mean(
            [c[name] + [c[name][-1]] * (n_epochs - len(c[name])) for c in curves if name in c],
            axis=0,
        ).tolist()
        for name in names
    }


def _mix(
    documents: DocumentSet, said: NDArray[np.float64], linear: NDArray[np.float64] | None
) -> tuple[Mixing, Inner | None]:
    """The mixing by the documents of which networks and linear expert spoke unseen, and of those
    what it makes; for one question."""
    known = np.isfinite(said).all(1) & (documents.labels != MISSING)
    if linear is not None:
        known &= np.isfinite(linear).all(1)
    if not known.any():
        return even_mixing(documents.n_classes, has_linear=linear is not None), None
    spoken = None if linear is None else linear[known]
    mixing = fit_mixing(said[known], spoken, documents.labels[known])
    probabilities = mixing.probabilities(said[known], spoken)
    return mixing, Inner(np.flatnonzero(known), probabilities)


def _train_one(
    documents: DocumentSet,
    parts: tuple[Index, Index],
    config: TrainConfig,
    seed: tuple[int, int],
    limits: tuple[int, int],
) -> tuple[Hilbert, History]:
    """One network, trained on the first part and watched on the second."""
    least, epochs = limits
    state = np.random.SeedSequence(seed)
    torch.manual_seed(int(state.generate_state(1)[0]))
    task = make_task(documents, parts, config, state)
    audio = segment_moments(documents, task.fitted, "audio")
    text = segment_moments(documents, task.fitted, "text")
    network = Hilbert(audio, text, documents.targets, config.model).to(config.device)
    return network, run_phases(network, task, epochs, least)
