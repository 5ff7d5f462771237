"""Processes that run one task of a test and can be killed at any moment.

They are forked by a server that has everything imported and never computed anything, so that
one starts within milliseconds and no thread of the test's own process disturbs it.
"""

import functools
import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from unittest import mock

from hilbert.store.errors import HilbertError

Task = Callable[..., object]
PATIENCE_S = 300.0
WRITES = ("os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate")
"""Events of the interpreter that come just before a file system is changed."""

_CONTEXT = multiprocessing.get_context("forkserver")
_TESTS = str(Path(__file__).parents[1])


class TaskError(AssertionError):
    """A task ended with an exception that is no `HilbertError`; its traceback is the message."""


class Child:
    """A task running in a process of its own.

    Parameters
    ----------
    task : callable
        A function of a module that the process can import.
    *arguments : object
    before : callable, optional
        Called in the process before the task.
    """

    def __init__(self, task: Task, *arguments: Any, before: Task | None = None) -> None:
        _ensure_server()
        self._pipe, theirs = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(target=_run, args=(theirs, before, task, arguments))
        self._process.start()
        theirs.close()
        assert self._pipe.poll(PATIENCE_S), "a child did not start"
        self._pipe.recv()

    def kill_after(self, seconds: float) -> bool:
        """Kill it in `seconds`; False if it ended by itself before."""
        self._process.join(seconds)
        self._process.kill()
        return self.killed()

    def killed(self) -> bool:
        """Wait for its end; whether that was a SIGKILL."""
        self._process.join(PATIENCE_S)
        code = self._process.exitcode
        if code == -signal.SIGKILL:
            self._pipe.close()
            return True
        self.result()
        return False

    def result(self, patience_s: float = PATIENCE_S) -> tuple[float, Any]:
        """Seconds that the task took, and what it returned; raises what it raised."""
        if not self._pipe.poll(patience_s):
            self._process.kill()
            raise AssertionError(f"a child did not end in {patience_s:.0f} s")
        try:
            seconds, value, error = self._pipe.recv()
        except EOFError:
            raise TaskError("a child ended without a word") from None
        self._process.join(PATIENCE_S)
        self._pipe.close()
        if isinstance(error, HilbertError):
            raise error
        if error is not None:
            raise TaskError(error)
        return seconds, value


@functools.cache
def _ensure_server() -> None:
    _CONTEXT.set_forkserver_preload(["support.tasks"])
    path = os.pathsep.join([_TESTS, os.environ.get("PYTHONPATH", "")])
    with mock.patch.dict(os.environ, {"PYTHONPATH": path}):  # it does not inherit sys.path
        forkserver.ensure_running()


def _run(pipe: Connection, before: Task | None, task: Task, arguments: tuple[Any, ...]) -> None:
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, sys.stderr.fileno())
    pipe.send("started")
    value = error = None
    started = time.monotonic()
    try:
        if before is not None:
            before()
        value = task(*arguments)
    except HilbertError as mendable:
        error = type(mendable)(*mendable.args)
    except BaseException:
        error = traceback.format_exc()
    pipe.send((time.monotonic() - started, value, error))


class KillAtWrite:
    """Kills the process it is called in just before its `n`-th change of a file's name."""

    def __init__(self, n: int, root: Path) -> None:
        self._left = n
        self._root = str(root)

    def __call__(self) -> None:
        sys.addaudithook(self._count)

    def _count(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in WRITES and str(arguments[0]).startswith(self._root):
            self._left -= 1
            if self._left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
