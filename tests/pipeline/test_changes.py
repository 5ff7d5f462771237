"""The table of changes: what is cut again, encoded again and fitted again, and what is not.

Encoder calls are counted, and compared with what a dry run and `hilbert status` foretold.
"""

import json
import os
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

import hilbert
from hilbert.pipeline.documents import choose_encoders, choose_rows, summaries_of
from hilbert.pipeline.fit_plan import FitOptions, fit_components, fit_key
from hilbert.store import keys
from support.project import SENTENCES, Project, run, write_recording, write_transcript

Counted = Callable[[], dict[str, list[str]]]
Patch = pytest.MonkeyPatch

EVERYTHING = {"audio": ["audio", "both1", "both2"], "text": ["both1", "both2", "text"]}


@pytest.fixture(autouse=True)
def remember_young_files(monkeypatch: Patch) -> None:
    """Digests are remembered at once, so that a stale one would be used if it could be."""
    monkeypatch.setattr("hilbert.store.file_digests.SETTLED_NS", 0)


def edit_nothing(project: Project, patch: Patch) -> None:
    del project, patch


def edit_unused_column(project: Project, patch: Patch) -> None:
    project.write_table([{**row, "clinic": "north"} for row in project.rows()])


def rename_audio(project: Project, patch: Patch) -> None:
    (project.folder / "both1.wav").rename(project.folder / "moved.wav")
    rows = project.rows()
    rows[0]["audio"] = "moved.wav"
    project.write_table(rows)


def touch_files(project: Project, patch: Patch) -> None:
    for path in project.folder.iterdir():
        os.utime(path)


def add_document(project: Project, patch: Patch) -> None:
    write_recording(project.folder / "new.wav", 5.0, seed=9)
    project.write_table([*project.rows(), {"id": "new", "audio": "new.wav", "mood": "low"}])


def remove_document(project: Project, patch: Patch) -> None:
    project.write_table(project.rows()[1:])


def edit_audio(project: Project, patch: Patch) -> None:
    write_recording(project.folder / "both1.wav", 12.0, seed=99)


def edit_words(project: Project, patch: Patch) -> None:
    write_transcript(project.folder / "both1.vtt", ["Something else entirely.", *SENTENCES[1:]])


def reformat_transcript(project: Project, patch: Patch) -> None:
    path = project.folder / "both1.vtt"
    path.write_text(path.read_text().replace("WEBVTT", "WEBVTT\n\nNOTE checked by hand"))


def retime_transcript(project: Project, patch: Patch) -> None:
    write_transcript(project.folder / "both1.vtt", SENTENCES, shift_s=0.25)


def replace_audio_by_one_of_equal_size_and_mtime(project: Project, patch: Patch) -> None:
    path = project.folder / "both1.wav"
    before = path.stat()
    write_recording(path, 12.0, seed=98)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)


def relabel_one(project: Project, patch: Patch) -> None:
    rows = project.rows()
    rows[0]["mood"] = "high"
    project.write_table(rows)


def regroup(project: Project, patch: Patch) -> None:
    project.write_table([{**row, "group": "one"} for row in project.rows()])


def bump_the_segmenter(project: Project, patch: Patch) -> None:
    patch.setattr(keys, "SEGMENT_VERSION", keys.SEGMENT_VERSION + 1)


def bump_the_encoders(project: Project, patch: Patch) -> None:
    patch.setattr("hilbert.stages.extract.encoders.weights.ENCODE_VERSION", 99)


def upgrade_packages(project: Project, patch: Patch) -> None:
    patch.setattr(metadata, "version", lambda name: "99.0")


ALL = ["audio", "both1", "both2", "text"]

