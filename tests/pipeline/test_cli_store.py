"""`hilbert store`: what each command says, and that a dry run writes nothing."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hilbert.store.feature_store import FeatureStore, create_store, open_store
from hilbert.store.files import LocalFiles
from hilbert.store.references import pin
from support.project import run
from support.stores import fill, flip

IDS = ("d1", "d2", "d3")
COMMANDS = ("info", "verify", "repair", "gc", "compact", "export")
WRITING = ("repair", "gc", "compact", "export")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FeatureStore:
    """Three documents in feats.zarr, in the folder where commands run."""
    monkeypatch.chdir(tmp_path)
    made = create_store(tmp_path / "feats.zarr", precision="fp32")
    fill(made, IDS)
    return made


def enough_to_fit() -> FeatureStore:
    """Another store in the place of the first, of twelve documents."""
    shutil.rmtree("feats.zarr")
    store = create_store("feats.zarr", precision="fp32")
    fill(store, tuple(f"d{i}" for i in range(1, 13)), varied=True)
    return store


def damage(store: FeatureStore) -> None:
    """Flip a bit of the audio features of d2."""
    place = store.index.find("a-d2")
    assert place is not None
    flip(store, place.commit.data, place.start)


def spoil(store: FeatureStore) -> None:
    """Damage it, and leave garbage and small packs."""
    fill(store, ("d4",))
    with store.writer("features") as writer:
        writer.add("dead", np.ones((3, 8), np.float16))
    (store.files.root / "commits/.tmp-1").write_bytes(b"half")
    damage(store)


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file below a folder with its time and content; folders without content."""
    return {
        str(p.relative_to(folder)): (p.stat().st_mtime_ns, p.read_bytes() if p.is_file() else b"")
        for p in folder.rglob("*")
    }


def call(command: str, *arguments: str, expect: int = 0) -> dict[str, Any]:
    """Run `hilbert store COMMAND --json` and return its object."""
    result = run("store", command, *arguments, "--json")
    assert result.exit_code == expect, result.output
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


def fail(*arguments: str) -> str:
    """Run a command that must end in one line, and return that line."""
    result = run(*arguments)
    assert result.exit_code == 1, result.output
    lines = [line for line in result.stderr.splitlines() if not line.startswith("verify: ")]
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("Error: ")
    return lines[0]


def set_width(store: FeatureStore) -> None:
    """Publish a generation whose encoder is wider than the features it names."""
    store.revise(
        lambda old: replace(
            old, encoders={**old.encoders, "whisper": replace(old.encoders["whisper"], dim=16)}
        )
    )


def test_info(store: FeatureStore) -> None:
    pin(store.records, 1, "run")
    said = run("store", "info").stdout
    for part in (
        "3, 0 of them failed",
        "whisper: 3 documents, 8 numbers",
        "in 3 packs, 100% of it",
        "1, latest 1; pinned: 1 by 1 run",
        "Next: hilbert store verify feats.zarr",
    ):
        assert part in said
    found = call("info")
    assert (found["documents"], found["generations"], found["pinned"]) == (3, [1], {"1": 1})


class TestVerify:
    def test_a_sound_store(self, store: FeatureStore) -> None:
        assert "feats.zarr is sound: 3 packs" in run("store", "verify").stdout
        assert call("verify", "--deep")["sound"] is True

    def test_damage_is_listed_and_the_mend_is_named(self, store: FeatureStore) -> None:
        damage(store)
        assert run("store", "verify").exit_code == 0  # a checksum is compared by --deep only
        result = run("store", "verify", "--deep")
        assert result.exit_code == 1
        assert "d2 has lost its whisper" in result.stdout
        assert "hilbert store repair feats.zarr" in fail("store", "verify", "--deep")
        found = call("verify", "--deep", expect=1)
        assert [f["kind"] for f in found["findings"]] == ["rows", "reference"]

    def test_features_that_are_not_as_wide_as_their_encoder(self, store: FeatureStore) -> None:
        set_width(store)
        assert "hilbert store repair" in fail("store", "verify")
        assert "hilbert store repair" in fail("store", "export")
        set_width(enough_to_fit())
        assert "hilbert store repair feats.zarr" in fail("fit", "--target", "y")
        assert not Path("features.h5").exists()
        assert not Path("runs").exists()
        call("repair")
        assert call("verify", "--deep")["sound"] is True
        assert "whisper features were damaged" in str(open_store("feats.zarr").rows()["d1"].failure)


def test_what_only_an_old_generation_lost(store: FeatureStore) -> None:
    pin(store.records, 1, "run")
    damage(store)
    call("repair")
    said = fail("store", "verify")
    assert "hilbert extract" in said
    assert "hilbert store gc feats.zarr --unpin 1" in said
    assert "There is nothing to drop" in run("store", "repair").stdout
    call("gc", "--unpin", "1", "--older-than-h", "0")
    assert call("verify", "--deep")["sound"] is True


def test_repair_drops_what_is_damaged(store: FeatureStore) -> None:
    damage(store)
    result = run("store", "repair")
    assert result.exit_code == 0
    assert "Next: hilbert extract --store feats.zarr" in result.stdout
    assert call("repair")["findings"] == []
    assert set(open_store("feats.zarr").rows()["d2"].feature_keys) == {"minilm"}


