"""Run a generator in a background thread, a bounded number of items ahead."""

import queue
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Generic, NamedTuple, TypeVar

_POLL_S = 0.1

In = TypeVar("In")
Out = TypeVar("Out")


class _Raised(NamedTuple):
    error: BaseException


class _End:
    pass


@contextmanager
def prefetch(
    work: Callable[[Iterator[In]], Generator[Out, None, None]], items: Iterable[In], n_ahead: int
) -> Iterator[Iterator[Out]]:
    """``work(items)``, with `work` in a background thread and `items` in this one.

    Leaving the context stops the thread and closes the generator, however far it was. An
    error raised by `work` or by `items` is raised where the next result would have come.

    Parameters
    ----------
    work : callable
        Makes the generator that runs in the thread.
    items : iterable
        Iterated in the thread that takes the results, so that it may use what is not safe
        to share between threads; at most `n_ahead` items ahead.
    n_ahead : int
        Results that wait to be taken.
    """
    channel = _Channel[In, Out](n_ahead)
    thread = threading.Thread(
        target=channel.produce, args=(work,), name="hilbert-prefetch", daemon=True
    )
    thread.start()
    try:
        yield channel.results(iter(items))
    finally:
        channel.stop.set()
        thread.join()


class _Channel(Generic[In, Out]):
    """Two bounded queues between the threads, neither ever waited for without end."""

    def __init__(self, n_ahead: int) -> None:
        self.stop = threading.Event()
        self._todo: queue.Queue[In | _End] = queue.Queue(n_ahead)
        self._ready: queue.Queue[Out | _Raised | _End] = queue.Queue(n_ahead)

    def results(self, items: Iterator[In]) -> Iterator[Out]:
        """What the other thread made, while it is kept in work."""
        exhausted = False
        while True:
            while not exhausted and not self._todo.full():
                item = next(items, _End())
                exhausted = isinstance(item, _End)
                self._todo.put(item)
            with suppress(queue.Empty):
                result = self._ready.get(timeout=_POLL_S)
                if isinstance(result, _End):
                    return
                if isinstance(result, _Raised):
                    raise result.error
                yield result

    def produce(self, work: Callable[[Iterator[In]], Generator[Out, None, None]]) -> None:
        last: _Raised | _End = _End()
        try:
            results = work(self._items())
            for result in results:
                self._put(result)
                if self.stop.is_set():
                    break
            results.close()  # here, not wherever the garbage collector happens to run
        except BaseException as error:
            last = _Raised(error)
        self._put(last)

    def _items(self) -> Iterator[In]:
        while not self.stop.is_set():
            with suppress(queue.Empty):
                item = self._todo.get(timeout=_POLL_S)
                if isinstance(item, _End):
                    return
                yield item

    def _put(self, result: Out | _Raised | _End) -> None:
        while not self.stop.is_set():
            with suppress(queue.Full):
                return self._ready.put(result, timeout=_POLL_S)
