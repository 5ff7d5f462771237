"""Flags of `hilbert compare`."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hilbert.pipeline import cli_common as common

if TYPE_CHECKING:
    from hilbert.pipeline.compare_runs import Comparison, Comparisons, Scored
    from hilbert.stages.fit.compare import Difference


@click.command("compare")
@click.argument("runs", nargs=-1, required=True, type=common.PATH, metavar="RUN RUN ...")
@click.option("--model", default="hilbert", show_default=True, help="The model of each run.")
@common.json_option
def command(runs: tuple[Path, ...], model: str, as_json: bool) -> None:
    """Compare runs that were evaluated on the same folds with the first of them.

    Differences are those of the macro AUC, fold by fold, with the interval of the corrected
    resampled t-test, or of a paired bootstrap over groups where folds do not tell it; of each
    target that all runs predict.
    """
    from hilbert.pipeline.compare_runs import compare_runs

    found = compare_runs(runs, model)
    if as_json:
        common.print_json(comparison_as_json(found))
    else:
        echo_comparison(found)


def comparison_as_json(found: "Comparisons") -> dict[str, Any]:
    """The object that ``--json`` prints."""
    return {
        "folds_digest": found.folds_digest,
        "targets": [_target_as_json(one) for one in found.targets],
        "not_compared": dict(found.not_compared),
        "unchanged": list(found.unchanged),
    }


def _target_as_json(found: "Comparison") -> dict[str, Any]:
    first, *others = found.models
    return {
        "target": found.target,
        "reference": _model_as_json(first),
        "others": [
            {**_model_as_json(model), "difference": asdict(difference)}
            for model, difference in zip(others, found.differences, strict=True)
        ],
    }


def _model_as_json(model: "Scored") -> dict[str, Any]:
    return {name: value for name, value in asdict(model).items() if name != "auc_draws"}


def echo_comparison(found: "Comparisons") -> None:
    """Print a table of the models for each target, the first of them the reference."""
    for number, one in enumerate(found.targets):
        if number:
            click.echo()
        _echo_target(one, found.unchanged)
    for target, names in found.not_compared.items():
        click.echo(f"Not compared: {target}, which of these runs {', '.join(names)} alone predict.")


def _echo_target(found: "Comparison", unchanged: Sequence[str]) -> None:
    width = max(len(model.name) for model in found.models) + 2
    click.echo(f"{found.target}: macro AUC, and difference from {found.models[0].name}")
    for model, difference in zip(found.models, (None, *found.differences), strict=True):
        low, high = model.auc_macro_ci
        line = f"{model.name:<{width}}{_number(model.auc_macro)} [{_number(low)}, {_number(high)}]"
        if model.name in unchanged:
            line += "   made no difference: equal to the last bit"
        elif difference is not None:
            line += f"   {difference.mean:+.3f} {_interval(difference)}"
        click.echo(line.rstrip())
    others = zip(found.models[1:], found.differences, strict=True)
    told = [d for m, d in others if m.name not in unchanged and not math.isnan(d.low)]
    if told and not any(d.low > 0 or d.high < 0 for d in told):
        click.echo("No difference is told from zero.")


def _interval(difference: "Difference") -> str:
    if math.isnan(difference.low):
        return "without an interval, as too few folds test two classes"
    low, high, p = difference.low, difference.high, difference.p_value
    return f"[{low:+.3f}, {high:+.3f}]  p = {p:.2g}"


def _number(value: float | None) -> str:
    return "undefined" if value is None or value != value else f"{value:.3f}"
