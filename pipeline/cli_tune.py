"""The command `hilbert tune`."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from hilbert.pipeline import cli_common as common
from hilbert.pipeline.cli_common import option
from hilbert.pipeline.cli_compare import comparison_as_json, echo_comparison
from hilbert.pipeline.cli_fit import place_of
from hilbert.pipeline.fit_flags import fit_flags, flagged_fit
from hilbert.pipeline.progress import show_progress
from hilbert.stages.fit.budget import Budget, minutes_of_search

if TYPE_CHECKING:
    from hilbert.stages.fit.config import TrainConfig


@click.command("tune")
@fit_flags
@option("--trials", Budget, "trials", "Options tried in each search, the given ones among them.")
@click.option(
    "--minutes",
    type=float,
    help="Minutes for all searches together, about; the outcome then depends on the machine.",
)
@common.dry_run_option
@common.json_option
def command(trials: int, minutes: float | None, dry_run: bool, as_json: bool, **_: object) -> None:
    """Search HILBERT's options inside the training documents of each fold.

    Says first what the search is worth: HILBERT with options that were searched inside each
    training part, on the folds of `hilbert fit`, against HILBERT as it is. Then it searches once
    more in all documents and prints the options for hilbert.toml. A call that was stopped, or one
    with more trials or minutes, goes on where it was.
    """
    import numpy as np

    from hilbert.pipeline.fit_plan import plan_fit_of
    from hilbert.pipeline.paired import (
        Variant,
        compare_variants,
        folds_of_plan,
        key_of,
        n_lacking,
        on_device,
        read_documents,
    )
    from hilbert.pipeline.run_directory import run_folder
    from hilbert.stages.fit.crossval import HilbertModel
    from hilbert.stages.fit.tuning import TunedHilbert, chosen_values
    from hilbert.store.feature_store import open_store

    project, options = flagged_fit()
    store = open_store(project.store)
    plan = plan_fit_of(store, options, place_of(project))
    n_folds = len(folds_of_plan(plan, options))
    each = minutes and minutes_of_search(minutes, n_folds, options.workers)
    # neither the budget nor the workers: a call with more of them goes on with the trials there
    folder = run_folder(project.runs, f"{plan.target}-tuning-{plan.key[:8]}")
    train = on_device(options.train)
    tuned = TunedHilbert(train, Budget(trials, each), folder / "searches")
    variants = [
        Variant("hilbert", key_of(plan, options.train), HilbertModel(train)),
        Variant(
            "tuned", key_of(plan, options.train, tuning=asdict(Budget(trials, minutes))), tuned
        ),
    ]
    if dry_run:
        _foretell(n_folds + 1, trials, n_lacking(plan, variants, folder), as_json=as_json)
        return
    with show_progress("tune", unit="fits") as progress:
        found = compare_variants(store, plan, options, variants, folder, step=progress.reach)
    documents = read_documents(store, plan)
    everyone = np.arange(documents.n_documents)
    chosen = tuned.choose(documents, everyone, options.splits.seed)
    if as_json:
        values = chosen_values(chosen)
        common.print_json({**comparison_as_json(found), "chosen": values, "folder": str(folder)})
        return
    echo_comparison(found)
    click.echo("\nSearched in all documents, for hilbert.toml:\n")
    click.echo(_as_toml(chosen))


def _as_toml(chosen: "TrainConfig") -> str:
    """The options of a search as sections of a project file."""
    from hilbert.stages.fit.tuning import chosen_values

    sections = {"train": "train", "model": "train.model", "objective": "train.objective"}
    values: Mapping[str, Mapping[str, Any]] = chosen_values(chosen)
    lines = []
    for part, section in sections.items():
        lines += [f"[{section}]", *(f"{n} = {value:.4g}" for n, value in values[part].items()), ""]
    return "\n".join(lines)


def _foretell(n_searches: int, trials: int, lacking: int, *, as_json: bool) -> None:
    told = {"searches": n_searches, "trials": trials, "to_evaluate": lacking}
    if as_json:
        common.print_json({"dry_run": True, **told})
    else:
        click.echo(
            f"{n_searches} searches of {common.counted(trials, 'trial')} would be made, one in each"
            f" training part and one in all documents; {lacking} of 2 models are not evaluated yet."
        )
