"""Let packs go without a lock, so that nothing that someone came to refer to is lost.

A pack is let go in three steps: its record is deleted, so that it exists no more; what the
store's manifests and pins refer to is read once more; if the pack is needed after all, its
record is written again, else its files are deleted. An extraction that published a manifest
looks afterwards whether all it refers to is still there. Whichever of the two comes first, one
of them sees the other.
"""

from collections.abc import Callable, Sequence

from hilbert.store.commits import FOLDER, Commit, Index, write_commit
from hilbert.store.feature_store import FeatureStore
from hilbert.store.files import walk


def retire(
    store: FeatureStore, commits: Sequence[Commit], references: Callable[[], set[str]]
) -> tuple[Commit, ...]:
    """Delete packs, except those that hold the only copy of a key that is referred to.

    Parameters
    ----------
    store : FeatureStore
    commits : sequence of Commit
        The packs to let go.
    references : callable
        Reads anew which keys are referred to.

    Returns
    -------
    tuple of Commit
        Those that are gone.
    """
    for commit in commits:
        store.records.delete(f"{FOLDER}/{commit.pack}")
    elsewhere = Index(store.files, store.records)
    needed = {key for key in references() if key not in elsewhere}
    gone = []
    for commit in commits:
        if needed.isdisjoint(commit.keys):
            delete_pack(store, commit.pack)
            gone.append(commit)
        else:
            write_commit(store.records, commit)
    store.refresh()
    return tuple(gone)


def delete_pack(store: FeatureStore, pack: str) -> None:
    """Delete the files of a pack that has no record."""
    for entry in list(store.files.list("packs")):
        if store.form.pack_of(entry) == pack:
            for name in list(walk(store.files, f"packs/{entry}")):
                store.files.delete(name)
