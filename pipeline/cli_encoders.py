"""Flags of `hilbert encoders`."""

from collections.abc import Sequence
from typing import Any

import click

from hilbert.pipeline import cli_common as common
from hilbert.stages.extract.encoders.catalogue import KNOWN_MODELS, KnownModel
from hilbert.stages.extract.encoders.sources import where_known
from hilbert.store.types import MODALITIES, Modality

_HEAD = ("name", "width", "layers", "size", "languages", "licence", "revision", "here")


@click.command("encoders")
@click.option(
    "--modality", type=click.Choice(MODALITIES), default=None, help="Only audio, or only text."
)
@click.option("--here", is_flag=True, help="Only those that are on this machine.")
@common.json_option
def command(modality: Modality | None, here: bool, as_json: bool) -> None:
    """List the frozen models that have a short name; asks no network, loads none of them.

    Any other Hugging Face id or folder works as well. Sizes are approximate: parameters times
    bytes. A model is here if the Hugging Face cache has its pinned commit, or if the packages
    that hold it are installed.
    """
    chosen = [m for m in KNOWN_MODELS if modality in (None, m.modality)]
    rows = [row for row in map(_row, chosen) if row["here"] or not here]
    if as_json:
        common.print_json({"encoders": rows})
        return
    for name in MODALITIES:
        of_it = [row for row in rows if row["modality"] == name]
        if of_it:
            click.echo(f"{name}:")
            _echo_table([_cells(row) for row in of_it])
    if not rows:
        click.echo("None of them is on this machine.")
    if wanting := [row for row in rows if row["prefix"]]:
        names = " and ".join(row["name"] for row in wanting)
        click.echo(f"{names}: texts get the prefix {wanting[0]['prefix']!r}; --prefix changes it.")


def _row(model: KnownModel) -> dict[str, Any]:
    """What ``--json`` prints of a model."""
    counted = isinstance(model.languages, int)
    return {
        "name": model.names[0],
        "other_names": list(model.names[1:]),
        "modality": model.modality,
        "repository": model.repository,
        "revision": model.revision if model.is_pinned else None,
        "weights_checked": model.tensors is not None,
        "width": model.width,
        "layers": model.n_layers,
        "megabytes": round(model.megabytes),
        "languages": None if counted else list(model.languages),  # type: ignore[arg-type]
        "n_languages": model.languages if counted else len(model.languages),  # type: ignore[arg-type]
        "licence": model.licence,
        "prefix": model.prefix,
        "here": where_known(model),
        "install": model.install or None,
    }


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    many = f"{row['n_languages']} languages"
    return (
        ", ".join((row["name"], *row["other_names"])),
        str(row["width"]),
        str(row["layers"]),
        _size(row["megabytes"]),
        " ".join(row["languages"]) if row["languages"] else many,
        row["licence"],
        row["revision"][:12] if row["revision"] else "not pinned",
        row["here"] or "-",
    )


def _size(megabytes: int) -> str:
    return f"~{megabytes} MB" if megabytes < 1000 else f"~{megabytes / 1000:.1f} GB"


def _echo_table(rows: Sequence[Sequence[str]]) -> None:
    table = [_HEAD, *rows]
    widths = [max(len(row[i]) for row in table) for i in range(len(_HEAD))]
    for row in table:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(("  " + "  ".join(cells)).rstrip())
