"""Exports read back with plain libraries, and what a pseudonymised one does not hold."""

import csv
import json
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from safetensors import safe_open

from hilbert.store.errors import StoreError
from hilbert.store.export import ExportOptions, plan_export
from hilbert.store.export_files import write_export
from hilbert.store.feature_store import FeatureStore, create_store, open_store
from hilbert.store.manifest import Manifest, Row
from hilbert.store.segment_table import to_rows
from hilbert.store.types import Segment
from support.stores import ABOUT, MINILM, SEGMENTS, WHISPER, fill

IDS = ("patient-anna", "patient-bert", "patient-carl")
ENDINGS = (".h5", ".safetensors")


def fill_named(store: FeatureStore) -> None:
    """Three documents with telling names; the second has audio alone."""
    fill(store, IDS)
    named = {**ABOUT, "speakers": ["Dr Weber", "Anna Berg"]}
    segments = [replace(s, speaker=named["speakers"][s.speaker == "B"]) for s in SEGMENTS]
    segments.append(Segment("audio", None, 4.0, 5.0))
    rows = to_rows(segments, named["speakers"])
    with store.writer("segments") as writer:
        writer.add("s-named", rows, named)
    with store.writer("features") as writer:
        writer.add("a-named", np.arange(24, dtype=np.float16).reshape(3, 8))
    store.refresh()

    def rename(old: Manifest) -> Manifest:
        first, second, third = old.rows
        first = first._replace(group="family-berg", columns={"y": "1", "note": "likes tea"})
        second = Row(second.id, "family-berg", {"y": None}, "s-named", {"whisper": "a-named"})
        return replace(old, rows=(first, second, third._replace(failure="carl.wav is missing")))

    store.revise(rename)


def export(store: FeatureStore, out: Path, **options: Any) -> Path:
    write_export(plan_export(store, ExportOptions(**options)), out)
    return out


def read(path: Path) -> dict[str, Any]:
    """All of an export: arrays by ``encoders/name/array``, the rest by name."""
    if path.suffix == ".safetensors":
        with safe_open(path, framework="np") as file:
            found: dict[str, Any] = {n: json.loads(v) for n, v in file.metadata().items()}
            names = list(file.keys())
            return {**found, **{name: file.get_tensor(name) for name in names}}
    with h5py.File(path) as file:
        found = {name: list(file[name].asstr()[:]) for name in ("ids", "groups", "speakers")}
        found["provenance"] = {name: file.attrs[name] for name in file.attrs}
        names, cells = file["columns/names"].asstr()[:], file["columns/values"].asstr()[:]
        found["columns"] = {n: [v or None for v in cells[:, i]] for i, n in enumerate(names)}
        encoders = file["encoders"]
        found["encoders"] = {n: json.loads(encoders[n].attrs["info"]) for n in encoders}
        arrays = {f"encoders/{n}/{a}": encoders[n][a][:] for n in encoders for a in encoders[n]}
    return {**found, **arrays}


