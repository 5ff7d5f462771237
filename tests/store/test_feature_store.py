"""The feature store: what is committed is there, what is not is not, damage is noticed."""

import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import hilbert
from hilbert.store.errors import StoreError
from hilbert.store.feature_store import FeatureStore, create_store, open_store
from hilbert.store.format_zarr import CHUNK_ROWS
from hilbert.store.manifest import Manifest, Row, merge
from hilbert.store.pack_writer import PackLimits
from hilbert.store.segment_table import from_rows, speakers_of, to_rows
from hilbert.store.types import EncoderInfo, Segment
from hilbert.store.verify import verify
from support.stores import MINILM, WHISPER, fill, flip


def test_what_is_written_is_read_back(store: FeatureStore) -> None:
    x = fill(store, ("d1", "d2"))
    reader = hilbert.open_store(store.files.root)
    assert reader.documents() == ("d1", "d2")
    features, times = reader.read("d2", "whisper")
    assert features.dtype == np.float16
    np.testing.assert_array_equal(features, x["d2"])
    np.testing.assert_array_equal(times, [[0, 1.5], [1.5, 4]])
    assert np.isnan(reader.read("d2", "minilm").times).all()
    assert [s.speaker for s in reader.segments("d1")] == ["A", "B", "A"]
    assert reader.encoders()["whisper"] == WHISPER
    with pytest.raises(KeyError):
        reader.read("d3", "whisper")


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.integers(0, 2 * CHUNK_ROWS + 3), min_size=1, max_size=5),
    st.integers(1, 5),
    st.sampled_from(["feats.zarr", "feats.h5"]),
)
def test_packs_of_any_shape_read_back(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], width: int, name: str
) -> None:
    store = create_store(tmp_path_factory.mktemp("s") / name, precision="fp32")
    rng = np.random.default_rng(sum(lengths))
    parts = [rng.normal(size=(n, width)).astype(np.float16) for n in lengths]
    with store.writer("features") as writer:
        for i, part in enumerate(parts):
            writer.add(str(i), part)
    store.refresh()
    for i, part in enumerate(parts):
        place = store.index.find(str(i))
        assert place is not None
        np.testing.assert_array_equal(store.rows_at(place), part)
    assert verify(store, deep=True) == ()


@given(arrays(np.float64, (7,), elements=st.floats(0, 1e5)), st.lists(st.sampled_from("AB?")))
def test_segments_survive_as_rows(times: np.ndarray, speakers: list[str]) -> None:
    segments = tuple(
        Segment("audio", None if who == "?" else who, times[i % 7], times[i % 7] + 1)
        for i, who in enumerate(speakers)
    )
    names = speakers_of(segments)
    assert from_rows(to_rows(segments, names), names) == segments


def test_zarr_lists_and_opens_all_of_a_store(tmp_path: Path) -> None:
    store = create_store(tmp_path / "feats.zarr", precision="fp32")
    x = fill(store)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        root = zarr.open_group(str(store.files.root), mode="r")
        members = dict(root.members(max_depth=None))
    packs = [group for _, group in root["packs"].groups()]
    found = [p["x"][:] for p in packs if list(p.attrs["keys"]) == ["a-d1"]]
    np.testing.assert_array_equal(found[0], x["d1"])
    manifest = members["manifests/00000001"].attrs["hilbert"]["record"]
    assert manifest["documents"]["id"] == ["d1"]


def test_hdf5_opens_the_packs_of_a_store(tmp_path: Path) -> None:
    store = create_store(tmp_path / "feats.h5", precision="fp32")
    x = fill(store)
    found = {}
    for path in (store.files.root / "packs").iterdir():
        with h5py.File(path, "r") as file:
            found[file["keys"][0].decode()] = file["x"][:]
    np.testing.assert_array_equal(found["a-d1"], x["d1"])


def test_packs_close_at_their_limits(store: FeatureStore) -> None:
    with store.writer("features", limits=PackLimits(n_bytes=100)) as writer:
        for i in range(4):
            writer.add(str(i), np.zeros((2, 32), np.float16))
            store.index.refresh()
            assert str(i) in store.index
    with store.writer("features", limits=PackLimits(seconds=0)) as writer:
        writer.add("late", np.zeros((1, 8), np.float16))
        store.index.refresh()
        assert "late" in store.index


def test_an_error_keeps_what_was_added_before(store: FeatureStore) -> None:
    def fail_midway() -> None:
        with store.writer("features") as writer:
            writer.add("whole", np.zeros((1, 8), np.float16))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_midway()
    store.index.refresh()
    assert "whole" in store.index


def test_a_pack_without_a_record_does_not_exist(store: FeatureStore) -> None:
    fill(store)
    for pack in store.records.names("commits"):
        store.records.delete(f"commits/{pack}")
    reader = open_store(store.files.root)
    assert list(reader.index.keys()) == []
    with pytest.raises(StoreError, match="hilbert extract"):
        reader.read("d1", "whisper")


