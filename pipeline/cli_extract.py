"""Flags of `hilbert extract`."""

import sys
from pathlib import Path
from typing import Any

import click

from hilbert.pipeline import cli_common as common
from hilbert.pipeline.choose_encoders import choose_encoders, store_precision
from hilbert.pipeline.cli_common import option
from hilbert.pipeline.corpus import read_corpus
from hilbert.pipeline.extract import ExtractReport, extract
from hilbert.pipeline.session import ExtractOptions
from hilbert.stages.extract.encoders.base import EncoderOptions
from hilbert.stages.extract.segment import SegmentConfig


@click.command("extract")
@click.argument("corpus", type=click.Path(path_type=Path), default="corpus.csv")
@click.option(
    "--store",
    type=click.Path(path_type=Path),
    default="feats.zarr",
    show_default=True,
    help="The feature store to bring up to date.",
)
@click.option(
    "--encoder",
    "encoders",
    multiple=True,
    metavar="NAME",
    help="whisper, minilm, a Hugging Face id, or a folder; may be repeated. A modality that"
    " no --encoder names uses its default: whisper for audio, minilm for text.",
)
@click.option("--no-audio", is_flag=True, help="Leave recordings out.")
@click.option("--no-text", is_flag=True, help="Leave transcripts out.")
@common.device_option
@option("--layer", EncoderOptions, "layer", "Hidden layer of the encoders named; -1 is the last.")
@option(
    "--pooling",
    EncoderOptions,
    "pooling",
    "Over the frames or tokens of a segment.",
    type=click.Choice(["mean", "mean+std"]),
)
@option(
    "--context",
    EncoderOptions,
    "context",
    "Segments of one speaker share the audio encoder's window, or each has its own.",
    type=click.Choice(["packed", "isolated"]),
)
@option("--window-s", SegmentConfig, "window_s", "Window of audio where no times are known.")
@option("--max-s", SegmentConfig, "max_s", "Longer turns are split.")
@option("--min-s", SegmentConfig, "min_s", "Shorter turns are merged with their speaker's next.")
@option("--max-gap-s", SegmentConfig, "max_gap_s", "But not over a pause longer than this.")
@option("--max-words", SegmentConfig, "max_words", "Longer texts are split between sentences.")
@option(
    "--commit-every-s", ExtractOptions, "commit_every_s", "Seconds of work a kill costs at most."
)
@click.option("--rehash", is_flag=True, help="Read every file again to see whether it changed.")
@click.option("--prune", is_flag=True, help="Drop documents that the corpus no longer has.")
@common.json_option
def command(corpus: Path, store: Path, as_json: bool, **flags: Any) -> None:
    """Encode CORPUS (default corpus.csv) into a feature store.

    Only documents whose audio, transcript, segmenting or encoder changed are run again, and
    a run that was stopped goes on where it was. Exit code 3: some documents failed; they are
    listed, and the next call tries just those.
    """
    options = ExtractOptions(
        audio=not flags.pop("no_audio"),
        text=not flags.pop("no_text"),
        encoding=common.pick(EncoderOptions, flags),
        segments=common.pick(SegmentConfig, flags),
        **{name: flags[name] for name in _PLAIN},
    )
    table = read_corpus(corpus)
    encoders = choose_encoders(table, options, store_precision(store))
    report = extract(table, store, encoders, options)
    if as_json:
        common.print_json(_as_json(report))
    else:
        _print(report, store, table.columns)
    if report.failed:
        sys.exit(common.FAILED_DOCUMENTS)


_PLAIN = ("encoders", "device", "rehash", "prune", "commit_every_s")


def _as_json(report: ExtractReport) -> dict[str, Any]:
    return {
        "documents": report.documents,
        "encoded": dict(report.encoded),
        "skipped": report.skipped,
        "failed": [{"id": name, "reason": reason} for name, reason in report.failed],
        "seconds": common.seconds_since_start(),
        "audio_seconds": report.audio_seconds,
        "generation": report.generation,
        "kept": report.kept,
        "damaged": report.damaged,
    }


def _print(report: ExtractReport, store: Path, columns: tuple[str, ...]) -> None:
    seconds = common.seconds_since_start()
    counts = ", ".join(f"{n} with {name}" for name, n in report.encoded.items())
    click.echo(f"{report.documents} documents: encoded {counts}; {report.skipped} were up to date.")
    if report.audio_seconds:
        speed = report.audio_seconds / seconds
        click.echo(
            f"{report.audio_seconds / 3600:.2f} h of speech in {seconds:.0f} s:"
            f" {speed:.0f} times real time."
        )
    if report.kept:
        click.echo(
            f"{report.kept} documents of {store.name} are not in this corpus; they are kept"
            " (--prune drops them)."
        )
    if report.damaged:
        click.echo(f"{report.damaged} packs of {store.name} were damaged or gone; what they held"
                   " is encoded again when a corpus asks for it.")  # fmt: skip
    if report.failed:
        click.echo(f"{len(report.failed)} documents failed and will be tried again next time:")
        for name, reason in report.failed:
            click.echo(f"  {name}: {reason}")
    click.echo(f"Features are in {store}, generation {report.generation}.")
    target = f" --target {columns[0]}" if len(columns) > 1 else ""
    click.echo(f"Next: hilbert fit --store {store}{target}")
