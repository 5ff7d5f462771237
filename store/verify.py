"""Find out what is damaged in a store."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import google_crc32c

from hilbert.store.commits import FOLDER, Commit, Place
from hilbert.store.errors import StoreError
from hilbert.store.feature_store import FeatureStore
from hilbert.store.manifest import Manifest, Row, generations
from hilbert.store.references import pins, read_if_there
from hilbert.store.root import damaged_groups

Step = Callable[[int, int], None]
"""Called with the number of packs checked and the number of all."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was written.

    Attributes
    ----------
    kind : {"group", "record", "pack", "rows", "manifest", "reference"}
        The root or a group's file, a commit record, a whole pack, some documents of a pack, a
        generation, or a key that a generation names and no sound pack holds.
    name : str
        Of the file or pack, or number of the generation.
    problem : str
        What is wrong, in words.
    documents : tuple of int
        Of ``rows``: the documents of the pack whose rows are damaged; none if only what lies
        around the rows is, so that other programs would misread them.
    """

    kind: Literal["group", "record", "pack", "rows", "manifest", "reference"]
    name: str
    problem: str
    documents: tuple[int, ...] = ()


def verify(
    store: FeatureStore, *, deep: bool = False, step: Step | None = None
) -> tuple[Finding, ...]:
    """Check records, sizes, layouts and references; nothing is changed.

    Parameters
    ----------
    store : FeatureStore
    deep : bool
        Check every document's checksum too, and that other programs find the same, which reads
        the whole store twice.
    step : callable, optional
        Called after each pack.

    Raises
    ------
    StoreError
        If the store was deleted meanwhile.
    """
    manifests = _read_manifests(store)
    store.refresh()  # after the manifests, so that what they name is known
    unfit = _unfit(store, manifests)
    # before its first pack a store may be half made: the next extraction completes it
    groups = damaged_groups(store.files, store.form) if store.index.commits else ()
    findings = [Finding("group", name, f"{name} is damaged or gone") for name in groups]
    findings += [Finding("record", name, why) for name, why in sorted(store.index.damaged.items())]
    commits = list(store.index.commits.values())
    for done, commit in enumerate(commits, start=1):
        found = list(_check_commit(store, commit, deep, unfit.get(commit.pack, set())))
        if store.records.exists(f"{FOLDER}/{commit.pack}"):  # else it was merged meanwhile
            findings += found
        if step is not None:
            step(done, len(commits))
    unsound = {
        f.name: None if f.kind == "pack" else set(f.documents)
        for f in findings
        if f.kind in ("pack", "rows")
    }
    findings += _check_manifests(store, manifests, unsound)
    store.check_there()
    return tuple(findings)


def _read_manifests(store: FeatureStore) -> dict[int, Manifest | None]:
    """All generations, None for those that are damaged."""
    found: dict[int, Manifest | None] = {}
    for number in generations(store.records):
        try:
            manifest = read_if_there(store.records, number)
        except StoreError:
            found[number] = None
        else:
            found |= {} if manifest is None else {number: manifest}
    return found


def _unfit(store: FeatureStore, manifests: dict[int, Manifest | None]) -> dict[str, set[int]]:
    """Documents of packs whose features are not as wide as their encoder says, by pack."""
    unfit: dict[str, set[int]] = {}
    for manifest in filter(None, manifests.values()):
        for row in manifest.rows:
            for place in _unfit_places(store, manifest, row):
                unfit.setdefault(place.commit.pack, set()).add(place.i)
    return unfit


def _unfit_places(store: FeatureStore, manifest: Manifest, row: Row) -> Iterator[Place]:
    for name, key in row.feature_keys.items():
        place = store.index.find(key)
        if place is not None and place.commit.width != manifest.encoders[name].dim:
            yield place


def _check_commit(
    store: FeatureStore, commit: Commit, deep: bool, unfit: set[int]
) -> Iterator[Finding]:
    shape = (commit.n_rows, commit.width)
    try:
        store.form.check_pack(store.files.get, commit.pack, shape, commit.dtype)
    except (StoreError, OSError):
        yield Finding("pack", commit.pack, f"pack {commit.pack} is not laid out as it was written")
        return
    n = len(commit.keys)
    bad = unfit | {i for i in range(n) if deep and not _is_sound(store, Place(commit, i))}
    if bad:
        what = "damaged, or not as wide as their encoder says" if unfit else "damaged"
        problem = f"{len(bad)} of {n} documents of pack {commit.pack} are {what}"
        yield Finding("rows", commit.pack, problem, tuple(sorted(bad)))
    elif deep and not _others_read(store, commit):
        problem = f"pack {commit.pack} is sound, but not as other programs read it"
        yield Finding("rows", commit.pack, problem)


def _others_read(store: FeatureStore, commit: Commit) -> bool:
    """Whether a program that knows the format alone finds what the commit record tells."""
    try:
        keys, offsets, x = store.form.read_pack(store.files.get, commit.pack)
    except (StoreError, OSError):
        return False
    if (keys, tuple(offsets), x.dtype.str) != (commit.keys, commit.first_rows, commit.dtype):
        return False
    found = tuple(google_crc32c.value(x[a:b].tobytes()) for a, b in pairwise(offsets))
    return (len(x), found) == (commit.n_rows, commit.crc32c)


def _is_sound(store: FeatureStore, place: Place) -> bool:
    try:
        store.rows_at(place)
    except (StoreError, OSError):
        return False
    return True


def _check_manifests(
    store: FeatureStore,
    manifests: dict[int, Manifest | None],
    unsound: dict[str, set[int] | None],
) -> Iterator[Finding]:
    """Generations that are damaged, and keys that the kept ones name and no pack holds."""
    kept = {*list(manifests)[-1:], *pins(store.records)}
    for number, manifest in manifests.items():
        if manifest is None:
            yield Finding("manifest", str(number), f"generation {number} is damaged")
        elif number in kept:
            yield from _check_references(store, manifest, unsound)


def _check_references(
    store: FeatureStore, manifest: Manifest, unsound: dict[str, set[int] | None]
) -> Iterator[Finding]:
    for row in manifest.rows:
        features = ((f"{name} features", key) for name, key in row.feature_keys.items())
        for what, key in (("segments", row.segment_key), *features):
            if key is not None and not _is_held(store, key, unsound):
                problem = f"document {row.id} has lost its {what}"
                yield Finding("reference", str(manifest.generation), problem)


def _is_held(store: FeatureStore, key: str, unsound: dict[str, set[int] | None]) -> bool:
    place = store.index.find(key)
    if place is None:
        return False
    bad = unsound.get(place.commit.pack, set())
    return bad is not None and place.i not in bad