@pytest.mark.parametrize("position", [0, 30])
def test_one_flipped_byte_is_noticed(store: FeatureStore, position: int) -> None:
    fill(store)
    place = store.index.find("a-d1")
    assert place is not None
    flip(store, place.commit.data, place.start + position)
    with pytest.raises(StoreError, match="damaged"):
        open_store(store.files.root).read("d1", "whisper")


def test_a_damaged_record_is_left_out_and_named(store: FeatureStore) -> None:
    fill(store)
    pack = store.records.names("commits")[0]
    record = store.files.root / store.records.file(f"commits/{pack}")
    record.write_text(record.read_text().replace('"width": ', '"width": 1'))
    reader = open_store(store.files.root)
    assert set(reader.index.damaged) == {pack}
    assert len(list(reader.index.keys())) == 2


def test_of_equal_keys_the_smallest_pack_serves(store: FeatureStore) -> None:
    for value in (1, 2, 3):
        with store.writer("features") as writer:
            writer.add("same", np.full((1, 8), value, np.float16))
    store.refresh()
    place = store.index.find("same")
    assert place is not None
    assert place.commit.pack == min(store.records.names("commits"))


def test_an_unchanged_manifest_is_not_published_again(store: FeatureStore) -> None:
    fill(store)
    fill(store)
    assert open_store(store.files.root).manifest().generation == 1


def test_documents_that_failed_or_lack_a_modality_can_be_left_out(store: FeatureStore) -> None:
    rows = (Row("a", "g", segment_key="s", feature_keys={"e": "k"}), Row("b", "g", segment_key="t"),
            Row("c", "g", failure="its audio is missing"))  # fmt: skip
    info = EncoderInfo("e", "audio", 3, "f", {})
    store.publish(Manifest(0, rows, {"e": info}))
    assert (store.documents(), store.documents("e")) == (("a", "b", "c"), ("a",))
    with pytest.raises(StoreError, match=r"document c failed .*: its audio is missing"):
        store.segments("c")


def test_the_loser_of_a_race_merges_its_documents(store: FeatureStore) -> None:
    other = open_store(store.files.root)
    fill(store, ("d1",))
    other.publish(Manifest(0, (Row("d2", "g"),), {}))
    latest = open_store(store.files.root).manifest()
    assert latest.generation == 2
    assert [row.id for row in latest.rows] == ["d1", "d2"]
    assert latest.rows[0].feature_keys["whisper"] == "a-d1"


class TestMerge:
    old = Manifest(
        4,
        (Row("a", "g", {"y": "1"}, "s", {"whisper": "k"}), Row("b", "g")),
        {"whisper": WHISPER},
    )

    def test_documents_gone_are_kept_unless_pruned(self) -> None:
        new = Manifest(0, (Row("a", "g"),))
        assert [row.id for row in merge(self.old, new).rows] == ["a", "b"]
        assert [row.id for row in merge(self.old, new, prune=True).rows] == ["a"]

    def test_a_second_encoder_joins_the_first(self) -> None:
        new = Manifest(0, (Row("a", "g", {}, "s", {"minilm": "m"}),), {"minilm": MINILM})
        assert merge(self.old, new).rows[0].feature_keys == {"whisper": "k", "minilm": "m"}

    def test_other_segments_drop_the_old_features(self) -> None:
        new = Manifest(0, (Row("a", "g", {}, "s2", {"minilm": "m"}),), {"minilm": MINILM})
        assert merge(self.old, new).rows[0].feature_keys == {"minilm": "m"}

    def test_another_encoder_takes_over_the_name(self) -> None:
        other = EncoderInfo("whisper", "audio", 8, "other")
        new = Manifest(0, (Row("b", "g", {}, "s", {"whisper": "n"}),), {"whisper": other})
        merged = merge(self.old, new)
        assert merged.rows[0].feature_keys == {}
        assert merged.rows[1].feature_keys == {"whisper": "n"}


class TestOpening:
    def test_a_path_that_is_no_store(self, tmp_path: Path) -> None:
        with pytest.raises(StoreError, match="hilbert extract --store"):
            open_store(tmp_path / "nothing.zarr")
        (tmp_path / "full").mkdir()
        (tmp_path / "full/file").touch()
        with pytest.raises(StoreError, match="not a feature store"):
            create_store(tmp_path / "full", precision="fp32")

    def test_a_newer_format_is_refused(self, store: FeatureStore) -> None:
        path = store.files.root / store.form.root
        content = {**store.form.unwrap(path.read_bytes()), "format_version": 99}
        path.write_bytes(store.form.wrap(content))
        with pytest.raises(StoreError, match="upgrade"):
            open_store(store.files.root)

    def test_salt_and_precision_are_decided_once(self, store: FeatureStore) -> None:
        again = create_store(store.files.root, precision="bf16")
        assert again.root == store.root

    def test_the_text_is_nowhere(self, store: FeatureStore) -> None:
        fill(store)
        for path in store.files.root.rglob("*"):
            assert not path.is_file() or b"never stored" not in path.read_bytes()
