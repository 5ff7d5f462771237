"""One copy of large arrays for several processes of a machine.

What is sent to a process is pickled, and each would hold features of its own: four gigabytes
become twelve. Here the arrays go to a file that every process maps, and the rest is sent.
"""

import mmap
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, NamedTuple

_ALIGNMENT = 64
"""Bytes at whose multiples arrays begin."""


class Shared(NamedTuple):
    """A value without its arrays, and where they are; small enough to send.

    Attributes
    ----------
    value : bytes
        Pickled.
    arrays : Path
        File that holds all arrays.
    spans : tuple of (int, int)
        First byte of each array, and first byte after it.
    """

    value: bytes
    arrays: Path
    spans: tuple[tuple[int, int], ...]


@contextmanager
def share(value: object) -> Iterator[Shared]:
    """Put the arrays of a value where other processes find them, until the context is left.

    Whoever has received it by then keeps it.
    """
    buffers: list[pickle.PickleBuffer] = []
    pickled = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    with TemporaryDirectory(prefix="hilbert-", ignore_cleanup_errors=True) as folder:
        place = Path(folder) / "arrays"
        with place.open("wb") as file:
            file.write(bytes(_ALIGNMENT))  # an empty file cannot be mapped
            spans = tuple(_append(file, buffer) for buffer in buffers)
        yield Shared(pickled, place, spans)


def receive(shared: Shared) -> Any:
    """The value that `share` was given; what is written to its arrays stays in this process."""
    with shared.arrays.open("rb") as file:
        mapped = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
    return pickle.loads(shared.value, buffers=[mapped[a:b] for a, b in shared.spans])


def _append(file: BinaryIO, buffer: pickle.PickleBuffer) -> tuple[int, int]:
    file.write(bytes(-file.tell() % _ALIGNMENT))
    start = file.tell()
    file.write(buffer.raw())
    return start, file.tell()
