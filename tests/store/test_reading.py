"""Reading: by threads and forked processes, while packs come and go."""

import multiprocessing
import pickle
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from hilbert.store import files as store_files
from hilbert.store.collect import collect
from hilbert.store.compact import compact
from hilbert.store.errors import StoreError
from hilbert.store.feature_store import FeatureStore, open_store
from hilbert.store.manifest import Manifest
from support.stores import ABOUT, fill

IDS = tuple(f"d{i:02d}" for i in range(40))


@pytest.fixture
def filled(store: FeatureStore, monkeypatch: pytest.MonkeyPatch) -> tuple[FeatureStore, dict]:
    """A store of more packs than are kept open, with what it holds."""
    monkeypatch.setattr(store_files, "MAX_OPEN", 3)
    x: dict[str, np.ndarray] = {}
    for first in range(0, len(IDS), 4):
        x |= fill(store, IDS[first : first + 4])
    return open_store(store.files.root), x


def all_right(store: FeatureStore, x: dict[str, np.ndarray], order: Sequence[str]) -> bool:
    return all(
        np.array_equal(found.x, x[name]) and np.array_equal(found.times, [[0, 1.5], [1.5, 4]])
        for name in order
        for found in [store.read(name, "whisper")]
    )


def shuffled(seed: int, times: int = 10) -> list[str]:
    return np.random.default_rng(seed).choice(IDS, times * len(IDS)).tolist()


def test_an_array_belongs_to_the_caller(filled: tuple[FeatureStore, dict]) -> None:
    store, x = filled
    features, times = store.read("d00", "whisper")
    features[:], times[:] = 7, 7
    assert all_right(store, x, ["d00"])


def test_threads_read_at_once(filled: tuple[FeatureStore, dict]) -> None:
    store, x = filled
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda seed: all_right(store, x, shuffled(seed)), range(16)))


def test_threads_read_while_packs_are_merged(filled: tuple[FeatureStore, dict]) -> None:
    store, x = filled
    other = open_store(store.files.root)
    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(all_right, store, x, shuffled(seed, 50)) for seed in range(8)]
        compact(other, older_than_s=0)
        assert all(reader.result() for reader in readers)
    assert all_right(open_store(store.files.root), x, IDS)


def test_forked_processes_share_the_open_files(filled: tuple[FeatureStore, dict]) -> None:
    store, x = filled
    assert all_right(store, x, IDS)
    forked = multiprocessing.get_context("fork")

    def read(seed: int) -> None:
        raise SystemExit(0 if all_right(store, x, shuffled(seed)) else 1)

    children = [forked.Process(target=read, args=(seed,)) for seed in range(3)]
    for child in children:
        child.start()
    assert all_right(store, x, shuffled(9))
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0, 0, 0]


def test_a_store_can_be_pickled(filled: tuple[FeatureStore, dict]) -> None:
    store, x = filled
    assert all_right(store, x, IDS)
    assert all_right(pickle.loads(pickle.dumps(store)), x, IDS)


@pytest.mark.parametrize("positioned", [True, False])
def test_a_pack_that_was_cut_is_noticed(
    filled: tuple[FeatureStore, dict], monkeypatch: pytest.MonkeyPatch, positioned: bool
) -> None:
    store, x = filled
    if not positioned:
        monkeypatch.delattr("os.preadv")
    assert all_right(store, x, IDS)
    place = store.index.find("a-d01")
    assert place is not None
    with (store.files.root / place.commit.data).open("r+b") as file:
        file.truncate(place.start + 5)
    with pytest.raises(StoreError, match="damaged"):
        store.read("d01", "whisper")


def test_facts_of_documents_survive_the_record(store: FeatureStore) -> None:
    about = [{**ABOUT, "n_audio": n, "components": {"options": {"a": 1.0}}} for n in range(3)]
    with store.writer("segments") as writer:
        for n, facts in enumerate(about):
            writer.add(f"s{n}", np.zeros((1, 5)), facts)
    store.refresh()
    found = [store.summary(f"s{n}") for n in range(3)]
    assert [summary and summary.n_audio for summary in found] == [0, 1, 2]
    assert store.index.commits[writer.packs[0]].about[2] == about[2]


def test_one_changed_byte_anywhere_in_a_record_is_noticed(
    store: FeatureStore, tmp_path: Path
) -> None:
    fill(store)
    pack = store.records.names("commits")[0]
    path = store.files.root / store.records.file(f"commits/{pack}")
    sound = path.read_bytes()
    for position in range(len(sound)):
        path.write_bytes(sound[:position] + bytes([sound[position] ^ 1]) + sound[position + 1 :])
        with pytest.raises(StoreError, match="damaged"):
            store.records.get(f"commits/{pack}")
    path.write_bytes(sound)
    assert store.records.get(f"commits/{pack}")["pack"] == pack


def test_a_reader_of_what_was_pruned_and_collected_meanwhile(store: FeatureStore) -> None:
    fill(store, ("d1",))
    fill(store, ("d2",))
    reader = open_store(store.files.root)
    assert reader.documents() == ("d1", "d2")
    store.publish(Manifest(0, (store.rows()["d1"],), {}), prune=True)
    collect(store, older_than_s=0)
    assert len(reader.read("d1", "whisper").x)
    with pytest.raises(StoreError, match=r"went on from generation 2 to 3 .* run the command"):
        reader.read("d2", "whisper")