ROWS: list[tuple[Callable[[Project, Patch], None], list[str], list[str], dict[str, Any], bool]] = [
    # change, flags, cut again, encoded again, fitted again
    (edit_nothing, [], [], {}, False),
    (edit_nothing, ["--rehash"], [], {}, False),
    (touch_files, [], [], {}, False),
    (rename_audio, [], [], {}, False),
    (edit_unused_column, [], [], {}, False),
    (upgrade_packages, [], [], {}, False),
    (relabel_one, [], [], {}, True),
    (regroup, [], [], {}, True),
    (remove_document, ["--prune"], [], {}, True),
    (add_document, [], ["new"], {"audio": ["new"]}, True),
    (edit_audio, [], ["both1"], {"audio": ["both1"]}, True),
    (replace_audio_by_one_of_equal_size_and_mtime, [], ["both1"], {"audio": ["both1"]}, True),
    (edit_words, [], ["both1"], {"text": ["both1"]}, True),
    (reformat_transcript, [], ["both1"], {}, False),
    (retime_transcript, [], ["both1"], {"audio": ["both1"]}, True),
    (bump_the_segmenter, [], ALL, {}, False),
    (edit_nothing, ["--window-s", "5"], ALL, {"audio": ["audio"]}, True),
    (edit_nothing, ["--pooling", "mean"], [], EVERYTHING, True),
    (bump_the_encoders, [], [], EVERYTHING, True),
]


@pytest.mark.parametrize(("change", "flags", "cut", "encoded", "fitted"), ROWS)
def test_only_what_a_change_touches_is_done_again(
    project: Project,
    counted: Counted,
    monkeypatch: Patch,
    change: Callable[[Project, Patch], None],
    flags: list[str],
    cut: list[str],
    encoded: dict[str, list[str]],
    fitted: bool,
) -> None:
    project.extract()
    before = key_of_fit(project)
    counted()
    change(project, monkeypatch)
    foretold = project.extract("--dry-run", *flags)
    assert counted() == {}
    done = project.extract(*flags)
    assert counted() == encoded
    assert foretold["segmented"] == done["segmented"] == len(cut)
    if change is bump_the_segmenter:  # how a recording without times is cut is not foretold
        assert foretold["encoded"] == {"tiny-whisper": 1, "tiny-bert": 0}
    else:
        assert foretold["encoded"] == done["encoded"]
        assert foretold["audio_seconds"] == pytest.approx(done["audio_seconds"], abs=0.1)
    assert (key_of_fit(project) != before) is fitted


def key_of_fit(project: Project, **options: Any) -> str:
    store = hilbert.open_store(project.store)
    encoders = choose_encoders(store.manifest(), ())
    rows, _ = choose_rows(store.manifest(), encoders)
    summaries = summaries_of(store, rows)
    return fit_key(fit_components(rows, summaries, encoders, "mood", FitOptions(**options)))


def test_seed_and_training_options_change_the_fit_alone(project: Project) -> None:
    project.extract()
    from hilbert.stages.fit.config import SplitConfig, TrainConfig

    keys_of = {
        key_of_fit(project),
        key_of_fit(project, splits=SplitConfig(seed=1)),
        key_of_fit(project, train=TrainConfig(epochs=3)),
    }
    assert len(keys_of) == 3
    assert key_of_fit(project, workers=8, strict=True) in keys_of  # cannot change the numbers


def test_an_encoder_that_is_added_runs_alone(project: Project, counted: Counted) -> None:
    table = str(project.folder / "corpus.jsonl")
    run("extract", table, "--store", str(project.store), "--encoder", str(project.whisper),
        "--no-text")  # fmt: skip
    assert counted() == {"audio": EVERYTHING["audio"]}
    project.extract()
    assert counted() == {"text": EVERYTHING["text"]}


