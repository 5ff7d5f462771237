"""`hilbert fit` and `hilbert predict`, from a store to a run and from a run to predictions."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hilbert
from hilbert.pipeline.run_directory import read_run
from hilbert.stages.fit.metrics import auc_by_class
from hilbert.store.feature_store import FeatureStore
from hilbert.store.manifest import Manifest, Row
from support.fits import LABELS, QUICK, make_store
from support.project import SENTENCES, Project, run, write_recording


def fit(store: FeatureStore, run_dir: Path, *more: str, expect: int = 0) -> dict[str, Any]:
    done = run("fit", "--store", str(store.files.root), "--run-dir", str(run_dir), "--json",
               *QUICK, *more)  # fmt: skip
    assert done.exit_code == expect, done.output
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("fit")
    return folder / "run", fit(make_store(folder), folder / "run")


class TestRunDirectory:
    def test_the_object_has_every_model(self, fitted: tuple[Path, dict[str, Any]]) -> None:
        run_dir, found = fitted
        assert found["run"] == str(run_dir)
        assert (found["target"], found["folds"]) == ("mood", 6)
        assert set(found["models"]) == {
            "hilbert", "majority", "logistic_audio", "logistic_text", "logistic_both",
        }  # fmt: skip
        for scores in found["models"].values():
            low, high = scores["auc_macro_ci"]
            assert low <= scores["auc_macro"] <= high
        assert found["models"]["majority"]["auc_macro"] == 0.5
        assert found["models"]["logistic_both"]["auc_macro"] > 0.9

    def test_all_files_are_there(self, fitted: tuple[Path, dict[str, Any]]) -> None:
        names = {str(p.relative_to(fitted[0])) for p in fitted[0].rglob("*") if p.is_file()}
        assert names == {
            "run.json", "config.json", "inputs.json", "folds.json", "metrics.json",
            "environment.json",
            "predictions.csv", "fold_predictions.csv", "losses.csv", "model.safetensors",
            "figures/roc.png", "figures/confusion.png", "figures/losses.png",
            "figures/reliability.png", "report.html",
            "report.json",
        }  # fmt: skip
        for path in fitted[0].rglob("*.png"):
            assert path.read_bytes().startswith(b"\x89PNG")
        assert not list(fitted[0].parent.glob(".run*"))

    def test_predictions_give_the_scores(self, fitted: tuple[Path, dict[str, Any]]) -> None:
        """The macro AUC computed again from the file is the one reported."""
        run_dir, found = fitted
        rows = read_csv(run_dir / "fold_predictions.csv")
        for model in ("hilbert", "logistic_both"):
            folds = []
            for repeat in "01":
                for fold in "012":
                    part = [
                        r
                        for r in rows
                        if (r["model"], r["repeat"], r["fold"]) == (model, repeat, fold)
                    ]
                    labels = np.array([sorted(LABELS).index(r["label"]) for r in part])
                    scores = np.array([[float(r[f"p_{c}"]) for c in sorted(LABELS)] for r in part])
                    folds.append(np.nanmean(auc_by_class(labels, scores)))
            assert np.mean(folds) == pytest.approx(found["models"][model]["auc_macro"], abs=1e-9)

    def test_every_document_is_tested_once_a_repeat(
        self, fitted: tuple[Path, dict[str, Any]]
    ) -> None:
        folds = json.loads((fitted[0] / "folds.json").read_text())["folds"]
        for repeat in (0, 1):
            tested = [name for f in folds if f["repeat"] == repeat for name in f["test"]]
            assert sorted(tested) == [f"d{i:02d}" for i in range(36)]

    def test_it_says_which_generation_and_features_it_read(
        self, fitted: tuple[Path, dict[str, Any]]
    ) -> None:
        about = json.loads((fitted[0] / "run.json").read_text())
        assert about["generation"] == 1
        assert [info["fingerprint"] for info in about["encoders"]] == ["fa", "ft"]
        assert any("without text" in sentence for sentence in about["warnings"])

    def test_it_says_what_a_missing_modality_costs(
        self, fitted: tuple[Path, dict[str, Any]]
    ) -> None:
        run_dir, found = fitted
        assert set(found["withheld"]) == {"audio", "text"}
        for cost in found["withheld"].values():
            assert cost["documents"] == 25  # of 36: the others lack one
            assert 0.5 < cost["auc_macro"] <= 1
        done = run("fit", "--store", str(run_dir.parent / "feats.zarr"), "--run-dir", str(run_dir),
                   *QUICK)  # fmt: skip
        for text in (done.stdout, (run_dir / "report.html").read_text()):
            assert "With text withheld from the 25 test documents" in text

    def test_it_says_what_calibration_brings(self, fitted: tuple[Path, dict[str, Any]]) -> None:
        run_dir, found = fitted
        told = found["calibration"]
        assert told["brier"] == pytest.approx(found["models"]["hilbert"]["brier"])
        assert told["uncalibrated"] != told["brier"]
        page = (run_dir / "report.html").read_text()
        assert (
            f"uncalibrated {told['uncalibrated']:.3f} (difference {told['difference']:+.3f}" in page
        )

    def test_the_first_line_is_the_verdict(self, fitted: tuple[Path, dict[str, Any]]) -> None:
        store = fitted[0].parent / "feats.zarr"
        done = run("fit", "--store", str(store), "--run-dir", str(fitted[0]), *QUICK)
        assert done.exit_code == 0
        assert done.stdout.splitlines()[0] == fitted[1]["verdict"]["sentence"]
        assert "logistic_both" in done.stdout


def test_the_same_fit_is_not_done_twice_and_another_does_not_replace_it(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    first = fit(store, tmp_path / "run")
    stamp = (tmp_path / "run/run.json").stat().st_mtime_ns
    assert fit(store, tmp_path / "run")["models"] == first["models"]
    assert (tmp_path / "run/run.json").stat().st_mtime_ns == stamp
    refused = run("fit", "--store", str(store.files.root), "--run-dir", str(tmp_path / "run"),
                  *QUICK, "--seed", "7")  # fmt: skip
    assert refused.exit_code == 1
    assert "--overwrite" in refused.stderr
    assert fit(store, tmp_path / "run", "--seed", "7", "--overwrite")["folds"] == 6


def test_the_same_seed_gives_the_same_numbers_with_any_number_of_workers(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    one = fit(store, tmp_path / "one")
    two = fit(store, tmp_path / "two", "--workers", "2")
    assert one["models"] == two["models"]
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "two")]
    assert weights[0] == weights[1]


class TestBadInput:
    def said(self, store: FeatureStore, *more: str) -> str:
        done = run("fit", "--store", str(store.files.root), *QUICK, *more)
        assert done.exit_code == 1, done.output
        assert len(done.stderr.strip().splitlines()) == 1
        return done.stderr

    def test_several_columns_could_be_the_target(self, tmp_path: Path) -> None:
        store = make_store(tmp_path, age=[str(i % 4) for i in range(36)])
        said = self.said(store)
        assert "mood" in said
        assert "age" in said
        assert "--target" in said

    def test_no_such_column_or_encoder(self, tmp_path: Path) -> None:
        store = make_store(tmp_path)
        assert "'weight'; its label columns: mood" in self.said(store, "--target", "weight")
        assert "hilbert extract --encoder x" in self.said(store, "--encoder", "x")

    def test_a_class_with_one_document(self, tmp_path: Path) -> None:
        rare: list[str | None] = ["common", "other"] * 17 + ["common", "rare"]
        said = self.said(make_store(tmp_path, rare=rare), "--target", "rare")
        assert "rare" in said

    def test_a_class_with_fewer_groups_than_folds_is_said(self, tmp_path: Path) -> None:
        few: list[str | None] = ["few"] * 4 + ["many", "more"] * 16
        found = fit(make_store(tmp_path, few=few), tmp_path / "run", "--target", "few")
        assert any("few" in sentence for sentence in found["warnings"])

    def test_no_store(self, tmp_path: Path) -> None:
        done = run("fit", "--store", str(tmp_path / "none.zarr"))
        assert done.exit_code == 1
        assert "hilbert extract --store none.zarr" in done.stderr

    def test_documents_without_a_label_train_but_are_not_tested(self, tmp_path: Path) -> None:
        labels: list[str | None] = [None, None, *["x", "y"] * 17]
        found = fit(make_store(tmp_path, y=labels), tmp_path / "run", "--target", "y")
        assert found["documents"] == 36
        rows = read_csv(tmp_path / "run/predictions.csv")
        assert {row["id"] for row in rows} == {f"d{i:02d}" for i in range(2, 36)}


def test_a_failed_document_is_left_out_and_named(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    failed = Row("d05", "g2", {"mood": "mixed"}, "s5", {"a": "a5"}, failure="its file is cut")
    store.publish(Manifest(0, (failed,)))
    found = fit(store, tmp_path / "run")
    assert found["left_out"] == [{"id": "d05", "reason": "its file is cut"}]
    assert found["documents"] == 35
    refused = run("fit", "--store", str(store.files.root), *QUICK, "--strict")
    assert refused.exit_code == 1
    assert "d05" in refused.stderr


class TestPredict:
    @pytest.fixture
    def new(self, project: Project) -> Path:
        """A corpus of new documents: one with both, one of audio, one of text, one broken."""
        folder = project.folder / "new"
        folder.mkdir()
        write_recording(folder / "n1.wav", 8.0, seed=50)
        write_recording(folder / "n2.wav", 8.0, seed=51)
        (folder / "broken.wav").write_bytes(b"")
        rows: list[dict[str, str]] = [
            {"id": "zeta", "audio": "n1.wav", "text": SENTENCES[0]},
            {"id": "audio", "audio": "n2.wav"},
            {"id": "text", "text": SENTENCES[1]},
            {"id": "broken", "audio": "broken.wav"},
        ]
        (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, rows)))
        return folder / "corpus.jsonl"

    def run_dir(self, project: Project) -> Path:
        rows = []
        for i in range(12):
            write_recording(project.folder / f"d{i}.wav", 4.0, seed=i)
            rows.append({"id": f"d{i}", "audio": f"d{i}.wav", "text": SENTENCES[i % 4],
                         "mood": ("low", "high")[i % 2]})  # fmt: skip
        project.write_table(rows)
        project.extract()
        fit(hilbert.open_store(project.store), project.folder / "run")
        return project.folder / "run"

    def test_new_recordings_are_scored(self, project: Project, new: Path) -> None:
        run_dir, out = self.run_dir(project), project.folder / "p.csv"
        locations = ("--encoder", str(project.whisper), "--encoder", str(project.bert))
        before = {p: p.stat().st_mtime_ns for p in project.store.rglob("*")}
        done = run("predict", str(run_dir), str(new), "--out", str(out), *locations)
        assert done.exit_code == 3, done.output
        assert "broken" in done.stdout
        rows = read_csv(out)
        assert [row["id"] for row in rows] == ["zeta", "audio", "text"]
        assert list(rows[0]) == ["id", "high", "low"]
        for row in rows:
            assert float(row["high"]) + float(row["low"]) == pytest.approx(1, abs=1e-12)
        assert before == {p: p.stat().st_mtime_ns for p in project.store.rglob("*")}
        again = run("predict", str(run_dir), str(new), "--out", str(out), "--json", *locations)
        assert json.loads(again.stdout.splitlines()[-1])["encoded"] == {
            "tiny-whisper": 0, "tiny-bert": 0,
        }  # fmt: skip
        assert read_csv(out) == rows

    def test_training_documents_score_as_the_final_model_scores_them(
        self, project: Project
    ) -> None:
        """The same recordings, extracted again by `predict`, get the model's own scores."""
        from hilbert.pipeline.documents import (
            choose_encoders,
            choose_rows,
            label_documents,
            load_features,
        )
        from hilbert.pipeline.predict import load_model

        run_dir, out = self.run_dir(project), project.folder / "p.csv"
        done = run("predict", str(run_dir), str(project.folder / "corpus.jsonl"), "--out", str(out),
                   "--encoder", str(project.whisper), "--encoder", str(project.bert))  # fmt: skip
        assert done.exit_code == 0, done.output
        store = hilbert.open_store(project.store)
        encoders = choose_encoders(store.manifest(), ())
        rows, _ = choose_rows(store.manifest(), encoders)
        documents = load_features(store, label_documents(rows, "mood"), rows, encoders)
        model = load_model(run_dir, "cpu")
        expected = dict(zip(documents.ids, model.predict_proba(documents), strict=True))
        for row in read_csv(out):
            scores = [float(row["high"]), float(row["low"])]
            np.testing.assert_allclose(scores, expected[row["id"]], atol=1e-3)

    def test_another_encoder_than_the_runs_is_refused(
        self, project: Project, new: Path, tmp_path: Path
    ) -> None:
        run_dir = self.run_dir(project)
        other = tmp_path / "other" / project.bert.name
        other.parent.mkdir()
        other.symlink_to(project.whisper)
        done = run("predict", str(run_dir), str(new), "--out", str(tmp_path / "p.csv"),
                   "--encoder", str(project.whisper), "--encoder", str(other))  # fmt: skip
        assert done.exit_code == 1
        assert "tiny-bert" in done.stderr
        assert not (tmp_path / "p.csv").exists()

    def test_a_folder_that_is_no_run(self, tmp_path: Path) -> None:
        table = tmp_path / "c.csv"
        table.write_text("id,text\na,hello\n")
        done = run("predict", str(tmp_path), str(table), "--out", str(tmp_path / "p.csv"))
        assert done.exit_code == 1
        assert "hilbert fit" in done.stderr

    def test_a_recording_that_is_gone_is_not_scored_from_what_was_stored(
        self, project: Project, new: Path
    ) -> None:
        run_dir, out = self.run_dir(project), project.folder / "p.csv"
        command = ("predict", str(run_dir), str(new), "--out", str(out), "--json",
                   "--encoder", str(project.whisper), "--encoder", str(project.bert))  # fmt: skip
        run(*command)
        (new.parent / "n1.wav").unlink()
        again = run(*command)
        assert again.exit_code == 3
        assert {f["id"] for f in json.loads(again.stdout.splitlines()[-1])["failed"]} == {
            "zeta", "broken",
        }  # fmt: skip
        assert [row["id"] for row in read_csv(out)] == ["audio", "text"]

    def test_when_every_document_fails_each_is_named(self, project: Project) -> None:
        run_dir, out = self.run_dir(project), project.folder / "p.csv"
        table = project.folder / "bad.csv"
        table.write_text("id,audio\nx,gone.wav\ny,lost.wav\n")
        done = run("predict", str(run_dir), str(table), "--out", str(out),
                   "--encoder", str(project.whisper), "--encoder", str(project.bert))  # fmt: skip
        assert done.exit_code == 3, done.output
        assert "gone.wav" in done.stdout
        assert "lost.wav" in done.stdout
        assert out.read_text() == "id,high,low\n"
        out.write_text("id,high,low\nearlier,0.5,0.5\n")
        again = run("predict", str(run_dir), str(table), "--out", str(out),
                    "--encoder", str(project.whisper), "--encoder", str(project.bert))  # fmt: skip
        assert "0 documents scored" in again.stdout
        assert "earlier" in out.read_text()

    def test_nothing_but_predictions_is_written_over(self, project: Project, new: Path) -> None:
        run_dir = self.run_dir(project)
        other, link = project.folder / "notes.csv", project.folder / "link.csv"
        other.write_text("id,high\na,1\n")
        link.symlink_to(new)
        for out, said in (
            (new, "is read by this call"),
            (link, "is read by this call"),
            (new.parent / "n1.wav", "is read by this call"),
            (run_dir / "predictions.csv", "lies in the run"),
            (other, "holds no predictions of such a run"),
        ):
            before = out.read_bytes()
            done = run("predict", str(run_dir), str(new), "--out", str(out))
            assert done.exit_code == 1
            assert said in done.stderr
            assert "--encoder" not in done.stderr
            assert out.read_bytes() == before
            assert not out.with_name(out.name + ".feats.zarr").exists()

    def test_a_store_of_others_is_not_pruned(self, project: Project, new: Path) -> None:
        run_dir, out = self.run_dir(project), project.folder / "p.csv"
        locations = ("--encoder", str(project.whisper), "--encoder", str(project.bert))
        command = ("predict", str(run_dir), str(new), "--out", str(out), *locations)
        assert run(*command).exit_code == 3
        out.unlink()
        assert run(*command).exit_code == 3  # of the same documents
        out.unlink()
        new.write_text(new.read_text().replace("zeta", "eta"))
        done = run(*command)
        assert done.exit_code == 1
        assert "(1, such as zeta)" in done.stderr
        assert "zeta" in hilbert.open_store(project.folder / "p.csv.feats.zarr").documents()

    def test_the_store_of_the_fit_is_never_written_to(self, project: Project, new: Path) -> None:
        run_dir = self.run_dir(project)
        project.store.rename(project.folder / "p.csv.feats.zarr")
        done = run("predict", str(run_dir), str(new), "--out", str(project.folder / "p.csv"),
                   "--encoder", str(project.whisper), "--encoder", str(project.bert))  # fmt: skip
        assert done.exit_code == 1
        assert "choose another --out" in done.stderr
        assert len(hilbert.open_store(project.folder / "p.csv.feats.zarr").documents()) == 12

    def test_a_damaged_run_is_told_before_any_work_and_can_be_fitted_again(
        self, project: Project, new: Path
    ) -> None:
        run_dir, out = self.run_dir(project), project.folder / "p.csv"
        for name, content in (("model.safetensors", b"cut"), ("config.json", b"{}"),
                              ("run.json", b"[]")):  # fmt: skip
            (run_dir / name).write_bytes(content)
            done = run("predict", str(run_dir), str(new), "--out", str(out))
            assert done.exit_code == 1
            assert "--overwrite" in done.stderr
        assert not out.exists()
        assert not (project.folder / "p.csv.feats.zarr").exists()
        fit(hilbert.open_store(project.store), run_dir, "--overwrite")
        assert json.loads((run_dir / "run.json").read_text())["target"] == "mood"


def test_places_that_cannot_be_written_are_told_before_the_fit(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    (tmp_path / "file").touch()
    done = run("fit", "--store", str(store.files.root), "--run-dir", str(tmp_path / "file/run"),
               *QUICK)  # fmt: skip
    assert done.exit_code == 1
    assert "fits" not in done.stderr


def test_columns_that_are_no_target_are_named(tmp_path: Path) -> None:
    store = make_store(tmp_path, n_documents=3)
    rows = tuple(row._replace(columns={"mood": "low"}) for row in store.manifest().rows)
    store.publish(Manifest(0, rows, store.encoders()))
    done = run("fit", "--store", str(store.files.root), *QUICK)
    assert "it has: mood" in done.stderr


def test_a_run_that_was_being_replaced_when_a_kill_came_is_put_back(
    fitted: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    run_dir = tmp_path / "runs" / "mood"
    shutil.copytree(fitted[0], run_dir.with_name(".mood.0123abcd.old"))
    assert read_run(run_dir)["target"] == "mood"
    assert run_dir.is_dir()
