"""Training of HILBERT: networks that leave out a part of the training documents each."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from hilbert.stages.fit.batches import Index
from hilbert.stages.fit.config import TrainConfig
from hilbert.stages.fit.dataset import MISSING, DocumentSet
from hilbert.stages.fit.heap import trim_heap
from hilbert.stages.fit.loop import make_task, run_phases
from hilbert.stages.fit.mixing import Mixing, even_mixing, fit_mixing
from hilbert.stages.fit.model import Hilbert
from hilbert.stages.fit.results import Inner
from hilbert.stages.fit.schedule import n_epochs, n_networks
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
        Averages the networks, whose number its `config` tells.

    Notes
    -----
    The networks are the members of a cross-validation inside the training documents: each leaves
    out another part of the groups. What a network says of the part that it did not see, and what
    linear experts of inner splits say, tells how both are mixed and how sure they may be. A
    member is trained just as long as any other, so that what it says unseen is as sure as what
    it will say of new documents; a network that was trained in another way would tell less.
    """
    n_labelled = int((documents.answers[train] != MISSING).any(1).sum())
    n_averaged = n_networks(n_labelled, config)
    config = replace(config, seeds_averaged=n_averaged)
    networks: list[Hilbert] = []
    curves: list[Curves] = []
    unseen = _Unseen(documents)
    with _reproducible(config.threads):
        parts = _parts(documents, train, config, seed)
        for member in range(n_averaged):
            fitted, held = parts[member % len(parts)]
            network, losses = _train_one(documents, fitted, config, (seed, member))
            networks.append(network)
            curves.append(losses)
            trim_heap()
            unseen.add(network, held, config)
            if progress is not None:
                progress(member + 1, n_averaged)
        peaks = config.model.peaks
        expert, said = fit_linears(documents, train, seed, peaks) if config.linear else (None, None)
        trim_heap()
        mixing, inner = mix_all(documents, unseen.said(), expert, said, _mix)
    return TrainedModel(
        tuple(networks), documents.targets, config, tuple(curves), expert, mixing, inner
    )


class _Unseen:
    """Mean probabilities of documents by the networks that did not see them."""

    def __init__(self, documents: DocumentSet) -> None:
        self._documents = documents
        self._sum = np.zeros((documents.n_documents, documents.n_columns))
        self._count = np.zeros((documents.n_documents, 1))

    def add(self, network: Hilbert, held: Index, config: TrainConfig) -> None:
        """Let a network speak of the documents that were held out of its training."""
        if len(held):
            alone = TrainedModel((network,), self._documents.targets, config)
            self._sum[held] += alone.predict_proba(self._documents.take(held))
            self._count[held] += 1

    def said(self) -> NDArray[np.float64]:
        """Log probabilities of shape (n_documents, n_columns), NaN where no network spoke."""
        with np.errstate(divide="ignore", invalid="ignore"):  # the mixing has a floor
            found: NDArray[np.float64] = np.log(self._sum / self._count)
        return found


def _parts(
    documents: DocumentSet, train: Index, config: TrainConfig, seed: int
) -> list[tuple[Index, Index]]:
    """Documents to train on, with those that have no label, and documents that are left out.

    One pair with nothing left out where no part can be, or none is wanted.
    """
    if not config.inner_parts:
        return [(train, NOTHING)]
    splits = inner_splits(
        documents.strata, documents.groups, train, config.inner_parts, seed, documents.answers
    )
    names = np.asarray(documents.groups, dtype=object)
    found = [(train[~np.isin(names[train], names[held])], held) for _, held in splits]
    return found or [(train, NOTHING)]


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
    documents: DocumentSet, fitted: Index, config: TrainConfig, seed: tuple[int, int]
) -> tuple[Hilbert, Curves]:
    """One network, and its losses by epoch."""
    state = np.random.SeedSequence(seed)
    torch.manual_seed(int(state.generate_state(1)[0]))
    task = make_task(documents, fitted, config, state)
    audio = segment_moments(documents, fitted, "audio")
    text = segment_moments(documents, fitted, "text")
    network = Hilbert(audio, text, documents.targets, config.model).to(config.device)
    return network, run_phases(network, task, n_epochs(len(fitted), config))
