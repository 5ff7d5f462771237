"""`hilbert ablate` and `hilbert tune`: models on the folds of a fit, kept as they are evaluated."""

import json
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hilbert.pipeline import paired
from hilbert.pipeline.scoring import labelled_folds
from hilbert.stages.fit.ablations import ABLATIONS
from hilbert.stages.fit.dataset import MISSING
from hilbert.stages.fit.splits import Fold
from support.fits import QUICK, make_store
from support.project import run
from support.synthetic import make_documents

ONLY = ("--only", "mean-pooling", "--only", "no-cross-attention")


@pytest.fixture
def arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    make_store(tmp_path)
    monkeypatch.chdir(tmp_path)
    return ["--store", "feats.zarr", "--target", "mood", *QUICK]


def last(*arguments: str) -> Any:
    done = run(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def evaluated(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the models that are evaluated from now on."""
    names: list[str] = []
    real = paired.cross_validate

    def counted(documents: Any, folds: Any, models: Any, **more: Any) -> Any:
        names.extend(model.name for model in models)
        return real(documents, folds, models, **more)

    monkeypatch.setattr(paired, "cross_validate", counted)
    return names


def n_trials(journal: Path) -> int:
    """Trials that a search began."""
    return sum(json.loads(line)["op_code"] == 4 for line in journal.read_text().splitlines())


def test_variants_are_evaluated_once(arguments: list[str], evaluated: list[str]) -> None:
    assert last("ablate", *arguments, *ONLY, "--dry-run")["to_evaluate"] == 3
    assert not Path("runs").exists()
    found = last("ablate", *arguments, *ONLY)
    assert evaluated == ["hilbert", "no-cross-attention", "mean-pooling"]
    (mood,) = found["targets"]
    assert mood["reference"]["name"] == "hilbert"
    assert [other["name"] for other in mood["others"]] == evaluated[1:]
    Path(found["folder"], "mean-pooling.json").unlink()
    evaluated.clear()
    assert last("ablate", *arguments, *ONLY)["targets"] == found["targets"]
    assert evaluated == ["mean-pooling"]
    evaluated.clear()
    last("ablate", *arguments, *ONLY, "--lr", "0.01")
    assert len(evaluated) == 3


def test_two_folds_have_an_interval(arguments: list[str]) -> None:
    two = [*arguments, "--folds", "2", "--repeats", "1"]
    found = [last("ablate", *two, "--only", "mean-pooling")]
    found.append(last("ablate", *two, "--only", "mean-pooling"))  # as it was kept
    for each in found:
        (other,) = each["targets"][0]["others"]
        assert (other["difference"]["method"], other["difference"]["n_folds"]) == ("bootstrap", 2)
        assert other["difference"]["low"] <= other["difference"]["mean"]
        assert other["difference"]["high"] >= other["difference"]["mean"]
    assert found[0] == found[1]


def test_a_part_that_was_never_on_is_told_from_one_that_makes_no_difference(
    arguments: list[str],
) -> None:
    """The CKA takes more documents than a fold has; the balance changes probabilities."""
    few = [*arguments, "--folds", "2", "--repeats", "1", "--only", "no-cka", "--only", "no-balance"]
    told = run("ablate", *few).stdout
    (line,) = (line for line in told.splitlines() if line.startswith("no-cka"))
    assert line.endswith("]   made no difference: equal to the last bit")
    assert "leaving it out tells nothing: no-cka.\n" in told
    assert last("ablate", *few)["unchanged"] == ["no-cka"]


def test_the_whole_is_the_run_s_if_there_is_one(arguments: list[str], evaluated: list[str]) -> None:
    fitted = last("fit", *arguments)
    found = last("ablate", *arguments, "--only", "no-contrast")
    assert evaluated == ["no-contrast"]
    (mood,) = found["targets"]
    assert mood["reference"]["auc_macro"] == fitted["models"]["hilbert"]["auc_macro"]
    assert found["folds_digest"] == fitted["folds_digest"]


def test_networks_are_trained_once_for_all_targets(tmp_path: Path, arguments: list[str],
                                                   evaluated: list[str]) -> None:  # fmt: skip
    """Those of the fit too; each target has its table, and its own documents."""
    partly = [None if i % 3 == 1 and i < 18 else "xy"[i // 2 % 2] for i in range(36)]
    make_store(tmp_path / "more", partly=partly)
    Path("hilbert.toml").write_text("[train]\nlinear = false\n")  # which takes most time
    several = ["--store", "more/feats.zarr", *arguments[2:], "--target", "partly"]
    fitted = last("fit", *several)
    found = last("ablate", *several, "--only", "no-contrast")
    assert evaluated == ["no-contrast"]
    kept = json.loads(Path(found["folder"], "no-contrast.json").read_text())
    assert list(kept["metrics"]) == ["mood", "partly"]
    for one, part in zip(found["targets"], fitted["targets"], strict=True):
        assert one["target"] == part["target"]
        assert one["reference"]["auc_macro"] == part["models"]["hilbert"]["auc_macro"]
        (other,) = one["others"]
        assert other["auc_macro"] == kept["metrics"][part["target"]]["auc_macro"]
    told = run("ablate", *several, "--only", "no-contrast").stdout
    assert "mood: macro AUC, and difference from hilbert" in told
    assert "partly: macro AUC, and difference from hilbert" in told
    assert evaluated == ["no-contrast"]


def test_every_variant_is_another_model(arguments: list[str]) -> None:
    """Each trains; and each but those that this data cannot show gives other probabilities."""
    # no part is left out, or there would be too few documents for the CKA
    options = ("--lr", "0.01", "--folds", "2", "--repeats", "1", "--inner-parts", "0")
    found = last("ablate", *arguments, *options)
    folder = Path(found["folder"])
    names = {"hilbert", *ABLATIONS} - {"no-time-bias"}  # of segments between which no time passes
    made = {name: (folder / f"{name}.json").read_text() for name in names}
    probabilities = {
        name: json.dumps(json.loads(text)["probabilities"]) for name, text in made.items()
    }
    assert len(set(probabilities.values())) == len(probabilities)


def test_a_variant_that_is_none(arguments: list[str]) -> None:
    found = run("ablate", *arguments, "--contrast-weight", "0", "--only", "no-contrast")
    assert found.exit_code == 1
    assert "no-contrast is no different from what is fitted" in found.output


def test_a_search_goes_on_where_it_was(arguments: list[str], evaluated: list[str]) -> None:
    pytest.importorskip("optuna", reason="Optuna is not installed: pip install '.[tune]'")
    arguments = [*arguments, "--folds", "2", "--repeats", "1"]
    fewer = last("tune", *arguments, "--trials", "1")
    assert evaluated == ["hilbert", "tuned"]
    journals = sorted(Path(fewer["folder"], "searches").glob("*.journal"))
    evaluated.clear()
    found = last("tune", *arguments, "--trials", "2")  # more of the same searches
    assert (found["folder"], evaluated) == (fewer["folder"], ["tuned"])
    assert len(journals) == 3  # of two folds, and of all documents
    before = [n_trials(journal) for journal in journals]
    assert before == [2] * 3
    planned = last("tune", *arguments, "--trials", "2", "--workers", "2", "--dry-run")
    assert planned["to_evaluate"] == 0
    Path(found["folder"], "tuned.json").unlink()
    evaluated.clear()
    again = last("tune", *arguments, "--trials", "2")
    assert evaluated == ["tuned"]
    assert again == found
    assert [n_trials(journal) for journal in journals] == before
    told = run("tune", *arguments, "--trials", "2").stdout
    section = tomllib.loads(told[told.index("[train]") :])["train"]
    assert section["lr"] == pytest.approx(found["chosen"]["train"]["lr"], rel=1e-3)
    Path("hilbert.toml").write_text('store = "feats.zarr"\n' + told[told.index("[train]") :])
    assert run("fit", "--target", "mood", "--dry-run").exit_code == 0


def test_documents_without_a_label_count_neither_in_training_nor_in_test() -> None:
    documents = make_documents(20)
    labels = documents.labels.copy()
    labels[::4] = MISSING
    documents = replace(documents, labels=labels)
    fold = Fold(0, 0, np.arange(5, 20), np.arange(5))
    (kept,) = labelled_folds(
        documents.asked[0], [fold, Fold(0, 1, np.arange(1, 20), np.array([0]))]
    )
    assert kept.test.tolist() == [1, 2, 3]
    assert kept.train.tolist() == [i for i in range(5, 20) if i % 4]
