"""Commit records: what makes a pack exist. No record, no data.

A record is one JSON file, written after the pack it names is durable. It lists the documents
of the pack by key with the place and checksum of their rows, and carries a digest of itself.
The index is the union of all records. Equal keys hold equal vectors, so any record serves;
the pack with the smallest name is taken, so that all readers agree.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from hilbert.store import keys
from hilbert.store.errors import StoreError
from hilbert.store.files import Files
from hilbert.store.packs import check_size

Kind = Literal["features", "segments"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One document's rows in a pack; `about` holds small facts kept in the record itself."""

    key: str
    first_row: int
    n_rows: int
    crc32c: int
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Commit:
    """A pack and what lies in it; `provenance` tells how, where and when it was made."""

    pack: str
    kind: Kind
    width: int
    dtype: str
    n_rows: int
    entries: tuple[Entry, ...]
    provenance: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the rows of one key lie."""

    commit: Commit
    entry: Entry


def row_bytes(commit: Commit) -> int:
    """Bytes of one row of a pack."""
    return commit.width * np.dtype(commit.dtype).itemsize


def write_commit(files: Files, commit: Commit) -> None:
    """Write the record of a pack that is durable already."""
    body = json.loads(keys.canonical(commit))
    record = {"record": body, "digest": keys.digest("commit", body)}
    files.put(f"commits/{commit.pack}.json", keys.canonical(record).encode())


def read_commit(files: Files, name: str) -> Commit:
    """Read a record by its file's name.

    Raises
    ------
    StoreError
        If its content is not what was written.
    """
    try:
        record = json.loads(files.get(f"commits/{name}"))
        body = record["record"]
        if keys.digest("commit", body) != record["digest"]:
            raise ValueError("digest differs")
        entries = tuple(Entry(**entry) for entry in body.pop("entries"))
        return Commit(**body, entries=entries)
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"the commit record {name} is damaged") from error


class Index:
    """Places of all committed keys, grown as other writers commit."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._seen: set[str] = set()
        self._places: dict[str, Place] = {}
        self.damaged: tuple[str, ...] = ()
        self.refresh()

    def refresh(self) -> None:
        """Take in the records that came since.

        Those that are damaged, or whose pack is gone or cut, are listed in `damaged`; what they
        held counts as missing, so that the next extraction encodes it again.
        """
        for name in _record_names(self._files):
            if name in self._seen:
                continue
            self._seen.add(name)
            try:
                commit = read_commit(self._files, name)
                check_size(self._files, commit.pack, commit.n_rows, row_bytes(commit))
                self._take(commit)
            except StoreError:
                self.damaged = (*self.damaged, name)
            except FileNotFoundError:  # the record, deleted since it was listed, or its pack
                self.damaged = (*self.damaged, name)

    def _take(self, commit: Commit) -> None:
        for entry in commit.entries:
            known = self._places.get(entry.key)
            if known is None or commit.pack < known.commit.pack:
                self._places[entry.key] = Place(commit, entry)

    def find(self, key: str) -> Place | None:
        return self._places.get(key)

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def __len__(self) -> int:
        return len(self._places)


def _record_names(files: Files) -> Iterator[str]:
    return (
        name
        for name in files.list("commits")
        if name.removesuffix(".json") + ".json" == name and name != "zarr.json"
    )
