"""The files of a run directory: what each holds and how it is written.

========================  ==================================================================
run.json                  summary: target, verdict, scores of every model and subgroup, their
                          differences, the audit, what it was made of
config.json               every option
inputs.json               what the run's key is made of
folds.json                test and unused documents of each fold, and the digest of all
fold_predictions.csv      probabilities of every model for every test document of every fold
predictions.csv           the same, averaged over the repeats: out-of-fold predictions
metrics.json              every score of every model, by fold and by class, and its reliability
losses.csv                loss terms of the final model by network and epoch
model.safetensors         weights of the final model, its standardisation included
environment.json          versions and machine
========================  ==================================================================
"""

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from hilbert.pipeline.documents import FitDocuments
from hilbert.pipeline.run_directory import (
    CONFIG_FILE,
    MODEL_FILE,
    as_written,
    seal_run,
    write_csv,
    write_json,
)
from hilbert.pipeline.scoring import in_full, in_short
from hilbert.stages.fit.brier import BrierChange
from hilbert.stages.fit.cells import cell_of
from hilbert.stages.fit.compare import Verdict
from hilbert.stages.fit.crossval import CrossValidated
from hilbert.stages.fit.metrics import Metrics, out_of_fold
from hilbert.stages.fit.retrieval import Recall
from hilbert.stages.fit.splits import Fold, folds_digest
from hilbert.stages.fit.targets import Asked, Target, shown
from hilbert.stages.fit.trained import TrainedModel
from hilbert.stages.fit.truth import has_class

PACKAGES = ("hilbert-speech", "numpy", "scikit-learn", "scipy", "torch", "zarr")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How well one target is predicted.

    Attributes
    ----------
    asked : Asked
    metrics : mapping of str to Metrics
        By model.
    verdict : Verdict
    differences : sequence of mapping
    subgroups : mapping
    withheld : mapping, optional
        What it costs to predict from one modality; see `withheld_as_json`.
    audit : mapping, optional
        See `audit_as_json`.
    calibration : BrierChange, optional
    """

    asked: Asked
    metrics: Mapping[str, Metrics]
    verdict: Verdict
    differences: Sequence[Mapping[str, Any]] = ()
    subgroups: Mapping[str, Any] = field(default_factory=dict)
    withheld: Mapping[str, Any] | None = None
    audit: Mapping[str, Any] | None = None
    calibration: BrierChange | None = None


@dataclass(frozen=True, slots=True)
class Fitted:
    """Everything a fit produced, before it is written."""

    target: str
    chosen: FitDocuments
    folds: tuple[Fold, ...]
    found: CrossValidated
    outcomes: tuple[Outcome, ...]
    model: TrainedModel
    splits: str = "repeated"


def write_run(
    folder: Path, fitted: Fitted, options: Mapping[str, Any], about: Mapping[str, Any]
) -> dict[str, Any]:
    """Write all files of a run into `folder`; returns the content of ``run.json``."""
    summary: dict[str, Any] = plain({**about, **_summary(fitted)})
    write_json(folder / CONFIG_FILE, plain(options))
    write_json(folder / "folds.json", _folds(fitted))
    write_json(folder / "metrics.json", plain(_metrics(fitted)))
    write_json(folder / "environment.json", _environment())
    _write_predictions(folder, fitted)
    _write_losses(folder, fitted.model)
    _write_weights(folder, fitted.model)
    seal_run(folder, summary)
    return summary


def plain(value: Any) -> Any:
    """`value` as JSON has it: NaN as null, tuples as lists, arrays as lists."""
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def _metrics(fitted: Fitted) -> Mapping[str, Any]:
    """Every score by model; of several targets, by target and model."""
    return as_written(
        {
            outcome.asked.target.name: {name: in_full(m) for name, m in outcome.metrics.items()}
            for outcome in fitted.outcomes
        }
    )


def _summary(fitted: Fitted) -> dict[str, Any]:
    documents = fitted.chosen.documents
    return {
        "target": fitted.target,
        **_told(fitted.outcomes),
        "documents": documents.n_documents,
        "groups": len(set(documents.groups)),
        "left_out": [{"id": name, "reason": why} for name, why in fitted.chosen.left_out],
        "encoders": [asdict(info) for info in fitted.chosen.encoders],
        "segments": dict(fitted.chosen.segments),
        "transcribe": fitted.chosen.transcribe,
        "splits": fitted.splits,
        "folds": len(fitted.folds),
        "tested": len({int(i) for fold in fitted.folds for i in fold.test}),
        "folds_digest": folds_digest(fitted.folds, documents.ids),
        "recall": _recall(fitted.found.recalls),
    }


def _told(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The only outcome; of several each in a list, with a verdict on all."""
    parts = [_outcome(outcome) for outcome in outcomes]
    if len(parts) == 1:
        return {name: value for name, value in parts[0].items() if name != "target"}
    sentences = [f"{part['target']}: {part['verdict']['sentence']}" for part in parts]
    verdict = {"sentence": " ".join(sentences)}
    return {"verdict": verdict, "classes": [], "models": {}, "targets": parts}


