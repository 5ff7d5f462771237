"""Flags of `hilbert ablate`."""

from pathlib import Path

import click

from hilbert.pipeline import cli_common as common
from hilbert.pipeline.cli_compare import comparison_as_json, echo_comparison
from hilbert.pipeline.cli_fit import place_of
from hilbert.pipeline.fit_flags import fit_flags, flagged_fit
from hilbert.pipeline.progress import show_progress
from hilbert.stages.fit.ablations import ABLATIONS
from hilbert.store.errors import FitError


@click.command("ablate")
@fit_flags
@common.dry_run_option
@common.json_option
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(ABLATIONS),
    help="This variant only; may be repeated.  [default: all]",
)
def command(only: tuple[str, ...], dry_run: bool, as_json: bool, **_: object) -> None:
    """Leave out one part of HILBERT after another, on the folds of `hilbert fit`.

    Variants are kept as they are evaluated: a call that was stopped goes on where it was.
    """
    from hilbert.pipeline.fit_plan import plan_fit_of
    from hilbert.pipeline.paired import Variant, compare_variants, key_of, n_lacking, on_device
    from hilbert.pipeline.run_directory import run_folder
    from hilbert.stages.fit.ablations import ablations
    from hilbert.stages.fit.crossval import HilbertModel
    from hilbert.store.feature_store import open_store

    project, options = flagged_fit()
    store = open_store(project.store)
    plan = plan_fit_of(store, options, place_of(project))
    trains = {"hilbert": options.train, **ablations(options.train)}
    if unlike := sorted(set(only) - set(trains)):
        raise FitError(f"{unlike[0]} is no different from what is fitted; drop --only {unlike[0]}")
    variants = [
        Variant(name, key_of(plan, train), HilbertModel(on_device(train), name))
        for name, train in trains.items()
        if not only or name in ("hilbert", *only)
    ]
    folder = run_folder(project.runs, f"{plan.target}-ablation-{plan.key[:8]}")
    lacking = n_lacking(plan, variants, folder)
    if dry_run:
        _foretell(folder, len(variants), lacking, as_json=as_json)
        return
    with show_progress("ablate", unit="fits") as progress:
        found = compare_variants(store, plan, options, variants, folder, step=progress.reach)
    if as_json:
        common.print_json({**comparison_as_json(found), "folder": str(folder)})
        return
    echo_comparison(found)
    if found.unchanged:
        names = ", ".join(found.unchanged)
        click.echo(f"Never on in these fits, so that leaving it out tells nothing: {names}.")
    click.echo(f"The variants are in {folder}.")


def _foretell(folder: Path, n_variants: int, lacking: int, *, as_json: bool) -> None:
    if as_json:
        common.print_json({"dry_run": True, "variants": n_variants, "to_evaluate": lacking})
    else:
        of_all = common.counted(n_variants, "variant")
        click.echo(f"{lacking} of {of_all} would be evaluated, into {folder}.")
