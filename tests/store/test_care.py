"""Verify, repair, gc and compact: what is referred to stays, what is damaged goes."""

import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hilbert.store.collect import collect, find_garbage
from hilbert.store.commits import Commit
from hilbert.store.compact import compact, find_compaction
from hilbert.store.errors import StoreError, UnreadableError
from hilbert.store.feature_store import FeatureStore, create_store, open_store
from hilbert.store.files import walk
from hilbert.store.info import info
from hilbert.store.manifest import Manifest, generations
from hilbert.store.pack_writer import PackLimits
from hilbert.store.references import drop_generation, pin, pins, sweep_marks, unpin
from hilbert.store.repair import repair
from hilbert.store.retire import retire
from hilbert.store.verify import verify
from support.stores import fill, flip

IDS = ("d1", "d2", "d3")


def commit_of(store: FeatureStore, key: str) -> Commit:
    place = store.index.find(key)
    assert place is not None
    return place.commit


def everything(store: FeatureStore) -> dict[str, np.ndarray]:
    reader = open_store(store.files.root)
    return {d: reader.read(d, "whisper").x for d in reader.documents()}


def add(store: FeatureStore, *keys: str) -> None:
    with store.writer("features") as writer:
        for key in keys:
            writer.add(key, np.ones((3, 8), np.float16))
    store.refresh()


