"""Flags of `hilbert run`."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace

import click

from hilbert.pipeline import cli_common as common
from hilbert.pipeline import extract_output, fit_output, fit_words
from hilbert.pipeline.cli_extract import encode_corpus
from hilbert.pipeline.cli_fit import Fitted, fit_shown, place_of
from hilbert.pipeline.cli_status import show_status
from hilbert.pipeline.fit_flags import fit_options
from hilbert.pipeline.project import Project
from hilbert.pipeline.project_errors import in_keys
from hilbert.stages.extract.encoders.weights import ResolvedEncoder
from hilbert.store.errors import FitError


@click.command("run")
@common.prune_option
@common.dry_run_option
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=None,
    help="Processes that encode, and that fit folds; 1: this one alone.  [default: this one for"
    " encoding, the processors for folds]",
)
@common.dask_option
@common.device_option
@common.compile_option
@common.json_option
def command(device: str, workers: int | None, dry_run: bool, as_json: bool, **_: object) -> None:
    """Bring everything that hilbert.toml declares up to date.

    Encodes what changed in the corpus, then fits every target whose data or options changed,
    each into the folder of its name below `runs`; a run that is out of date is replaced.
    A target that cannot be fitted does not keep the others from it. Exit code 1: some targets
    could not be fitted; 3: some documents failed, and the targets are fitted without them.
    """
    project = common.open_project(required=True)
    options = common.override(project.extract_options())
    if workers == 1:
        options = replace(options, workers=0)
    if dry_run:
        found = show_status(project, options, as_json=as_json)
        _end(found.failed_targets, found.failures)
        return
    done = encode_corpus(project, options, drop_unwanted=True)
    if not as_json:
        extract_output.echo(done.report, project.store)
    runs, failed = {}, {}
    for target in project.targets:
        try:
            runs[target] = _fit(_using(project, done.encoders), target, device, workers)
        except FitError as error:
            failed[target] = in_keys(Project, str(error))
        if not as_json and target in runs:
            _echo(target, runs[target])
    if as_json:
        outputs = {name: fit_output.as_json(run.run_dir, run.summary) for name, run in runs.items()}
        common.print_json(
            {
                "extract": extract_output.as_json(done.report, done.warnings),
                "runs": outputs,
                "failed": failed,
            }
        )
    elif not failed:
        _echo_next(project, runs)
    _end(failed, dict(done.report.failed))


def _end(failed_targets: Mapping[str, str], failed_documents: Mapping[str, str]) -> None:
    """Tell in the exit code what failed, or in a dry run would."""
    if failed_targets:
        reasons = (f"target {name}: {reason}" for name, reason in failed_targets.items())
        raise FitError("; ".join(reasons))
    if failed_documents:
        sys.exit(common.FAILED_DOCUMENTS)


def _using(project: Project, encoders: Sequence[ResolvedEncoder]) -> Project:
    """The project, fitted from the encoders it declares and no others that the store has."""
    names = project.fit.encoders or tuple(encoder.info.name for encoder in encoders)
    return replace(project, fit=replace(project.fit, encoders=names))


def _fit(project: Project, target: str, device: str, workers: int | None) -> Fitted:
    options = fit_options(project, target, device=device, workers=workers)
    return fit_shown(project, options, place_of(project, by_target=True, overwrite=True))


def _echo(target: str, run: Fitted) -> None:
    click.echo()
    if run.was_there:
        click.echo(f"{target}: the run in {run.run_dir} is up to date.")
        click.echo(run.summary["verdict"]["sentence"])
        for line in fit_words.findings(run.summary):
            click.echo(line)
    else:
        fit_output.echo(run.run_dir, run.summary)


def _echo_next(project: Project, runs: dict[str, Fitted]) -> None:
    if not project.targets:
        click.echo("The project names no targets, so nothing was fitted; name them in its file.")
    for run in list(runs.values())[:1]:
        fit_output.echo_next(run.run_dir)
