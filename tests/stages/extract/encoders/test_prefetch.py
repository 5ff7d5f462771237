import threading
import time
from collections.abc import Generator, Iterator

import pytest

from hilbert.stages.extract.encoders.prefetch import prefetch


def doubled(items: Iterator[int]) -> Generator[int, None, None]:
    for item in items:
        yield item
        yield item


def n_threads() -> int:
    return sum(t.name == "hilbert-prefetch" for t in threading.enumerate())


def test_results_come_in_order() -> None:
    with prefetch(doubled, range(50), 3) as results:
        assert list(results) == [i for i in range(50) for _ in range(2)]
    assert n_threads() == 0


def test_work_runs_elsewhere_and_items_are_taken_here() -> None:
    here = threading.get_ident()

    def items() -> Iterator[int]:
        for _ in range(5):
            yield threading.get_ident()

    def work(own: Iterator[int]) -> Generator[tuple[int, int], None, None]:
        for item in own:
            yield item, threading.get_ident()

    with prefetch(work, items(), 2) as results:
        for item_thread, work_thread in results:
            assert item_thread == here != work_thread


def test_items_are_taken_only_a_few_ahead() -> None:
    taken: list[int] = []
    items = (taken.append(i) or i for i in range(1000))
    with prefetch(doubled, items, 3) as results:
        next(results)
        time.sleep(0.05)
        assert len(taken) < 10


def test_leaving_early_stops_the_thread_and_closes_the_work() -> None:
    closed = threading.Event()

    def endless(items: Iterator[int]) -> Generator[int, None, None]:
        try:
            while True:
                yield 1
        finally:
            closed.set()

    with prefetch(endless, [], 2) as results:
        assert next(results) == 1
    assert closed.is_set()
    assert n_threads() == 0


def test_leaving_while_the_work_waits_for_items() -> None:
    def waits(items: Iterator[int]) -> Generator[int, None, None]:
        yield 1
        yield from items

    def blocked() -> Iterator[int]:
        yield 2
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), prefetch(waits, blocked(), 4) as results:
        list(results)
    assert n_threads() == 0


def test_an_error_of_the_work_is_raised_in_its_place() -> None:
    def breaks(items: Iterator[int]) -> Generator[int, None, None]:
        yield next(items)
        raise ValueError("here")

    with prefetch(breaks, range(5), 2) as results:
        assert next(results) == 0
        with pytest.raises(ValueError, match="here"):
            next(results)
    assert n_threads() == 0
