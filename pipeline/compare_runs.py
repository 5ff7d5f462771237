"""Runs that were evaluated on the same folds, side by side."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hilbert.pipeline.fit_words import each_target
from hilbert.pipeline.run_directory import (
    INPUTS_FILE,
    by_target,
    damaged,
    read_json,
    read_run,
)
from hilbert.stages.fit.compare import Difference, compare
from hilbert.stages.fit.metrics import FEWEST_FOLDS
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
    auc_draws : sequence of (float or None), optional
        Where differences are judged by resamples of the groups; see `Metrics`.
    """

    name: str
    auc_macro: float | None
    auc_macro_ci: Sequence[float | None]
    auc_folds: Sequence[float | None]
    auc_draws: Sequence[float | None] | None = None

    @classmethod
    def read(cls, name: str, scores: Mapping[str, Any]) -> "Scored":
        """A model from its scores in a file."""
        found: dict[str, Any] = {one.name: scores.get(one.name) for one in fields(cls)}
        return cls(**{**found, "name": name})


@dataclass(frozen=True)
class Comparison:
    """Models of one target against the first of them.

    Attributes
    ----------
    target : str
    models : tuple of Scored
    differences : tuple of Difference
        Of each model but the first: its macro AUC less that of the first.
    """

    target: str
    models: tuple[Scored, ...]
    differences: tuple[Difference, ...]


@dataclass(frozen=True)
class Comparisons:
    """Models on the same folds, target by target.

    Attributes
    ----------
    folds_digest : str
    targets : tuple of Comparison
    not_compared : mapping of str to sequence of str
        Targets that some runs lack, with the names of those that have them.
    unchanged : tuple of str
        Models whose every score, of all targets, is that of the first to the last bit.
    """

    folds_digest: str
    targets: tuple[Comparison, ...]
    not_compared: Mapping[str, Sequence[str]] = field(default_factory=dict)
    unchanged: tuple[str, ...] = ()


Cells = Mapping[str, str | None]
"""The cell of a target's column of every document; None where it is empty."""


class _Run(NamedTuple):
    """A run, as far as a comparison needs it."""

    place: Path
    name: str
    summary: Mapping[str, Any]
    cells: Mapping[str, Cells]
    groups: Mapping[str, str]


def compare_runs(runs: Sequence[Path], model: str = "hilbert") -> Comparisons:
    """Compare one model of several runs with that of the first, on the targets that all have.

    Parameters
    ----------
    runs : sequence of Path
        Run directories.
    model : str
        ``hilbert``, or a baseline of the runs.

    Raises
    ------
    HilbertError
        If there are fewer than two runs, one is damaged, of an earlier version or lacks the model,
        no target is one of all runs, or they were not evaluated on the same labels, groups and
        folds.
    """
    if len(runs) < 2:
        raise HilbertError("name two runs or more, the one to compare the others with first")
    known = [_read(place, name) for place, name in zip(runs, _names(runs), strict=True)]
    having = {
        target: [run.name for run in known if target in run.cells]
        for target in dict.fromkeys(target for run in known for target in run.cells)
    }
    common = [target for target, names in having.items() if len(names) == len(known)]
    if not common:
        predicted = ", ".join(f"{run.name} predicts {run.summary['target']}" for run in known)
        raise HilbertError(f"no target is one of all these runs: {predicted}; name runs of one")
    for run in known[1:]:
        _check_alike(known[0], run, common)
    return Comparisons(
        known[0].summary["folds_digest"],
        tuple(_compare(known, target, model) for target in common),
        {target: names for target, names in having.items() if target not in common},
    )


def compare_models(target: str, models: Sequence[Scored], folds: Sequence[Fold]) -> Comparison:
    """Compare models that were scored on the same folds with the first of them.

    Parameters
    ----------
    target : str
    models : sequence of Scored
    folds : sequence of Fold
        Those that test documents with a label of the target.
    """
    first, *others = models
    return Comparison(target, tuple(models), tuple(compare(o, first, folds) for o in others))


def _compare(runs: Sequence[_Run], target: str, model: str) -> Comparison:
    models = [_scored(run, target, model) for run in runs]
    return compare_models(target, models, _folds(runs[0], runs[0].cells[target]))


