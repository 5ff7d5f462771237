"""Digests of files: remembered while a file is what it was, read again when it is not."""

import os
from pathlib import Path

import pytest

from hilbert.store import file_digests
from hilbert.store.file_digests import FileDigests, digest_file


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HILBERT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(file_digests, "SETTLED_NS", 0)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files whose bytes were read."""
    seen: list[str] = []

    def count(path: Path) -> str:
        seen.append(path.name)
        return digest_file(path)

    monkeypatch.setattr(file_digests, "digest_file", count)
    return seen


def digest_of(path: Path, *, rehash: bool = False) -> str:
    with FileDigests(rehash=rehash) as digests:
        return digests.of(path)


def test_an_unchanged_file_is_read_once(tmp_path: Path, reads: list[str]) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one")
    assert digest_of(path) == digest_of(path) == digest_file(path)
    assert reads == ["a"]
    digest_of(path, rehash=True)
    assert reads == ["a", "a"]


def test_a_file_of_the_same_size_and_mtime_is_noticed(tmp_path: Path, reads: list[str]) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one")
    stat = path.stat()
    before = digest_of(path)
    path.write_bytes(b"two")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert path.stat().st_mtime_ns == stat.st_mtime_ns
    assert digest_of(path) != before


def test_a_file_written_a_moment_ago_is_not_remembered(
    tmp_path: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_digests, "SETTLED_NS", 10**12)
    path = tmp_path / "a"
    path.write_bytes(b"one")
    digest_of(path)
    digest_of(path)
    assert reads == ["a", "a"]


def test_a_cache_that_cannot_be_used_costs_only_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_bytes(b"not a folder")
    monkeypatch.setenv("HILBERT_CACHE", str(blocked))
    path = tmp_path / "a"
    path.write_bytes(b"one")
    assert digest_of(path) == digest_file(path)
