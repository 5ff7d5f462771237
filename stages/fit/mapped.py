"""Features in a file that processes map: in memory once, however many processes use them.

Pages of a file come as they are read and go when memory is short, so that features may even be
larger than it. The file is a temporary one, and goes with the last array that lies in it; where
the system lets a file without a name be found (Linux), it has none, and goes however the process
ends.
"""

import errno
import mmap
import os
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryFile, gettempdir
from typing import IO, Any, NamedTuple

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
    with temporary_file() as (file, path):
        written = [f and (_Part.of(file, f.x), _Part.of(file, f.times)) for f in stream]
    region = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    _regions[region] = _Region(path, _address(memoryview(region)), len(region))
    weakref.finalize(region, file.close)
    return tuple(part and Features(*(array.within(region) for array in part)) for part in written)


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


@contextmanager
def temporary_file() -> Iterator[tuple[IO[bytes], Path]]:
    """A file to write arrays into, and how other processes find it while it is open.

    It stays open when the context is left without an error, written in full, and is gone when it
    is closed.

    Raises
    ------
    FitError
        If the folder for temporary files has no room.
    """
    file, path = _open()
    try:
        append(file, bytes(ALIGNMENT))  # an empty file cannot be mapped
        yield file, path
        file.flush()
    except OSError as error:
        _drop(file)
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise FitError(
            f"the features do not fit into {gettempdir()} ({error.strerror});"
            " set TMPDIR to a folder with more room"
        ) from error
    except BaseException:
        _drop(file)
        raise


def append(file: IO[bytes], raw: bytes | memoryview) -> tuple[int, int]:
    """Write the bytes of an array at the end of a file, aligned; the first, and the one after."""
    file.write(bytes(-file.tell() % ALIGNMENT))
    start = file.tell()
    file.write(raw)
    return start, file.tell()


def _drop(file: IO[bytes]) -> None:
    with suppress(OSError):  # what it could not write before
        file.close()


def _open() -> tuple[IO[bytes], Path]:
    """A temporary file, and its path; without a name where a path does without."""
    if Path("/proc/self/fd").is_dir():
        file = TemporaryFile()  # noqa: SIM115
        return file, Path(f"/proc/{os.getpid()}/fd/{file.fileno()}")
    named = NamedTemporaryFile(prefix="hilbert-")  # noqa: SIM115
    return named, Path(named.name)


class _Part(NamedTuple):
    """An array that is written but not mapped yet."""

    start: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @classmethod
    def of(cls, file: IO[bytes], array: NDArray[Any]) -> "_Part":
        return cls(append(file, array.tobytes())[0], array.shape, array.dtype)

    def within(self, region: mmap.mmap) -> NDArray[Any]:
        return np.ndarray(self.shape, self.dtype, region, self.start)


def _address(raw: memoryview) -> int:
    return int(np.frombuffer(raw, np.uint8).ctypes.data)
