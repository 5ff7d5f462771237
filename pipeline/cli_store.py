"""Flags of `hilbert store`, the care of a store: a group of six commands."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hilbert.pipeline import cli_common as common
from hilbert.pipeline import cli_store_output as say
from hilbert.pipeline.progress import show_progress
from hilbert.store.errors import shown

if TYPE_CHECKING:  # numpy and h5py are imported when a command runs
    from hilbert.store.info import StoreInfo

_SMALL_LIVE_SHARE = 0.8

store_argument = click.argument("store", type=common.PATH, default="feats.zarr")
_DRY = "Next: the same without --dry-run."


def _check_finite(_: click.Context, __: click.Parameter, value: float) -> float:
    if not math.isfinite(value):
        raise click.BadParameter(f"{value} is not a number of hours.")
    return value


older_than_option = click.option(
    "--older-than-h",
    type=click.FloatRange(0),
    callback=_check_finite,
    default=24.0,
    show_default=True,
    help="Hours for which anything new stays: an extraction at work has not published it yet.",
)


@click.group("store")
def command() -> None:
    """Care of a feature store: what it holds, whether it is sound, and keeping it small.

    STORE is the store's folder, by default feats.zarr.
    """


@command.command("info", short_help="Documents, encoders, bytes, generations.")
@store_argument
@common.json_option
def info_command(store: Path, as_json: bool) -> None:
    """Documents, encoders, bytes, live share and generations of STORE."""
    from dataclasses import asdict

    from hilbert.store.feature_store import open_store
    from hilbert.store.info import info

    opened = open_store(store)
    found = info(opened)
    if as_json:
        return common.print_json({"store": opened.name, **asdict(found)})
    say.print_info(opened.name, found)
    click.echo(f"Next: {_next_care(found)} {store}")
    return None


def _next_care(found: "StoreInfo") -> str:
    """The command that the numbers of a store call for."""
    if found.damaged:
        return "hilbert store repair"
    if found.live_share < _SMALL_LIVE_SHARE:
        return "hilbert store gc"
    return "hilbert extract --store" if found.failed else "hilbert store verify"


@command.command("verify", short_help="Is it sound? --deep compares every checksum.")
@store_argument
@click.option("--deep", is_flag=True, help="Read every document and compare its checksum.")
@common.json_option
def verify_command(store: Path, deep: bool, as_json: bool) -> None:
    """Check records, sizes and references of STORE; exit code 1 if something is damaged."""
    from hilbert.store.errors import StoreError
    from hilbert.store.feature_store import open_store
    from hilbert.store.verify import verify

    opened = open_store(store)
    with show_progress("verify", unit="packs") as progress:
        findings = verify(opened, deep=deep, step=progress.reach)
    if as_json:
        common.print_json(
            {
                "store": opened.name,
                "sound": not findings,
                "deep": deep,
                **say.listed(findings),
            }
        )
    elif findings:
        say.print_findings(findings)
    else:
        click.echo(say.sound(opened, store, deep))
    if findings:
        raise StoreError(
            say.loss_of_old(opened, findings, store)
            or f"{opened.name} is damaged ({common.counted(len(findings), 'problem')});"
            f" run `hilbert store repair {shown(store)}`,"
            f" then `hilbert extract --store {shown(store)}`"
        )


@command.command("repair", short_help="Drop what is damaged; `hilbert extract` remakes it.")
@store_argument
@common.dry_run_option
@common.json_option
def repair_command(store: Path, dry_run: bool, as_json: bool) -> None:
    """Drop what is damaged in STORE, so that it is missing and `hilbert extract` makes it again.

    Reads every document, as `verify --deep` does.
    """
    from hilbert.store.feature_store import open_store
    from hilbert.store.repair import repair
    from hilbert.store.verify import verify

    opened = open_store(store)
    with show_progress("verify", unit="packs") as progress:
        if dry_run:
            findings = verify(opened, deep=True, step=progress.reach)
        else:
            findings = repair(opened, step=progress.reach)
    if as_json:
        return common.print_json({"store": opened.name, "dry_run": dry_run, **say.listed(findings)})
    if not findings:
        return click.echo(say.sound(opened, store, deep=True))
    say.print_findings(findings)
    if loss := say.loss_of_old(opened, findings, store):
        return click.echo(f"There is nothing to drop: {loss}.")
    if dry_run:
        click.echo("That would be dropped; nothing was written.")
        return click.echo(f"Next: hilbert store repair {store}")
    click.echo("That was dropped; everything else is kept.")
    return click.echo(f"Next: hilbert extract --store {store}")


@command.command("gc", short_help="Delete what nothing refers to any more.")
@store_argument
@older_than_option
@click.option(
    "--unpin",
    "unpinned",
    type=int,
    multiple=True,
    metavar="GENERATION",
    help="Let a generation go although runs were made from it; may be repeated.",
)
@common.dry_run_option
@common.json_option
def gc_command(
    store: Path, older_than_h: float, unpinned: tuple[int, ...], dry_run: bool, as_json: bool
) -> None:
    """Delete what no document of STORE refers to any more, and leftovers of stopped writes.

    The latest generation and those that runs were made from stay, with all their features.
    """
    from hilbert.store.collect import collect, find_garbage
    from hilbert.store.feature_store import open_store

    opened = open_store(store)
    work = find_garbage if dry_run else collect
    found = work(opened, older_than_s=3600 * older_than_h, unpinned=unpinned)
    if as_json:
        return common.print_json(
            {
                "store": opened.name,
                "dry_run": dry_run,
                "generations": found.generations,
                "packs": [commit.pack for commit in found.commits],
                "leftovers": len(found.orphans),
                "bytes": found.n_bytes,
            }
        )
    say.print_garbage(found, unpinned, dry_run)
    if found.n_bytes or found.generations:
        if older_than_h:
            click.echo(f"What is younger than {older_than_h:g} h stays (--older-than-h).")
        click.echo(_DRY if dry_run else f"Next: hilbert store compact {store}")


@command.command("compact", short_help="Merge small packs, drop dead rows.")
@store_argument
@older_than_option
@click.option(
    "--thorough",
    is_flag=True,
    help="Rewrite every pack that holds something nothing refers to: after `gc`, what was deleted"
    " is then gone for good.",
)
@common.dry_run_option
@common.json_option
def compact_command(
    store: Path, older_than_h: float, thorough: bool, dry_run: bool, as_json: bool
) -> None:
    """Merge small packs of STORE, and rewrite those of which little is still referred to."""
    from hilbert.store.compact import compact, find_compaction
    from hilbert.store.feature_store import open_store

    opened = open_store(store)
    age_s = 3600 * older_than_h
    if dry_run:
        found = find_compaction(opened, older_than_s=age_s, thorough=thorough)
    else:
        with show_progress("compact", unit="packs") as progress:
            found = compact(opened, older_than_s=age_s, thorough=thorough, step=progress.reach)
    if as_json:
        return common.print_json(
            {
                "store": opened.name,
                "dry_run": dry_run,
                "packs": len(found.packs),
                "bytes": found.n_bytes,
                "live_bytes": found.live_bytes,
            }
        )
    if not found.packs:
        return click.echo(f"{opened.name} is compact: no packs to merge.")
    did = "would be merged" if dry_run else "were merged"
    click.echo(f"{common.counted(len(found.packs), 'pack')} of {say.size(found.n_bytes)} {did};"
               f" {say.size(found.live_bytes)} of features in them stay.")  # fmt: skip
    return click.echo(_DRY if dry_run else f"Next: hilbert store info {store}")


@command.command("export", short_help="One HDF5 or safetensors file; --pseudonymise.")
@store_argument
@click.option(
    "--out",
    type=common.PATH,
    default="features.h5",
    show_default=True,
    help="File to write: .h5 or .hdf5, or .safetensors, which is built in memory.",
)
@click.option("--generation", type=int, help="Generation to export.  [default: the latest]")
@click.option(
    "--pseudonymise",
    is_flag=True,
    help="Random names for documents, groups and speakers, random order, and no label columns"
    " but those that --column names.",
)
@click.option("--no-text", is_flag=True, help="Leave out text features and numbers of words.")
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="NAME",
    help="Export this label column; may be repeated.  [default: all, or none if pseudonymised]",
)
@click.option(
    "--key-file",
    type=common.PATH,
    help="CSV to write with --pseudonymise: who is who. Keep it apart from the export.",
)
@click.option("--overwrite", is_flag=True, help="Replace files that are there already.")
@common.dry_run_option
@common.json_option
def export_command(
    store: Path, out: Path, key_file: Path | None, overwrite: bool, dry_run: bool, as_json: bool,
    **flags: Any,
) -> None:  # fmt: skip
    """Write the features of STORE into one flat file, for other tools or for sharing.

    What a shared file still reveals is in docs/privacy.md.
    """
    from hilbert.store.export import ExportOptions, plan_export
    from hilbert.store.export_files import check_places, write_export
    from hilbert.store.feature_store import open_store

    if key_file is not None and not flags["pseudonymise"]:
        raise click.UsageError("--key-file needs --pseudonymise: without it all names are kept")
    options = ExportOptions(text=not flags.pop("no_text"), **flags)
    plan = plan_export(open_store(store), options)
    if dry_run:
        check_places(out, key_file, overwrite=overwrite)
    else:
        with show_progress("export", unit="documents") as progress:
            write_export(plan, out, key_file=key_file, overwrite=overwrite, step=progress.reach)
    if as_json:
        return common.print_json(say.export_as_json(plan, out, dry_run))
    return say.print_export(plan, out, key_file, dry_run)
