"""Clocks that run backwards and files that change without looking changed: nothing stale."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from hilbert.store import file_digests
from hilbert.store.feature_store import open_store
from hilbert.store.verify import verify
from support import tasks
from support.children import Child
from support.exact import Bench, contents
from support.trials import ALL, EDITED, States

DAY_S = 86_400.0
Replace = Callable[[Path, bytes], None]


@pytest.mark.parametrize("shift_s", [-DAY_S, DAY_S])
def test_a_clock_that_was_set(states: States, shift_s: float) -> None:
    """An extraction, gc and compact whose clock is a day off what the store's files say."""
    store = states.folder / f"feats{states.suffix}"
    _ = states.undisturbed
    shutil.copytree(states.half, store)
    clock = tasks.ShiftClock(shift_s)
    Child(tasks.run_extract, states.bench, store, ALL[:10], 0.0, before=clock).result()
    for task in (tasks.run_compact, tasks.run_collect):
        expected = contents(store)
        Child(task, store, before=clock).result()
        assert verify(open_store(store), deep=True) == ()
        assert contents(store) == expected
    states.bench.extract(store, ALL)
    assert contents(store) == contents(states.undisturbed)


def test_files_written_under_a_clock_that_was_ahead(states: States) -> None:
    """What seems to come from the future is young: nothing of it is collected."""
    store = states.folder / f"feats{states.suffix}"
    shutil.copytree(states.littered, store)
    for path in store.rglob("*"):
        os.utime(path, (path.stat().st_mtime + DAY_S,) * 2)
    before = sorted(store.rglob("*"))
    tasks.run_collect(store)
    assert sorted(store.rglob("*")) == before
    tasks.run_compact(store)
    assert verify(open_store(store), deep=True) == ()
    assert contents(store) == contents(states.undisturbed)


def in_place(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def by_renaming(path: Path, data: bytes) -> None:
    draft = path.with_name("draft")
    draft.write_bytes(data)
    shutil.copystat(path, draft)
    draft.rename(path)


@pytest.mark.parametrize("ending", [".wav", ".vtt"])
@pytest.mark.parametrize("replace", [in_place, by_renaming])
@pytest.mark.parametrize("shift_s", [0.0, -DAY_S, DAY_S])
def test_a_file_replaced_by_one_of_the_same_size_and_time(
    states: States,
    monkeypatch: pytest.MonkeyPatch,
    ending: str,
    replace: Replace,
    shift_s: float,
) -> None:
    """Also when the clock was set meanwhile."""
    monkeypatch.setattr(file_digests, "SETTLED_NS", 0)
    bench, store = Bench(states.folder / "corpus"), states.folder / f"feats{states.suffix}"
    bench.write(EDITED)
    bench.extract(store, EDITED)
    assert bench.extract(store, EDITED).encoded == {"exact-audio": 0, "exact-text": 0}
    other = Bench(states.folder / "other")
    other.write([1], version=1)
    path, data = bench.folder / f"d01{ending}", (other.folder / f"d01{ending}").read_bytes()
    stat = path.stat()
    replace(path, data)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (stat.st_size, stat.st_mtime_ns)
    bench.taken()
    clock = tasks.ShiftClock(shift_s)
    Child(tasks.run_extract, bench, store, EDITED, 0.0, before=clock).result()
    assert bench.taken() == [f"d01 {'audio' if ending == '.wav' else 'text'}"]
    anew = states.folder / f"anew{states.suffix}"
    bench.extract(anew, EDITED)
    assert contents(store) == contents(anew)
