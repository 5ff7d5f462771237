"""The storage operations: a file appears whole, once, and never changes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hilbert.store.files import LocalFiles


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


def test_a_name_is_taken_once(files: LocalFiles) -> None:
    files.put("name", b"first")
    with pytest.raises(FileExistsError):
        files.put("name", b"second")
    assert files.get("name") == b"first"
    assert list(files.list("")) == ["name"]


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
