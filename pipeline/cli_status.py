"""Flags of `hilbert status`, and what it shows."""

import shlex
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from hilbert.pipeline import cli_common as common
from hilbert.pipeline.choose_encoders import choose_encoders, modalities_of, store_precision
from hilbert.pipeline.cli_common import option
from hilbert.pipeline.corpus import Corpus, read_corpus
from hilbert.pipeline.extract import begin
from hilbert.pipeline.project import Project
from hilbert.pipeline.project_errors import in_keys
from hilbert.pipeline.session import ExtractOptions, Session
from hilbert.pipeline.speaker_rows import shares_of
from hilbert.pipeline.status import STATES, StageStatus, Survey, summaries_after, survey
from hilbert.pipeline.transcribe_alike import as_stored
from hilbert.store.errors import HilbertError
from hilbert.store.feature_store import encoders_at
from hilbert.store.formats import format_at
from hilbert.store.types import EncoderInfo

if TYPE_CHECKING:
    from hilbert.pipeline.fit_state import FitState


@click.command("status")
@click.argument("corpus", type=common.PATH, required=False)
@option("--store", Project, "store", "The feature store to look at.", type=common.PATH)
@common.json_option
def command(as_json: bool, **_: object) -> None:
    """Tell what is current, stale, missing or failed, stage by stage; nothing is written.

    CORPUS, encoders and targets are those of hilbert.toml; without one, the encoders are
    those that `hilbert extract` would run: those the store has, else the defaults.
    """
    project = common.override(common.open_project())
    show_status(project, project.extract_options(), as_json=as_json)


class Shown(NamedTuple):
    """What `show_status` printed: failed documents, and targets, with the reasons."""

    failures: Mapping[str, str]
    failed_targets: Mapping[str, str]


def show_status(project: Project, options: ExtractOptions, *, as_json: bool) -> Shown:
    """Print the states of all stages of a project."""
    corpus = read_corpus(project.corpus)
    options = as_stored(options, corpus, project.store)
    encoders = encoders_to_check(project, options, corpus)
    with begin(project.store, store_precision(project.store), dry(options)) as session:
        found = survey(session, corpus, encoders)
        generation = session.store.manifest().generation
        fits = fit_states(project, session, found, encoders)
    if as_json:
        common.print_json({"generation": generation, **_as_json(found, fits)})
    else:
        if format_at(project.store) is None:
            click.echo(f"There is no store {project.store} yet.")
        _echo(found, fits)
    failed = {fit.target: str(fit.note) for fit in fits if fit.fit == "failed"}
    return Shown(found.failures, failed)


def dry(options: ExtractOptions) -> ExtractOptions:
    """The same options for an extraction that only looks."""
    return replace(options, dry_run=True)


def encoders_to_check(
    project: Project, options: ExtractOptions, corpus: Corpus
) -> Mapping[str, EncoderInfo]:
    """The encoders that `hilbert extract` would run; those of the store need not be found here."""
    known = encoders_at(project.store)
    try:
        chosen = choose_encoders(
            modalities_of(corpus, options),
            options,
            store_precision(project.store),
            known=known,
            drop_unwanted=True,
        )
    except HilbertError:
        if project.encoders or not known:
            raise
        return known
    return {encoder.info.name: encoder.info for encoder in chosen}


def fit_states(
    project: Project, session: Session, found: Survey, encoders: Mapping[str, EncoderInfo]
) -> "list[FitState]":
    """States of the fits of all targets, as they will be when the store is up to date."""
    if not project.targets:
        return []
    from hilbert.pipeline.cli_fit import place_of
    from hilbert.pipeline.fit_flags import fit_options
    from hilbert.pipeline.fit_state import fit_state

    manifest, place = found.prospect, place_of(project, by_target=True)
    summaries = summaries_after(session, found)
    shares = shares_of(session.store, manifest.rows, summaries, project.speaker_choice())
    states = []
    for target in project.targets:
        options = fit_options(project, target, device="auto", workers=None)
        options = replace(options, encoders=options.encoders or tuple(encoders))
        state = fit_state(manifest, summaries, options, place, shares)
        states.append(replace(state, note=state.note and in_keys(Project, state.note)))
    return states


def _as_json(found: Survey, fits: "list[FitState]") -> dict[str, Any]:
    stages = {status.stage: status.counts for status in found.stages}
    documents = {
        status.stage: {name: state for name, state in status.states.items() if state != "current"}
        for status in found.stages
    }
    runs = [
        {**asdict(fit), "run_dir": None if fit.run_dir is None else str(fit.run_dir)}
        for fit in fits
    ]
    failed = [{"id": name, "reason": reason} for name, reason in found.failures.items()]
    return {"stages": stages, "not_current": documents, "runs": runs, "failed": failed}


def _echo(found: Survey, fits: "list[FitState]") -> None:
    from hilbert.pipeline.fit_state import describe_state

    click.echo(f"{'stage':<24}" + "".join(f"{state:>9}" for state in STATES))
    for status in found.stages:
        _echo_stage(status)
    for fit in fits:
        _echo_stage(StageStatus(f"fit {fit.target}", {fit.target: fit.fit}))
        _echo_stage(StageStatus(f"report {fit.target}", {fit.target: fit.report}))
        if said := describe_state(fit):
            click.echo(f"  {fit.target}: {said}")
    for name, reason in found.failures.items():
        click.echo(f"  {name}: {reason}")
    if other := _first_other(found, fits):
        click.echo(f"Next: {_with_places(f'why {shlex.quote(other)}')}, or {_mend()}")


def _mend() -> str:
    """The command that brings what was looked at up to date."""
    elsewhere = common.is_given("corpus") or common.is_given("store")
    if common.project_path().exists() and not elsewhere:
        return common.in_project("run")
    return _with_places("extract")


def _with_places(command: str) -> str:
    """What to type for a command on the corpus and store that this call was given."""
    flags = click.get_current_context().params
    given = [("corpus", ""), ("store", "--store ")]
    places = [f"{flag}{shlex.quote(str(flags[n]))}" for n, flag in given if common.is_given(n)]
    return " ".join([common.in_project(command), *places])


def _echo_stage(status: StageStatus) -> None:
    click.echo(f"{status.stage:<24}" + "".join(f"{n:>9}" for n in status.counts.values()))


def _first_other(found: Survey, fits: "list[FitState]") -> str | None:
    """A document that is not up to date, one that went stale before others."""
    by_state: dict[str, str] = {}
    for status in found.stages:
        for name, state in status.states.items():
            by_state.setdefault(state, name)
    others = (by_state[s] for s in ("stale", "failed", "missing") if s in by_state)
    return next(others, next((name for fit in fits for name in fit.documents), None))
