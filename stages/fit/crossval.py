"""Cross-validation: every model on every fold, in processes where that pays."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from hilbert.stages.fit.batches import Index
from hilbert.stages.fit.config import TrainConfig
from hilbert.stages.fit.dataset import DocumentSet
from hilbert.stages.fit.splits import Fold
from hilbert.stages.fit.train import Progress, train_hilbert

Probabilities = tuple[NDArray[np.float64], ...]
"""Test probabilities of every fold, each of shape (n_test, n_classes)."""


class Model(Protocol):
    """Anything that learns from training documents and scores test documents."""

    @property
    def name(self) -> str:
        """How tables call it."""

    def fit_predict(
        self, documents: DocumentSet, train: Index, test: Index, seed: int
    ) -> NDArray[np.float64]:
        """Probabilities of the test documents, shape (n_test, n_classes)."""


@dataclass(frozen=True)
class HilbertModel:
    """HILBERT as one of the models to compare."""

    config: TrainConfig
    name: str = "hilbert"

    def fit_predict(
        self, documents: DocumentSet, train: Index, test: Index, seed: int
    ) -> NDArray[np.float64]:
        """Probabilities of the test documents, shape (n_test, n_classes)."""
        model = train_hilbert(documents, train, self.config, seed=seed)
        return model.predict_proba(documents.take(test))


class Job(NamedTuple):
    """One model on one fold, by their numbers."""

    model: int
    fold: int


@dataclass(frozen=True, eq=False)
class Work:
    """What every job needs."""

    documents: DocumentSet
    folds: Sequence[Fold]
    models: Sequence[Model]
    seed: int

    def run(self, job: Job) -> NDArray[np.float64]:
        """Probabilities of one job; its seed depends on the fold alone, never on the order."""
        fold = self.folds[job.fold]
        state = np.random.SeedSequence([self.seed, fold.repeat, fold.fold]).generate_state(1)
        return self.models[job.model].fit_predict(
            self.documents, fold.train, fold.test, int(state[0])
        )


def cross_validate(
    documents: DocumentSet,
    folds: Sequence[Fold],
    models: Sequence[Model],
    *,
    seed: int = 0,
    workers: int = 1,
    progress: Progress | None = None,
) -> dict[str, Probabilities]:
    """Fit every model on the training part of every fold and score the test part.

    Parameters
    ----------
    documents : DocumentSet
    folds : sequence of Fold
    models : sequence of Model
        The slowest first, so that with several workers none is left with a long tail.
    seed : int
    workers : int
        Processes; with 1 all runs in this one. The result is the same. Workers are spawned,
        so a script that asks for them needs the ``if __name__ == "__main__"`` guard.
    progress : callable, optional
        Called after each fit with the number done and the number of all.

    Returns
    -------
    dict
        Model name to the probabilities of each fold, in the order of `folds`.
    """
    work = Work(documents, folds, models, seed)
    jobs = [Job(m, f) for m in range(len(models)) for f in range(len(folds))]
    found: dict[Job, NDArray[np.float64]] = {}
    for job, probabilities in _run_all(work, jobs, workers):
        found[job] = probabilities
        if progress is not None:
            progress(len(found), len(jobs))
    return {
        model.name: tuple(found[Job(m, f)] for f in range(len(folds)))
        for m, model in enumerate(models)
    }


def _run_all(
    work: Work, jobs: list[Job], workers: int
) -> Iterator[tuple[Job, NDArray[np.float64]]]:
    """Jobs with their results, as they finish."""
    if workers <= 1:
        yield from ((job, work.run(job)) for job in jobs)
        return
    # spawn: a forked process hangs in the OpenMP threads that torch started before
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _start_worker, (work,)) as pool:
        futures = {pool.submit(_run_in_worker, job): job for job in jobs}
        for future in as_completed(futures):
            yield futures[future], future.result()


_worker_run: Callable[[Job], NDArray[np.float64]]
"""Set once in each worker process, so that documents travel once and not with every job."""


def _start_worker(work: Work) -> None:
    global _worker_run
    _worker_run = work.run


def _run_in_worker(job: Job) -> NDArray[np.float64]:
    return _worker_run(job)