class TestStatus:
    def status(self, project: Project) -> dict[str, Any]:
        table = str(project.folder / "corpus.jsonl")
        done = run("status", table, "--store", str(project.store), "--json")
        assert done.exit_code == 0, done.output
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    def why(self, project: Project, document: str) -> dict[str, dict[str, Any]]:
        table = str(project.folder / "corpus.jsonl")
        done = run("why", document, table, "--store", str(project.store), "--json")
        assert done.exit_code == 0, done.output
        stages = json.loads(done.stdout.splitlines()[-1])["stages"]
        return {stage["stage"]: stage for stage in stages}

    def test_all_is_current_after_an_extraction(self, project: Project) -> None:
        project.extract()
        found = self.status(project)
        n = {"current": 4, "stale": 0, "missing": 0, "failed": 0}
        assert found["stages"]["segment"] == n
        assert found["stages"]["encode tiny-whisper"] == {**n, "current": 3}
        assert not any(found["not_current"].values())

    def test_what_is_stale_missing_and_failed(self, project: Project, monkeypatch: Patch) -> None:
        project.extract()
        edit_words(project, monkeypatch)
        add_document(project, monkeypatch)
        (project.folder / "both2.vtt").unlink()
        found = self.status(project)
        assert found["not_current"]["segment"] == {
            "both1": "stale", "new": "missing", "both2": "failed",
        }  # fmt: skip
        assert found["not_current"]["encode tiny-bert"] == {"both1": "stale", "both2": "failed"}
        assert found["not_current"]["encode tiny-whisper"] == {"new": "missing", "both2": "failed"}
        assert [f["id"] for f in found["failed"]] == ["both2"]

    def test_nothing_is_written(self, project: Project, monkeypatch: Patch) -> None:
        project.extract()
        edit_words(project, monkeypatch)
        before = {p: p.stat().st_mtime_ns for p in project.store.rglob("*")}
        self.status(project)
        self.why(project, "both1")
        project.extract("--dry-run", "--prune")
        assert {p: p.stat().st_mtime_ns for p in project.store.rglob("*")} == before

    def test_a_dry_run_makes_no_store(self, project: Project) -> None:
        assert project.extract("--dry-run")["encoded"] == {"tiny-whisper": 3, "tiny-bert": 3}
        assert not project.store.exists()

    def test_why_names_the_component_that_changed(
        self, project: Project, monkeypatch: Patch
    ) -> None:
        project.extract()
        assert all(s["state"] == "current" for s in self.why(project, "both1").values())
        edit_words(project, monkeypatch)
        found = self.why(project, "both1")
        assert [c["component"] for c in found["segment"]["changes"]] == ["transcript"]
        assert [c["component"] for c in found["encode tiny-bert"]["changes"]] == ["texts"]
        assert found["encode tiny-whisper"]["state"] == "current"
        rows = project.rows()
        rows[1]["end"] = 6.0
        project.write_table(rows)
        (change,) = self.why(project, "both2")["segment"]["changes"]
        assert change == {"component": "end", "old": None, "new": 6.0}

    def test_why_tells_of_damage(self, project: Project) -> None:
        project.extract()
        store = hilbert.open_store(project.store)
        place = store.index.find(store.rows()["both1"].feature_keys["tiny-whisper"])
        assert place is not None
        (project.store / place.commit.data).unlink()
        found = self.why(project, "both1")["encode tiny-whisper"]
        assert (found["state"], found["note"]) == ("stale", "what was stored is damaged or gone")

    def test_why_of_a_document_that_is_not_there(self, project: Project, tmp_path: Path) -> None:
        table = str(project.folder / "corpus.jsonl")
        done = run("why", "nobody", table, "--store", str(tmp_path / "none.zarr"))
        assert done.exit_code == 1
        assert "no document 'nobody'" in done.stderr


def test_documents_that_lose_features_to_another_encoder_of_the_name_are_told(
    project: Project,
) -> None:
    project.extract()
    project.write_table(project.rows()[1:])
    assert project.extract("--pooling", "mean", "--dry-run")["superseded"] == 1
    assert project.extract("--pooling", "mean")["superseded"] == 1
    assert project.extract("--pooling", "mean")["superseded"] == 0


def test_a_dry_run_tells_what_prune_drops(project: Project) -> None:
    project.extract()
    project.write_table(project.rows()[1:])
    foretold = project.extract("--prune", "--dry-run")
    assert (foretold["kept"], foretold["dropped"]) == (0, 1)
    assert project.extract("--prune")["dropped"] == 1
    assert project.extract("--prune")["dropped"] == 0


def test_features_that_are_not_of_the_new_segments_are_told(project: Project) -> None:
    project.extract("--segment", "windows")
    windows = ["--segment", "windows"]
    only_text = [*windows, "--window-s", "5", "--no-audio"]
    arguments = [a for a in project.arguments() if a != str(project.whisper)]
    del arguments[arguments.index("--encoder")]
    foreseen = json.loads(run(*arguments, *only_text, "--json", "--dry-run").stdout)
    assert foreseen["outdated"] == {"tiny-whisper": 3}
    done = run(*arguments, *only_text)
    assert "3 documents have no features of tiny-whisper any more" in done.stdout
    assert project.extract(*windows, "--window-s", "5")["outdated"] == {}