@pytest.mark.parametrize("ending", ENDINGS)
class TestContent:
    def test_it_reads_back_with_plain_libraries(
        self, store: FeatureStore, tmp_path: Path, ending: str
    ) -> None:
        fill_named(store)
        found = read(export(store, tmp_path / f"all{ending}"))
        assert found["ids"] == list(IDS)
        assert found["groups"] == ["family-berg", "family-berg", "g"]
        assert found["columns"] == {"y": ["1", None, "1"], "note": ["likes tea", None, None]}
        assert found["encoders"]["whisper"]["dim"] == WHISPER.dim
        assert found["encoders"]["minilm"]["fingerprint"] == MINILM.fingerprint
        assert found["provenance"]["generation"] == 2
        for i, name in enumerate(IDS):
            for encoder in store.rows()[name].feature_keys:
                start, stop = found[f"encoders/{encoder}/offsets"][i : i + 2]
                x, times = store.read(name, encoder)
                mine = {a: found[f"encoders/{encoder}/{a}"][start:stop] for a in ("x", "times")}
                assert mine["x"].dtype == np.float16
                np.testing.assert_array_equal(mine["x"], x)
                np.testing.assert_array_equal(mine["times"], times)
        assert found["encoders/minilm/offsets"].tolist() == [0, 1, 1, 2]
        assert found["encoders/minilm/n_words"].tolist() == [2, 2]
        assert "encoders/whisper/n_words" not in found
        codes = found["encoders/whisper/speakers"]
        said = [found["speakers"][code] if code >= 0 else None for code in codes]
        assert said == ["A", "B", "Dr Weber", "Anna Berg", None, "A", "B"]

    def test_an_older_generation(self, store: FeatureStore, tmp_path: Path, ending: str) -> None:
        fill_named(store)
        found = read(export(store, tmp_path / f"old{ending}", generation=1))
        assert (found["provenance"]["generation"], found["groups"]) == (1, ["g", "g", "g"])

    def test_without_text(self, store: FeatureStore, tmp_path: Path, ending: str) -> None:
        fill_named(store)
        found = read(export(store, tmp_path / f"audio{ending}", text=False))
        assert list(found["encoders"]) == ["whisper"]
        assert not [name for name in found if "minilm" in name or "n_words" in name]

    def test_a_pseudonymised_one_names_nobody(
        self, store: FeatureStore, tmp_path: Path, ending: str
    ) -> None:
        fill_named(store)
        path = export(store, tmp_path / f"p{ending}", pseudonymise=True, text=False)
        data = path.read_bytes()
        secrets = [*IDS, "family-berg", "Dr Weber", "Anna Berg", "likes tea", "carl.wav", "note"]
        secrets += [store.name, store.identity, store.root.salt, "s-named", "a-named", "minilm"]
        assert [word for word in secrets if word.encode() in data] == []

    def test_a_pseudonymised_one_holds_the_same_features_under_other_names(
        self, store: FeatureStore, tmp_path: Path, ending: str
    ) -> None:
        fill_named(store)
        plan = plan_export(store, ExportOptions(pseudonymise=True, columns=("y",)))
        out, key = tmp_path / f"p{ending}", tmp_path / "key.csv"
        write_export(plan, out, key_file=key)
        found = read(out)
        with key.open() as file:
            who = {(r["kind"], r["pseudonym"]): r["name"] for r in csv.DictReader(file)}
        own = [who["id", name] for name in found["ids"]]
        assert sorted(own) == sorted(IDS)
        assert found["columns"] == {"y": [store.rows()[name].columns["y"] for name in own]}
        assert [who["group", g] for g in found["groups"]] == [store.rows()[n].group for n in own]
        assert {who["speaker", s] for s in found["speakers"]} == {"A", "B", "Dr Weber", "Anna Berg"}
        offsets = found["encoders/whisper/offsets"]
        for i, name in enumerate(own):
            x = found["encoders/whisper/x"][offsets[i] : offsets[i + 1]]
            np.testing.assert_array_equal(x, store.read(name, "whisper").x)
            codes = found["encoders/whisper/speakers"][offsets[i] : offsets[i + 1]]
            speakers = [who["speaker", found["speakers"][c]] if c >= 0 else None for c in codes]
            audio = [s for s in store.segments(name) if s.modality == "audio"]
            assert speakers == [s.speaker for s in audio]
        for path in (out, key):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_names_and_order_are_drawn_anew(store: FeatureStore) -> None:
    fill(store, tuple(f"d{i:02d}" for i in range(30)))
    one, two = (plan_export(store, ExportOptions(pseudonymise=True)) for _ in range(2))
    assert not set(one.ids) & set(two.ids)
    orders = [[row.id for row in plan.rows] for plan in (one, two)]
    assert orders[0] != orders[1]
    assert orders[0] != sorted(orders[0])


class TestRefusals:
    def test_a_place_that_is_taken_is_replaced_only_when_asked_to(
        self, store: FeatureStore, tmp_path: Path
    ) -> None:
        fill(store)
        plan, out = plan_export(store, ExportOptions()), tmp_path / "x.h5"
        out.write_text("mine")
        with pytest.raises(StoreError, match=r"x\.h5 is there already"):
            write_export(plan, out)
        assert out.read_text() == "mine"
        write_export(plan, out, overwrite=True)
        assert read(out)["ids"] == ["d1"]

    @pytest.mark.parametrize(
        ("out", "said"),
        [("x.zip", "must end in"), ("", "must end in"), ("feats.h5", "folder"), ("no/x.h5", "No")],
    )
    def test_a_place_that_cannot_be(self, tmp_path: Path, out: str, said: str) -> None:
        store = create_store(tmp_path / "feats.h5", precision="fp32")
        fill(store)
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(StoreError, match=said) as caught:
            write_export(plan_export(store, ExportOptions()), tmp_path / out)
        assert str(tmp_path) not in str(caught.value)
        assert sorted(tmp_path.rglob("*")) == before

    def test_an_empty_store_and_names_that_are_not_there(self, store: FeatureStore) -> None:
        with pytest.raises(StoreError, match="hilbert extract"):
            plan_export(store, ExportOptions())
        fill(store)
        with pytest.raises(StoreError, match="no generation 7; it has: 1"):
            plan_export(store, ExportOptions(generation=7))
        with pytest.raises(StoreError, match="no label column 'z'; it has: y"):
            plan_export(store, ExportOptions(columns=("z",)))

    def test_a_failure_halfway_leaves_nothing(self, store: FeatureStore, tmp_path: Path) -> None:
        fill(store, IDS)
        place = store.index.find("a-patient-carl")
        assert place is not None
        path = store.files.root / place.commit.data
        data = bytearray(path.read_bytes())
        data[place.start] ^= 1
        path.write_bytes(data)
        plan = plan_export(open_store(store.files.root), ExportOptions(pseudonymise=True))
        with pytest.raises(StoreError, match="hilbert store repair"):
            write_export(plan, tmp_path / "x.h5", key_file=tmp_path / "key.csv")
        assert [p.name for p in tmp_path.iterdir()] == [store.files.root.name]
