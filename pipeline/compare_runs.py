"""Runs that were evaluated on the same folds, side by side."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hilbert.pipeline.run_directory import INPUTS_FILE, damaged, read_json, read_run
from hilbert.stages.fit.compare import Difference, corrected_t_test
from hilbert.stages.fit.splits import Fold
from hilbert.store.errors import HilbertError


@dataclass(frozen=True)
class Scored:
    """A model with its scores on some folds.

    Attributes
    ----------
    name : str
        What tells it from the others.
    auc_macro : float or None
    auc_macro_ci : sequence of two (float or None)
    auc_folds : sequence of (float or None)
        None where undefined.
    """

    name: str
    auc_macro: float | None
    auc_macro_ci: Sequence[float | None]
    auc_folds: Sequence[float | None]


@dataclass(frozen=True)
class Comparison:
    """Models against the first of them.

    Attributes
    ----------
    target : str
    folds_digest : str
    models : tuple of Scored
    differences : tuple of Difference
        Of each model but the first: its macro AUC less that of the first.
    """

    target: str
    folds_digest: str
    models: tuple[Scored, ...]
    differences: tuple[Difference, ...]


def compare_runs(runs: Sequence[Path], model: str = "hilbert") -> Comparison:
    """Compare one model of several runs with that of the first.

    Parameters
    ----------
    runs : sequence of Path
        Run directories.
    model : str
        ``hilbert``, or a baseline of the runs.

    Raises
    ------
    HilbertError
        If there are fewer than two runs, one is damaged or lacks the model, or they were not
        evaluated on the same labels and folds.
    """
    if len(runs) < 2:
        raise HilbertError("name two runs or more, the one to compare the others with first")
    summaries = [read_run(run) for run in runs]
    first, name = summaries[0], runs[0].name
    if several := [run.name for run, found in zip(runs, summaries, strict=True)
                   if found.get("targets")]:  # fmt: skip
        raise HilbertError(
            f"{several[0]} predicts several targets; runs of one target can be compared"
        )
    labels = _labels(runs[0], first)
    for run, summary in zip(runs[1:], summaries[1:], strict=True):
        if summary["target"] != first["target"]:
            raise HilbertError(
                f"{name} predicts {first['target']} and {run.name} {summary['target']}; only runs"
                " of one target can be compared"
            )
        same_folds = summary["folds_digest"] == first["folds_digest"]
        if not same_folds or _labels(run, summary) != labels:
            what = "labels" if same_folds else "folds"
            raise HilbertError(
                f"{name} and {run.name} were not evaluated on the same {what}; fit both from one"
                " generation of the store with the same --folds, --repeats and --seed"
                f" (--generation {first['generation']} is that of {name})"
            )
    models = [_scored(run, model, label) for run, label in zip(runs, _names(runs), strict=True)]
    return compare_models(first["target"], first["folds_digest"], models, _folds(runs[0]))


def compare_models(
    target: str, folds_digest: str, models: Sequence[Scored], folds: Sequence[Fold]
) -> Comparison:
    """Compare models that were scored on the same folds with the first of them."""
    if len(models[0].auc_folds) < len(folds):  # all folds of a repeat were ranked together
        folds = folds[: len(models[0].auc_folds)]
    differences = (
        corrected_t_test(other.auc_folds, models[0].auc_folds, folds) for other in models[1:]
    )
    return Comparison(target, folds_digest, tuple(models), tuple(differences))


def _names(runs: Sequence[Path]) -> list[str]:
    """The runs' folders by name, or by path where two have the same name."""
    names = [run.absolute().name for run in runs]
    return names if len(set(names)) == len(names) else [str(run) for run in runs]


def _labels(run: Path, summary: Mapping[str, Any]) -> dict[str, Any]:
    """Label of every document that a run was made from."""
    try:
        documents = read_json(run / INPUTS_FILE)["documents"]
        return {name: inputs["label"] for name, inputs in documents.items()}
    except (KeyError, AttributeError, TypeError):
        raise HilbertError(damaged(run.name, INPUTS_FILE)) from None


def _scored(run: Path, model: str, name: str) -> Scored:
    found = read_json(run / "metrics.json")
    if not found:
        raise HilbertError(damaged(run.name, "metrics.json"))
    if model not in found:
        known = ", ".join(found)
        raise HilbertError(f"the run {run.name} has no model {model}; it has: {known}")
    scores = found[model]
    return Scored(name, scores["auc_macro"], scores["auc_macro_ci"], scores["auc_folds"])


def _folds(run: Path) -> list[Fold]:
    """Folds of a run as far as a comparison needs them: how many documents they have."""
    try:
        content = json.loads((run / "folds.json").read_text(encoding="utf-8"))
        return [
            Fold(f["repeat"], f["fold"], np.arange(f["n_train"]), np.arange(len(f["test"])))
            for f in content["folds"]
        ]
    except (OSError, ValueError, KeyError, TypeError):
        raise HilbertError(damaged(run.name, "folds.json")) from None
