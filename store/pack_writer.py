"""Collects rows of documents and commits them, a pack at a time."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from hilbert.store.commits import Commit, Entry, Kind, write_commit
from hilbert.store.files import Files
from hilbert.store.packs import build_pack, write_pack


@dataclass(frozen=True, slots=True)
class PackLimits:
    """When a pack is closed and committed: what comes first."""

    n_bytes: int = 64 << 20
    """Size of the rows in it."""
    seconds: float = 20.0
    """Time since the last commit, which is what a kill can cost."""


class PackWriter:
    """A context manager; what was added is committed at the limits and when it is left.

    Left by an exception too: the documents added are whole, whatever happened to the next.
    """

    def __init__(
        self, files: Files, kind: Kind, *, provenance: Mapping[str, Any], limits: PackLimits
    ) -> None:
        self._files = files
        self._kind = kind
        self._provenance = provenance
        self._limits = limits
        self._parts: list[NDArray[Any]] = []
        self._entries: list[Entry] = []
        self._n_rows = self._n_bytes = 0
        self._committed_at = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.commit()

    def add(self, key: str, rows: NDArray[Any], about: Mapping[str, Any] | None = None) -> None:
        """Take the rows of one document, shape (n_rows, width); width and dtype never change."""
        data = np.ascontiguousarray(rows)
        checksum = google_crc32c.value(data.tobytes())
        self._entries.append(Entry(key, self._n_rows, len(data), checksum, about or {}))
        self._parts.append(data)
        self._n_rows += len(data)
        self._n_bytes += data.nbytes
        if self._is_full():
            self.commit()

    def commit(self) -> None:
        """Write what was added as one pack, then its commit record; nothing if none was."""
        if self._entries:
            contents = build_pack(self._parts, {"keys": [entry.key for entry in self._entries]})
            pack = write_pack(self._files, contents)
            write_commit(self._files, self._record(pack))
        self._parts, self._entries = [], []
        self._n_rows = self._n_bytes = 0
        self._committed_at = time.monotonic()

    def _is_full(self) -> bool:
        late = time.monotonic() - self._committed_at >= self._limits.seconds
        return late or self._n_bytes >= self._limits.n_bytes

    def _record(self, pack: str) -> Commit:
        first = self._parts[0]
        return Commit(
            pack=pack,
            kind=self._kind,
            width=first.shape[1],
            dtype=first.dtype.str,
            n_rows=self._n_rows,
            entries=tuple(self._entries),
            provenance={**self._provenance, "committed_at": time.time()},
        )
