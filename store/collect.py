"""Garbage of a store: what nothing refers to any more, and what was left by a kill."""

import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from hilbert.store.commits import Commit
from hilbert.store.errors import StoreError
from hilbert.store.feature_store import FeatureStore
from hilbert.store.files import TEMPORARY, walk
from hilbert.store.manifest import (
    Manifest,
    document_name,
    generations,
    read_manifest,
    write_manifest,
)
from hilbert.store.references import kept_generations, live_keys, pins, unpin
from hilbert.store.retire import retire


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

    The age keeps apart what a running extraction has committed and not yet published.

    Raises
    ------
    StoreError
        If a manifest is damaged, so that it is not known what is referred to, or one of
        `unpinned` is not pinned, or the store was deleted.
    """
    _check_pinned(store, unpinned)
    now_s = time.time()
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
    orphans = tuple(name for name in _orphans(store) if _age_s(store, name, now_s) >= older_than_s)
    store.check_there()
    return Garbage(
        generations=tuple(n for n in generations(store.records) if n not in kept),
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
    kept = _drop_generations(store, garbage.generations)
    gone = retire(
        store, garbage.commits, lambda: live_keys(store.records, generations(store.records))
    )
    for name in garbage.orphans:
        store.files.delete(name)
    return Garbage(
        generations=tuple(n for n in garbage.generations if n not in kept),
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


def _drop_generations(store: FeatureStore, numbers: tuple[int, ...]) -> set[int]:
    """Delete manifests; those that came to be pinned meanwhile are put back and returned."""
    dropped: dict[int, Manifest] = {}
    for number in numbers:
        dropped[number] = read_manifest(store.records, number)
        store.records.delete(document_name(number))
    needed = pins(store.records).keys() & dropped.keys()
    for number in needed:
        write_manifest(store.records, dropped[number])
    return needed


def _orphans(store: FeatureStore) -> Iterator[str]:
    """Files that belong to no committed pack, and leftovers of writes."""
    known = store.index.commits.keys() | store.index.damaged.keys()
    for name in walk(store.files, ""):
        folder, _, rest = name.partition("/")
        pack = store.form.pack_of(rest.partition("/")[0]) if folder == "packs" and rest else None
        if _is_leftover(name) or (pack is not None and pack not in known):
            yield name


def _is_leftover(name: str) -> bool:
    return name.rsplit("/", 1)[-1].startswith(TEMPORARY)


def _age_s(store: FeatureStore, name: str, now_s: float) -> float:
    try:
        return now_s - store.files.stat(name).modified_s
    except FileNotFoundError:
        return 0.0


def _size(store: FeatureStore, name: str) -> int:
    try:
        return store.files.stat(name).size
    except FileNotFoundError:
        return 0
