"""Cross-validation: every model on every fold, in processes where that pays."""

import multiprocessing
import os
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from hilbert.stages.fit.batches import Index
from hilbert.stages.fit.config import TrainConfig
from hilbert.stages.fit.dataset import DocumentSet
from hilbert.stages.fit.results import Inner, Result
from hilbert.stages.fit.retrieval import Recall, measure_recall
from hilbert.stages.fit.shared import Shared, receive, share
from hilbert.stages.fit.splits import Fold
from hilbert.stages.fit.train import Progress, train_hilbert
from hilbert.stages.fit.withheld import predict_withheld
from hilbert.store.errors import FitError
from hilbert.store.types import MODALITIES, Modality

Probabilities = tuple[NDArray[np.float64], ...]
"""Test probabilities of every fold, each of shape (n_test, n_classes)."""


@dataclass(frozen=True, eq=False)
class CrossValidated:
    """What every model made of every fold, in the order of the folds.

    Attributes
    ----------
    probabilities : dict
        Model name to the probabilities of each fold.
    recalls : tuple of Recall
        How well HILBERT's embeddings find the other modality of test documents, one a fold;
        empty if HILBERT was not among the models, shorter where a fold has no pairs.
    inner : dict
        Model name to its predictions inside the training documents, one a fold.
    withheld : dict
        By modality, what HILBERT makes of each fold's test documents without it; empty if
        HILBERT was not among the models, NaN for documents that do not have both.
    uncalibrated : dict
        Model name to its probabilities of each fold before they are calibrated, of those that are.
    """

    probabilities: dict[str, Probabilities]
    recalls: tuple[Recall, ...]
    inner: dict[str, tuple[Inner | None, ...]] = field(default_factory=dict)
    withheld: dict[Modality, Probabilities] = field(default_factory=dict)
    uncalibrated: dict[str, Probabilities] = field(default_factory=dict)


class Model(Protocol):
    """Anything that learns from training documents and scores test documents.

    One that has a true attribute ``is_quick`` takes no time worth telling.
    """

    @property
    def name(self) -> str:
        """How tables call it."""

    def fit_predict(
        self, documents: DocumentSet, train: Index, test: Index, seed: int
    ) -> NDArray[np.float64]:
        """Probabilities of the test documents, shape (n_test, n_classes)."""


@runtime_checkable
class FoldModel(Model, Protocol):
    """A model that tells more of a fold than its predictions."""

    def fit_fold(self, documents: DocumentSet, train: Index, test: Index, seed: int) -> Result:
        """Predictions of the test documents, and what else an evaluation asks for."""


@dataclass(frozen=True)
class HilbertModel:
    """HILBERT as one of the models to compare.

    Attributes
    ----------
    config : TrainConfig
    name : str
    """

    config: TrainConfig
    name: str = "hilbert"

    def fit_predict(
        self, documents: DocumentSet, train: Index, test: Index, seed: int
    ) -> NDArray[np.float64]:
        """Probabilities of the test documents, shape (n_test, n_classes)."""
        model = train_hilbert(documents, train, self.config, seed=seed)
        return model.predict_proba(documents.take(test))

    def fit_fold(self, documents: DocumentSet, train: Index, test: Index, seed: int) -> Result:
        """Predictions, those inside the training documents, recall of the modalities, predictions
        with one of them withheld, and uncalibrated ones."""
        model = train_hilbert(documents, train, self.config, seed=seed)
        tested = documents.take(test)
        probabilities, uncalibrated = model.predict_twice(tested)
        return Result(
            probabilities,
            model.inner,
            measure_recall(model, tested),
            predict_withheld(model, tested),
            uncalibrated,
        )


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

    def run(self, job: Job) -> Result:
        """Do one job; its seed depends on the fold alone, never on the order."""
        fold, model = self.folds[job.fold], self.models[job.model]
        state = np.random.SeedSequence([self.seed, fold.repeat, fold.fold]).generate_state(1)
        task = (self.documents, fold.train, fold.test, int(state[0]))
        if isinstance(model, FoldModel):
            return model.fit_fold(*task)
        return Result(model.fit_predict(*task))