def _outcome(outcome: Outcome) -> dict[str, Any]:
    target, labels = outcome.asked.target, outcome.asked.labels
    counts = {name: int(has_class(labels, k).sum()) for k, name in enumerate(target.classes)}
    return {
        "target": target.name,
        "kind": target.kind,
        "classes": list(target.classes),
        "documents_by_class": counts,
        "verdict": asdict(outcome.verdict),
        "models": {name: in_short(metrics) for name, metrics in outcome.metrics.items()},
        "differences": outcome.differences,
        "subgroups": outcome.subgroups,
        "withheld": outcome.withheld,
        "audit": outcome.audit,
        "calibration": outcome.calibration and outcome.calibration._asdict(),
    }


def _recall(recalls: Sequence[Recall]) -> dict[str, float] | None:
    """Held-out audio-text retrieval, mean over the folds; None where no fold has pairs."""
    if not recalls:
        return None
    at_1, chance = np.mean(recalls, axis=0)
    return {"at_1": float(at_1), "chance": float(chance)}


def _folds(fitted: Fitted) -> dict[str, Any]:
    ids = fitted.chosen.documents.ids
    return {
        "digest": folds_digest(fitted.folds, ids),
        "folds": [
            {
                "repeat": f.repeat,
                "fold": f.fold,
                "test": [ids[i] for i in f.test],
                # with these and those of `test` left out, the others are trained on
                "unused": [ids[i] for i in _unused(f, len(ids))],
                "n_train": len(f.train),
            }
            for f in fitted.folds
        ],
    }


def _unused(fold: Fold, n_documents: int) -> list[int]:
    """Documents neither trained on nor tested: those without a label of a tested group."""
    used = {*fold.train.tolist(), *fold.test.tolist()}
    return [i for i in range(n_documents) if i not in used]


def prediction_columns(targets: Sequence[Target]) -> list[str]:
    """Names of the probabilities of all classes: of several targets with the target's name."""
    if len(targets) == 1:
        return list(targets[0].classes)
    return [f"{target.name}:{name}" for target in targets for name in target.classes]


def _write_predictions(folder: Path, fitted: Fitted) -> None:
    targets = fitted.chosen.documents.targets
    labels = ["label"] if len(targets) == 1 else [f"label_{target.name}" for target in targets]
    columns = [*labels, *(f"p_{name}" for name in prediction_columns(targets))]
    write_csv(
        folder / "fold_predictions.csv", ["model", "repeat", "fold", "id", *columns],
        _fold_rows(fitted),
    )  # fmt: skip
    write_csv(
        folder / "predictions.csv", ["model", "id", "group", *columns], _out_of_fold_rows(fitted)
    )


def _fold_rows(fitted: Fitted) -> Iterator[list[object]]:
    documents = fitted.chosen.documents
    asked = documents.asked
    for model, parts in fitted.found.probabilities.items():
        for fold, probabilities in zip(fitted.folds, parts, strict=True):
            table = shown(documents.targets, probabilities)
            for i, row in zip(fold.test, table, strict=True):
                yield [model, fold.repeat, fold.fold, documents.ids[i], *_cells(asked, i),
                       *row.tolist()]  # fmt: skip


def _out_of_fold_rows(fitted: Fitted) -> Iterator[list[object]]:
    documents = fitted.chosen.documents
    asked = documents.asked
    for model, parts in fitted.found.probabilities.items():
        averaged = out_of_fold(fitted.folds, parts, documents.n_documents)
        for i, row in enumerate(shown(documents.targets, averaged)):
            if any(one.known[i] for one in asked) and not np.isnan(row).any():  # and was tested
                yield [model, documents.ids[i], documents.groups[i], *_cells(asked, i),
                       *row.tolist()]  # fmt: skip


def _cells(asked: Sequence[Asked], i: int) -> list[str]:
    """The labels of document `i`, as the corpus writes them; empty where missing."""
    return [cell_of(one.target.classes, one.labels[i]) for one in asked]


def _write_losses(folder: Path, model: TrainedModel) -> None:
    rows = [
        [network, term, epoch, value]
        for network, curves in enumerate(model.curves)
        for term, values in curves.items()
        for epoch, value in enumerate(values, start=1)
    ]
    write_csv(folder / "losses.csv", ["network", "term", "epoch", "value"], rows)


def _write_weights(folder: Path, model: TrainedModel) -> None:
    from safetensors.torch import save_file

    save_file(model.state(), folder / MODEL_FILE)


def _environment() -> dict[str, Any]:
    return {
        "versions": {name: metadata.version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "processors": os.cpu_count(),
    }
