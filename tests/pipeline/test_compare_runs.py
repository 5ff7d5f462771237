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


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs: two on the same folds that differ in training, one on others."""
    folder = tmp_path_factory.mktemp("runs")
    labels: list[str | None] = ["yes" if i % 4 else "no" for i in range(36)]
    make_store(folder, other=labels)
    for name, *more in (("one", "--target", "mood"), ("two", "--target", "mood", "--lr", "0.01"),
                        ("seed", "--target", "mood", "--seed", "5"),
                        ("other", "--target", "other")):  # fmt: skip
        done = run("fit", "--store", str(folder / "feats.zarr"), "--run-dir", str(folder / name),
                   *QUICK, *more)  # fmt: skip
        assert done.exit_code == 0, done.output
    return folder


def auc_by_fold(place: Path) -> np.ndarray:
    """Macro one-vs-rest AUC of HILBERT in each fold, from the written predictions."""
    rows = defaultdict(list)
    with (place / "fold_predictions.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["model"] == "hilbert":
                rows[row["repeat"], row["fold"]].append(row)
    classes = ("high", "low", "mixed")
    return np.array(
        [
            np.mean(
                [
                    roc_auc_score(
                        [r["label"] == c for r in fold], [float(r[f"p_{c}"]) for r in fold]
                    )
                    for c in classes
                ]
            )
            for fold in rows.values()
        ]
    )


def test_differences_are_those_of_the_predictions(runs: Path) -> None:
    found = run("compare", str(runs / "one"), str(runs / "two"), "--json")
    told = json.loads(found.stdout)
    assert told["reference"]["name"] == "one"
    (other,) = told["others"]
    difference = auc_by_fold(runs / "two") - auc_by_fold(runs / "one")
    assert other["difference"]["mean"] == pytest.approx(difference.mean())
    # Nadeau and Bengio, with 24 training and 12 test documents
    error = np.sqrt((1 / 6 + 12 / 24) * difference.var(ddof=1))
    reach = stats.t.ppf(0.975, 5) * error
    assert other["difference"]["high"] == pytest.approx(difference.mean() + reach)


def test_a_run_is_no_different_from_itself(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs / "one", tmp_path / "one")
    found = run("compare", str(runs / "one"), str(tmp_path / "one"))
    assert "+0.000 [+0.000, +0.000]  p = 1" in found.stdout
    assert str(tmp_path / "one") in found.stdout  # which of the two is meant
    assert "No difference is told from zero." in found.stdout


def test_a_baseline_of_each_run(runs: Path) -> None:
    found = run("compare", str(runs / "one"), str(runs / "two"), "--model", "logistic_both")
    assert "+0.000 [+0.000, +0.000]" in found.stdout  # the training of HILBERT is not its business


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["one"], "name two runs or more"),
        (["one", "nothing"], "nothing is not a run"),
        (["one", "seed"], "one and seed were not evaluated on the same folds"),
        (["one", "other"], "one predicts mood and other other"),
        (["one", "two", "--model", "forest"], "one has no model forest; it has: hilbert, majority"),
    ],
)
def test_what_cannot_be_compared(runs: Path, names: list[str], message: str) -> None:
    places = [n if n.startswith("--") or n == "forest" else str(runs / n) for n in names]
    found = run("compare", *places)
    assert found.exit_code == 1
    assert message in found.output
    assert found.output.count("\n") == 1


def test_labels_that_were_edited_between(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs / "two", tmp_path / "two")
    inputs = tmp_path / "two" / "inputs.json"
    content = json.loads(inputs.read_text())
    content["documents"]["d00"]["label"] = "high"
    inputs.write_text(json.dumps(content))
    found = run("compare", str(runs / "one"), str(tmp_path / "two"))
    assert "were not evaluated on the same labels" in found.output
