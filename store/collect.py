"""Garbage of a store: what nothing refers to any more, and what was left by a kill."""

import math
import time
from collections.abc import Collection
from dataclasses import dataclass

from hilbert.store.commits import Commit
from hilbert.store.errors import StoreError
from hilbert.store.feature_store import FeatureStore
from hilbert.store.files import TEMPORARY, walk
from hilbert.store.formats import DOCUMENT_FOLDERS
from hilbert.store.manifest import generations
from hilbert.store.references import (
    drop_generation,
    kept_generations,
    live_keys,
    pins,
    sweep_marks,
    unpin,
)
from hilbert.store.retire import retire

MARKS_LAST_S = 3600.0
"""Seconds after which the mark of a generation that is being dropped is taken for a leftover."""


@dataclass(frozen=True, slots=True)
class Garbage:
    """What may go.

    Attributes
    ----------
    generations : tuple of int
        Old manifests that no run pins.
    commits : tuple of Commit
        Packs none of whose keys is referred to.
    orphans : tuple of str
        Files without a record, and those of writes that were killed.
    n_bytes : int
        Size of all of it, manifests apart.
    """

    generations: tuple[int, ...]
    commits: tuple[Commit, ...]
    orphans: tuple[str, ...]
    n_bytes: int


def find_garbage(
    store: FeatureStore, *, older_than_s: float, unpinned: Collection[int] = ()
) -> Garbage:
    """What `collect` would delete: nothing that is younger than `older_than_s` seconds.

    The age keeps apart what a running extraction is writing, or has committed and not yet
    published: at 0 it may have to begin again.

    Raises
    ------
    StoreError
        If a manifest is damaged, so that it is not known what is referred to, or one of
        `unpinned` is not pinned, or the store was deleted.
    """
    _check_pinned(store, unpinned)
    now_s = time.time()
    numbers = generations(store.records)  # before asking which are kept: newer ones come
    orphans = _orphans(store, older_than_s, now_s)
    kept = kept_generations(
        store.records, younger_than_s=older_than_s, now_s=now_s, unpinned=unpinned
    )
    live = live_keys(store.records, kept)
    dead = tuple(
        commit
        for commit in store.index.commits.values()
        if live.isdisjoint(commit.keys)
        and store.records.age_s(f"commits/{commit.pack}", now_s) >= older_than_s
    )
    store.check_there()
    return Garbage(
        generations=tuple(n for n in numbers if n not in kept),
        commits=dead,
        orphans=orphans,
        n_bytes=sum(c.data_bytes for c in dead) + sum(_size(store, name) for name in orphans),
    )


def collect(store: FeatureStore, *, older_than_s: float, unpinned: Collection[int] = ()) -> Garbage:
    """Delete garbage and return what went; safe beside running extractions and fits.

    The generations of `unpinned` are let go first, whatever runs were made from them.
    """
    garbage = find_garbage(store, older_than_s=older_than_s, unpinned=unpinned)
    for number in unpinned:
        unpin(store.records, number)
    dropped = [n for n in garbage.generations if drop_generation(store.records, n)]
    sweep_marks(store.records, older_than_s=MARKS_LAST_S, now_s=time.time())
    gone = retire(
        store, garbage.commits, lambda: live_keys(store.records, generations(store.records))
    )
    for name in garbage.orphans:
        store.files.delete(name)
    return Garbage(
        generations=tuple(dropped),
        commits=gone,
        orphans=garbage.orphans,
        n_bytes=garbage.n_bytes
        - sum(c.data_bytes for c in garbage.commits)
        + sum(c.data_bytes for c in gone),
    )


def _check_pinned(store: FeatureStore, numbers: Collection[int]) -> None:
    pinned = sorted(pins(store.records))
    if unknown := sorted(set(numbers) - set(pinned)):
        has = ", ".join(map(str, pinned)) or "none"
        raise StoreError(f"no run of {store.name} pins generation {unknown[0]}; pinned: {has}")


def _orphans(store: FeatureStore, older_than_s: float, now_s: float) -> tuple[str, ...]:
    """Files that belong to no committed pack, and leftovers of writes.

    The records are read after the files, so that a pack that is committed meanwhile is known.
    """
    found = [n for n in walk(store.files, "") if _age_s(store, n, now_s) >= older_than_s]
    store.refresh()
    known = store.index.commits.keys() | store.index.damaged.keys()
    return tuple(
        name
        for name in found
        if _is_leftover(name)
        or _is_empty_document(store, name)
        or _pack_of(store, name) not in {None, *known}
    )


def _pack_of(store: FeatureStore, name: str) -> str | None:
    """Pack that a file belongs to; None if to none."""
    folder, _, rest = name.partition("/")
    return store.form.pack_of(rest.partition("/")[0]) if folder == "packs" and rest else None


def _is_empty_document(store: FeatureStore, name: str) -> bool:
    """Whether `name` is the folder of a JSON document whose writer was killed before the file."""
    folder, _, rest = name.partition("/")
    is_entry = folder in DOCUMENT_FOLDERS and rest and "/" not in rest
    known = store.form.document_names([rest]) if is_entry else []
    return any(store.form.document(f"{folder}/{document}") != name for document in known)


def _is_leftover(name: str) -> bool:
    return name.rsplit("/", 1)[-1].startswith(TEMPORARY)


def _age_s(store: FeatureStore, name: str, now_s: float) -> float:
    """Seconds since a file was written; less than any age if it is gone."""
    try:
        return now_s - store.files.stat(name).modified_s
    except FileNotFoundError:
        return -math.inf


def _size(store: FeatureStore, name: str) -> int:
    try:
        return store.files.stat(name).size
    except FileNotFoundError:
        return 0