class TestGc:
    def test_what_is_young_stays(self, store: FeatureStore) -> None:
        spoil(store)
        assert call("gc")["packs"] == []
        found = call("gc", "--older-than-h", "0")
        assert (len(found["packs"]), found["leftovers"], found["generations"]) == (1, 1, [1])
        assert found["bytes"] > 0

    def test_a_pinned_generation_goes_when_it_is_unpinned(self, store: FeatureStore) -> None:
        pin(store.records, 1, "run")
        fill(store, ("d4",))
        assert call("gc", "--older-than-h", "0")["generations"] == []
        arguments = ("--older-than-h", "0", "--unpin", "1")
        assert call("gc", *arguments, "--dry-run")["generations"] == [1]
        assert call("info")["pinned"] == {"1": 1}
        assert call("gc", *arguments)["generations"] == [1]
        assert call("info")["generations"] == [2]
        assert "no run of feats.zarr pins generation 1" in fail("store", "gc", "--unpin", "1")


@pytest.mark.parametrize("hours", ["nan", "inf", "-1"])
def test_an_age_is_a_number_of_hours(store: FeatureStore, hours: str) -> None:
    done = run("store", "gc", "--older-than-h", hours)
    assert done.exit_code == 2
    assert "--older-than-h" in done.stderr


def test_compact_merges_small_packs(store: FeatureStore) -> None:
    fill(store, ("d4",))
    assert call("compact")["packs"] == 6
    assert call("info")["packs"] == 3
    assert "is compact" in run("store", "compact").stdout


def test_export(store: FeatureStore) -> None:
    found = call("export", "--pseudonymise", "--no-text", "--column", "y", "--key-file", "key.csv")
    assert (found["documents"], found["encoders"]) == (3, {"whisper": 6})
    with h5py.File("features.h5") as file:
        assert file["encoders/whisper/x"].shape == (6, 8)
    assert Path("key.csv").read_text().count("\n") == 1 + 3 + 1 + 2
    assert "features.h5 is there already" in fail("store", "export")
    refused = run("store", "export", "--key-file", "other.csv")
    assert refused.exit_code == 2
    assert "--pseudonymise" in refused.stderr


@pytest.mark.parametrize("command", WRITING)
def test_a_dry_run_writes_nothing(store: FeatureStore, tmp_path: Path, command: str) -> None:
    spoil(store)
    age = ["--older-than-h", "0"] if command in ("gc", "compact") else []
    before = snapshot(tmp_path)
    assert call(command, *age, "--dry-run")["dry_run"] is True
    assert run("store", command, *age, "--dry-run").exit_code == 0
    assert snapshot(tmp_path) == before


class TestNoStore:
    @pytest.mark.parametrize("command", COMMANDS)
    @pytest.mark.parametrize("what", ["nothing", "file", "folder"])
    def test_a_path_that_is_no_store(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, what: str
    ) -> None:
        monkeypatch.chdir(tmp_path)
        if what == "file":
            Path("some.zarr").write_text("text")
        elif what == "folder":
            Path("some.zarr").mkdir()
            Path("some.zarr/zarr.json").write_text("{}")
        before = snapshot(tmp_path)
        said = fail("store", command, str(tmp_path / "some.zarr"))
        assert "some.zarr is not a feature store; make one" in said
        assert "`hilbert extract --store" in said
        assert str(tmp_path) not in said
        assert snapshot(tmp_path) == before

    def test_fit_of_a_path_that_is_no_store(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        assert "some.zarr is not a feature store" in fail("fit", "--store", "some.zarr")
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        "arguments", [*(("store", name) for name in COMMANDS), ("fit", "--target", "y")]
    )
    def test_a_store_deleted_while_it_is_read(
        self,
        store: FeatureStore,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        arguments: tuple[str, ...],
    ) -> None:
        enough_to_fit()
        after_reading("manifests/00000001", lambda: shutil.rmtree("feats.zarr"), monkeypatch)
        said = fail(*arguments)
        assert "feats.zarr was deleted or moved" in said
        assert "hilbert extract --store feats.zarr" in said
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("command", ["repair", "gc", "compact"])
    def test_a_store_that_cannot_be_written_to(
        self, store: FeatureStore, tmp_path: Path, command: str
    ) -> None:
        spoil(store)
        for path in [*store.files.root.rglob("*"), store.files.root]:
            path.chmod(0o500 if path.is_dir() else 0o400)
        age = ["--older-than-h", "0"] if command != "repair" else []
        try:
            if os.access(store.files.root, os.W_OK):
                pytest.skip("this user may write anywhere")
            before = snapshot(tmp_path)
            assert "cannot write to feats.zarr" in fail("store", command, *age)
            assert snapshot(tmp_path) == before
        finally:
            for path in [store.files.root, *store.files.root.rglob("*")]:
                path.chmod(0o700)


def after_reading(name: str, act: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Do something once, right after a document of the store was read."""
    get, done = LocalFiles.get, []

    def reading(self: LocalFiles, file: str, *more: Any) -> bytes:
        data = get(self, file, *more)
        if name in file and not done:
            done.append(file)
            act()
        return data

    monkeypatch.setattr(LocalFiles, "get", reading)
