"""Workers that are processes of this machine, each with a pipe of its own.

A process that dies closes its pipe, so it is known which task it was at, and how it ended.
"""

import multiprocessing
import os
import signal
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Self

from hilbert.pipeline.processors import share_of
from hilbert.pipeline.task_runner import TaskRunner
from hilbert.pipeline.tasks import Finished, Lost, Recipe, Task, TaskSource
from hilbert.store.errors import HilbertError

ATTEMPTS = 2
"""How often a task is tried that its workers do not survive."""
PATIENCE_S = 5.0
"""How long workers that are stopped may take to commit what they have."""

_READY = "ready"
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(slots=True, eq=False)
class _Lane:
    """A process, and the task it has."""

    process: SpawnProcess
    pipe: Connection
    task: Task | None = None
    attempt: int = 1
    is_ready: bool = False


class Processes:
    """A context manager: processes that are started when the first tasks come.

    Parameters
    ----------
    n_workers : int
        Each computes with its share of the processors.
    """

    def __init__(self, n_workers: int) -> None:
        self.n_workers = n_workers
        self._lanes: list[_Lane] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End all processes; one that is still at work commits what it has and gives up."""
        for lane in self._lanes:
            lane.process.terminate() if lane.task else lane.process.kill()
        deadline = time.monotonic() + PATIENCE_S
        for lane in self._lanes:
            lane.process.join(max(0.0, deadline - time.monotonic()))
            lane.process.kill()
            lane.pipe.close()
        self._lanes = []

    def run(
        self, recipe: Recipe, source: TaskSource
    ) -> Generator[tuple[Task, Finished | Lost], None, None]:
        """Do the tasks of a source, one at a time in each process; see `Pool`."""
        while True:
            self._hand_out(recipe, source)
            busy = {lane.pipe: lane for lane in self._lanes if lane.task is not None}
            if not busy:
                return
            for pipe in connection.wait(list(busy)):
                if ended := self._listen(busy[pipe], recipe):  # type: ignore[index]
                    yield ended

    def _hand_out(self, recipe: Recipe, source: TaskSource) -> None:
        """Give a task to every process that has none; start processes that are missing."""
        for lane in [lane for lane in self._lanes if lane.task is None]:
            if not lane.process.is_alive():
                self._remove(lane)
            elif task := source.take(self.n_workers):
                lane.task = task
                self._send(lane, recipe)
        while len(self._lanes) < self.n_workers and (task := source.take(self.n_workers)):
            self._start(task)

    def _start(self, task: Task, attempt: int = 1) -> None:
        """Start a process for a task, which it gets when it is ready."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=serve, args=(theirs,), daemon=True)
        with _surroundings(share_of(self.n_workers)):
            process.start()
        theirs.close()
        self._lanes.append(_Lane(process, ours, task, attempt))

    def _send(self, lane: _Lane, recipe: Recipe) -> None:
        with suppress(OSError):  # of a process that is gone, of which its pipe tells as well
            lane.pipe.send((recipe, lane.task))

    def _listen(self, lane: _Lane, recipe: Recipe) -> tuple[Task, Finished | Lost] | None:
        """Take what a process says; what became of its task, if that is known now."""
        assert lane.task is not None
        try:
            message = lane.pipe.recv()
        except (EOFError, OSError):
            return self._bury(lane)
        if message == _READY:
            lane.is_ready = True
            self._send(lane, recipe)
            return None
        task, lane.task, lane.attempt = lane.task, None, 1
        return task, message

    def _bury(self, lane: _Lane) -> tuple[Task, Lost] | None:
        """Try the task of a process that died in another one, or give the task up."""
        assert lane.task is not None
        self._remove(lane)
        how = _how(lane.process.exitcode)
        if not lane.is_ready:
            raise HilbertError(
                f"a worker process {how} before it was ready; a script that starts workers needs"
                ' `if __name__ == "__main__":`, or do without --workers'
            )
        if lane.attempt < ATTEMPTS:
            self._start(lane.task, lane.attempt + 1)
            return None
        return lane.task, Lost(how, certain=True)

    def _remove(self, lane: _Lane) -> None:
        self._lanes.remove(lane)
        lane.pipe.close()
        lane.process.join(PATIENCE_S)
        lane.process.kill()
        lane.process.join()


def serve(pipe: Connection) -> None:
    """What a worker process does: tasks, until the other end of the pipe is closed."""
    signal.signal(signal.SIGTERM, _stop)
    runner = TaskRunner()
    with suppress(EOFError, OSError, KeyboardInterrupt):
        pipe.send(_READY)
        while True:
            pipe.send(runner.run(*pipe.recv()))


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


def _how(code: int | None) -> str:
    """How a process ended."""
    if code is None or code >= 0:
        return f"ended with code {code}"
    with suppress(ValueError):
        name = signal.Signals(-code).name
        return f"was killed by {name}"
    return f"was killed by signal {-code}"


@contextmanager
def _surroundings(n_threads: int) -> Iterator[None]:
    """What a process that is started here begins with.

    Its libraries read from the environment how many threads they may start. The interrupt of a
    terminal, which every process of the command gets, is for this process alone to act on.
    """
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, str(n_threads)))
    mask = getattr(signal, "pthread_sigmask", None)
    blocked = mask and mask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        if mask:
            mask(signal.SIG_SETMASK, blocked)
