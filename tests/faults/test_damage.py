"""Bytes that changed, packs that are gone, stores of the future: told, mended, never read."""

import json
import random
from pathlib import Path

import h5py
import numpy as np
import pytest
import zarr

from hilbert.store.collect import collect
from hilbert.store.commits import Commit
from hilbert.store.errors import StoreError
from hilbert.store.feature_store import open_store
from hilbert.store.files import LocalFiles, walk
from hilbert.store.keys import digest
from hilbert.store.root import FORMAT_VERSION
from hilbert.store.verify import verify
from support import tasks
from support.exact import AUDIO, contents
from support.trials import ALL, States, flip

FEW = ALL[:6]


@pytest.fixture
def store(states: States) -> Path:
    """Six documents, a pack each."""
    _ = states.half
    store = states.folder / f"feats{states.suffix}"
    states.bench.extract(store, FEW)
    states.bench.taken()
    return store


def test_a_flipped_byte_in_a_pack_costs_that_document_alone(states: States, store: Path) -> None:
    before = contents(store)
    flip(open_store(store), open_store(store).rows()["d02"].feature_keys[AUDIO.name])
    with pytest.raises(StoreError, match="damaged"):
        open_store(store).read("d02", AUDIO.name)
    assert verify(open_store(store), deep=True) != ()
    tasks.run_repair(store)
    states.bench.extract(store, FEW)
    assert states.bench.taken() == ["d02 audio"]
    assert contents(store) == before


@pytest.mark.parametrize("what", ["record", "pack"])
def test_a_damaged_record_and_a_missing_pack_are_made_again(
    states: States, store: Path, what: str
) -> None:
    before = contents(store)
    place = open_store(store).index.find(open_store(store).rows()["d02"].feature_keys[AUDIO.name])
    assert place is not None
    if what == "pack":
        (store / place.commit.data).unlink()
    else:
        spoil(store / open_store(store).records.file(f"commits/{place.commit.pack}"), 300)
    assert verify(open_store(store), deep=True) != ()
    states.bench.extract(store, FEW)
    assert states.bench.taken() == ["d02 audio"]
    assert contents(store) == before
    tasks.run_repair(store)
    collect(open_store(store), older_than_s=0)
    assert verify(open_store(store), deep=True) == ()
    assert contents(store) == before


@pytest.mark.parametrize("n_flips", [25, pytest.param(500, marks=pytest.mark.torture)])
def test_any_flipped_byte_is_found_or_changes_nothing(
    states: States, store: Path, n_flips: int
) -> None:
    """Wherever in the store it is: for us, and for who reads a pack with zarr or HDF5 alone."""
    before, others = contents(store), read_as_others(store)
    places = [(store / n, i) for n in walk(open_store(store).files, "")
              for i in range((store / n).stat().st_size)]  # fmt: skip
    for place, i in random.Random(0).sample(places, n_flips):
        healthy = place.read_bytes()
        spoil(place, i)
        try:
            found = verify(open_store(store), deep=True)
        except StoreError:
            found = None  # the store does not open
        if found == ():
            assert contents(store) == before, (place, i)
            assert read_as_others(store) == others, (place, i)
        place.write_bytes(healthy)
    assert verify(open_store(store), deep=True) == ()


def test_a_store_of_a_newer_format_is_left_alone(states: States, store: Path) -> None:
    opened = open_store(store)
    root = store / opened.form.root
    content = {**opened.form.unwrap(root.read_bytes()), "format_version": FORMAT_VERSION + 1}
    content.pop("digest")
    root.write_bytes(opened.form.wrap({**content, "digest": digest("root", content)}))
    before = fingerprint(store)
    for task, arguments in (
        (tasks.run_extract, (states.bench, store, ALL, 0.0)),
        (tasks.run_fit, (store, store.with_name("run"))),
        (tasks.run_collect, (store,)),
        (tasks.run_compact, (store,)),
        (tasks.run_repair, (store,)),
    ):
        with pytest.raises(StoreError, match="upgrade"):
            task(*arguments)
    assert fingerprint(store) == before
    assert states.bench.taken() == []
    assert not store.with_name("run").exists()


def spoil(path: Path, position: int) -> None:
    """Change one bit of a file."""
    data = bytearray(path.read_bytes())
    data[position] ^= 1 << position % 7
    path.write_bytes(data)


def fingerprint(store: Path) -> dict[str, bytes]:
    return {name: (store / name).read_bytes() for name in walk(LocalFiles(store), "")}


def read_as_others(store: Path) -> dict[str, tuple[bytes, ...]]:
    """Keys, offsets and rows of every committed pack, read with zarr or h5py alone."""
    commits = open_store(store).index.commits.values()
    return {commit.pack: read_pack(store, commit) for commit in commits}


def read_pack(store: Path, commit: Commit) -> tuple[bytes, ...]:
    if store.suffix == ".h5":
        with h5py.File(store / f"packs/{commit.pack}.h5") as file:
            return tuple(file[name][:].tobytes() for name in ("keys", "offsets", "x"))
    group = zarr.open_group(store / f"packs/{commit.pack}", mode="r")
    keys = json.dumps(group.attrs["keys"]).encode()
    return (keys, *(np.asarray(group[name]).tobytes() for name in ("offsets", "x")))
