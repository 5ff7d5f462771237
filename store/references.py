"""What the documents of a store refer to: which generations are kept, and their keys.

The latest generation is kept, and every one that is pinned: a fit pins the generation it
reads, so that its run can be repeated however the corpus goes on.
"""

import uuid
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain

from hilbert.store.errors import StoreError
from hilbert.store.manifest import Manifest, Row, document_name, generations, read_manifest
from hilbert.store.records import Records

FOLDER = "pins"
_DROPPED = "dropped-"
"""Begins, in the place of a run, the marks of those who are about to drop a generation."""


def pin(records: Records, generation: int, run: str) -> bool:
    """Keep a generation because a run is made from it; whether that was not told before.

    Who may only read the store cannot pin: a run needs the generation no more once it is made.

    Raises
    ------
    StoreError
        If the generation was dropped meanwhile.
    """
    name = _pin_name(generation, run)
    try:
        records.put(name, {"generation": generation, "run": run})
    except (FileExistsError, StoreError):
        return False
    marked = _is_marked(records, generation)
    if marked or generation not in generations(records):
        records.delete(name)
        raise StoreError(
            f"generation {generation} is being dropped by `hilbert store gc`; run the command again"
            " when that has ended (if it was killed, an hour later, after another gc)"
            if marked
            else f"generation {generation} was dropped meanwhile; run the command again"
        )
    return True


@contextmanager
def pinned(records: Records, generation: int, run: str) -> Iterator[None]:
    """Keep a generation while a run is made from it, and afterwards if it was made."""
    new = pin(records, generation, run)
    try:
        yield
    except BaseException:
        if new:
            records.delete(_pin_name(generation, run))
        raise


def _pin_name(generation: int, run: str) -> str:
    return f"{FOLDER}/{generation:08d}-{run[:12]}"


def pins(records: Records) -> dict[int, list[str]]:
    """Runs that keep a generation, by generation."""
    found: dict[int, list[str]] = {}
    for name in records.names(FOLDER):
        generation, _, run = name.partition("-")
        if generation.isdigit() and not run.startswith(_DROPPED):
            found.setdefault(int(generation), []).append(run)
    return found


def unpin(records: Records, generation: int) -> None:
    """Let a generation go, whatever runs were made from it."""
    for run in pins(records).get(generation, []):
        records.delete(f"{FOLDER}/{generation:08d}-{run}")


def drop_generation(records: Records, generation: int) -> bool:
    """Delete a generation that nothing pins, and tell whether it went.

    It is marked before its pins are read, and who pins it looks for marks after the pin is put:
    one of the two sees the other, and neither has anything to put back if it is killed.
    """
    mark = f"{FOLDER}/{generation:08d}-{_DROPPED}{uuid.uuid4().hex[:12]}"
    records.put(mark, {"generation": generation})
    try:
        if generation in pins(records):
            return False
        records.delete(document_name(generation))
        return True
    finally:
        records.delete(mark)


def sweep_marks(records: Records, *, older_than_s: float, now_s: float) -> None:
    """Delete marks that were left by a kill: the generations are kept, or gone."""
    for name in records.names(FOLDER):
        mark = f"{FOLDER}/{name}"
        if f"-{_DROPPED}" in name and records.age_s(mark, now_s) >= older_than_s:
            records.delete(mark)


def _is_marked(records: Records, generation: int) -> bool:
    beginning = f"{generation:08d}-{_DROPPED}"
    return any(name.startswith(beginning) for name in records.names(FOLDER))


def kept_generations(
    records: Records, *, younger_than_s: float, now_s: float, unpinned: Collection[int] = ()
) -> set[int]:
    """The latest generation, those pinned apart from `unpinned`, and those that are young."""
    numbers = generations(records)
    kept = set(numbers[-1:]) | (pins(records).keys() - set(unpinned))
    return kept | {n for n in numbers if records.age_s(document_name(n), now_s) < younger_than_s}


def live_keys(records: Records, numbers: Iterable[int]) -> set[str]:
    """Keys that the rows of some generations name.

    Raises
    ------
    StoreError
        If one of them is damaged: what it refers to is not known.
    """
    live: set[str] = set()
    for number in sorted(numbers):
        manifest = read_if_there(records, number)
        live |= set() if manifest is None else set(keys_of(manifest.rows))
    return live


def read_if_there(records: Records, number: int) -> Manifest | None:
    """A generation; None if it was dropped since it was listed or pinned."""
    try:
        return read_manifest(records, number)
    except StoreError:
        if records.exists(document_name(number)):
            raise
        return None


def keys_of(rows: Iterable[Row]) -> Iterator[str]:
    """Keys of the segments and features that a manifest's rows name."""
    return chain.from_iterable(map(keys_of_row, rows))


def keys_of_row(row: Row) -> Iterator[str]:
    """Keys of one document's segments and features."""
    if row.segment_key is not None:
        yield row.segment_key
    yield from row.feature_keys.values()
