"""The command `hilbert fit`."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from hilbert.pipeline import cli_common as common
from hilbert.pipeline import fit_output
from hilbert.pipeline.fit_flags import fit_flags, flagged_fit
from hilbert.pipeline.progress import show_progress
from hilbert.pipeline.project import FitSection, Project

if TYPE_CHECKING:
    from hilbert.pipeline.fit_plan import FitOptions, FitPlan, RunPlace


@click.command("fit")
@fit_flags
@click.option(
    "--run-dir",
    type=common.PATH,
    help="Where the run is written.  [default: runs/TARGET-KEY]",
)
@click.option(
    "--subgroups",
    multiple=True,
    metavar="COLUMN",
    help="Tell the scores within each value of this column, too; may be repeated.",
)
@common.option(
    "--audit/--no-audit",
    FitSection,
    "audit",
    "Look for shortcuts: durations and counts alone, permuted labels, one modality, other"
    " speakers. Takes two to four times as long.",
)
@click.option("--overwrite", is_flag=True, help="Replace the run in --run-dir.")
@common.dry_run_option
@common.json_option
def command(
    run_dir: Path | None, overwrite: bool, dry_run: bool, as_json: bool, **_: object
) -> None:
    """Train HILBERT and its baselines from a feature store alone, on the same folds.

    Says in its first line whether HILBERT beats the best baseline, then writes a run
    directory with folds, predictions, scores, figures and weights.
    """
    project, options = flagged_fit()
    place = place_of(project, run_dir=run_dir, overwrite=overwrite, again=overwrite)
    if dry_run:
        fit_output.show_plan(foresee(project, options, place), as_json=as_json)
        return
    done = fit_shown(project, options, place)
    if as_json:
        common.print_json(fit_output.as_json(done.run_dir, done.summary))
    else:
        fit_output.echo(done.run_dir, done.summary)
        fit_output.echo_next(done.run_dir)


class Fitted(NamedTuple):
    """A run, what its ``run.json`` says, and whether it was there already."""

    run_dir: Path
    summary: Mapping[str, Any]
    was_there: bool


def fit_shown(project: Project, options: "FitOptions", place: "RunPlace") -> Fitted:
    """Fit from the project's store and show the progress."""
    from hilbert.pipeline.fit_plan import plan_fit_of
    from hilbert.pipeline.report import has_report
    from hilbert.pipeline.run_directory import read_run
    from hilbert.store.feature_store import open_store

    store = open_store(project.store)
    plan = plan_fit_of(store, options, place)
    if plan.up_to_date and has_report(plan.run_dir, plan.key):  # and torch is not imported
        return Fitted(plan.run_dir, read_run(plan.run_dir), was_there=True)
    from hilbert.pipeline.fit import fit

    with show_progress("fit", unit="fits") as progress:
        run_dir, summary = fit(store, options, place, step=progress.reach)
    return Fitted(run_dir, summary, was_there=False)


def foresee(project: Project, options: "FitOptions", place: "RunPlace") -> "FitPlan":
    """What a fit would do."""
    from hilbert.pipeline.fit_plan import plan_fit_of
    from hilbert.store.feature_store import open_store

    return plan_fit_of(open_store(project.store), options, place)


def place_of(project: Project, **how: Any) -> "RunPlace":
    """Where the runs of a project go."""
    from hilbert.pipeline.fit_plan import RunPlace

    return RunPlace(runs=project.runs, **how)
