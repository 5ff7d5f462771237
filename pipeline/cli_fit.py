"""Flags of `hilbert fit`, and its table."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from hilbert.pipeline import cli_common as common
from hilbert.pipeline.cli_common import option
from hilbert.pipeline.progress import show_progress
from hilbert.stages.fit.config import ObjectiveConfig, SplitConfig, TrainConfig


@click.command("fit")
@click.option(
    "--store",
    type=click.Path(path_type=Path),
    default="feats.zarr",
    show_default=True,
    help="The feature store to fit from; nothing else is read.",
)
@click.option("--target", metavar="COLUMN", help="Label column; needed if there are several.")
@click.option(
    "--run-dir",
    type=click.Path(path_type=Path),
    help="Where the run is written.  [default: runs/TARGET-DATE-TIME]",
)
@click.option(
    "--encoder",
    "encoders",
    multiple=True,
    metavar="NAME",
    help="Use the features of this encoder only; may be repeated.",
)
@option("--folds", SplitConfig, "folds", "Parts of a repeat, each tested once.")
@option("--repeats", SplitConfig, "repeats", "How often the documents are split anew.")
@option("--seed", SplitConfig, "seed", "Seed of splits and training.")
@option(
    "--epochs",
    TrainConfig,
    "epochs",
    "Passes over the documents, at most.  [default: 20, or twice --min-steps if that is longer]",
    type=int,
)
@option("--min-steps", TrainConfig, "min_steps", "Steps at least, unless --epochs end before.")
@option("--batch-size", TrainConfig, "batch_size", "Documents of a step.")
@option("--lr", TrainConfig, "lr", "Largest learning rate.")
@option("--weight-decay", TrainConfig, "weight_decay", "Decoupled weight decay.")
@option("--patience", TrainConfig, "patience", "Epochs without a better held-out loss; 0: all.")
@option("--seeds-averaged", TrainConfig, "seeds_averaged", "Networks averaged in every fit.")
@option(
    "--objective",
    TrainConfig,
    "phases",
    "All terms at once, or first the alignment.",
    type=click.Choice(["joint", "align-then-classify"]),
)
@option(
    "--contrast",
    ObjectiveConfig,
    "contrast",
    "Align each modality with the joint embedding, or the two directly.",
    type=click.Choice(["reciprocal", "direct"]),
)
@option("--contrast-weight", ObjectiveConfig, "contrast_weight", "Weight of the alignment.")
@option("--cka-weight", ObjectiveConfig, "cka_weight", "Weight of 1 - CKA.")
@option("--balance-weight", ObjectiveConfig, "balance_weight", "Weight of information balance.")
@click.option("--strict", is_flag=True, help="Refuse to fit if any document is left out.")
@click.option("--overwrite", is_flag=True, help="Replace the run in --run-dir.")
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=None,
    help="Processes that fit folds; the numbers do not depend on it.  [default: the processors]",
)
@common.device_option
@common.json_option
def command(
    store: Path,
    run_dir: Path | None,
    as_json: bool,
    overwrite: bool,
    workers: int | None,
    device: str,
    **flags: Any,
) -> None:
    """Train HILBERT and its baselines from a feature store alone, on the same folds.

    Says in its first line whether HILBERT beats the best baseline, then writes a run
    directory with folds, predictions, scores, figures and weights.
    """
    from hilbert.pipeline.fit import FitOptions, fit
    from hilbert.store.feature_store import open_store

    opened = open_store(store)
    train = replace(common.pick(TrainConfig, flags), device=device,
                    objective=common.pick(ObjectiveConfig, flags))  # fmt: skip
    options = FitOptions(
        target=flags["target"],
        encoders=flags["encoders"],
        splits=common.pick(SplitConfig, flags),
        train=train,
        workers=workers or _processors(),
        strict=flags["strict"],
    )
    with show_progress("fit", unit="fits") as progress:
        place, summary = fit(opened, run_dir, options, overwrite=overwrite, step=progress.reach)
    if as_json:
        common.print_json(_as_json(place, summary))
    else:
        _print(place, summary)


def _processors() -> int:
    """Processors this process may use, which a cluster's scheduler may have limited."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _as_json(run_dir: Path, summary: Mapping[str, Any]) -> dict[str, Any]:
    names = ("target", "classes", "documents", "groups", "left_out", "folds", "folds_digest",
             "verdict", "models", "recall", "warnings", "generation")  # fmt: skip
    found = {name: summary[name] for name in names}
    return {"run": str(run_dir), **found, "seconds": common.seconds_since_start()}


def _print(run_dir: Path, summary: Mapping[str, Any]) -> None:
    click.echo(summary["verdict"]["sentence"])
    click.echo()
    click.echo(f"{summary['target']}: {summary['documents']} documents, {summary['groups']} groups,"
               f" {summary['folds']} folds")  # fmt: skip
    click.echo(_table(summary["models"]))
    for line in _details(summary["models"]):
        click.echo(line)
    if recall := summary["recall"]:
        click.echo(f"\nHeld out, HILBERT finds a document's text from its audio and back in"
                   f" {recall['at_1']:.1%} of cases (chance {recall['chance']:.1%}).")  # fmt: skip
    for warning in summary["warnings"]:
        click.echo(f"Note: {warning}")
    click.echo(f"\nThe run is in {run_dir}: scores in metrics.json, predictions in"
               " predictions.csv, pictures in figures/.")  # fmt: skip
    click.echo(f"Next: hilbert predict {run_dir} NEW_CORPUS.csv --out predictions.csv")


def _table(models: Mapping[str, Mapping[str, Any]]) -> str:
    lines = [f"{'model':<16}{'macro AUC':<26}{'balanced accuracy':<20}AUPRC (prevalence)"]
    for name, scores in models.items():
        low, high = scores["auc_macro_ci"]
        auc = f"{_number(scores['auc_macro'])} [{_number(low)}, {_number(high)}]"
        auprc = f"{_number(scores['auprc_macro'])} ({_number(scores['prevalence_macro'])})"
        lines.append(f"{name:<16}{auc:<26}{_number(scores['balanced_accuracy']):<20}{auprc}")
    return "\n".join(lines)


def _details(models: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """How well HILBERT finds the rarest class, and what could not be measured."""
    own = models["hilbert"]
    shares = {name: share for name, share in own["prevalence_class"].items() if share is not None}
    lines = []
    if shares:
        rarest = min(shares, key=lambda name: shares[name])
        scores = ", ".join(f"{model} {_number(s['auprc_class'][rarest])}"
                           for model, s in models.items() if model != "majority")  # fmt: skip
        lines.append(f"\nAUPRC of the rarest class, {rarest} (prevalence"
                     f" {_number(shares[rarest])}): {scores}")  # fmt: skip
    if own["undefined_folds"]:
        lines.append(f"The AUC is undefined in {own['undefined_folds']} folds, which are left out.")
    return lines


def _number(value: float | None) -> str:
    return "undefined" if value is None or value != value else f"{value:.3f}"
