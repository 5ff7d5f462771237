"""Several writers, readers and cares of one store at once: no wrong value, no error, no loss."""

import time
from pathlib import Path

import pytest

from hilbert.store.collect import collect
from hilbert.store.compact import compact
from hilbert.store.feature_store import open_store
from hilbert.store.verify import verify
from support import tasks
from support.children import Child
from support.exact import contents, feature_keys
from support.trials import ALL, States


@pytest.fixture
def store(states: States) -> Path:
    """Where a store may be made; the files of the corpus are written."""
    _ = states.half
    return states.folder / f"feats{states.suffix}"


def check(states: States, store: Path) -> None:
    assert verify(open_store(store), deep=True) == ()
    assert contents(store) == contents(states.undisturbed)


def test_four_writers_of_one_corpus(states: States, store: Path) -> None:
    _ = states.undisturbed
    states.bench.taken()
    writers = [Child(tasks.run_extract, states.bench, store, ALL, 0.0) for _ in range(4)]
    for writer in writers:
        writer.result()
    check(states, store)
    n_wanted = len(feature_keys(open_store(store)))
    assert n_wanted <= len(states.bench.taken()) < 4 * n_wanted, "they did not share the work"
    states.bench.extract(store, ALL)
    assert states.bench.taken() == []
    compact(open_store(store), older_than_s=0)
    collect(open_store(store), older_than_s=0)
    check(states, store)


def test_four_writers_of_parts_of_a_corpus(states: States, store: Path) -> None:
    parts = [ALL[i::4] for i in range(4)]
    writers = [Child(tasks.run_extract, states.bench, store, part, 0.0) for part in parts]
    for writer in writers:
        writer.result()
    check(states, store)


def test_writers_of_a_store_that_is_just_being_made(states: States, store: Path) -> None:
    for i in range(5):
        place = store.with_name(f"{i}{states.suffix}")
        writers = [Child(tasks.run_extract, states.bench, place, (k,), 0.0) for k in range(4)]
        for writer in writers:
            writer.result()
        assert len(contents(place)) == 4


def test_readers_and_a_writer_beside_gc_and_compact(states: States, store: Path) -> None:
    """The reader's documents stay while the writer adds others and both cares go on."""
    states.bench.extract(store, ALL[:4])
    stop = store.with_name("stop")
    reader = Child(tasks.read_until, stop, store, contents(store))
    care = Child(tasks.care_until, stop, store, 3600.0)
    second = Child(tasks.care_until, stop, store, 3600.0)
    tasks.extract_in_parts(states.bench, store, [ALL[: 4 + i] for i in range(1, 9)])
    stop.touch()
    assert reader.result()[1] > 0
    assert care.result()[1] + second.result()[1] > 0
    check(states, store)


def test_a_reader_of_a_store_that_changes_all_the_time(states: States, store: Path) -> None:
    """Documents come and go, and what they leave is collected at once."""
    states.bench.extract(store, ALL[:4])
    stop = store.with_name("stop")
    readers = [Child(tasks.read_until, stop, store, contents(store)) for _ in range(2)]
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        for n in (12, 4, 8, 4):
            states.bench.extract(store, ALL[:n], prune=True)
            compact(open_store(store), older_than_s=0)
            collect(open_store(store), older_than_s=0)
    stop.touch()
    assert all(reader.result()[1] > 0 for reader in readers)
    states.bench.extract(store, ALL)
    check(states, store)


def test_gc_of_everything_that_is_not_referred_to_beside_an_extraction(
    states: States, store: Path
) -> None:
    """An extraction whose unpublished packs are collected may fail; it publishes no hole."""
    _ = states.undisturbed
    stop = store.with_name("stop")
    states.bench.extract(store, ALL[:2])
    care = Child(tasks.collect_until, stop, store)
    tasks.try_extract(states.bench, store, ALL)
    stop.touch()
    care.result()
    made = open_store(store).manifest().rows
    assert all(len(row.feature_keys) == 2 for row in made)
    assert len(made) in (2, len(ALL))
    assert {finding.kind for finding in verify(open_store(store), deep=True)} <= {"record"}
    tasks.run_repair(store)
    states.bench.extract(store, ALL)
    check(states, store)