def _check_alike(first: _Run, other: _Run, targets: Sequence[str]) -> None:
    """Refuse runs that were not evaluated on the same folds, groups and labels of these targets."""
    same_folds = other.summary["folds_digest"] == first.summary["folds_digest"]
    same_labels = all(other.cells[name] == first.cells[name] for name in targets)
    if same_folds and same_labels and other.groups == first.groups:
        return
    what = "folds" if not same_folds else "groups" if same_labels else "labels"
    apart = "; ".join(_differences(first, other))
    raise HilbertError(
        f"{first.name} and {other.name} were not evaluated on the same {what}"
        + (f" ({apart})" if apart else "")
        + "; fit both from one generation of the store with the same --folds, --repeats, --seed,"
        " --splits, --speakers and encoders, and the same --target first"
        f" (--generation {first.summary['generation']} is that of {first.name})"
    )


def _differences(first: _Run, other: _Run) -> Iterator[str]:
    """What of two runs is known to differ, one part each."""
    if first.groups.keys() != other.groups.keys():
        n, shared = len(other.groups), len(first.groups.keys() & other.groups.keys())
        yield f"{len(first.groups)} documents and {n}, {shared} of them shared"
    for name, what in (
        ("speakers_named", "speakers"), ("splits", "splits"), ("folds", "folds"),
        ("target", "target"), ("generation", "generation"),
    ):  # fmt: skip
        own, others = first.summary.get(name), other.summary.get(name)
        if own != others:
            yield f"{what} {own} and {others}"


def _names(runs: Sequence[Path]) -> list[str]:
    """The runs' folders by name, or by path where two have the same name."""
    names = [run.absolute().name for run in runs]
    return names if len(set(names)) == len(names) else [str(run) for run in runs]


def _read(place: Path, name: str) -> _Run:
    summary = read_run(place)
    targets = [str(part["target"]) for part in each_target(summary)]
    try:
        documents = read_json(place / INPUTS_FILE)["documents"]
        rows = {
            document: dict(zip(targets, (row["label"], *row.get("further", ())), strict=True))
            for document, row in documents.items()
        }
        groups = {document: str(row["group"]) for document, row in documents.items()}
    except (KeyError, AttributeError, TypeError, ValueError):
        raise HilbertError(damaged(place.name, INPUTS_FILE)) from None
    cells = {target: {name: row[target] for name, row in rows.items()} for target in targets}
    return _Run(place, name, summary, cells, groups)


def _scored(run: _Run, target: str, model: str) -> Scored:
    written = read_json(run.place / "metrics.json")
    if not written:
        raise HilbertError(damaged(run.place.name, "metrics.json"))
    found = by_target(written, list(run.cells)).get(target, {})
    if model not in found:
        known = ", ".join(found)
        raise HilbertError(f"the run {run.name} has no model {model}; it has: {known}")
    scored = Scored.read(run.name, found[model])
    if scored.auc_draws is None and (
        found[model].get("pooled") or len(scored.auc_folds) < FEWEST_FOLDS
    ):
        raise HilbertError(
            f"the run {run.name} is of an earlier version, which did not keep what differences of"
            " so few folds are judged by; fit it again with --overwrite"
        )
    return scored


def _folds(run: _Run, cells: Cells) -> list[Fold]:
    """Folds of a run as far as a comparison of a target needs them: how many documents they have.

    Those without a label of the target count neither in training nor in test, and a fold that
    tests none is no fold.
    """
    labelled = {name for name, cell in cells.items() if cell is not None}
    try:
        content = json.loads((run.place / "folds.json").read_text(encoding="utf-8"))
        found = []
        for f in content["folds"]:
            n_test = len(labelled.intersection(f["test"]))
            n_train = len(labelled.difference(f["test"], f["unused"]))
            if n_test:
                found.append(Fold(f["repeat"], f["fold"], np.arange(n_train), np.arange(n_test)))
        return found
    except (OSError, ValueError, KeyError, TypeError):
        raise HilbertError(damaged(run.place.name, "folds.json")) from None
