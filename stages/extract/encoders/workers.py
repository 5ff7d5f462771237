"""Forward passes side by side: one thread a pass, results in order.

On a processor several passes with one thread each are faster than one pass with several
threads, whose every layer waits for the slowest thread: on two cores that others use too,
Whisper's encoder took 0.12 s a window against 0.78 s.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

MAX_WORKERS = 8
"""More would hold more activations in memory than they are worth."""

In = TypeVar("In")
Out = TypeVar("Out")


class Workers:
    """Threads that run forward passes on one device; a context manager's value."""

    def __init__(self, pool: ThreadPoolExecutor, n_workers: int) -> None:
        self._pool = pool
        self._n_workers = n_workers

    def map(self, function: Callable[[In], Out], items: Iterable[In]) -> Iterator[tuple[In, Out]]:
        """Each item with ``function(item)``, in order, few items at a time in work."""
        running: deque[tuple[In, Future[Out]]] = deque()
        for item in items:
            running.append((item, self._pool.submit(function, item)))
            if len(running) > self._n_workers:
                yield _finished(running)
        while running:
            yield _finished(running)


def _finished(running: "deque[tuple[In, Future[Out]]]") -> tuple[In, Out]:
    item, future = running.popleft()
    return item, future.result()


@contextmanager
def workers_for(device: torch.device) -> Iterator[Workers]:
    """Workers that suit `device`: on a processor as many as torch has threads, else one.

    Leaving the context drops what waits and waits for what runs.
    """
    n_threads = torch.get_num_threads()
    n_workers = min(n_threads, MAX_WORKERS) if device.type == "cpu" else 1
    pool = ThreadPoolExecutor(
        n_workers,
        thread_name_prefix="hilbert-forward",
        initializer=torch.set_num_threads,  # for the thread that calls it
        initargs=(n_threads // n_workers,),
    )
    try:
        yield Workers(pool, n_workers)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        torch.set_num_threads(n_threads)  # what threads started later begin with
