"""Flags of `hilbert predict`."""

import sys
from pathlib import Path

import click

from hilbert.pipeline import cli_common as common


@click.command("predict")
@click.argument("run", type=common.PATH)
@click.argument("corpus", type=common.PATH, default="corpus.csv")
@click.option(
    "--out",
    type=common.PATH,
    required=True,
    help="CSV to write: id, then one column a class.",
)
@click.option(
    "--encoder",
    "locations",
    multiple=True,
    metavar="FOLDER",
    help="Folder of an encoder that the run names but that is not found here.",
)
@common.extract_workers_option
@common.dask_option
@common.transcribe_option
@common.device_option
@common.dry_run_option
@common.json_option
def command(
    run: Path,
    corpus: Path,
    out: Path,
    locations: tuple[str, ...],
    workers: int,
    dask: str,
    model: str | None,
    device: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Score the documents of CORPUS (default corpus.csv) with the model of RUN.

    Features are extracted with the run's own encoders into OUT.feats.zarr; a second call
    extracts only what is new. Recordings without a transcript are transcribed as the run's
    were. Exit code 3: some documents failed and have no row.
    """
    from hilbert.pipeline import extract_output
    from hilbert.pipeline.corpus import read_corpus
    from hilbert.pipeline.predict import predict

    found = predict(
        run,
        read_corpus(corpus),
        out,
        device=device,
        locations=locations,
        recogniser=model,
        dry_run=dry_run,
        workers=workers,
        dask=dask,
    )
    extract_output.echo_warnings(found.warnings)
    failed = found.report.failed
    if as_json:
        common.print_json(
            {
                "dry_run": dry_run,
                "out": str(out),
                "documents": len(found.ids),
                "classes": list(found.classes),
                "speakers": found.speakers.as_json(),
                "encoded": dict(found.report.encoded),
                "failed": [{"id": name, "reason": reason} for name, reason in failed],
                "warnings": list(found.warnings),
                "seconds": common.seconds_since_start(),
            }
        )
    elif dry_run:
        extract_output.echo(found.report, out)
    else:
        where = f"class probabilities are in {out}" if found.ids else f"{out} is as it was"
        click.echo(f"{common.counted(len(found.ids), 'document')} scored; {where}.")
        if not found.speakers.is_everyone:
            click.echo(f"Speakers scored, as in the run: {found.speakers}.")
        for name, reason in failed:
            click.echo(f"  not scored: {name}: {reason}")
    if failed:
        sys.exit(common.FAILED_DOCUMENTS)