def cross_validate(
    documents: DocumentSet,
    folds: Sequence[Fold],
    models: Sequence[Model],
    *,
    seed: int = 0,
    workers: int = 1,
    progress: Progress | None = None,
) -> CrossValidated:
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
        Called after each fit that counts with the number done and the number of all; see
        `n_counted`.

    Raises
    ------
    FitError
        If a model cannot be fitted, or a worker was stopped; the others are then stopped too.
    """
    work = Work(documents, folds, models, seed)
    jobs = [Job(m, f) for m in range(len(models)) for f in range(len(folds))]
    found: dict[Job, Result] = {}
    counted = _counted(models)
    n_done, n_all = 0, n_counted(models, folds)
    with closing(_run_all(work, jobs, workers)) as results:
        for job, result in results:
            found[job] = result
            if progress is not None and job.model in counted:
                n_done += 1
                progress(n_done, n_all)
    by_model = {
        model.name: [found[Job(m, f)] for f in range(len(folds))] for m, model in enumerate(models)
    }
    recalls = (found[job].recall for job in sorted(found))
    withheld = {
        modality: parts
        for modality in MODALITIES
        if (parts := tuple(w[modality] for j in jobs if (w := found[j].withheld) is not None))
    }
    return CrossValidated(
        {name: tuple(r.probabilities for r in results) for name, results in by_model.items()},
        tuple(r for r in recalls if r is not None),
        {name: tuple(r.inner for r in results) for name, results in by_model.items()},
        withheld,
        {
            name: parts
            for name, results in by_model.items()
            if (parts := tuple(r.uncalibrated for r in results if r.uncalibrated is not None))
        },
    )


def n_counted(models: Sequence[Model], folds: Sequence[Fold]) -> int:
    """How many fits of a cross-validation count: those that are not quick, where there are any.

    They take nearly all the time; with the others, how much is left could not be told.
    """
    return len(_counted(models)) * len(folds)


def _counted(models: Sequence[Model]) -> frozenset[int]:
    slow = frozenset(m for m, model in enumerate(models) if not getattr(model, "is_quick", False))
    return slow or frozenset(range(len(models)))


def _run_all(
    work: Work, jobs: list[Job], workers: int
) -> Generator[tuple[Job, Result], None, None]:
    """Jobs with their results, as they finish."""
    if workers <= 1:
        yield from ((job, work.run(job)) for job in jobs)
        return
    # spawn: a forked process hangs in the OpenMP threads that torch started before
    context = multiprocessing.get_context("spawn")
    theirs, ours = context.Pipe(duplex=False)
    with (
        theirs,
        ours,
        share(work) as shared,
        ProcessPoolExecutor(workers, context, _start_worker, (shared, theirs)) as pool,
    ):
        try:
            futures = {pool.submit(_run_in_worker, job): job for job in jobs}
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BrokenProcessPool:
            raise FitError(
                "a worker process was stopped, perhaps for memory; try fewer --workers"
            ) from None
        except BaseException:  # an interrupt too: the pool would wait until all jobs are done
            ours.close()
            raise


_worker_run: Callable[[Job], Result]
"""Set once in each worker process, so that documents do not travel with every job."""


def _start_worker(shared: Shared, caller: Connection) -> None:
    global _worker_run
    end_with_parent(caller)
    _worker_run = receive(shared).run


def end_with_parent(*callers: Connection) -> None:
    """From now on, end this worker when the process that started it is gone, however it went.

    The workers of a pool would otherwise do their jobs to the end, then wait for others forever.

    Parameters
    ----------
    *callers : Connection
        Pipes; that one is closed at its other end ends the worker, too.
    """
    threading.Thread(target=_await_end, args=callers, daemon=True).start()


def _await_end(*callers: Connection) -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel, *callers])
        os._exit(1)


def _run_in_worker(job: Job) -> Result:
    return _worker_run(job)
