"""What a fit found, for people and for machines."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hilbert.pipeline import cli_common as common
from hilbert.pipeline import fit_words
from hilbert.stages.report.words import size_of

if TYPE_CHECKING:
    from hilbert.pipeline.fit_plan import FitPlan


def as_json(run_dir: Path, summary: Mapping[str, Any]) -> dict[str, Any]:
    """The object that ``--json`` prints."""
    names = ("target", "classes", "documents", "groups", "left_out", "folds", "folds_digest",
             "verdict", "models", "recall", "warnings", "generation")  # fmt: skip
    found = {name: summary[name] for name in names}
    late = (
        "kind",
        "targets",
        "speakers",
        "splits",
        "differences",
        "subgroups",
        "audit",
        "withheld",
        "calibration",
    )
    for name in late:
        found[name] = summary.get(name)  # which runs of before did not have
    return {"run": str(run_dir), **found, "seconds": common.seconds_since_start()}


def echo(run_dir: Path, summary: Mapping[str, Any]) -> None:
    """Print the verdict first, then the scores, warnings and where the run is."""
    click.echo(summary["verdict"]["sentence"])
    for line in fit_words.findings(summary):
        click.echo(line)
    click.echo()
    speakers = f"; speakers: {summary['speakers_named']}" if summary.get("speakers") else ""
    click.echo(f"{summary['target']}: {size_of(summary)}{speakers}")
    for part in fit_words.each_target(summary):
        _echo_scores(part, named=bool(summary.get("targets")))
    if recall := summary["recall"]:
        click.echo(f"\nHeld out, HILBERT finds a document's text from its audio and back in"
                   f" {recall['at_1']:.1%} of cases (chance {recall['chance']:.1%}).")  # fmt: skip
    for warning in summary["warnings"]:
        click.echo(f"Note: {warning}")
    click.echo(f"\nThe run is in {run_dir}: scores in metrics.json, predictions in"
               " predictions.csv, pictures in figures/.")  # fmt: skip


def _echo_scores(part: Mapping[str, Any], *, named: bool) -> None:
    """The scores of one target."""
    kind = part.get("kind", "classes")
    if named:
        click.echo()
    if named or kind != "classes":
        click.echo(f"{part['target']}, {fit_words.classes(part)}")
    click.echo(_table(part["models"], kind))
    for line in _details(part["models"]):
        click.echo(line)
    for line in fit_words.details(part):
        click.echo(line)


def show_plan(plan: "FitPlan", *, as_json: bool) -> None:
    """What a fit would do; nothing was written."""
    if as_json:
        common.print_json({"dry_run": True, **_plan_as_json(plan)})
        return
    if plan.up_to_date:
        click.echo(f"{plan.target}: the run in {plan.run_dir} is up to date.")
    else:
        click.echo(f"{plan.target}: {common.counted(len(plan.rows), 'document')} of generation"
                   f" {plan.generation} would be fitted into {plan.run_dir}.")  # fmt: skip
    if plan.left_out:
        name, reason = plan.left_out[0]
        click.echo(f"{common.counted(len(plan.left_out), 'document')} would be left out"
                   f" (first: {name}: {reason}).")  # fmt: skip
    for warning in plan.warnings:
        click.echo(f"Note: {warning}")


def _plan_as_json(plan: "FitPlan") -> dict[str, Any]:
    return {
        "target": plan.target,
        "run": str(plan.run_dir),
        "up_to_date": plan.up_to_date,
        "documents": len(plan.rows),
        "left_out": [{"id": name, "reason": reason} for name, reason in plan.left_out],
        "generation": plan.generation,
        "warnings": list(plan.warnings),
    }


def echo_next(run_dir: Path) -> None:
    click.echo(f"Next: hilbert predict {run_dir} NEW_CORPUS.csv --out predictions.csv")


def _table(models: Mapping[str, Mapping[str, Any]], kind: str) -> str:
    heads = f"{'model':<16}{'macro AUC':<26}{'balanced accuracy':<20}AUPRC (prevalence)"
    more = {
        name: head for name, head in fit_words.columns(kind).items() if name in ("kappa", "mae")
    }
    lines = [heads + "".join(f"  {head:<6}" for head in more.values()).rstrip()]
    for name, scores in models.items():
        low, high = scores["auc_macro_ci"]
        auc = f"{_number(scores['auc_macro'])} [{_number(low)}, {_number(high)}]"
        auprc = f"{_number(scores['auprc_macro'])} ({_number(scores['prevalence_macro'])})"
        line = f"{name:<16}{auc:<26}{_number(scores['balanced_accuracy']):<20}"
        rest = "".join(f"  {_number(scores[score]):<6}" for score in more)
        lines.append((f"{line}{auprc:<18}{rest}").rstrip())
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
        n = common.counted(own["undefined_folds"], "fold")
        lines.append(f"The AUC is undefined in {n}, left out of its mean.")
    return lines


def _number(value: float | None) -> str:
    return "undefined" if value is None or value != value else f"{value:.3f}"
