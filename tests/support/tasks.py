"""Tasks for processes of their own: what is killed, limited or run side by side.

Imports what the code under test imports late, so that a process forked after this module was
imported spends its time on its task.
"""

import contextlib
import importlib
import os
import random
import resource
import time
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

from hilbert.pipeline.fit import fit
from hilbert.pipeline.fit_plan import FitOptions, RunPlace
from hilbert.stages.fit.splits import SplitConfig
from hilbert.store.collect import collect
from hilbert.store.compact import compact
from hilbert.store.errors import HilbertError
from hilbert.store.feature_store import open_store
from hilbert.store.repair import repair
from hilbert.store.verify import verify
from support.exact import Bench, Contents, contents_of
from support.synthetic import small_config

_LATE = (
    "h5py",
    "hilbert.stages.report.figures",
    "matplotlib.backends.backend_agg",
    "sklearn.linear_model",
    "torch._dynamo",
    "zarr.storage",
)
for _module in _LATE:
    importlib.import_module(_module)

QUICK = FitOptions(
    target="mood",
    splits=SplitConfig(folds=2, repeats=1),
    train=small_config(epochs=2, inner_parts=0),
)
"""A fit of seconds."""


def run_extract(bench: Bench, store: Path, numbers: Sequence[int], every_s: float) -> None:
    bench.extract(store, numbers, commit_every_s=every_s)


def run_extract_on(bench: Bench, store: Path, numbers: Sequence[int], workers: int) -> None:
    bench.extract(store, numbers, workers=workers)


def run_collect(store: Path) -> None:
    collect(open_store(store), older_than_s=0)


def run_compact(store: Path) -> None:
    compact(open_store(store), older_than_s=0)


def run_repair(store: Path) -> None:
    repair(open_store(store))


def run_fit(store: Path, run_dir: Path) -> None:
    fit(open_store(store), QUICK, RunPlace(run_dir))


def read_until(stop: Path, store: Path, expected: Contents) -> int:
    """Open the store and read all documents of `expected`, again and again until `stop` is.

    Returns
    -------
    int
        How often.
    """
    n_rounds = 0
    while not stop.exists():
        found = contents_of(open_store(store), expected)  # others may be pruned and collected
        for name, said in expected.items():
            assert found[name] == said, f"{name} is not what it was"
        n_rounds += 1
    return n_rounds


def read_once(store: Path, expected: Contents) -> int:
    """Read all documents and compare; returns how many."""
    found = contents_of(open_store(store))
    assert found == expected
    return len(found)


def care_until(stop: Path, store: Path, older_than_s: float) -> int:
    """Compact, collect and verify again and again until `stop` is; returns how often."""
    n_rounds = 0
    while not stop.exists():
        compact(open_store(store), older_than_s=older_than_s)
        collect(open_store(store), older_than_s=older_than_s)
        assert verify(open_store(store), deep=True) == ()
        time.sleep(random.uniform(0, 0.05))
        n_rounds += 1
    return n_rounds


def collect_until(stop: Path, store: Path) -> None:
    """Collect whatever is not referred to, however young, again and again until `stop` is."""
    while not stop.exists():
        collect(open_store(store), older_than_s=0)


def try_extract(bench: Bench, store: Path, numbers: Sequence[int]) -> None:
    """Extract; that it cannot is no fault here."""
    with contextlib.suppress(HilbertError):
        bench.extract(store, numbers)


def extract_in_parts(bench: Bench, store: Path, parts: Sequence[Sequence[int]]) -> None:
    """Extract one part of a corpus after the other."""
    for numbers in parts:
        bench.extract(store, numbers)


class LimitFiles:
    """No file may grow beyond `n_bytes`, as on a disk that is full."""

    def __init__(self, n_bytes: int) -> None:
        self._n_bytes = n_bytes

    def __call__(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (self._n_bytes, self._n_bytes))


def become_nobody() -> None:
    """Give up the rights of root, which may write everywhere."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)


class ShiftClock:
    """The clock of the process it is called in shows another time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __call__(self) -> None:
        now_ns = time.time_ns

        def shifted_ns() -> int:
            return now_ns() + int(self._seconds * 1e9)

        def shifted() -> float:
            return shifted_ns() / 1e9

        mock.patch("time.time", shifted).start()
        mock.patch("time.time_ns", shifted_ns).start()
