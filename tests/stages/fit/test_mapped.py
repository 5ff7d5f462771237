"""Features in a mapped file."""

import gc
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilbert.stages.fit.mapped import mapped
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


def test_the_file_lives_as_long_as_an_array(folder: Path) -> None:
    found = mapped([features(2), features(3)])
    (place,) = folder.iterdir()
    kept = found[1].x[1:]
    del found
    gc.collect()
    assert place.exists()
    assert np.array_equal(kept, features(3).x[1:])
    del kept
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
            alive.append(sum(isinstance(o, Features) for o in gc.get_objects()))
            yield features(i)

    before = sum(isinstance(o, Features) for o in gc.get_objects())
    assert len(mapped(stream())) == 5
    assert max(alive) <= before + 1


def test_nothing_stays_of_what_failed(folder: Path) -> None:
    def stream() -> Iterator[Features]:
        yield features(2)
        raise KeyError("damaged")

    with pytest.raises(KeyError):
        mapped(stream())
    assert not list(folder.iterdir())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is full here")
def test_a_full_disk_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "open", lambda *_: open("/dev/full", "wb"))  # noqa: SIM115
    with pytest.raises(FitError, match="set TMPDIR"):
        mapped([features(2)])
