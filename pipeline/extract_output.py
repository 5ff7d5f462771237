"""What an extraction did, for people and for machines."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from hilbert.pipeline import cli_common as common
from hilbert.pipeline.extract_report import ExtractReport


def echo_warnings(warnings: Sequence[str]) -> None:
    """Warnings go to standard error, so that they disturb no program that reads the output."""
    for warning in warnings:
        click.echo(f"Warning: {warning}.", err=True)


def as_json(report: ExtractReport, warnings: Sequence[str] = ()) -> dict[str, Any]:
    """The object that ``--json`` prints."""
    return {
        "dry_run": report.dry_run,
        "documents": report.documents,
        "transcribed": report.transcribed,
        "wordless": report.wordless,
        "segmented": report.segmented,
        "encoded": dict(report.encoded),
        "skipped": report.skipped,
        "failed": [{"id": name, "reason": reason} for name, reason in report.failed],
        "seconds": common.seconds_since_start(),
        "audio_seconds": report.audio_seconds,
        "generation": report.generation,
        "kept": report.kept,
        "dropped": report.dropped,
        "superseded": report.superseded,
        "outdated": dict(report.outdated),
        "damaged": report.damaged,
        "warnings": list(warnings),
    }


def echo(report: ExtractReport, store: Path) -> None:
    """Print what was done, or in a dry run would be, and the documents that failed."""
    counts = ", ".join(f"{n} with {name}" for name, n in report.encoded.items())
    documents = common.counted(report.documents, "document")
    if report.transcribed:
        made = "would be made" if report.dry_run else "made"
        click.echo(f"{common.counted(report.transcribed, 'transcript')} {made}.")
    if report.wordless:
        click.echo(f"{common.counted(report.wordless, 'recording')} in which no words were found;"
                   " their documents have no text.")  # fmt: skip
    if report.dry_run:
        click.echo(f"{documents}: {report.segmented} would be cut, and encoded"
                   f" {counts}; {report.skipped} up to date.")  # fmt: skip
        if report.audio_seconds:
            click.echo(f"That is {report.audio_seconds / 3600:.2f} h of speech to encode.")
    else:
        click.echo(f"{documents}: encoded {counts}; {report.skipped} up to date before.")
        _echo_speed(report)
    if report.kept:
        click.echo(f"{common.counted(report.kept, 'document')} of {store.name} not in this corpus:"
                   " kept (--prune drops what the corpus no longer has).")  # fmt: skip
    if report.dropped:
        drop = "would be dropped" if report.dry_run else "dropped"
        click.echo(f"{common.counted(report.dropped, 'document')} of {store.name} not in this"
                   f" corpus: {drop}.")  # fmt: skip
    if report.superseded:
        lose = "would lose" if report.dry_run else "lost"
        click.echo(f"{common.counted(report.superseded, 'document')} not in this corpus {lose}"
                   " features: their encoder's name is now another encoder's or other options';"
                   " extract them too, or use another --store.")  # fmt: skip
    for name, n in report.outdated.items():
        lose = "would have" if report.dry_run else "has" if n == 1 else "have"
        click.echo(f"{common.counted(n, 'document')} {lose} no features of {name} any more, as"
                   f" other segments are cut now: --encoder {name} encodes these.")  # fmt: skip
    if report.damaged:
        was = "was" if report.damaged == 1 else "were"
        click.echo(f"{common.counted(report.damaged, 'pack')} of {store.name} {was} damaged or"
                   " gone; what was there is encoded again when a corpus asks for it.")  # fmt: skip
    if report.failed:
        again = "would fail" if report.dry_run else "failed and will be tried again next time"
        click.echo(f"{common.counted(len(report.failed), 'document')} {again}:")
        for name, reason in report.failed:
            click.echo(f"  {name}: {reason}")
    if not report.dry_run:
        click.echo(f"Features are in {store}, generation {report.generation}.")


def _echo_speed(report: ExtractReport) -> None:
    if report.audio_seconds:
        seconds = common.seconds_since_start()
        speed = report.audio_seconds / seconds
        click.echo(f"{report.audio_seconds / 3600:.2f} h of speech in {seconds:.0f} s:"
                   f" {speed:.0f} times real time.")  # fmt: skip
