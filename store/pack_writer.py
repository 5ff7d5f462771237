"""Collects rows of documents and commits them, a pack at a time."""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from hilbert.store.commits import Commit, Kind, write_commit
from hilbert.store.files import Files
from hilbert.store.formats import Format, PackFiles
from hilbert.store.records import Records


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
        self,
        files: Files,
        form: Format,
        kind: Kind,
        *,
        provenance: Mapping[str, Any],
        limits: PackLimits,
    ) -> None:
        self._files = files
        self._form = form
        self._kind = kind
        self._provenance = provenance
        self._limits = limits
        self._parts: list[NDArray[Any]] = []
        self._keys: list[str] = []
        self._about: list[Mapping[str, Any]] = []
        self._n_bytes = 0
        self._committed_at = time.monotonic()
        self.packs: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.commit()

    def add(self, key: str, rows: NDArray[Any], about: Mapping[str, Any] | None = None) -> bool:
        """Take the rows of one document, shape (n_rows, width); width and dtype never change.

        Returns whether that committed a pack.
        """
        data = np.ascontiguousarray(rows)
        self._keys.append(key)
        self._about.append(about or {})
        self._parts.append(data)
        self._n_bytes += data.nbytes
        if full := self._is_full():
            self.commit()
        return full

    def commit(self) -> None:
        """Write what was added as one pack, then its commit record; nothing if none was."""
        if self._keys:
            pack = str(uuid.uuid4())
            built = self._form.build_pack(pack, self._keys, self._parts)
            for name, data in built.contents.items():
                self._files.put(name, data)
            write_commit(Records(self._files, self._form), self._record(pack, built))
            self.packs.append(pack)
        self._parts, self._keys, self._about = [], [], []
        self._n_bytes = 0
        self._committed_at = time.monotonic()

    def _is_full(self) -> bool:
        late = time.monotonic() - self._committed_at >= self._limits.seconds
        return late or self._n_bytes >= self._limits.n_bytes

    def _record(self, pack: str, built: PackFiles) -> Commit:
        first = self._parts[0]
        ends = np.cumsum([0, *(len(part) for part in self._parts)])
        return Commit(
            pack=pack,
            kind=self._kind,
            width=first.shape[1],
            dtype=first.dtype.str,
            data=built.data,
            offset=built.offset,
            data_bytes=len(built.contents[built.data]),
            keys=tuple(self._keys),
            first_rows=tuple(ends.tolist()),
            crc32c=tuple(google_crc32c.value(part.tobytes()) for part in self._parts),
            about=tuple(self._about) if any(self._about) else (),
            provenance={**self._provenance, "committed_at": time.time()},
        )
