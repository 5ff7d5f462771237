"""Targets of every kind through the command line: fit, its files, its report, and predict."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

import hilbert
from hilbert.pipeline.check_labels import count_labels
from hilbert.pipeline.corpus import read_corpus
from hilbert.pipeline.fit_flags import flagged_kinds
from hilbert.stages.fit.config import TargetConfig
from hilbert.store.errors import FitError
from hilbert.store.feature_store import FeatureStore
from support.fits import QUICK, make_store
from support.project import SENTENCES, Project, run, write_recording

SEVERITY = [("1", "2", "10")[i % 3] for i in range(36)]
TAGS = [None if i % 9 == 8 else ("music; noise", "noise", "-", "music")[i % 4] for i in range(36)]
PARTLY = [None if i % 3 == 1 and i < 18 else ("x", "y")[i // 2 % 2] for i in range(36)]


def make(folder: Path) -> FeatureStore:
    return make_store(
        folder, severity=list(SEVERITY), tags=list(TAGS), partly=list(PARTLY),
        measure=[str(i * 1.5) for i in range(36)], one=["same"] * 36, empty=[None] * 36,
    )  # fmt: skip


def fit(store: FeatureStore, run_dir: Path, *more: str) -> dict[str, Any]:
    done = run("fit", "--store", str(store.files.root), "--run-dir", str(run_dir), "--json",
               *QUICK, *more)  # fmt: skip
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def rows_of(path: Path, model: str = "hilbert") -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return [row for row in csv.DictReader(file) if row.get("model", model) == model]


def refused(store: FeatureStore, *more: str) -> str:
    done = run("fit", "--store", str(store.files.root), *QUICK, "--dry-run", *more)
    assert done.exit_code == 1, done.output
    assert len(done.stderr.strip().splitlines()) == 1
    return done.stderr


def test_an_ordinal_fit_keeps_the_order_and_scores_it(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    found = fit(make(tmp_path), run_dir, "--target", "severity", "--target-kind", "ordinal")
    assert (found["kind"], found["classes"]) == ("ordinal", ["1", "2", "10"])
    rows = rows_of(run_dir / "fold_predictions.csv")
    kappas = []
    for repeat in "01":
        own = [row for row in rows if row["repeat"] == repeat]
        p = np.array([[float(row[f"p_{name}"]) for name in ("1", "2", "10")] for row in own])
        truth = [["1", "2", "10"].index(row["label"]) for row in own]
        middle = (p.cumsum(1)[:, :2] < 0.5).sum(1)
        kappas.append(cohen_kappa_score(truth, middle, weights="quadratic"))
    assert found["models"]["hilbert"]["kappa"] == pytest.approx(np.mean(kappas))
    for scores in found["models"].values():
        low, high = scores["kappa_ci"]
        assert low <= scores["kappa"] <= high
        assert 0 <= scores["mae"] <= 2
    page = (run_dir / "report.html").read_text()
    assert "Classes in order: 1 12 &lt; 2 12 &lt; 10 12." in page
    assert "<th>kappa</th>" in page


def test_a_fit_of_many_labels_scores_each(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    found = fit(make(tmp_path), run_dir, "--target", "tags", "--target-kind", "multilabel",
                "--subgroups", "mood")  # fmt: skip
    assert (found["kind"], found["classes"]) == ("multilabel", ["music", "noise"])
    assert set(found["models"]["hilbert"]["auprc_class"]) == {"music", "noise"}
    assert set(found["subgroups"]["mood"]) == {"high", "low", "mixed"}
    rows = rows_of(run_dir / "predictions.csv")
    assert len(rows) == 32  # the others have an empty cell
    assert {row["label"] for row in rows} == {"music;noise", "noise", "-", "music"}
    sums = [float(row["p_music"]) + float(row["p_noise"]) for row in rows]
    assert np.std(sums) > 1e-3
    about = json.loads((run_dir / "run.json").read_text())
    assert about["documents_by_class"] == {"music": 16, "noise": 16}
    drawn = {path.name for path in (run_dir / "figures").iterdir()}
    assert drawn == {"roc.png", "reliability.png", "losses.png"}


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("several")
    more = ("--target", "mood", "--target", "partly", "--target", "tags",
            "--target-kind", "tags=multilabel")  # fmt: skip
    return folder, fit(make(folder), folder / "run", *more)


class TestSeveral:
    def test_each_target_has_its_scores_and_the_first_line_tells_of_each(
        self, several: tuple[Path, dict[str, Any]]
    ) -> None:
        folder, found = several
        assert found["target"] == "mood+partly+tags"
        assert [part["target"] for part in found["targets"]] == ["mood", "partly", "tags"]
        for part in found["targets"]:
            assert set(part["models"]) == {
                "hilbert", "majority", "logistic_audio", "logistic_text", "logistic_both",
            }  # fmt: skip
        assert found["targets"][0]["models"]["logistic_both"]["auc_macro"] > 0.9
        assert sum(found["targets"][1]["documents_by_class"].values()) == 30
        assert any("without a label of partly" in said for said in found["warnings"])
        store = folder / "feats.zarr"
        again = run("fit", "--store", str(store), "--run-dir", str(folder / "run"), *QUICK,
                    "--target", "mood", "--target", "partly", "--target", "tags",
                    "--target-kind", "tags=multilabel")  # fmt: skip
        assert again.exit_code == 0, again.output
        first = again.stdout.splitlines()[0]
        assert all(f"{name}: HILBERT" in first for name in ("mood", "partly", "tags"))

    def test_a_target_that_is_learned_beside_others_has_the_baselines_of_its_own_fit(
        self, several: tuple[Path, dict[str, Any]], tmp_path: Path
    ) -> None:
        """The folds are those of the first target, so its regressions are the same."""
        alone = fit(make(tmp_path), tmp_path / "run", "--target", "mood")
        beside = several[1]["targets"][0]["models"]
        for name in ("majority", "logistic_audio", "logistic_text", "logistic_both"):
            assert beside[name]["auc_macro"] == alone["models"][name]["auc_macro"]

    def test_files_name_the_target_of_every_class(
        self, several: tuple[Path, dict[str, Any]]
    ) -> None:
        run_dir = several[0] / "run"
        rows = rows_of(run_dir / "predictions.csv")
        assert list(rows[0]) == [
            "model", "id", "group", "label_mood", "label_partly", "label_tags",
            "p_mood:high", "p_mood:low", "p_mood:mixed", "p_partly:x", "p_partly:y",
            "p_tags:music", "p_tags:noise",
        ]  # fmt: skip
        assert len(rows) == 36
        assert sum(row["label_partly"] == "" for row in rows) == 6
        metrics = json.loads((run_dir / "metrics.json").read_text())
        assert set(metrics) == {"mood", "partly", "tags"}
        page = (run_dir / "report.html").read_text()
        assert all(f"Scores of {name}" in page for name in metrics)
        drawn = {path.name for path in (run_dir / "figures").iterdir()}
        assert {"roc-1.png", "confusion-2.png", "roc-3.png", "losses.png"} <= drawn
        assert "confusion-3.png" not in drawn

    def test_it_is_no_different_from_itself_on_any_target(
        self, several: tuple[Path, dict[str, Any]]
    ) -> None:
        run_dir = str(several[0] / "run")
        found = json.loads(run("compare", run_dir, run_dir, "--json").stdout)
        assert found["not_compared"] == {}
        assert [one["target"] for one in found["targets"]] == ["mood", "partly", "tags"]
        for one, part in zip(found["targets"], several[1]["targets"], strict=True):
            assert one["reference"]["auc_macro"] == part["models"]["hilbert"]["auc_macro"]
            (other,) = one["others"]
            assert (other["difference"]["mean"], other["difference"]["p_value"]) == (0.0, 1.0)


def test_kinds_decide_the_key_and_classes_are_the_default(tmp_path: Path) -> None:
    store = str(make(tmp_path).files.root)

    def place(*more: str) -> str:
        done = run("fit", "--store", store, *QUICK, "--dry-run", "--json", *more)
        assert done.exit_code == 0, done.output
        return str(json.loads(done.stdout.strip().splitlines()[-1])["run"])

    plain = place("--target", "mood")
    assert place("--target", "mood", "--target-kind", "classes") == plain
    ordinal = place("--target", "mood", "--classes", "low,mixed,high")
    assert ordinal != plain
    assert place("--target", "mood", "--target-kind", "mood=ordinal",
                 "--classes", "mood=low, mixed, high") == ordinal  # fmt: skip
    assert place("--target", "mood", "--classes", "high,mixed,low") not in {plain, ordinal}
    assert "mood+severity" in place("--target", "mood", "--target", "severity")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--target", "measure"), "measure holds 36 different numbers, each in 1.0 documents"),
        (("--target", "measure", "--target-kind", "ordinal"), "bins them"),
        (("--target", "mood", "--target-kind", "ordinal"), "--classes A,B,C"),
        (("--target", "mood", "--classes", "low,high"), "class 'mixed'"),
        (("--target", "one"), "the target one needs two classes with documents, it has 1, same"),
        (("--target", "empty"), "empty has no label in any document"),
        (("--target", "mood", "--target", "mood"), "named twice"),
        (("--target", "mood", "--target", "one"), "one: the target one needs two classes"),
        (
            ("--target", "mood", "--target", "severity", "--target-kind", "ordinal"),
            "write --target-kind mood=ordinal",
        ),
        (("--target", "mood", "--target-kind", "severity=ordinal"), "no target that is predicted"),
        (("--target", "mood", "--target-kind", "ranked"), "classes, ordinal, multilabel"),
    ],
)
def test_what_cannot_be_fitted_is_told(tmp_path: Path, flags: tuple[str, ...], said: str) -> None:
    assert said in refused(make(tmp_path), *flags)


def test_predict_scores_every_target_as_the_model_does(project: Project) -> None:
    """From a project file that tells the kinds, to probabilities of new recordings."""
    rows = []
    for i in range(12):
        write_recording(project.folder / f"d{i}.wav", 4.0, seed=i)
        rows.append({"id": f"d{i}", "audio": f"d{i}.wav", "text": SENTENCES[i % 4],
                     "mood": ("low", "mid", "high")[i % 3],
                     "tags": ("music", "-", "music;noise", "noise")[i % 4]})  # fmt: skip
    project.write_table(rows)
    project.extract()
    toml = project.folder / "hilbert.toml"
    toml.write_text(
        'targets = ["mood"]\n[[kinds]]\ncolumn = "mood"\ntarget_kind = "ordinal"\n'
        'classes = ["low", "mid", "high"]\n[[kinds]]\ncolumn = "tags"\ntarget_kind = "multilabel"\n'
    )
    run_dir, out = project.folder / "run", project.folder / "p.csv"
    done = run("--project", str(toml), "fit", "--store", str(project.store), "--target", "mood",
               "--target", "tags", "--run-dir", str(run_dir), *QUICK, "--folds", "2")  # fmt: skip
    assert done.exit_code == 0, done.output
    done = run("predict", str(run_dir), str(project.folder / "corpus.jsonl"), "--out", str(out),
               "--encoder", str(project.whisper), "--encoder", str(project.bert))  # fmt: skip
    assert done.exit_code == 0, done.output
    found = rows_of(out)
    names = ["mood:low", "mood:mid", "mood:high", "tags:music", "tags:noise"]
    assert list(found[0]) == ["id", *names]

    from hilbert.pipeline.documents import (
        choose_encoders,
        choose_rows,
        label_documents,
        load_features,
    )
    from hilbert.pipeline.predict import load_model
    from hilbert.stages.fit.targets import shown

    store = hilbert.open_store(project.store)
    encoders = choose_encoders(store.manifest(), ())
    kept, _ = choose_rows(store.manifest(), encoders)
    documents = load_features(store, label_documents(kept, None), kept, encoders)
    model = load_model(run_dir, "cpu")
    assert [target.kind for target in model.targets] == ["ordinal", "multilabel"]
    expected = dict(
        zip(documents.ids, shown(model.targets, model.predict_proba(documents)), strict=True)
    )
    for row in found:
        scores = [float(row[name]) for name in names]
        assert sum(scores[:3]) == pytest.approx(1)
        np.testing.assert_allclose(scores, expected[row["id"]], atol=1e-3)


def test_check_counts_the_labels_of_cells_that_hold_many(tmp_path: Path) -> None:
    table = tmp_path / "corpus.csv"
    table.write_text("id,text,tags\na,hello,music; noise\nb,yes,-\nc,no,noise\nd,so,\n")
    corpus = read_corpus(table)
    (plain,), (many,) = count_labels(corpus), count_labels(corpus, ["tags"])
    assert (plain.n_values, plain.n_unlabelled) == (3, 1)
    assert [(c.label, c.n_documents) for c in many.classes] == [("music", 1), ("noise", 2)]
    assert many.n_unlabelled == 1


def test_what_flags_say_of_which_target() -> None:
    told = flagged_kinds(["a"], [], ["<=3,4-6,>6"])
    assert told == (TargetConfig("a", "ordinal", ("<=3", "4-6", ">6")),)
    told = flagged_kinds(["a", "b"], ["b=multilabel"], ["a=x=1,y"])
    assert told == (TargetConfig("a", "ordinal", ("x=1", "y")), TargetConfig("b", "multilabel"))
    assert flagged_kinds([""], ["ordinal"], []) == (TargetConfig("", "ordinal"),)
    with pytest.raises(FitError, match="name --target c"):
        flagged_kinds([""], ["c=ordinal"], [])
    with pytest.raises(FitError, match="told twice of a"):
        flagged_kinds(["a"], ["ordinal", "a=ordinal"], [])
