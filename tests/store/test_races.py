"""What other processes do at the worst moment, made to happen then."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hilbert.store import collect, feature_store
from hilbert.store import verify as verify_module
from hilbert.store.commits import write_commit
from hilbert.store.compact import compact
from hilbert.store.feature_store import FeatureStore, create_store, open_store
from hilbert.store.manifest import Manifest, Row, document_name
from hilbert.store.records import Records
from hilbert.store.references import pin
from hilbert.store.verify import Finding, verify
from support.stores import fill

IDS = ("d1", "d2", "d3")


def test_a_store_that_another_process_makes_just_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, in_use = tmp_path / "feats.zarr", feature_store._in_use
    place.mkdir()

    def late(path: Path) -> bool:
        monkeypatch.undo()
        create_store(path, precision="bf16")
        return in_use(path)

    monkeypatch.setattr(feature_store, "_in_use", late)
    assert create_store(place, precision="fp32").root.precision == "bf16"


def test_opening_while_packs_are_merged(
    store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = fill(store, IDS)
    fill(store, ("d4", "d5"))
    names = type(store.records).names

    def then_merge(self: Any, folder: str) -> list[str]:
        listed = names(self, folder)
        if folder == "commits":
            monkeypatch.undo()
            compact(open_store(store.files.root), older_than_s=0)
        return listed

    monkeypatch.setattr(type(store.records), "names", then_merge)
    reader = open_store(store.files.root)
    assert reader.index.damaged == {}
    np.testing.assert_array_equal(reader.read("d2", "whisper").x, x["d2"])


def test_a_pack_is_merged_twice_under_a_reader(store: FeatureStore) -> None:
    x = fill(store, IDS)
    reader = open_store(store.files.root)
    for more in ("d4", "d5"):
        fill(store, (more,))
        compact(open_store(store.files.root), older_than_s=0)
    np.testing.assert_array_equal(reader.read("d2", "whisper").x, x["d2"])


def test_merging_while_another_process_merges(
    store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, IDS)
    fill(store, ("d4", "d5"))
    writer = FeatureStore.writer

    def after_other(self: FeatureStore, *args: Any, **kwargs: Any) -> Any:
        monkeypatch.undo()
        compact(open_store(store.files.root), older_than_s=0)
        return writer(self, *args, **kwargs)

    monkeypatch.setattr(FeatureStore, "writer", after_other)
    compact(open_store(store.files.root), older_than_s=0)
    assert verify(store, deep=True) == ()
    assert len(store.documents()) == 5


def test_a_pack_committed_while_orphans_are_looked_for(
    store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, ("d1",))
    walk = collect.walk

    def then_publish(files: Any, folder: str) -> Iterator[str]:
        monkeypatch.undo()
        fill(open_store(store.files.root), IDS)
        return walk(files, folder)

    monkeypatch.setattr(collect, "walk", then_publish)
    collect.collect(store, older_than_s=0)
    assert verify(store, deep=True) == ()
    assert store.documents() == IDS


def test_a_generation_published_while_garbage_is_looked_for(
    store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, ("d1",))
    live_keys = collect.live_keys

    def then_publish(*args: Any) -> set[str]:
        monkeypatch.undo()
        fill(open_store(store.files.root), IDS)
        return live_keys(*args)

    monkeypatch.setattr(collect, "live_keys", then_publish)
    collect.collect(store, older_than_s=0)
    assert open_store(store.files.root).documents() == IDS
    assert verify(store, deep=True) == ()


def test_a_pin_of_a_generation_that_is_gone_does_not_hinder_gc(store: FeatureStore) -> None:
    fill(store, ("d1",))
    pin(store.records, 1, "run")
    fill(store, IDS)
    store.records.delete(document_name(1))
    assert collect.collect(store, older_than_s=0).commits == ()
    assert verify(store, deep=True) == ()


def test_a_generation_that_is_collected_while_a_store_is_opened(
    store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, ("d1",))
    reader = open_store(store.files.root)
    get = Records.get

    def too_late(records: Records, name: str) -> Any:
        monkeypatch.undo()
        fill(open_store(store.files.root), IDS)
        collect.collect(open_store(store.files.root), older_than_s=0)
        return get(records, name)

    monkeypatch.setattr(Records, "get", too_late)
    assert reader.documents() == IDS


def test_a_writer_that_was_stopped_while_generations_came_and_went(store: FeatureStore) -> None:
    """Its number is free again, below the latest generation: what it says must not be lost."""
    fill(store, ("d1",))

    def after_others(old: Manifest) -> Manifest:
        if old.generation == 1:
            for name in ("d2", "d3"):
                fill(open_store(store.files.root), (name,))
            collect.collect(open_store(store.files.root), older_than_s=0)
        return Manifest(0, (*old.rows, Row("late", "g")))

    def once(old: Manifest) -> Manifest:
        known = {row.id for row in old.rows}
        return old if "late" in known else after_others(old)

    store.revise(once)
    assert open_store(store.files.root).documents() == ("d1", "d2", "d3", "late")


def test_a_record_that_another_process_put_back(store: FeatureStore) -> None:
    fill(store, IDS)
    for commit in store.index.commits.values():
        write_commit(store.records, commit)
    assert verify(store, deep=True) == ()


def test_verifying_while_others_publish_merge_and_collect(
    store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, ("d1",))
    check = verify_module._check_commit

    def then_merge(*args: Any) -> Iterator[Finding]:
        monkeypatch.undo()
        other = open_store(store.files.root)
        fill(other, IDS)
        compact(other, older_than_s=0)
        collect.collect(other, older_than_s=0)
        return check(*args)

    monkeypatch.setattr(verify_module, "_check_commit", then_merge)
    assert verify(store, deep=True) == ()
