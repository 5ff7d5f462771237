"""Commit records: what makes a pack exist. No record, no data.

A record is a JSON document, written after the pack it names is durable. It lists the documents
of the pack by key with the place and checksum of their rows. The index is the union of all
records. Equal keys hold equal vectors, so any record serves; the pack with the smallest name
is taken, so that all readers agree.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal, NamedTuple

import numpy as np

from hilbert.store.errors import StoreError
from hilbert.store.facts import Facts, to_table
from hilbert.store.files import Files
from hilbert.store.records import Records

Kind = Literal["features", "segments"]
FOLDER = "commits"


@dataclass(frozen=True, slots=True)
class Commit:
    """A pack and what lies in it, column by column.

    Attributes
    ----------
    pack : str
        Its name, and that of the record.
    kind : {"features", "segments"}
    width : int
    dtype : str
    data : str
        The file below the store that holds the rows.
    offset : int
        Byte of `data` where row 0 begins.
    data_bytes : int
        Size of `data`.
    keys : tuple of str
        One a document.
    first_rows : tuple of int
        Where each document begins, and at last where the last one ends.
    crc32c : tuple of int
        Checksum of each document's rows.
    about : mappings, or empty
        Small facts about each document.
    provenance : mapping
        How, where and when it was made.
    """

    pack: str
    kind: Kind
    width: int
    dtype: str
    data: str
    offset: int
    data_bytes: int
    keys: tuple[str, ...]
    first_rows: tuple[int, ...]
    crc32c: tuple[int, ...]
    about: tuple[Mapping[str, Any], ...] | Facts = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def n_rows(self) -> int:
        return self.first_rows[-1]

    @property
    def row_bytes(self) -> int:
        return self.width * np.dtype(self.dtype).itemsize


class Place(NamedTuple):
    """Where the rows of one key lie: document number `i` of a pack."""

    commit: Commit
    i: int

    @property
    def about(self) -> Mapping[str, Any]:
        return self.commit.about[self.i] if self.commit.about else {}

    @property
    def n_rows(self) -> int:
        return self.commit.first_rows[self.i + 1] - self.commit.first_rows[self.i]

    @property
    def start(self) -> int:
        """First byte of the rows in the pack's data file."""
        return self.commit.offset + self.commit.first_rows[self.i] * self.commit.row_bytes


def write_commit(records: Records, commit: Commit) -> None:
    """Write the record of a pack that is durable already; it may be there again."""
    body = {name: getattr(commit, name) for name in Commit.__slots__}
    body["about"] = to_table(tuple(commit.about)) if commit.about else None
    with suppress(FileExistsError):
        records.put(f"{FOLDER}/{commit.pack}", body)


def read_commit(records: Records, pack: str) -> Commit:
    """Read the record of a pack.

    Raises
    ------
    FileNotFoundError, StoreError
        If there is none, or its content is not what was written.
    """
    body = records.get(f"{FOLDER}/{pack}")
    fields: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in body.items()}
    try:
        about = fields.pop("about")
        facts = () if about is None else Facts(about, len(fields["keys"]))
        return Commit(**fields, about=facts)
    except (KeyError, TypeError) as error:
        raise StoreError(f"the commit record of pack {pack} is damaged") from error


def check_size(files: Files, commit: Commit) -> None:
    """Check that the data of a pack is there and as long as it must be.

    Raises
    ------
    FileNotFoundError, StoreError
        If it is gone, or has another size.
    """
    if files.stat(commit.data).size != commit.data_bytes:
        raise StoreError(f"pack {commit.pack} has not the size its commit record says")


@dataclass(frozen=True, slots=True)
class _Tables:
    """What an index knows, in a form that is quick to build for a million keys.

    The documents of all packs are numbered in the order the packs are taken in, and a key is
    known by its number: no object is made for a document before it is asked for.
    """

    commits: dict[str, Commit] = field(default_factory=dict)
    damaged: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    taken: list[Commit] = field(default_factory=list)
    first_numbers: list[int] = field(default_factory=lambda: [0])

    def copy(self) -> "_Tables":
        return _Tables(
            self.commits.copy(),
            self.damaged.copy(),
            self.numbers.copy(),
            self.taken.copy(),
            self.first_numbers.copy(),
        )

    def take(self, commit: Commit) -> None:
        numbers = dict(zip(commit.keys, count(self.first_numbers[-1])))
        for key in numbers.keys() & self.numbers.keys():
            if self.place(self.numbers[key]).commit.pack < commit.pack:
                del numbers[key]
        self.commits[commit.pack] = commit
        self.numbers.update(numbers)
        self.taken.append(commit)
        self.first_numbers.append(self.first_numbers[-1] + len(commit.keys))

    def place(self, number: int) -> Place:
        nth = bisect_right(self.first_numbers, number) - 1
        return Place(self.taken[nth], number - self.first_numbers[nth])


class Index:
    """Places of all committed keys, grown as other writers commit.

    A refresh makes new tables and then puts them in the place of the old, so that threads that
    read meanwhile find every key where it was or where it is.
    """

    def __init__(self, files: Files, records: Records) -> None:
        self._files = files
        self._records = records
        self._tables = _Tables()
        self.refresh()

    @property
    def commits(self) -> Mapping[str, Commit]:
        """Records by their pack."""
        return self._tables.commits

    @property
    def damaged(self) -> Mapping[str, str]:
        """Packs that count as missing, and why."""
        return self._tables.damaged

    def refresh(self) -> None:
        """Take in the records that came since, and forget those that are gone.

        Those that are damaged, or whose pack is gone or cut, are listed in `damaged` with the
        reason; what they held counts as missing, so that the next extraction encodes it again.

        Where a record is deleted between being listed and being read, what it held may have been
        committed anew after the listing: the records are listed again, until no more change.
        """
        listed: list[str] | None = None
        while (names := self._records.names(FOLDER)) != listed:
            if self._take_in(names):
                return
            listed = names

    def _take_in(self, names: Sequence[str]) -> bool:
        """Read the records that are new; False if some were deleted since they were listed."""
        known = self.commits.keys() | self.damaged.keys()
        if known == set(names):
            return True
        tables = _Tables() if known - set(names) else self._tables.copy()
        new = [name for name in names if name not in tables.commits and name not in tables.damaged]
        n_gone = sum(not self._read(name, tables) for name in new)
        self._tables = tables
        return n_gone == 0

    def _read(self, name: str, tables: _Tables) -> bool:
        """Read a record; False if there is none any more."""
        try:
            commit = read_commit(self._records, name)
            check_size(self._files, commit)
        except FileNotFoundError:
            if not self._records.exists(f"{FOLDER}/{name}"):
                return False
            tables.damaged[name] = f"pack {name} is gone"
        except StoreError as error:
            tables.damaged[name] = str(error)
        else:
            tables.take(commit)
        return True

    def find(self, key: str) -> Place | None:
        tables = self._tables
        number = tables.numbers.get(key)
        return None if number is None else tables.place(number)

    def lacking(self, keys: Iterable[str]) -> set[str]:
        """Those of `keys` that are not committed."""
        return set(keys).difference(self._tables.numbers)

    def keys(self) -> Iterator[str]:
        return iter(self._tables.numbers)

    def __contains__(self, key: str) -> bool:
        return key in self._tables.numbers
