"""`hilbert compare`: runs on the same folds, and those that cannot be compared."""

import csv
import json
import shutil
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from support.fits import QUICK, make_store
from support.project import run

BOTH = ("--target", "mood", "--target", "other")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of mood, which the features tell, and of other, which nothing tells."""
    folder = tmp_path_factory.mktemp("runs")
    labels: list[str | None] = [None if i % 10 == 7 else "yes" if i % 4 else "no"
                                for i in range(36)]  # fmt: skip
    make_store(folder, other=labels)
    make_store(folder / "noise", signal=0.0, other=labels)
    for name, *more in (("one", "--target", "mood"), ("other", "--target", "other"),
                        ("both", *BOTH), ("deaf", *BOTH)):  # fmt: skip
        store = folder / ("noise" if name == "deaf" else "") / "feats.zarr"
        done = run("fit", "--store", str(store), "--run-dir", str(folder / name),
                   *QUICK, *more)  # fmt: skip
        assert done.exit_code == 0, done.output
    return folder


def auc_by_fold(place: Path, target: str) -> np.ndarray:
    """Macro one-vs-rest AUC of HILBERT in each fold, from the written predictions."""
    label, p = f"label_{target}", f"p_{target}:"
    rows = defaultdict(list)
    with (place / "fold_predictions.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["model"] == "hilbert" and row[label]:
                rows[row["repeat"], row["fold"]].append(row)
    classes = [name.removeprefix(p) for name in row if name.startswith(p)]
    return np.array(
        [
            np.mean(
                [
                    roc_auc_score(
                        [r[label] == c for r in fold], [float(r[f"{p}{c}"]) for r in fold]
                    )
                    for c in classes
                ]
            )
            for fold in rows.values()
        ]
    )


def test_targets_are_told_apart_by_what_can_be_learned_of_them(runs: Path) -> None:
    """Features of noise are worse where the others tell the label, and not where none do."""
    told = run("compare", str(runs / "both"), str(runs / "deaf"))
    assert told.exit_code == 0, told.output
    mood, other = told.stdout.split("\n\n")
    assert mood.startswith("mood: macro AUC, and difference from both")
    assert other.startswith("other: macro AUC, and difference from both")
    assert "No difference is told from zero." not in mood
    assert "No difference is told from zero." in other


@pytest.mark.parametrize(("target", "unlabelled"), [("mood", 0), ("other", 3)])
def test_differences_are_those_of_the_predictions(runs: Path, target: str, unlabelled: int) -> None:
    """Of documents with a label of the target; the others are not tested."""
    told = json.loads(run("compare", str(runs / "both"), str(runs / "deaf"), "--json").stdout)
    assert told["not_compared"] == {}
    (found,) = (one for one in told["targets"] if one["target"] == target)
    assert found["reference"]["name"] == "both"
    (other,) = found["others"]
    difference = auc_by_fold(runs / "deaf", target) - auc_by_fold(runs / "both", target)
    assert other["difference"]["mean"] == pytest.approx(difference.mean())
    # Nadeau and Bengio
    folds = json.loads((runs / "both/folds.json").read_text())["folds"]
    labelled = {f"d{i:02d}" for i in range(36) if target == "mood" or i % 10 != 7}
    tested = [len(labelled.intersection(fold["test"])) for fold in folds]
    assert sum(tested) == 2 * (36 - unlabelled)
    trained = [len(labelled.difference(fold["test"], fold["unused"])) for fold in folds]
    ratio = np.divide(tested, trained).mean()
    error = np.sqrt((1 / 6 + ratio) * difference.var(ddof=1))
    reach = stats.t.ppf(0.975, 5) * error
    assert other["difference"]["high"] == pytest.approx(difference.mean() + reach)


def test_a_target_that_not_all_runs_predict_is_named(runs: Path) -> None:
    places = [str(runs / name) for name in ("both", "one", "deaf")]
    told = run("compare", *places)
    assert told.stdout.startswith("mood: macro AUC")
    assert "other: macro AUC" not in told.stdout
    last = told.stdout.splitlines()[-1]
    assert last == "Not compared: other, which of these runs both, deaf alone predict."
    found = json.loads(run("compare", *places, "--json").stdout)
    assert [one["target"] for one in found["targets"]] == ["mood"]
    assert found["not_compared"] == {"other": ["both", "deaf"]}


def test_a_run_is_no_different_from_itself(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs / "one", tmp_path / "one")
    found = run("compare", str(runs / "one"), str(tmp_path / "one"))
    assert "+0.000 [+0.000, +0.000]  p = 1" in found.stdout
    assert str(tmp_path / "one") in found.stdout  # which of the two is meant
    assert "No difference is told from zero." in found.stdout


def test_a_baseline_of_each_run(runs: Path) -> None:
    found = run("compare", str(runs / "one"), str(runs / "both"), "--model", "logistic_both")
    assert "+0.000 [+0.000, +0.000]" in found.stdout  # what else HILBERT learns is not its business


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["one"], "name two runs or more"),
        (["one", "nothing"], "nothing is not a run"),
        (["one", "other"], "one predicts mood, other predicts other"),
        (["other", "both"], "not evaluated on the same folds (target other and mood+other)"),
        (
            ["one", "both", "--model", "forest"],
            "one has no model forest; it has: hilbert, majority",
        ),
    ],
)
def test_what_cannot_be_compared(runs: Path, names: list[str], message: str) -> None:
    places = [n if n.startswith("--") or n == "forest" else str(runs / n) for n in names]
    found = run("compare", *places)
    assert found.exit_code == 1
    assert message in found.output
    assert found.output.count("\n") == 1


@pytest.mark.parametrize(("what", "value"), [("label", "high"), ("group", "another")])
def test_documents_that_were_edited_between(
    runs: Path, tmp_path: Path, what: str, value: str
) -> None:
    shutil.copytree(runs / "both", tmp_path / "both")
    inputs = tmp_path / "both" / "inputs.json"
    content = json.loads(inputs.read_text())
    content["documents"]["d00"][what] = value
    inputs.write_text(json.dumps(content))
    found = run("compare", str(runs / "one"), str(tmp_path / "both"))
    assert f"were not evaluated on the same {what}s" in found.output


ALONE = ("--splits", "leave-one-group-out", "--epochs", "2", "--min-steps", "4", "--workers", "1",
         "--seeds-averaged", "1", "--device", "cpu")  # fmt: skip


def ranked_together(place: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of all tested documents of HILBERT: labels, probabilities of the classes, and groups."""
    with (place / "fold_predictions.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["model"] == "hilbert"]
    classes = [name for name in rows[0] if name.startswith("p_")]
    labels = np.array([classes.index(f"p_{row['label']}") for row in rows])
    groups = np.array([int(row["id"].removeprefix("d")) // 2 for row in rows])
    return labels, np.array([[float(row[c]) for c in classes] for row in rows]), groups


def test_groups_left_out_one_by_one_are_resampled(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No fold has a score of its own there; the interval is that of drawing groups by hand."""
    monkeypatch.chdir(tmp_path)
    Path("hilbert.toml").write_text("[train]\nlinear = false\n")  # which takes most time
    for name, store in (("told", runs / "feats.zarr"), ("noise", runs / "noise/feats.zarr")):
        done = run("fit", "--store", str(store), "--run-dir", str(tmp_path / name), *ALONE,
                   "--target", "mood")  # fmt: skip
        assert done.exit_code == 0, done.output
    found = run("compare", str(tmp_path / "told"), str(tmp_path / "noise"))
    assert "No difference is told from zero." not in found.stdout
    told = json.loads(
        run("compare", *(str(tmp_path / n) for n in ("told", "noise")), "--json").stdout
    )
    (mood,) = told["targets"]
    difference = mood["others"][0]["difference"]
    assert difference["method"] == "bootstrap"
    assert "auc_draws" not in mood["reference"]
    labels, good, groups = ranked_together(tmp_path / "told")
    bad = ranked_together(tmp_path / "noise")[1]
    assert len(labels) == 36
    rng = np.random.default_rng(1)
    drawn = []
    while len(drawn) < 1000:
        index = np.concatenate([np.flatnonzero(groups == g) for g in rng.integers(0, 18, 18)])
        if len(set(labels[index])) == 3:
            scores = [
                roc_auc_score(labels[index], p[index], multi_class="ovr") for p in (bad, good)
            ]
            drawn.append(scores[0] - scores[1])
    assert [difference["low"], difference["high"]] == pytest.approx(
        np.quantile(drawn, [0.025, 0.975]), abs=0.03
    )
    forget_resamples(tmp_path / "noise" / "metrics.json")
    older = run("compare", str(tmp_path / "told"), str(tmp_path / "noise"))
    assert (older.exit_code, "the run noise is of an earlier" in older.output) == (1, True)


def forget_resamples(file: Path) -> None:
    """Leave out of a run's scores what an earlier version did not write."""
    scores = json.loads(file.read_text())
    for model in scores.values():
        del model["auc_draws"]
    file.write_text(json.dumps(scores))
