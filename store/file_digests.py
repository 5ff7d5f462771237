"""Digests of files, remembered outside the store so that an unchanged file is not read again.

A digest is trusted while size, modification time, change time and inode are what they were.
The change time cannot be set by a user, so a file replaced by one of the same size and
modification time is noticed. The cache is local and may be deleted at any time.
"""

import hashlib
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from hilbert.store.cache import cache_folder
from hilbert.store.keys import DIGEST_BYTES

Stamp = tuple[int, int, int, int]
"""Size, modification time, change time and inode of a file."""

Entry = tuple[bytes, int, int, int, int, str]
"""What is remembered of a file: its name here, its stamp, its digest."""

SETTLED_NS = 2_000_000_000
FEW = 32
"""Files that are looked up one by one before the whole cache is read."""

_SELECT = "SELECT path, size, mtime_ns, ctime_ns, inode, digest FROM files"
_READ_BYTES = 1 << 20
_TABLE = (
    "CREATE TABLE IF NOT EXISTS files (path BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER,"
    " ctime_ns INTEGER, inode INTEGER, digest TEXT) WITHOUT ROWID"
)


def digest_file(path: Path) -> str:
    """Hexadecimal blake2b digest of a file's bytes, read in blocks."""
    hasher = hashlib.blake2b(digest_size=DIGEST_BYTES)
    with path.open("rb") as file:
        while block := file.read(_READ_BYTES):
            hasher.update(block)
    return hasher.hexdigest()


class FileDigests:
    """Digests of files through a cache; a context manager that saves what it learnt.

    Parameters
    ----------
    rehash : bool
        Read every file again, whatever the cache says.

    Notes
    -----
    Where the cache cannot be opened or written (a full or read-only disk), every file is
    read: slower, never wrong.
    """

    def __init__(self, *, rehash: bool = False) -> None:
        self._rehash = rehash
        self._db: sqlite3.Connection | None = None
        self._asked = 0
        self._known: dict[bytes, Entry] = {}
        self._learnt: dict[bytes, Entry] = {}

    def __enter__(self) -> Self:
        if not self._rehash:
            with suppress(sqlite3.Error, OSError):
                self._db = _connect()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None
        if not self._learnt:
            return
        with suppress(sqlite3.Error, OSError), closing(_connect()) as db, db:
            db.executemany(
                "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?)", self._learnt.values()
            )

    def of(self, path: Path | str) -> str:
        """Digest of the file at `path`.

        Raises
        ------
        OSError
            If it cannot be read.
        """
        return self.derived(path, "", digest_file)

    def derived(self, path: Path | str, kind: str, compute: Callable[[Path], str]) -> str:
        """``compute(path)``, remembered under `kind` while the file stays as it is.

        Parameters
        ----------
        path : Path or str
        kind : str
            Tells what `compute` derives apart from what others derive of the same file.
        compute : callable
            A pure function of the file's content.

        Raises
        ------
        OSError
            If the file cannot be read.
        """
        name = _name(path, kind)
        before = stamp_of(path)
        if (known := self._find(name)) and known[1:5] == before:
            return known[5]
        found = compute(Path(path))
        if stamp_of(path) == before and _is_settled(before):
            self._known[name] = self._learnt[name] = (name, *before, found)
        return found

    def remembered(self, path: str) -> str | None:
        """Digest of the file at `path`, if it is known and the file is as it was.

        Raises
        ------
        OSError
            If the file cannot be looked at.
        """
        known = self._find(_name(path, ""))
        return known[5] if known and known[1:5] == stamp_of(path) else None

    def stamp(self, path: str) -> Stamp | None:
        """How the file at `path` was when its digest was last found; None if that is not known."""
        known = self._known.get(_name(path, ""))
        return known and known[1:5]

    def _find(self, name: bytes) -> Entry | None:
        """What is remembered of a file: asked for alone at first, then all is read at once."""
        if self._db is not None and name not in self._known:
            self._asked += 1
            with suppress(sqlite3.Error):
                few = self._asked <= FEW
                where, values = (" WHERE path = ?", (name,)) if few else ("", ())
                rows = self._db.execute(_SELECT + where, values)
                self._known = {row[0]: row for row in rows} | self._known
            if not few:
                self._db.close()
                self._db = None
        return self._known.get(name)


def _name(path: Path | str, kind: str) -> bytes:
    """Name under which a file is known; bytes, since a path need not be text."""
    place = os.fspath(path)
    if not place.startswith(os.sep):
        place = os.path.abspath(place)
    return (f"{place}\n{kind}" if kind else place).encode(errors="surrogateescape")


def _is_settled(stamp: Stamp) -> bool:
    """Whether a later change is sure to get another change time than the one in `stamp`.

    Clocks of file systems advance in steps of up to two seconds.
    """
    return time.time_ns() - stamp[2] > SETTLED_NS


def stamp_of(path: Path | str) -> Stamp:
    """How a file is now.

    Raises
    ------
    OSError
        If it cannot be looked at.
    """
    stat = os.stat(path)
    return (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)


def _connect() -> sqlite3.Connection:
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    place = folder / "file-digests-2.sqlite"
    os.close(os.open(place, os.O_RDWR | os.O_CREAT, 0o600))  # it names files of the user's
    db = sqlite3.connect(place, timeout=5)
    db.execute(_TABLE)
    return db
