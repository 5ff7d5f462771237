"""Merge small packs, and rewrite those of which little is still referred to."""

import itertools
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from hilbert.store.commits import Commit, Place
from hilbert.store.feature_store import FeatureStore
from hilbert.store.manifest import generations
from hilbert.store.pack_writer import PackLimits
from hilbert.store.references import live_keys
from hilbert.store.retire import retire

Step = Callable[[int, int], None]
"""Called with the number of packs rewritten and the number of all."""

SMALL = 0.5
"""A pack below this share of the largest size is merged, or with this share of live bytes."""


@dataclass(frozen=True, slots=True)
class Compaction:
    """What a compaction rewrites.

    Attributes
    ----------
    packs : tuple of Commit
        Packs to rewrite.
    n_bytes : int
        Their size.
    live_bytes : int
        Size of what is kept of them.
    """

    packs: tuple[Commit, ...]
    n_bytes: int
    live_bytes: int


def find_compaction(
    store: FeatureStore,
    *,
    older_than_s: float,
    limits: PackLimits | None = None,
    thorough: bool = False,
) -> Compaction:
    """What `compact` would rewrite.

    Keys that nothing refers to are dropped from packs that are older than `older_than_s`. With
    `thorough`, every such pack that holds one is rewritten, however much of it is kept.

    Raises
    ------
    StoreError
        If a manifest is damaged, or the store was deleted.
    """
    largest = (limits or PackLimits()).n_bytes
    live = live_keys(store.records, generations(store.records))
    kept = {pack: _kept(store, c, live, older_than_s) for pack, c in store.index.commits.items()}
    by_shape = defaultdict(list)
    for commit in store.index.commits.values():
        size = sum(_bytes_of(commit, i) for i in kept[commit.pack])
        wasteful = size < SMALL * max(commit.n_rows * commit.row_bytes, 1)
        holds_dead = len(kept[commit.pack]) < len(commit.keys)
        if wasteful or size < SMALL * largest or (thorough and holds_dead):
            by_shape[commit.kind, commit.width, commit.dtype].append(commit)
    chosen = [
        commit
        for commits in by_shape.values()
        for commit in sorted(commits, key=_committed_at)
        if len(commits) > 1 or len(kept[commit.pack]) < len(commit.keys)
    ]
    store.check_there()
    return Compaction(
        packs=tuple(chosen),
        n_bytes=sum(commit.data_bytes for commit in chosen),
        live_bytes=sum(_bytes_of(c, i) for c in chosen for i in kept[c.pack]),
    )


def compact(
    store: FeatureStore,
    *,
    older_than_s: float,
    limits: PackLimits | None = None,
    thorough: bool = False,
    step: Step | None = None,
) -> Compaction:
    """Rewrite what `find_compaction` finds; readers and extractions may go on meanwhile.

    Raises
    ------
    StoreError
        If something to be rewritten is damaged; it is not touched.
    """
    found = find_compaction(store, older_than_s=older_than_s, limits=limits, thorough=thorough)
    live = live_keys(store.records, generations(store.records))
    by_shape = defaultdict(list)
    for commit in found.packs:
        by_shape[commit.kind, commit.width, commit.dtype].append(commit)
    size = (limits or PackLimits()).n_bytes
    done = itertools.count(1)
    for commits in by_shape.values():
        rewrite(
            store,
            [(c, _kept(store, c, live, older_than_s)) for c in commits],
            PackLimits(n_bytes=size, seconds=math.inf),
            advance=None if step is None else lambda: step(next(done), len(found.packs)),
        )
    retire(store, found.packs, lambda: live_keys(store.records, generations(store.records)))
    return found


def rewrite(
    store: FeatureStore,
    parts: Sequence[tuple[Commit, Sequence[int]]],
    limits: PackLimits,
    *,
    advance: Callable[[], None] | None = None,
) -> None:
    """Write documents of some packs of one kind and shape into new packs, checked as read.

    `advance` is called after each pack that was read.
    """
    provenance = {"merged": _origins(commit for commit, kept in parts if kept)}
    kind = parts[0][0].kind
    with store.writer(kind, provenance=provenance, limits=limits) as writer:
        for commit, kept in parts:
            for i in kept:
                about = commit.about[i] if commit.about else None
                writer.add(commit.keys[i], _rows(store, commit, i), about)
            if advance is not None:
                advance()


def _rows(store: FeatureStore, commit: Commit, i: int) -> NDArray[Any]:
    """Rows of a document of a pack; of another pack if this one was rewritten meanwhile."""
    try:
        return store.rows_at(Place(commit, i))
    except FileNotFoundError:
        return store.rows_of(commit.keys[i])


def _kept(store: FeatureStore, commit: Commit, live: set[str], older_than_s: float) -> list[int]:
    """Documents of a pack that are to be kept: one copy of each key that is live or young."""
    young = store.records.age_s(f"commits/{commit.pack}", time.time()) < older_than_s
    return [
        i
        for i, key in enumerate(commit.keys)
        if (young or key in live) and _serves(store, commit, key)
    ]


def _origins(commits: Iterable[Commit]) -> list[Mapping[str, Any]]:
    """How the documents of some packs were first made, each way once."""
    found = [p for c in commits for p in c.provenance.get("merged", [c.provenance])]
    plain = [{name: v for name, v in p.items() if name != "committed_at"} for p in found]
    return [p for i, p in enumerate(plain) if p not in plain[:i]]


def _serves(store: FeatureStore, commit: Commit, key: str) -> bool:
    """Whether this pack is the one that the index takes a key from."""
    place = store.index.find(key)
    return place is not None and place.commit.pack == commit.pack


def _bytes_of(commit: Commit, i: int) -> int:
    return Place(commit, i).n_rows * commit.row_bytes


def _committed_at(commit: Commit) -> float:
    return float(commit.provenance.get("committed_at", 0.0))
