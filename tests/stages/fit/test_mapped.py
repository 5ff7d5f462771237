"""Features in a mapped file."""

import functools
import gc
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilbert.stages.fit.mapped import mapped
from hilbert.stages.fit.shared import receive, share
from hilbert.store.errors import FitError
from hilbert.store.types import Features


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def features(n_rows: int, dim: int = 3) -> Features:
    x = np.arange(n_rows * dim, dtype=np.float16).reshape(n_rows, dim)
    return Features(x, np.full((n_rows, 2), np.nan))


@given(st.lists(st.none() | st.integers(0, 5).map(features)))
@settings(max_examples=25)
def test_the_same_features_come_back(stream: list[Features | None]) -> None:
    found = mapped(stream)
    assert len(found) == len(stream)
    for one, other in zip(found, stream, strict=True):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            assert one.x.dtype == other.x.dtype
            assert np.array_equal(one.x, other.x)
            assert np.array_equal(one.times, other.times, equal_nan=True)


def n_open() -> int:
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="no /proc here")
def test_the_file_lives_as_long_as_an_array(folder: Path) -> None:
    before = n_open()
    found = mapped([features(2), features(3)])
    kept = found[1].x[1:]
    del found
    assert n_open() > before
    assert np.array_equal(kept, features(3).x[1:])
    del kept
    assert n_open() == before


WAIT = """
import sys, time
import numpy as np
from hilbert.stages.fit.mapped import mapped
from hilbert.stages.fit.shared import receive, share
from hilbert.store.types import Features

def stream():
    yield Features(np.ones((1000, 500), np.float16), np.zeros((1000, 2)))
    if sys.argv[1] == "reading":
        print("here", flush=True)
        time.sleep(60)

found = mapped(stream())
print("here", flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="files have names here")
@pytest.mark.parametrize("when", ["reading", "mapped"])
def test_nothing_stays_of_a_process_that_was_killed(tmp_path: Path, when: str) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", WAIT, when], env=environment, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"here\n"
        held = [os.readlink(f) for f in Path(f"/proc/{process.pid}/fd").iterdir()]
        assert any(name.startswith(str(tmp_path)) for name in held)
        process.kill()
    assert not list(tmp_path.iterdir())


def test_a_file_with_a_name_goes_with_its_last_array(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "is_dir", lambda _: False)  # as where there is no /proc
    found = mapped([features(2)])
    with share(found) as shared:
        assert np.array_equal(receive(shared)[0].x, features(2).x)
    (place,) = folder.iterdir()
    assert place.name.startswith("hilbert-")
    del found
    gc.collect()
    assert not place.exists()


def test_features_are_read_only(folder: Path) -> None:
    (found,) = mapped([features(2)])
    with pytest.raises(ValueError, match="read-only"):
        found.x[0] = 1


def test_one_document_is_held_at_a_time(folder: Path) -> None:
    alive: list[int] = []

    def stream() -> Iterator[Features]:
        for i in range(5):
            gc.collect()
            alive.append(sum(type(o) is Features for o in gc.get_objects()))
            yield features(i)

    before = sum(type(o) is Features for o in gc.get_objects())
    assert len(mapped(stream())) == 5
    assert max(alive) <= before + 1


def test_nothing_stays_of_what_failed(folder: Path) -> None:
    def stream() -> Iterator[Features]:
        yield features(2)
        raise KeyError("damaged")

    before = n_open()
    with pytest.raises(KeyError):
        mapped(stream())
    assert n_open() == before
    assert not list(folder.iterdir())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is full here")
def test_a_full_disk_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = functools.partial(open, "/dev/full", "wb")
    monkeypatch.setattr("hilbert.stages.fit.mapped.TemporaryFile", full)
    before = n_open()
    with pytest.raises(FitError, match="set TMPDIR"):
        mapped([features(2)])
    assert n_open() == before
