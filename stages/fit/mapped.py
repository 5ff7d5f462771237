"""Features in a file that processes map: in memory once, however many processes use them.

Pages of a file come as they are read and go when memory is short, so that features may even be
larger than it. The file is a temporary one, and goes with the last array that lies in it.
"""

import errno
import mmap
import shutil
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import gettempdir, mkdtemp
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hilbert.store.errors import FitError
from hilbert.store.types import Features

ALIGNMENT = 64
"""Bytes at whose multiples arrays begin."""


class Span(NamedTuple):
    """Where an array lies: a file, its first byte there and the first after it."""

    file: Path
    start: int
    end: int


class _Region(NamedTuple):
    """A file that is mapped into this process."""

    file: Path
    address: int
    n_bytes: int


_regions: "weakref.WeakKeyDictionary[mmap.mmap, _Region]" = weakref.WeakKeyDictionary()
"""What `mapped` has mapped, as long as an array lies there."""


def mapped(stream: Iterable[Features | None]) -> tuple[Features | None, ...]:
    """The same features in a mapped file, read-only; each is written before the next is asked for.

    Parameters
    ----------
    stream : iterable of (Features or None)
        One a document.

    Raises
    ------
    FitError
        If the folder for temporary files has no room for them.
    """
    with room_wanted():
        folder = Path(mkdtemp(prefix="hilbert-"))
        try:
            return _mapped(stream, folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise


def span_of(raw: memoryview) -> Span | None:
    """Where the bytes of an array lie in a file that `mapped` wrote; None if in none."""
    if not raw.nbytes:
        return None
    address = _address(raw)
    for region in _regions.values():
        start = address - region.address
        if 0 <= start < region.n_bytes:
            return Span(region.file, start, start + raw.nbytes)
    return None


def append(file: BinaryIO, raw: bytes | memoryview) -> Span:
    """Write the bytes of an array at the end of a file, aligned."""
    file.write(bytes(-file.tell() % ALIGNMENT))
    start = file.tell()
    file.write(raw)
    return Span(Path(file.name), start, file.tell())


@contextmanager
def room_wanted() -> Iterator[None]:
    """Raise FitError where the folder for temporary files is full."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise FitError(
            f"the features do not fit into {gettempdir()} ({error.strerror});"
            " set TMPDIR to a folder with more room"
        ) from error


class _Part(NamedTuple):
    """An array that is written but not mapped yet."""

    start: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @classmethod
    def of(cls, file: BinaryIO, array: NDArray[Any]) -> "_Part":
        return cls(append(file, array.tobytes()).start, array.shape, array.dtype)

    def within(self, region: mmap.mmap) -> NDArray[Any]:
        return np.ndarray(self.shape, self.dtype, region, self.start)


def _mapped(stream: Iterable[Features | None], folder: Path) -> tuple[Features | None, ...]:
    place = folder / "features"
    with place.open("wb") as file:
        append(file, bytes(ALIGNMENT))  # an empty file cannot be mapped
        written = [f and (_Part.of(file, f.x), _Part.of(file, f.times)) for f in stream]
    with place.open("rb") as file:
        region = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    _regions[region] = _Region(place, _address(memoryview(region)), len(region))
    weakref.finalize(region, shutil.rmtree, folder, ignore_errors=True)
    return tuple(part and Features(*(array.within(region) for array in part)) for part in written)


def _address(raw: memoryview) -> int:
    return int(np.frombuffer(raw, np.uint8).ctypes.data)
