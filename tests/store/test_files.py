"""The storage operations: a file appears whole, once, and never changes."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hilbert.store.errors import StoreError
from hilbert.store.files import MAX_OPEN, LocalFiles


@pytest.fixture
def files(tmp_path: Path) -> LocalFiles:
    return LocalFiles(tmp_path / "store")


def test_what_is_put_is_read_back_whole_and_in_part(files: LocalFiles) -> None:
    files.put("a/b", b"0123456789")
    assert files.get("a/b") == b"0123456789"
    assert files.get("a/b", 3, 4) == b"3456"
    assert files.get("a/b", 8, 10) == b"89"
    assert files.stat("a/b").size == 10
    assert list(files.list("a")) == ["b"]


@pytest.mark.parametrize("positioned", [True, False])
def test_a_part_is_read_into_a_buffer(
    files: LocalFiles, monkeypatch: pytest.MonkeyPatch, positioned: bool
) -> None:
    if not positioned:
        monkeypatch.delattr(os, "preadv")
    files.put("a/b", b"0123456789")
    buffer = bytearray(4)
    assert files.read_into("a/b", 3, memoryview(buffer)) == 4
    assert buffer == b"3456"
    assert files.read_into("a/b", 8, memoryview(buffer)) == 2
    assert files.read_into("a/b", 11, memoryview(buffer)) == 0
    assert files.read_into("a/b", 0, memoryview(bytearray())) == 0
    with pytest.raises(FileNotFoundError):
        files.read_into("nowhere", 0, memoryview(buffer))


def test_only_so_many_files_stay_open(files: LocalFiles) -> None:
    before = n_open()
    for i in range(2 * MAX_OPEN):
        files.put(str(i), b"x")
        files.read_into(str(i), 0, memoryview(bytearray(1)))
    assert n_open() - before <= MAX_OPEN
    files.delete("0")  # what is deleted gives its space back
    assert n_open() == before


def test_a_file_that_went_stale_is_opened_again(
    files: LocalFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file deleted by another machine, as NFS tells it to those that have it open."""
    files.put("a", b"0123")
    buffer = bytearray(4)
    files.read_into("a", 0, memoryview(buffer))
    (files.root / "a").unlink()
    preadv = os.preadv

    def stale(descriptor: int, buffers: list[memoryview], offset: int) -> int:
        if os.fstat(descriptor).st_nlink == 0:
            raise OSError(errno.ESTALE, "Stale file handle")
        return preadv(descriptor, buffers, offset)

    monkeypatch.setattr(os, "preadv", stale)
    with pytest.raises(FileNotFoundError):
        files.read_into("a", 0, memoryview(buffer))


def n_open() -> int:
    return len(os.listdir("/proc/self/fd" if os.path.exists("/proc") else "/dev/fd"))


def test_a_name_is_taken_once(files: LocalFiles) -> None:
    files.put("name", b"first")
    with pytest.raises(FileExistsError):
        files.put("name", b"second")
    assert files.get("name") == b"first"
    assert list(files.list("")) == ["name"]


def test_a_file_where_a_folder_must_be_is_no_name_that_is_taken(files: LocalFiles) -> None:
    files.put("folder", b"")
    with pytest.raises(StoreError, match="cannot write"):
        files.put("folder/name/inner", b"data")


def test_what_is_absent(files: LocalFiles) -> None:
    assert list(files.list("nowhere")) == []
    files.delete("nowhere")
    for read in (files.get, files.stat):
        with pytest.raises(FileNotFoundError):
            read("nowhere")


def test_only_the_owner_can_look_inside(files: LocalFiles) -> None:
    files.put("a/b", b"x")
    assert (files.root.stat().st_mode & 0o777) == 0o700
    assert ((files.root / "a").stat().st_mode & 0o777) == 0o700
    assert ((files.root / "a/b").stat().st_mode & 0o777) == 0o600


def test_a_write_that_fails_leaves_no_file(files: LocalFiles) -> None:
    """A limit on file sizes stands in for a full disk: both fail in the middle of a write."""
    code = (
        "import resource, signal, sys; from pathlib import Path;"
        "from hilbert.store.files import LocalFiles;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000));"
        "LocalFiles(Path(sys.argv[1])).put('big', bytes(5000))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(files.root)], capture_output=True)
    assert done.returncode != 0
    assert os.listdir(files.root) == []
