"""Flags of `hilbert check`."""

import sys
from pathlib import Path
from typing import get_args

import click

from hilbert.pipeline import cli_common as common
from hilbert.stages.extract.segment_config import Method, SegmentConfig
from hilbert.stages.extract.transcripts.formats import TranscriptFormat


@click.command("check")
@click.argument("corpus", type=click.Path(path_type=Path), required=False)
@click.option("--quick", is_flag=True, help="Read headers and transcripts only, no audio.")
@click.option(
    "--threads",
    type=click.IntRange(1),
    default=None,
    help="Recordings that are decoded side by side.  [default: the processors]",
)
@common.option(
    "--segment",
    SegmentConfig,
    "method",
    "How audio will be cut, as for extract.",
    type=click.Choice(get_args(Method)),
)
@common.option(
    "--transcript-format",
    SegmentConfig,
    "transcript_format",
    "How transcript files will be read, as for extract.",
    type=click.Choice(get_args(TranscriptFormat)),
)
@common.json_option
def command(as_json: bool, quick: bool, threads: int | None, **_: object) -> None:
    """Tell what is wrong with CORPUS (default: that of hilbert.toml, else corpus.csv).

    Reads every recording and transcript once; encodes and stores nothing. Exit code 3: some
    documents will fail in an extraction; 0: none will, whatever else was found.
    """
    from hilbert.pipeline import check_output
    from hilbert.pipeline.check import CheckOptions, check_corpus
    from hilbert.pipeline.corpus import read_corpus

    project = common.override(common.open_project())
    options = CheckOptions(
        segments=common.override(project.segments),
        audio=project.extract.audio,
        text=project.extract.text,
        targets=project.targets,
        many=tuple(c.column for c in project.kinds if c.target_kind == "multilabel"),
        quick=quick,
        threads=threads,
    )
    report = check_corpus(read_corpus(project.corpus), options)
    if as_json:
        common.print_json(check_output.as_json(report))
    else:
        check_output.echo(report)
    if report.failing:
        sys.exit(common.FAILED_DOCUMENTS)
