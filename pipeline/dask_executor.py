"""Workers that are those of a Dask cluster, made here or anywhere."""

import re
import sys
import time
import uuid
from collections.abc import Generator
from contextlib import ExitStack, suppress
from typing import Any, Self

from hilbert.pipeline.processors import n_processors, share_of
from hilbert.pipeline.session import LOCAL
from hilbert.pipeline.task_runner import TaskRunner
from hilbert.pipeline.tasks import Finished, Lost, Recipe, Task, TaskSource
from hilbert.store.errors import HilbertError

try:
    import distributed
except ImportError as _error:
    raise HilbertError(
        "--dask needs the package distributed; `pip install 'hilbert-speech[dask]'`"
    ) from _error

CONNECT_S = 10.0
_SCHEDULER = re.compile(r"(?!https?:)(?:[a-z]+://\S+|[^\s/]+:\d+)")
"""What may be a scheduler's address; of another, Dask's client would raise as it is thrown away."""
POLL_S = 5.0
RESTART_S = 120.0
"""How long a cluster of this machine may be without any worker: it starts those anew that died."""
TASKS_A_WORKER = 2
"""One at work and one that waits: no worker is idle between two, and a cluster that grows with
the tasks that wait does grow."""


class KeepRunner(distributed.WorkerPlugin):  # type: ignore[misc]
    """Gives a worker a `TaskRunner`, with the model that it keeps; also one that comes later.

    Parameters
    ----------
    n_threads : int, optional
        Threads to compute with; by default as many as Dask gave the worker.
    """

    def __init__(self, n_threads: int | None) -> None:
        self._n_threads = n_threads

    def setup(self, worker: Any) -> None:
        self.runner = TaskRunner(self._n_threads or worker.state.nthreads)

    def teardown(self, worker: Any) -> None:
        self.runner.stop()


def run_task(plugin: str, recipe: Recipe, task: Task) -> Finished:
    """Do a task in a worker that has the plugin."""
    kept: KeepRunner = distributed.get_worker().plugins[plugin]
    return kept.runner.run(recipe, task)


class DaskPool:
    """A context manager: the workers of a cluster, connected to when the first tasks come.

    Parameters
    ----------
    address : str
        Of the scheduler, for example ``tcp://10.0.0.1:8786``; or ``local`` for a cluster of
        processes of this machine.
    n_workers : int
        Processes of the local cluster; 0 for as many as there are processors.
    """

    def __init__(self, address: str, n_workers: int) -> None:
        self._address = address
        self._n_workers = n_workers
        self._plugin = f"hilbert-{uuid.uuid4()}"
        self._stack = ExitStack()
        self._client: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the workers: one that is still at work commits what it has and gives up."""
        self._stack.close()

    def run(
        self, recipe: Recipe, source: TaskSource
    ) -> Generator[tuple[Task, Finished | Lost], None, None]:
        """Do the tasks of a source; see `Pool`. The scheduler tries them again."""
        client = self._client = self._client or self._connect()
        running: dict[Any, Task] = {}
        beside: set[Any] = set()  # tasks that were not alone at all times
        while True:
            self._hand_out(client, recipe, source, running)
            if len(running) > 1:
                beside.update(running)
            if not running:
                return
            for future in self._first_ended(running):
                yield running.pop(future), _end_of(future, certain=future not in beside)
                beside.discard(future)

    def _hand_out(
        self, client: Any, recipe: Recipe, source: TaskSource, running: dict[Any, Task]
    ) -> None:
        n_workers = max(1, len(client.nthreads()))
        while len(running) < TASKS_A_WORKER * n_workers and (task := source.take(n_workers)):
            name = f"hilbert-{uuid.uuid4()}"
            future = client.submit(run_task, self._plugin, recipe, task, key=name, pure=False)
            running[future] = task

    def _first_ended(self, running: dict[Any, Task]) -> list[Any]:
        deadline = time.monotonic() + RESTART_S
        try:
            while True:
                if done := self._ended(running):
                    return done
                if self._address != LOCAL or self._client.nthreads():
                    deadline = time.monotonic() + RESTART_S
                elif time.monotonic() > deadline:
                    raise HilbertError(
                        "the workers of the local Dask cluster died and do not start again; see"
                        " whether the memory suffices, or use --workers without --dask"
                    )
        except (distributed.CancelledError, OSError) as error:
            raise HilbertError(
                "the Dask scheduler is gone; what was committed is kept, run the command again"
            ) from error

    def _ended(self, running: dict[Any, Task]) -> list[Any]:
        """Those that have ended, waited for a moment."""
        with self._client.as_current(), suppress(TimeoutError):
            how = "FIRST_COMPLETED"
            return list(distributed.wait(list(running), timeout=POLL_S, return_when=how).done)
        return []

    def _connect(self) -> Any:
        is_local = self._address == LOCAL
        n_workers = self._n_workers or n_processors()
        if not is_local and _SCHEDULER.fullmatch(self._address) is None:
            raise HilbertError(
                "--dask must be local, or a scheduler's address such as tcp://host:8786, not"
                f" {self._address!r}."
            )
        try:
            place = self._local_cluster(n_workers) if is_local else self._address
            client = distributed.Client(place, timeout=CONNECT_S, set_as_default=False)
        except (OSError, ValueError) as error:
            raise HilbertError(
                f"there is no Dask scheduler at {self._address}; start one with `dask scheduler`,"
                " or use --dask local"
            ) from error
        self._stack.enter_context(client)
        client.register_plugin(KeepRunner(share_of(n_workers) if is_local else None), self._plugin)
        self._stack.callback(self._unregister, client)
        if not client.nthreads():
            print("The Dask cluster has no workers yet; waiting for one.", file=sys.stderr)
        return client

    def _local_cluster(self, n_workers: int) -> Any:
        cluster = distributed.LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",  # not the usual port, which another may have
            memory_limit=None,
            silence_logs="CRITICAL",  # that a worker died is told as the rest is
            scheduler_kwargs={"allowed_failures": 1},
        )
        return self._stack.enter_context(cluster)

    def _unregister(self, client: Any) -> None:
        with suppress(Exception):  # of a cluster that is gone
            client.unregister_worker_plugin(self._plugin)


def _end_of(future: Any, *, certain: bool) -> Finished | Lost:
    error = future.exception()
    if error is None:
        return future.result()  # type: ignore[no-any-return]
    if isinstance(error, distributed.KilledWorker):
        return Lost("was lost", certain)
    raise HilbertError(
        f"a Dask worker cannot do a task ({type(error).__name__}); install the same"
        " hilbert-speech and the same packages there as here"
    ) from error
