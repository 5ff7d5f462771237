"""`hilbert fit` with other splits, subgroups and an audit, from a store to ``run.json``."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hilbert
from hilbert.pipeline.fit_plan import FitOptions, RunPlace, plan_fit_of
from hilbert.pipeline.run_directory import read_run
from hilbert.pipeline.speakers import SpeakerChoice
from hilbert.stages.fit import audits
from hilbert.stages.fit.config import SplitConfig
from hilbert.store.feature_store import FeatureStore, create_store
from hilbert.store.keys import digest
from hilbert.store.manifest import Manifest, Row
from hilbert.store.segment_table import to_rows
from hilbert.store.types import EncoderInfo, Segment
from support.project import Project, run

N = 36
QUICK = ("--folds", "3", "--repeats", "1", "--epochs", "2", "--min-steps", "4",
         "--seeds-averaged", "1", "--workers", "1", "--device", "cpu")  # fmt: skip


def make_store(folder: Path, **columns: list[str | None]) -> FeatureStore:
    """Dialogues whose label shows in what the patient says, in how long it takes, and how the
    doctor speaks of it."""
    rng = np.random.default_rng(0)
    store = create_store(folder / "feats.zarr", precision="fp32")
    encoders = {
        "a": EncoderInfo("a", "audio", 8, "fa", {"model": "a"}),
        "t": EncoderInfo("t", "text", 6, "ft", {"model": "t"}),
    }
    names = ("D", "P")
    about = {"boundaries": "", "texts": "", "n_audio": 4, "n_text": 4, "audio_s": 3.0,
             "content": "", "speakers": list(names),
             "components": {"options": {"window_s": 10.0}}}  # fmt: skip
    rows = []
    with (
        store.writer("segments") as s,
        store.writer("features") as a,
        store.writer("features") as t,
    ):
        for i in range(N):
            label = i % 2
            length = 1 + label + 0.1 * rng.random()
            segments = [Segment("audio", names[k % 2], 9.0 * k, 9 * k + length) for k in range(4)]
            segments += [Segment("text", names[k % 2], None, None, "w", 5) for k in range(4)]
            s.add(f"s{i}", to_rows(segments, names), about)
            a.add(f"a{i}", rng.normal(2.0 * label, 1, (4, 8)).astype(np.float16))
            t.add(f"t{i}", rng.normal(2.0 * label, 1, (4, 6)).astype(np.float16))
            labels = {"mood": ("low", "high")[label], **{n: c[i] for n, c in columns.items()}}
            rows.append(
                Row(f"d{i:02d}", f"g{i // 2}", labels, f"s{i}", {"a": f"a{i}", "t": f"t{i}"})
            )
    store.publish(Manifest(0, tuple(rows), encoders))
    return store


def fit(store: FeatureStore, run_dir: Path, *more: str) -> dict[str, Any]:
    done = run("fit", "--store", str(store.files.root), "--target", "mood", "--run-dir",
               str(run_dir), "--json", *QUICK, *more)  # fmt: skip
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def said(store: FeatureStore, *more: str) -> str:
    done = run("fit", "--store", str(store.files.root), "--target", "mood", *QUICK, *more)
    assert done.exit_code == 1, done.output
    return done.stderr


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[FeatureStore, Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("plain")
    sexes: list[str | None] = ["f" if i % 4 < 2 else "m" for i in range(N)]
    store = make_store(folder, sex=sexes)
    return store, folder / "run", fit(store, folder / "run", "--subgroups", "sex")


class TestScores:
    def test_every_model_has_intervals_a_band_and_the_better_ones_thresholds(
        self, plain: tuple[FeatureStore, Path, dict[str, Any]]
    ) -> None:
        scores = json.loads((plain[1] / "metrics.json").read_text())
        for model, found in scores.items():
            for name in ("auc_macro", "auprc_macro", "balanced_accuracy", "brier"):
                low, high = found[f"{name}_ci"]
                assert low <= found[name] <= high, (model, name)
            assert found["ece_band"][0] <= found["ece_band"][1]
            assert sum(point["n"] for point in found["reliability"]) == N
            assert bool(found["operating_points"]) == (model != "majority")

    def test_every_pair_of_models_is_compared(
        self, plain: tuple[FeatureStore, Path, dict[str, Any]]
    ) -> None:
        table = plain[2]["differences"]
        assert len(table) == 10
        assert all(row["low"] <= row["mean"] <= row["high"] for row in table)

    def test_folds_can_be_made_again_from_the_file_and_their_digest_is_of_all_of_them(
        self, plain: tuple[FeatureStore, Path, dict[str, Any]]
    ) -> None:
        saved = json.loads((plain[1] / "folds.json").read_text())
        ids = [f"d{i:02d}" for i in range(N)]
        whole = []
        for fold in saved["folds"]:
            train = [name for name in ids if name not in {*fold["test"], *fold["unused"]}]
            whole.append([fold["repeat"], fold["fold"], train, fold["test"]])
        assert digest("folds", whole) == saved["digest"] == plain[2]["folds_digest"]

    def test_subgroups_are_told(self, plain: tuple[FeatureStore, Path, dict[str, Any]]) -> None:
        found = plain[2]["subgroups"]["sex"]
        assert {value: f["documents"] for value, f in found.items()} == {"f": 18, "m": 18}
        assert set(found["f"]["models"]) == set(plain[2]["models"])
        done = run("fit", "--store", str(plain[0].files.root), "--target", "mood", "--run-dir",
                   str(plain[1]), *QUICK, "--subgroups", "sex")  # fmt: skip
        assert "sex f: 18 documents, 9 groups, macro AUC" in done.stdout
        assert "Calibration error of HILBERT" in done.stdout
        assert "threshold" in done.stdout
        # the advice stands in the first lines
        assert "--audit" in "\n".join(done.stdout.splitlines()[:3])

    def test_the_page_has_the_reliability_and_the_differences(
        self, plain: tuple[FeatureStore, Path, dict[str, Any]]
    ) -> None:
        assert (plain[1] / "figures/reliability.png").read_bytes().startswith(b"\x89PNG")
        page = (plain[1] / "report.html").read_text()
        assert "alt='reliability'" in page
        assert "Differences" in page
        assert "--audit" in page

    def test_a_column_with_too_many_values_is_refused(
        self, plain: tuple[FeatureStore, Path, dict[str, Any]], tmp_path: Path
    ) -> None:
        ids: list[str | None] = [str(i) for i in range(N)]
        store = make_store(tmp_path, age=ids)
        assert "--subgroups age: the column has 36 values" in said(store, "--subgroups", "age")
        assert "no document has a value" in said(store, "--subgroups", "agee")


class TestSplits:
    def test_a_group_at_a_time_says_how_it_is_scored(self, tmp_path: Path) -> None:
        found = fit(make_store(tmp_path), tmp_path / "run", "--splits", "leave-one-group-out")
        assert (found["splits"], found["folds"]) == ("leave-one-group-out", 18)
        assert any("predictions of all folds together" in w for w in found["warnings"])
        assert found["models"]["majority"]["auc_macro"] <= 0.5
        assert found["models"]["logistic_both"]["auc_macro"] > 0.9
        assert found["verdict"]["difference"]["method"] == "bootstrap"
        for low, high in (m["auc_macro_ci"] for m in found["models"].values()):
            assert low <= high

    def test_a_given_split_is_one_fold(self, tmp_path: Path) -> None:
        column: list[str | None] = ["test" if i < 12 else "train" for i in range(N)]
        found = fit(make_store(tmp_path, split=column), tmp_path / "run", "--splits", "column")
        assert found["folds"] == 1
        (fold,) = json.loads((tmp_path / "run/folds.json").read_text())["folds"]
        assert fold["test"] == [f"d{i:02d}" for i in range(12)]
        assert "paired bootstrap over groups" in found["verdict"]["sentence"]
        predicted = (tmp_path / "run/predictions.csv").read_text().splitlines()
        assert len(predicted) == 1 + 5 * 12  # documents that train only have none

    def test_a_group_on_both_sides_is_named(self, tmp_path: Path) -> None:
        column: list[str | None] = ["test" if i < 11 else "train" for i in range(N)]
        error = said(make_store(tmp_path, split=column), "--splits", "column")
        assert "group g5 is on two sides" in error

    def test_no_column_is_said_with_the_mend(self, tmp_path: Path) -> None:
        error = said(make_store(tmp_path), "--splits", "column")
        assert "`hilbert extract` again (nothing is encoded twice)" in error

    def test_the_split_is_no_target(self, tmp_path: Path) -> None:
        column: list[str | None] = ["test" if i < 12 else "train" for i in range(N)]
        store = make_store(tmp_path, split=column)
        assert plan_fit_of(store, FitOptions(), RunPlace(tmp_path / "run")).target == "mood"
        done = run("fit", "--store", str(store.files.root), "--target", "split")
        assert "no column 'split'; its label columns: mood" in done.stderr

    def test_the_column_of_the_corpus_comes_into_the_store(self, project: Project) -> None:
        project.extract()
        before = hilbert.open_store(project.store).manifest()
        rows = [{**row, "split": "train"} for row in project.rows()]
        project.write_table(rows)
        project.extract()
        after = hilbert.open_store(project.store).manifest()
        assert after.generation == before.generation + 1
        assert all(row.columns["split"] == "train" for row in after.rows)
        assert [r.feature_keys for r in after.rows] == [r.feature_keys for r in before.rows]


class TestKeys:
    def key(self, store: FeatureStore, folder: Path, **options: Any) -> str:
        given = FitOptions(target="mood", **options)
        return plan_fit_of(store, given, RunPlace(folder)).key

    def test_what_is_new_is_left_out_of_the_key_unless_it_is_asked_for(
        self, tmp_path: Path
    ) -> None:
        column: list[str | None] = ["test" if i < 12 else "train" for i in range(N)]
        store = make_store(tmp_path, split=column, sex=["f"] * N)
        plan = plan_fit_of(store, FitOptions(target="mood"), RunPlace(tmp_path / "run"))
        assert set(plan.components) == {"target", "documents", "splits", "train", "version"}
        assert set(plan.components["splits"]) == {"folds", "repeats", "seed"}
        assert set(plan.components["documents"]["d00"]) == {
            "label", "group", "segments", "features",
        }  # fmt: skip
        keys = [
            self.key(store, tmp_path / "run", **options)
            for options in (
                {},
                {"audit": True},
                {"subgroups": ("sex",)},
                {"splits": SplitConfig(kind="column")},
                {"splits": SplitConfig(kind="leave-one-group-out")},
            )
        ]
        assert len(set(keys)) == 5
        alone = SplitConfig(kind="leave-one-group-out", folds=3, repeats=2)
        assert self.key(store, tmp_path / "run", splits=alone) == keys[4]


@pytest.fixture
def few_permutations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audits, "N_PERMUTED", dict.fromkeys(audits.N_PERMUTED, 2))


class TestAudit:
    def test_a_shortcut_is_put_in_words_in_the_first_lines(
        self,
        plain: tuple[FeatureStore, Path, dict[str, Any]],
        tmp_path: Path,
        few_permutations: None,
    ) -> None:
        found = fit(plain[0], tmp_path / "run", "--audit")
        audit = found["audit"]
        assert audit["findings"][0].startswith("The label can be told from duration alone")
        assert any("speech of the interviewer alone" in s for s in audit["findings"])
        assert any("speech of the participant alone" in s for s in audit["findings"])
        assert {"hilbert_audio", "hilbert_text", "late_fusion", "metadata", "hilbert_interviewer",
                "logistic_interviewer"} <= set(audit["models"])  # fmt: skip
        assert set(audit["permuted"]) == {"hilbert", "logistic_both"}
        assert {row["b"] for row in audit["differences"]} == set(audit["models"])
        # a superset: what the fit itself says is what it says without the audit
        assert found["models"] == plain[2]["models"]
        assert found["folds_digest"] == plain[2]["folds_digest"]
        done = run("fit", "--store", str(plain[0].files.root), "--target", "mood", "--run-dir",
                   str(tmp_path / "run"), *QUICK, "--audit")  # fmt: skip
        assert done.stdout.splitlines()[1] == f"Audit: {audit['findings'][0]}"
        assert audit["findings"][0] in (tmp_path / "run/report.html").read_text()
        assert "--audit" not in "\n".join(done.stdout.splitlines()[:3])

    def test_a_shortcut_to_one_of_two_targets_is_told_of_that_one(
        self, tmp_path: Path, few_permutations: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The other, of many labels, is noise."""
        monkeypatch.chdir(tmp_path)
        Path("hilbert.toml").write_text("[train]\nlinear = false\n")  # which takes most time
        rng = np.random.default_rng(1)
        tags = [(None, "-", "a", "b", "a;b")[k] for k in rng.integers(0, 5, N)]
        store, run_dir = make_store(tmp_path, tags=tags), tmp_path / "run"
        several = ("--target", "tags", "--target-kind", "tags=multilabel", "--audit",
                   "--folds", "2", "--inner-parts", "0", "--speakers", "P")  # fmt: skip
        found = fit(store, run_dir, *several)
        mood, noise = (part["audit"] for part in found["targets"])
        shortcut = "The label can be told from"
        assert mood["findings"][0].startswith(f"{shortcut} duration alone")
        assert not any(said.startswith(shortcut) for said in noise["findings"])
        assert mood["models"]["metadata"]["auc_macro"] > 0.9 > noise["models"]["metadata"][
            "auc_macro"
        ]  # fmt: skip
        assert set(noise["models"]) == set(mood["models"])
        assert set(noise["permuted"]) == {"hilbert", "logistic_both"}
        assert mood["permuted"] != noise["permuted"]
        told = run("fit", "--store", str(store.files.root), "--target", "mood", "--run-dir",
                   str(run_dir), *QUICK, *several)  # fmt: skip
        lines = told.stdout.splitlines()
        assert lines[1] == f"Audit of mood: {mood['findings'][0]}"
        assert any(line.startswith("Audit of tags: ") for line in lines)
        page = (run_dir / "report.html").read_text()
        assert f"Audit of mood: {mood['findings'][0]}" in page

    def test_who_is_not_chosen_is_tried(
        self,
        plain: tuple[FeatureStore, Path, dict[str, Any]],
        tmp_path: Path,
        few_permutations: None,
    ) -> None:
        found = fit(plain[0], tmp_path / "run", "--audit", "--speakers", "P")
        assert {"hilbert_others", "logistic_others"} <= set(found["audit"]["models"])
        assert any("the speakers left out alone" in s for s in found["audit"]["findings"])
        assert read_run(tmp_path / "run")["speakers_named"] == str(SpeakerChoice(("P",)))
