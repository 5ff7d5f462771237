"""Flags of `hilbert fit`."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from hilbert.pipeline import cli_common as common
from hilbert.pipeline import fit_output
from hilbert.pipeline.cli_common import option
from hilbert.pipeline.processors import n_processors
from hilbert.pipeline.progress import show_progress
from hilbert.pipeline.project import FitSection, Project
from hilbert.pipeline.speakers import EVERYONE, folded
from hilbert.stages.fit.config import ObjectiveConfig, SplitConfig, TrainConfig
from hilbert.store.errors import FitError

if TYPE_CHECKING:
    from hilbert.pipeline.fit_plan import FitOptions, FitPlan, RunPlace


@click.command("fit")
@option(
    "--store",
    Project,
    "store",
    "The feature store to fit from; nothing else is read.",
    type=common.PATH,
)
@click.option("--target", metavar="COLUMN", help="Label column; needed if there are several.")
@click.option(
    "--run-dir",
    type=common.PATH,
    help="Where the run is written.  [default: runs/TARGET-KEY]",
)
@click.option(
    "--encoder",
    "names",
    multiple=True,
    metavar="NAME",
    help="Use the features of this encoder only; may be repeated.",
)
@click.option(
    "--speakers",
    multiple=True,
    metavar="NAME|ROLE",
    help="Use the segments of this speaker, or of this role (participant, interviewer) only; may"
    " be repeated.  [default: everyone]",
)
@click.option(
    "--drop-speakers",
    multiple=True,
    metavar="NAME|ROLE",
    help="Do not use the segments of this speaker or role; may be repeated.",
)
@option(
    "--splits",
    SplitConfig,
    "kind",
    "Repeated stratified group folds, each group tested alone, or the corpus's column split.",
    type=click.Choice(["repeated", "leave-one-group-out", "column"]),
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
@click.option(
    "--subgroups",
    multiple=True,
    metavar="COLUMN",
    help="Tell the scores within each value of this column, too; may be repeated.",
)
@option(
    "--audit/--no-audit",
    FitSection,
    "audit",
    "Look for shortcuts: durations and counts alone, permuted labels, one modality, other"
    " speakers. Takes about three times as long.",
)
@option("--strict/--no-strict", FitSection, "strict", "Refuse to fit if any document is left out.")
@click.option(
    "--generation",
    type=click.IntRange(1),
    help="Fit from this generation of the store, as it was.  [default: the latest]",
)
@click.option("--overwrite", is_flag=True, help="Replace the run in --run-dir.")
@common.dry_run_option
@common.workers_option
@common.device_option
@common.json_option
def command(
    target: str | None,
    run_dir: Path | None,
    names: tuple[str, ...],
    speakers: tuple[str, ...],
    drop_speakers: tuple[str, ...],
    generation: int | None,
    overwrite: bool,
    dry_run: bool,
    workers: int | None,
    device: str,
    as_json: bool,
    **_: object,
) -> None:
    """Train HILBERT and its baselines from a feature store alone, on the same folds.

    Says in its first line whether HILBERT beats the best baseline, then writes a run
    directory with folds, predictions, scores, figures and weights.
    """
    project = _with_flags(common.open_project(), names)
    if speakers or drop_speakers:
        project = _with_speakers(project, speakers, drop_speakers)
    target = target or _only_target(project)
    options = fit_options(project, target, device=device, workers=workers)
    options = replace(options, generation=generation)
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
    """What the fit of one target would do."""
    from hilbert.pipeline.fit_plan import plan_fit_of
    from hilbert.store.feature_store import open_store

    return plan_fit_of(open_store(project.store), options, place)


def place_of(project: Project, **how: Any) -> "RunPlace":
    """Where the runs of a project go."""
    from hilbert.pipeline.fit_plan import RunPlace

    return RunPlace(runs=project.runs, **how)


def fit_options(
    project: Project, target: str | None, *, device: str, workers: int | None
) -> "FitOptions":
    """Options of the fit of one target of a project."""
    from hilbert.pipeline.fit_plan import FitOptions

    return FitOptions(
        target=target,
        encoders=project.fit.encoders,
        speakers=project.speaker_choice(),
        splits=project.splits,
        train=replace(project.train, device=device),
        workers=workers or n_processors(),
        strict=project.fit.strict,
        subgroups=tuple(dict.fromkeys(project.fit.subgroups)),
        audit=project.fit.audit,
    )


def _with_flags(project: Project, names: tuple[str, ...]) -> Project:
    objective = common.override(project.train.objective)
    train = replace(project.train, objective=objective)
    return replace(
        project,
        store=common.override(project).store,
        splits=common.override(project.splits),
        train=common.override(train),
        fit=replace(common.override(project.fit), encoders=names or project.fit.encoders),
    )


def _with_speakers(project: Project, keep: tuple[str, ...], drop: tuple[str, ...]) -> Project:
    """The choice of the flags instead of the file's; ``everyone`` undoes the file's."""
    keep = () if [*map(folded, keep)] == [EVERYONE] else keep
    return replace(project, fit=replace(project.fit, speakers=keep, drop_speakers=drop))


def _only_target(project: Project) -> str | None:
    """The target of a project that has one; without any, the store's columns tell."""
    if len(project.targets) > 1:
        raise FitError(
            f"the project has the targets {', '.join(project.targets)}; choose one with"
            f" --target {project.targets[0]}, or fit them all with `{common.in_project('run')}`"
        )
    return project.targets[0] if project.targets else None
