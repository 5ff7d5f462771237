"""Which columns of a store are predicted, and what they hold."""

from collections.abc import Sequence
from dataclasses import replace

from hilbert.stages.fit.config import TargetConfig
from hilbert.store.errors import FitError
from hilbert.store.manifest import SPLIT_COLUMN, Manifest


def choose_targets(
    manifest: Manifest,
    target: str | None,
    further: Sequence[str] = (),
    kinds: Sequence[TargetConfig] = (),
) -> tuple[TargetConfig, ...]:
    """The columns to predict, each with what it holds: classes, unless `kinds` says otherwise.

    Raises
    ------
    FitError
        As for `choose_target`; or if a column is named twice.
    """
    names = [choose_target(manifest, target), *(choose_target(manifest, n) for n in further)]
    if twice := [name for name in names if names.count(name) > 1]:
        raise FitError(f"the target {twice[0]} is named twice; drop one --target {twice[0]}")
    # a kind that names no column is of the only one that could be meant
    by_name = {config.column or names[0]: config for config in reversed(kinds)}
    return tuple(replace(by_name.get(name, TargetConfig()), column=name) for name in names)


def choose_target(manifest: Manifest, target: str | None) -> str:
    """The column to predict: the one named, or the only one that could be meant.

    Raises
    ------
    FitError
        If there is no such column, or none is named and several could be meant.
    """
    present = dict.fromkeys(name for row in manifest.rows for name in row.columns)
    columns = [name for name in present if name != SPLIT_COLUMN]
    if target is not None:
        if target not in columns:
            known = ", ".join(columns) or "none"
            raise FitError(f"the corpus has no column {target!r}; its label columns: {known}")
        return target
    varied = [name for name in columns if _n_values(manifest, name) > 1]
    if len(varied) == 1:
        return varied[0]
    if not varied:
        constant = f" with more than one value (it has: {', '.join(columns)})" if columns else ""
        raise FitError(
            f"the corpus has no label column{constant}; add one to it and run `hilbert extract`"
            " again (nothing is encoded twice)"
        )
    raise FitError(
        f"several columns could be the target: {', '.join(varied)};"
        f" choose one, for example --target {varied[0]}"
    )


def _n_values(manifest: Manifest, column: str) -> int:
    """How many different labels a column holds, empty cells apart."""
    return len({row.columns.get(column) for row in manifest.rows} - {None})
