"""Flags of `hilbert report`."""

from pathlib import Path

import click

from hilbert.pipeline import cli_common as common


@click.command("report")
@click.argument("run", type=common.PATH)
@common.dry_run_option
@common.json_option
def command(run: Path, dry_run: bool, as_json: bool) -> None:
    """Draw the figures and the page of RUN, if this version would draw them differently.

    The page is RUN/report.html, one file that needs nothing beside it.
    """
    from hilbert.pipeline.report import PAGE, has_report, write_report
    from hilbert.pipeline.run_directory import read_run

    current = has_report(run, read_run(run)["key"])
    if not current and not dry_run:
        write_report(run)
    if as_json:
        common.print_json({"dry_run": dry_run, "page": str(run / PAGE), "was_current": current})
    elif current:
        click.echo(f"{run / PAGE} is up to date.")
    else:
        click.echo(f"{run / PAGE} {'would be' if dry_run else 'is'} drawn.")
