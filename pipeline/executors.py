"""Where documents are transcribed, cut and encoded: here, in processes, on a Dask cluster."""

from collections import deque
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Protocol

from hilbert.pipeline.in_process import InProcess
from hilbert.pipeline.plan import Work
from hilbert.pipeline.session import Executor, ExtractOptions, Model, Result, Session
from hilbert.pipeline.tasks import (
    Finished,
    Lost,
    Recipe,
    Task,
    TaskSource,
    recipe_of,
    source_of,
)
from hilbert.store.errors import HilbertError

MOST_LOST = 5
"""Documents lost one after the other, with none done between, that are not their own fault."""


class Pool(Protocol):
    """Workers, in processes of their own."""

    def run(
        self, recipe: Recipe, source: TaskSource
    ) -> Generator[tuple[Task, Finished | Lost], None, None]:
        """Do the tasks of a source, few at a time, and tell what became of each as they end.

        A task is tried again when its worker dies, and lost when that happens every time. The
        source is asked again after each task, as lost ones may be put back into it in parts.
        """


@contextmanager
def open_executor(options: ExtractOptions) -> Iterator[Executor]:
    """The executor that the options ask for; nothing is started before there is work.

    Raises
    ------
    HilbertError
        If there is no such Dask cluster, or the package is not installed.
    """
    if options.dry_run or not (options.workers or options.dask):
        yield InProcess()
    elif options.dask:
        from hilbert.pipeline.dask_executor import DaskPool

        with DaskPool(options.dask, options.workers) as cluster:
            yield OnWorkers(cluster)
    else:
        from hilbert.pipeline.processes import Processes

        with Processes(options.workers) as processes:
            yield OnWorkers(processes)


class OnWorkers:
    """Transcribes, cuts and encodes on the workers of a pool.

    A task that its workers do not survive is split; a document alone that they do not survive
    fails, and the others are done.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._n_lost = 0

    def run(
        self, session: Session, model: Model | None, todo: Mapping[str, Work]
    ) -> Generator[Result, None, None]:
        """See `Executor`; results come a task at a time.

        Raises
        ------
        HilbertError
            If workers die whatever they are given.
        """
        recipe, suspects = recipe_of(session, model), list[Task]()
        yield from self._done(recipe, source_of(session, model, todo), suspects)
        for task in suspects:  # beside no other one, so that it is known which is to blame
            yield from self._done(recipe, TaskSource(deque(), deque([task])), [])

    def _done(
        self, recipe: Recipe, source: TaskSource, suspects: list[Task]
    ) -> Generator[Result, None, None]:
        """Results of all tasks of a source; documents that may be to blame become suspects."""
        with closing(self._pool.run(recipe, source)) as ended:
            for task, end in ended:
                if isinstance(end, Lost) and len(task.todo) > 1:
                    source.ready.extend(task.parts())
                elif isinstance(end, Lost) and end.certain:
                    yield self._lost(task, end)
                elif isinstance(end, Lost):
                    suspects.append(task)
                elif end.error is not None:
                    raise end.error
                else:
                    self._n_lost = 0
                    yield from end.results

    def _lost(self, task: Task, end: Lost) -> Result:
        self._n_lost += 1
        reason = f"each worker that took it {end.how}"
        if self._n_lost == MOST_LOST:
            raise HilbertError(
                f"{MOST_LOST} documents in a row: {reason}; see whether the memory suffices, use"
                " fewer --workers, or run without to see more"
            )
        (key,) = task.todo
        return Result(key, f"{reason}; if that is for want of memory, use fewer workers")
