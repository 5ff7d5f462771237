"""A disk that is full, or may not be written to: one line, nothing torn, and then it goes on."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hilbert.store.errors import StoreError
from hilbert.store.feature_store import open_store
from hilbert.store.formats import format_at
from hilbert.store.verify import verify
from support import tasks
from support.children import Child
from support.exact import contents
from support.trials import ALL, ENDLESS_S, States


def check_and_go_on(states: States, store: Path) -> None:
    """What was committed is sound, and the next call needs only what was not."""
    held = set()
    if format_at(store) is not None:
        assert verify(open_store(store), deep=True) == ()
        held = set(open_store(store).index.keys())
    states.bench.taken()
    states.bench.extract(store, ALL)
    wanted = {k for row in open_store(store).manifest().rows for k in row.feature_keys.values()}
    assert len(states.bench.taken()) == len(wanted - held)
    assert verify(open_store(store), deep=True) == ()
    assert contents(store) == contents(states.undisturbed)


LEAST_STORE_BYTES = 700
"""A file of this size is in every store: its manifest at the least."""


@contextmanager
def refused(why: str, *, surely: bool) -> Iterator[None]:
    """What is done may, or must, be refused, in one line that says why and what to do."""
    try:
        yield
    except StoreError as error:
        if not re.fullmatch(rf"cannot write to .*{why}.*make room.*", str(error)):
            raise
    else:
        assert not surely, "there was no room, and nobody said so"


@pytest.mark.parametrize("every_s", [0.0, ENDLESS_S])
@pytest.mark.parametrize("n_bytes", [0, 100, 700, 2000, 5000, 9000])
def test_files_cannot_grow(states: States, n_bytes: int, every_s: float) -> None:
    store = states.folder / f"feats{states.suffix}"
    _ = states.undisturbed
    arguments = (states.bench, store, ALL, every_s)
    limited = Child(tasks.run_extract, *arguments, before=tasks.LimitFiles(n_bytes))
    with refused("File too large", surely=n_bytes <= LEAST_STORE_BYTES):
        limited.result()
    check_and_go_on(states, store)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 3 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("may not mount a disk")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_full_disk(states: States, small_disk: Path) -> None:
    _ = states.undisturbed
    store = small_disk / f"feats{states.suffix}"
    for free_kb in (0, 4, 60, 200, 400):
        fill(small_disk / "filler", free_kb)
        with refused("No space left", surely=free_kb <= 4):
            states.bench.extract(store, ALL)
        assert format_at(store) is None or verify(open_store(store), deep=True) == ()
        (small_disk / "filler").unlink()
    tasks.run_collect(store)
    check_and_go_on(states, store)


def test_gc_and_compact_on_a_full_disk(states: States, small_disk: Path) -> None:
    _ = states.undisturbed
    store = small_disk / f"feats{states.suffix}"
    shutil.copytree(states.half, store)
    fill(small_disk / "filler", 0)
    with pytest.raises(StoreError, match="No space left"):
        tasks.run_compact(store)
    tasks.run_collect(store)
    assert verify(open_store(store), deep=True) == ()
    assert contents(store) == contents(states.half)
    (small_disk / "filler").unlink()
    tasks.run_compact(store)
    assert contents(store) == contents(states.half)


def fill(path: Path, free_kb: int) -> None:
    """Fill the disk that `path` is on, but for some kilobytes."""
    free = shutil.disk_usage(path.parent).free
    path.write_bytes(bytes(max(free - free_kb * 1024, 0)))


@pytest.fixture
def public(states: States) -> Iterator[Path]:
    """A store with garbage that anyone may read and nobody may write to."""
    _ = states.undisturbed
    folder = Path(tempfile.mkdtemp(dir=states.folder.parent))
    store = folder / f"feats{states.suffix}"
    shutil.copytree(states.littered, store)
    for path in (states.folder, folder, store, *store.rglob("*"), states.bench.folder):
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield store
    for path in (states.folder, folder, *folder.rglob("*"), states.bench.folder):
        path.chmod(0o700)
    shutil.rmtree(folder)


def test_a_store_that_is_read_only(states: States, public: Path) -> None:
    before = contents(public)
    names = sorted(public.rglob("*"))
    readable = Child(tasks.read_once, public, before, before=tasks.become_nobody)
    assert readable.result()[1] == len(before)
    states.bench.folder.chmod(0o777)
    states.bench.write([0], version=2)
    for path in states.bench.folder.glob("d*"):
        path.chmod(0o444)
    for task, arguments in (
        (tasks.run_extract, (states.bench, public, ALL, 0.0)),
        (tasks.run_collect, (public,)),
        (tasks.run_compact, (public,)),
    ):
        with pytest.raises(StoreError, match=r"cannot write to feats.*permissions"):
            Child(task, *arguments, before=tasks.become_nobody).result()
    assert sorted(public.rglob("*")) == names
    assert verify(open_store(public), deep=True) == ()
    assert contents(public) == before
