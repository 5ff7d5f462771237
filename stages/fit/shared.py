"""One copy of large arrays for several processes of a machine.

What is sent to a process is pickled, and each would hold features of its own: four gigabytes
become twelve. Here the arrays lie in files that every process maps, and the rest is sent.
"""

import mmap
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from hilbert.stages.fit.mapped import Span, append, span_of, temporary_file


class Shared(NamedTuple):
    """A value without its arrays, and where they are; small enough to send.

    Attributes
    ----------
    value : bytes
        Pickled.
    spans : tuple of Span
        Where each array lies.
    """

    value: bytes
    spans: tuple[Span, ...]


@contextmanager
def share(value: object) -> Iterator[Shared]:
    """Put the arrays of a value where other processes find them, until the context is left.

    What lies in a mapped file already stays there. Whoever has received the value by then
    keeps it.
    """
    buffers: list[pickle.PickleBuffer] = []
    pickled = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    with temporary_file() as (file, path):
        spans = []
        for buffer in buffers:
            raw = buffer.raw()
            spans.append(span_of(raw) or Span(path, *append(file, raw)))
    with file:
        yield Shared(pickled, tuple(spans))


def receive(shared: Shared) -> Any:
    """The value that `share` was given; what is written to its arrays stays in this process."""
    maps = {file: _map(file) for file in {span.file for span in shared.spans}}
    buffers = [maps[span.file][span.start : span.end] for span in shared.spans]
    return pickle.loads(shared.value, buffers=buffers)


def _map(place: Path) -> memoryview:
    with place.open("rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