class TestVerify:
    def test_a_sound_store(self, store: FeatureStore) -> None:
        fill(store, IDS)
        assert verify(store, deep=True) == ()

    def test_a_flipped_byte_is_found_by_the_deep_one(self, store: FeatureStore) -> None:
        fill(store, IDS)
        place = store.index.find("a-d2")
        assert place is not None
        flip(store, place.commit.data, place.start)
        assert verify(store) == ()
        found = verify(store, deep=True)
        assert [f.kind for f in found] == ["rows", "reference"]
        assert found[0].documents == (1,)
        assert "d2 has lost its whisper" in found[1].problem

    def test_a_pack_that_is_gone_and_a_record_with_a_flipped_byte(
        self, store: FeatureStore
    ) -> None:
        fill(store, IDS)
        (store.files.root / commit_of(store, "a-d1").data).unlink()
        record = store.records.file(f"commits/{commit_of(store, 't-d1').pack}")
        flip(store, record, len(store.files.get(record)) // 2)
        found = verify(open_store(store.files.root))
        assert [f.kind for f in found] == ["record", "record"] + ["reference"] * 6

    def test_a_damaged_generation(self, store: FeatureStore) -> None:
        fill(store, IDS)
        name = store.records.file("manifests/00000001")
        flip(store, name, len(store.files.get(name)) // 2)
        assert [f.kind for f in verify(open_store(store.files.root))] == ["manifest"]


def test_a_folder_without_a_manifest_is_no_generation(store: FeatureStore) -> None:
    fill(store)
    (store.files.root / store.records.file("manifests/00000002")).parent.mkdir(exist_ok=True)
    assert open_store(store.files.root).documents() == ("d1",)
    fill(store, IDS)
    assert open_store(store.files.root).documents() == IDS


def test_a_folder_of_a_record_that_was_never_written_is_garbage(store: FeatureStore) -> None:
    fill(store, IDS)
    if store.form.name == "zarr":
        (store.files.root / "commits" / "killed").mkdir()
    collect(store, older_than_s=0)
    assert not (store.files.root / "commits" / "killed").exists()
    assert verify(store, deep=True) == ()
    assert store.documents() == IDS


class TestRepair:
    def test_a_sound_store_is_left_alone(self, store: FeatureStore) -> None:
        fill(store, IDS)
        before = sorted(walk(store.files, ""))
        assert repair(store) == ()
        assert sorted(walk(store.files, "")) == before

    def test_only_what_is_damaged_becomes_missing(self, store: FeatureStore) -> None:
        x = fill(store, IDS)
        place = store.index.find("a-d2")
        assert place is not None
        flip(store, place.commit.data, place.start)
        repair(store)
        assert verify(store, deep=True) == ()
        assert "a-d2" not in store.index
        np.testing.assert_array_equal(store.read("d1", "whisper").x, x["d1"])
        rows = store.rows()
        assert rows["d1"].failure is None
        assert "whisper features were damaged" in str(rows["d2"].failure)
        assert set(rows["d2"].feature_keys) == {"minilm"}

    def test_a_damaged_generation_gives_way_to_the_one_before(self, store: FeatureStore) -> None:
        fill(store, ("d1",))
        fill(store, IDS)
        name = store.records.file("manifests/00000002")
        flip(store, name, len(store.files.get(name)) // 2)
        damaged = open_store(store.files.root)
        with pytest.raises(StoreError, match="hilbert store repair"):
            damaged.documents()
        repair(damaged)
        assert damaged.documents() == ("d1",)
        fill(damaged, IDS)
        assert damaged.documents() == IDS

    @pytest.mark.parametrize("what", ["record", "pack"])
    def test_a_lost_record_or_pack(self, store: FeatureStore, what: str) -> None:
        fill(store, IDS)
        commit = commit_of(store, "s-d1")
        record = store.records.file(f"commits/{commit.pack}")
        (store.files.root / (record if what == "record" else commit.data)).unlink()
        reader = open_store(store.files.root)
        repair(reader)
        assert verify(reader, deep=True) == ()
        assert all("segments were damaged" in str(r.failure) for r in reader.rows().values())


class TestCollect:
    def test_what_is_referred_to_stays(self, store: FeatureStore) -> None:
        fill(store, IDS)
        garbage = collect(store, older_than_s=0)
        assert (garbage.commits, garbage.orphans, garbage.n_bytes) == ((), (), 0)

    def test_what_is_young_stays(self, store: FeatureStore) -> None:
        fill(store, IDS)
        add(store, "unpublished")
        assert collect(store, older_than_s=3600).commits == ()
        assert [c.keys for c in collect(store, older_than_s=0).commits] == [("unpublished",)]
        assert "unpublished" not in open_store(store.files.root).index

    def test_a_clock_that_went_backwards_makes_nothing_old(
        self, store: FeatureStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fill(store, IDS)
        add(store, "unpublished")
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now - 86_400)
        assert find_garbage(store, older_than_s=0).commits == ()

    def test_leftovers_of_a_kill_go(self, store: FeatureStore) -> None:
        fill(store, IDS)
        add(store, "unpublished")
        pack = commit_of(store, "unpublished").pack
        store.records.delete(f"commits/{pack}")
        leftover = store.files.root / "commits" / ".tmp-1"
        leftover.write_bytes(b"half")
        before = everything(store)
        garbage = collect(open_store(store.files.root), older_than_s=0)
        assert garbage.n_bytes > 4
        assert not leftover.exists()
        assert all(pack not in name for name in walk(store.files, ""))
        for name, x in before.items():
            np.testing.assert_array_equal(everything(store)[name], x)

    def test_old_generations_go_unless_a_run_pins_them(self, store: FeatureStore) -> None:
        fill(store, ("d1",))
        pin(store.records, 1, "run")
        fill(store, ("d1", "d2"))
        fill(store, IDS)
        assert collect(store, older_than_s=0).generations == (2,)
        assert open_store(store.files.root).manifest(1).rows
        unpin(store.records, 1)
        assert pins(store.records) == {}
        assert collect(store, older_than_s=0).generations == (1,)

    def test_a_pinned_generation_keeps_its_features(self, store: FeatureStore) -> None:
        fill(store, IDS)
        pin(store.records, 1, "run")
        store.revise(lambda old: replace(old, rows=()))
        assert collect(store, older_than_s=0).commits == ()
        unpin(store.records, 1)
        assert len(collect(store, older_than_s=0).commits) == 3

    def test_pinning_a_generation_that_is_gone_is_refused(self, store: FeatureStore) -> None:
        fill(store)
        with pytest.raises(StoreError, match="generation 7 was dropped"):
            pin(store.records, 7, "run")
        assert pins(store.records) == {}

    def test_one_that_comes_to_be_pinned_meanwhile_stays(
        self, store: FeatureStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fill(store, ("d1",))
        fill(store, IDS)
        put = store.records.put

        def pin_first(name: str, body: Mapping[str, Any]) -> None:
            put("pins/00000001-run", {"generation": 1, "run": "run"})
            put(name, body)

        with monkeypatch.context() as patch:
            patch.setattr(store.records, "put", pin_first)
            assert not drop_generation(store.records, 1)
        assert pins(store.records) == {1: ["run"]}
        assert store.manifest(1).rows

    def test_one_that_is_being_dropped_cannot_be_pinned(
        self, store: FeatureStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fill(store, ("d1",))
        fill(store, IDS)

        def killed(name: str) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(store.records, "delete", killed)
            with pytest.raises(KeyboardInterrupt):
                drop_generation(store.records, 1)
        with pytest.raises(StoreError, match="generation 1 is being dropped"):
            pin(store.records, 1, "run")
        assert pins(store.records) == {}
        sweep_marks(store.records, older_than_s=3600, now_s=time.time())
        with pytest.raises(StoreError, match="generation 1 is being dropped"):
            pin(store.records, 1, "run")
        sweep_marks(store.records, older_than_s=3600, now_s=time.time() + 3601)
        assert pin(store.records, 1, "run")

    def test_what_comes_to_be_referred_to_meanwhile_is_put_back(self, store: FeatureStore) -> None:
        add(store, "k")
        assert retire(store, [commit_of(store, "k")], lambda: {"k"}) == ()
        np.testing.assert_array_equal(open_store(store.files.root).rows_of("k"), np.ones((3, 8)))


class TestCompact:
    def test_small_packs_become_one_and_nothing_is_lost(self, store: FeatureStore) -> None:
        for i in range(4):
            fill(store, tuple(f"d{j}" for j in range(3 * i, 3 * i + 3)))
        before = everything(store)
        reader = open_store(store.files.root)
        found = compact(store, older_than_s=0)
        assert len(found.packs) == 12
        assert len(store.index.commits) == 3
        assert verify(store, deep=True) == ()
        after = everything(store)
        assert after.keys() == before.keys()
        for name, x in before.items():
            np.testing.assert_array_equal(after[name], x)
            np.testing.assert_array_equal(reader.read(name, "whisper").x, x)  # opened before
        assert find_compaction(store, older_than_s=0).packs == ()

    def test_what_nothing_refers_to_is_dropped_once_it_is_old(self, store: FeatureStore) -> None:
        fill(store, IDS)
        add(store, "dead1", "dead2")
        compact(store, older_than_s=3600)
        assert "dead1" in store.index
        compact(store, older_than_s=0)
        assert "dead1" not in store.index
        assert verify(store, deep=True) == ()

    def test_packs_that_are_large_and_live_are_left_alone(self, store: FeatureStore) -> None:
        fill(store, IDS)
        assert find_compaction(store, older_than_s=0, limits=PackLimits(n_bytes=10)).packs == ()

    def test_a_thorough_one_drops_the_last_dead_row(self, store: FeatureStore) -> None:
        fill(store, IDS)
        store.revise(lambda old: replace(old, rows=old.rows[1:]))
        collect(store, older_than_s=0)
        limits = PackLimits(n_bytes=10)
        assert find_compaction(store, older_than_s=0, limits=limits).packs == ()
        assert len(compact(store, older_than_s=0, limits=limits, thorough=True).packs) == 3
        assert not {"s-d1", "a-d1", "t-d1"} & set(store.index.keys())
        assert verify(store, deep=True) == ()

    def test_copies_of_a_key_become_one(self, store: FeatureStore) -> None:
        fill(store, IDS)
        add(store, "a-d1")
        compact(store, older_than_s=0)
        assert sum("a-d1" in c.keys for c in store.index.commits.values()) == 1


def test_info_counts_what_is_live(store: FeatureStore) -> None:
    assert info(store).live_share == 1
    fill(store, IDS)
    found = info(store)
    assert (found.documents, found.packs, found.live_share) == (3, 3, 1)
    assert found.encoders == {"whisper": 3, "minilm": 3}
    add(store, "dead")
    assert 0.5 < info(store).live_share < 1


def test_a_store_that_cannot_be_written_to(store: FeatureStore) -> None:
    fill(store)
    for path in [store.files.root, *store.files.root.rglob("*")]:
        path.chmod(0o500 if path.is_dir() else 0o400)
    try:
        assert open_store(store.files.root).read("d1", "whisper").x.shape == (2, 8)
        if os.access(store.files.root, os.W_OK):
            pytest.skip("root may write anywhere")
        with pytest.raises(StoreError, match="cannot write"):
            store.publish(Manifest(0, ()), prune=True)
    finally:
        for path in [store.files.root, *store.files.root.rglob("*")]:
            path.chmod(0o700)


def test_an_empty_folder_is_deleted_with_its_last_file(tmp_path: Path, store: FeatureStore) -> None:
    fill(store)
    for pack in store.records.names("commits"):
        store.records.delete(f"commits/{pack}")
    assert store.records.names("commits") == []
    assert not any(p.is_dir() for p in (store.files.root / "commits").iterdir())


def test_a_pack_that_others_would_misread_is_written_anew_and_nothing_is_lost(
    store: FeatureStore,
) -> None:
    """Its rows are sound and no commit record needs the keys that lie beside them."""
    x = fill(store, IDS)
    pack = commit_of(store, "a-d1").pack
    name = next(
        n for n in walk(store.files, "packs") if pack in n and b"a-d2" in store.files.get(n)
    )
    path = store.files.root / name
    path.write_bytes(path.read_bytes().replace(b"a-d2", b"a-dX"))
    assert verify(store) == ()
    found = verify(store, deep=True)
    assert [(f.kind, f.documents) for f in found] == [("rows", ())]
    repair(store)
    assert verify(store, deep=True) == ()
    for d in IDS:
        np.testing.assert_array_equal(open_store(store.files.root).read(d, "whisper").x, x[d])


def test_a_store_that_was_half_made_is_completed(store: FeatureStore) -> None:
    store.records.delete("pins/root")
    for name in store.form.groups():
        store.files.delete(name)
    assert verify(open_store(store.files.root)) == ()
    made = create_store(store.files.root, precision="fp32")
    fill(made)
    assert verify(made, deep=True) == ()


def test_a_groups_file_that_is_damaged_is_found_and_mended(store: FeatureStore) -> None:
    fill(store)
    for name in [store.form.root, store.records.file("pins/root"), *store.form.groups()]:
        before = store.files.get(name)
        (store.files.root / name).write_bytes(b"garbage")
        reader = open_store(store.files.root)
        assert [f.kind for f in verify(reader)] == ["group"]
        repair(reader)
        assert store.files.get(name) == before
        assert verify(open_store(store.files.root), deep=True) == ()


def test_the_only_generation_is_collected_while_generations_are_listed(
    store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store)
    names, listed = store.records.names, [["00000007"]]
    monkeypatch.setattr(store.records, "names", lambda f: listed.pop() if listed else names(f))
    assert generations(store.records) == [1]


@pytest.mark.parametrize("what", ["root", "record", "manifest", "pack", "commits", "packs"])
def test_what_may_not_be_read_is_not_damaged(store: FeatureStore, what: str) -> None:
    """Nothing is dropped that only the system hides; the message says what to mend."""
    fill(store, IDS)
    place = store.index.find("a-d1")
    assert place is not None
    names = {
        "root": store.form.root,
        "record": store.records.file(f"commits/{place.commit.pack}"),
        "manifest": store.records.file("manifests/00000001"),
        "pack": place.commit.data,
        "commits": "commits",
        "packs": "packs",
    }
    hidden = store.files.root / names[what]
    hidden.chmod(0)
    try:
        if os.access(hidden, os.R_OK):
            pytest.skip("root may read anything")
        with pytest.raises(UnreadableError, match=r"feats\.\w+/.* cannot be read .*chmod -R"):
            repair(open_store(store.files.root))
    finally:
        hidden.chmod(0o700)
    assert verify(open_store(store.files.root), deep=True) == ()
