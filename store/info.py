"""What a store holds, in numbers."""

from collections import Counter
from dataclasses import dataclass

from hilbert.store.commits import Place
from hilbert.store.feature_store import FeatureStore
from hilbert.store.manifest import generations
from hilbert.store.references import live_keys, pins


@dataclass(frozen=True, slots=True)
class StoreInfo:
    """Numbers of a store.

    Attributes
    ----------
    format : str
        ``zarr`` or ``hdf5``.
    precision : str
        Arithmetic of audio encoders.
    documents, failed : int
        In the latest generation; those whose last extraction failed.
    encoders : dict of str to int
        Documents with features of each encoder.
    dims : dict of str to int
        Width of the features of each encoder.
    packs : int
    n_bytes : int
        Size of all packs' rows.
    live_share : float
        Share of these bytes that some generation refers to; 1 for an empty store.
    generations : tuple of int
    pinned : dict of int to int
        Runs that were made from a generation.
    damaged : int
        Records that are damaged, or whose pack is gone.
    """

    format: str
    precision: str
    documents: int
    failed: int
    encoders: dict[str, int]
    dims: dict[str, int]
    packs: int
    n_bytes: int
    live_share: float
    generations: tuple[int, ...]
    pinned: dict[int, int]
    damaged: int


def info(store: FeatureStore) -> StoreInfo:
    """Numbers of a store; reads records and manifests only.

    Raises
    ------
    StoreError
        If a manifest is damaged, or the store was deleted meanwhile.
    """
    manifest = store.manifest()
    numbers = generations(store.records)
    encoded = Counter(name for row in manifest.rows for name in row.feature_keys)
    n_bytes = sum(commit.data_bytes for commit in store.index.commits.values())
    live_share = _live_share(store, live_keys(store.records, numbers))
    store.check_there()
    return StoreInfo(
        format=store.form.name,
        precision=store.root.precision,
        documents=len(manifest.rows),
        failed=sum(row.failure is not None for row in manifest.rows),
        encoders={name: encoded[name] for name in manifest.encoders},
        dims={name: encoder.dim for name, encoder in manifest.encoders.items()},
        packs=len(store.index.commits),
        n_bytes=n_bytes,
        live_share=live_share,
        generations=tuple(numbers),
        pinned={number: len(runs) for number, runs in pins(store.records).items()},
        damaged=len(store.index.damaged),
    )


def _live_share(store: FeatureStore, live: set[str]) -> float:
    row_bytes = live_bytes = 0
    for commit in store.index.commits.values():
        for i, key in enumerate(commit.keys):
            place = Place(commit, i)
            size = place.n_rows * commit.row_bytes
            row_bytes += size
            found = store.index.find(key)
            if key in live and found is not None and found.commit.pack == commit.pack:
                live_bytes += size
    return live_bytes / row_bytes if row_bytes else 1.0
