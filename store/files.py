"""The five storage operations; the only place that touches storage.

A name is a relative path with forward slashes. A file appears whole or not at all and never
changes afterwards, so that readers need no lock and writers cannot disturb each other.
"""

import contextlib
import errno
import os
import uuid
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Protocol

from hilbert.store.errors import StoreError, UnreadableError

TEMPORARY = ".tmp-"
"""How the name of a file begins while it is written."""

MAX_OPEN = 64
"""How many files that are read in parts stay open."""

_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
_REFUSED = (errno.EACCES, errno.EPERM, errno.EIO, errno.ETIMEDOUT)
_NOT_EMPTY = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT)


class Stat(NamedTuple):
    """Size of a file in bytes, and when it was last written, in seconds of the system's clock."""

    size: int
    modified_s: float


class Files(Protocol):
    """What a place must offer to hold a store.

    All that read raise ``UnreadableError`` where the system lets nobody tell what is there.
    """

    def put(self, name: str, data: bytes) -> None:
        """Create a file, durably and whole.

        ``FileExistsError`` if the name is taken, ``StoreError`` if it cannot be written.
        """

    def get(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        """Bytes of a file from `start`, all or `length` of them; ``FileNotFoundError``."""

    def read_into(self, name: str, start: int, buffer: memoryview) -> int:
        """Fill `buffer` with bytes of a file from `start`; ``FileNotFoundError``.

        Returns the number of bytes read, fewer than asked for only at the end of the file. What
        `get` returns cannot be changed; with this, an array of features is read without a copy
        and belongs to the caller. A file that was deleted a moment ago may still be read.
        """

    def list(self, folder: str, *, temporary: bool = False) -> Iterator[str]:
        """Names of the files and folders directly in `folder`, without the folder's name.

        In order; those of files that are being written only if `temporary`.
        """

    def stat(self, name: str) -> Stat:
        """Size and age of a file; ``FileNotFoundError``."""

    def delete(self, name: str) -> None:
        """Delete a file and folders that it leaves empty; nothing if it is gone already."""


def walk(files: Files, folder: str) -> Iterator[str]:
    """Names of all files below a folder, those being written too, and of empty folders."""
    entries = list(files.list(folder, temporary=True))
    for entry in entries:
        yield from walk(files, f"{folder}/{entry}" if folder else entry)
    if not entries:
        yield folder


class LocalFiles:
    """Files below a folder of a local or network disk.

    The folder is made when first written to, readable by its owner only. Files read in parts
    are kept open, the `MAX_OPEN` last used; threads and forked processes may share them, as no
    read moves a position.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._opened = lru_cache(MAX_OPEN)(_OpenFile)

    def __reduce__(self) -> tuple[type["LocalFiles"], tuple[Path]]:
        return LocalFiles, (self.root,)  # open files stay where they are

    def put(self, name: str, data: bytes) -> None:
        path = self.root / name
        temporary = path.with_name(f"{TEMPORARY}{uuid.uuid4().hex}")
        try:
            try:
                self._make_folder(path.parent)
            except FileExistsError as error:  # a file where a folder must be: no name is taken
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from error
            _write_durably(temporary, data)
            _give_name(temporary, path)
            _sync_folder(path.parent)
        except FileExistsError:
            raise
        except OSError as error:
            raise _unwritable(self.root, error) from error
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)

    def get(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        try:
            with (self.root / name).open("rb", buffering=0) as file:
                file.seek(start)
                return file.read() if length is None else _read_exactly(file.fileno(), length)
        except OSError as error:
            raise _refused(self.root, name, error) from error

    def read_into(self, name: str, start: int, buffer: memoryview) -> int:
        try:
            return self._read_into(f"{self.root}/{name}", start, buffer)
        except OSError as error:
            raise _refused(self.root, name, error) from error

    def list(self, folder: str, *, temporary: bool = False) -> Iterator[str]:
        try:
            names = sorted(os.listdir(self.root / folder))
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise _refused(self.root, folder, error) from error
        yield from (name for name in names if temporary or not name.startswith(TEMPORARY))

    def stat(self, name: str) -> Stat:
        try:
            found = os.stat(self.root / name)
        except OSError as error:
            raise _refused(self.root, name, error) from error
        return Stat(found.st_size, found.st_mtime)

    def delete(self, name: str) -> None:
        path = self.root / name
        self._opened.cache_clear()  # an open file keeps its space on the disk
        try:
            path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
            for folder in path.parents[: max(0, name.count("/") - 1)]:
                folder.rmdir()
        except OSError as error:
            if error.errno not in _NOT_EMPTY:
                raise _unwritable(self.root, error) from error

    def _read_into(self, path: str, start: int, buffer: memoryview) -> int:
        if not hasattr(os, "preadv"):  # Windows, where an open file could not be deleted either
            return _seek_and_read(path, start, buffer)
        try:
            return self._opened(path).read_into(start, buffer)
        except OSError as error:
            if error.errno != errno.ESTALE:
                raise
        # deleted by another machine that shares the disk: opening it again tells for certain
        self._opened.cache_clear()
        return self._opened(path).read_into(start, buffer)

    def _make_folder(self, folder: Path) -> None:
        if folder.is_dir():
            return
        if folder != self.root:
            self._make_folder(folder.parent)
            folder.mkdir(mode=0o700, exist_ok=True)
            _sync_folder(folder.parent)
        else:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)


class _OpenFile:
    """A file open for reading until nobody refers to it, be it a cache or a read under way."""

    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_RDONLY)

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError):  # where it could not be opened
            os.close(self._descriptor)

    def read_into(self, start: int, buffer: memoryview) -> int:
        n_read = 0
        while n_read < len(buffer):
            n = os.preadv(self._descriptor, [buffer[n_read:]], start + n_read)
            if not n:
                break
            n_read += n
        return n_read


def _seek_and_read(path: str, start: int, buffer: memoryview) -> int:
    """As `_OpenFile.read_into`, for systems without positioned reads."""
    with open(path, "rb") as file:
        file.seek(start)
        return file.readinto(buffer)


def _refused(root: Path, name: str, error: OSError) -> Exception:
    """The error, or, where it does not tell what is there, an `UnreadableError`."""
    return unreadable(root.name, name, error) if error.errno in _REFUSED else error


def unreadable(store: str, name: str, error: OSError) -> UnreadableError:
    """The error of a store of which the system does not let the file `name` be read."""
    return UnreadableError(
        f"{f'{store}/{name}'.rstrip('/')} cannot be read ({error.strerror}); mend its permissions"
        f" (chmod -R u+rwX {store}) or see to its disk"
    )


def _unwritable(root: Path, error: OSError) -> StoreError:
    return StoreError(
        f"cannot write to {root.name} ({error.strerror});"
        " make room, mend its permissions, or use another place"
    )


def _give_name(temporary: Path, path: Path) -> None:
    """Let a written file appear under its name; ``FileExistsError`` if the name is taken."""
    try:
        os.link(temporary, path)  # unlike a rename, fails if the name is taken
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # without hard links: reserve the name, then replace. A kill in between leaves an empty
        # file, which reads as damaged and never as data
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        os.replace(temporary, path)


def _write_durably(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb", buffering=0) as file:
        rest = memoryview(data)
        while rest:
            rest = rest[file.write(rest) :]
        os.fsync(file.fileno())


def _read_exactly(descriptor: int, length: int) -> bytes:
    """Up to `length` bytes; fewer only at the end of the file."""
    blocks = []
    while length and (block := os.read(descriptor, length)):
        blocks.append(block)
        length -= len(block)
    return b"".join(blocks)


def _sync_folder(folder: Path) -> None:
    """Make a new name in `folder` survive a power cut, where the system allows it."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
