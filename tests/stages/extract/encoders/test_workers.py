import threading
import time

import pytest
import torch

from hilbert.stages.extract.encoders.workers import workers_for

CPU = torch.device("cpu")


def test_results_come_in_order_and_threads_are_put_back() -> None:
    before = torch.get_num_threads()

    def slow_at_first(i: int) -> int:
        time.sleep(0.01 * (i == 0))
        return i * i

    with workers_for(CPU) as workers:
        assert list(workers.map(slow_at_first, range(20))) == [(i, i * i) for i in range(20)]
    assert torch.get_num_threads() == before
    seen: list[int] = []
    thread = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert seen == [before]


def test_items_are_taken_only_a_few_ahead() -> None:
    taken: list[int] = []
    with workers_for(CPU) as workers:
        results = workers.map(abs, (taken.append(i) or i for i in range(1000)))
        next(results)
    assert len(taken) <= torch.get_num_threads() + 1


def test_an_error_comes_through() -> None:
    def breaks(i: int) -> int:
        raise ValueError(str(i))

    with workers_for(CPU) as workers, pytest.raises(ValueError, match="0"):
        list(workers.map(breaks, range(5)))
