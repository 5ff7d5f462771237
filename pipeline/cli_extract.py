"""Flags of `hilbert extract`."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, get_args

import click

from hilbert.pipeline import cli_common as common
from hilbert.pipeline import extract_output
from hilbert.pipeline.choose_encoders import choose_encoders, modalities_of, store_precision
from hilbert.pipeline.cli_common import option
from hilbert.pipeline.corpus import column_warnings, read_corpus
from hilbert.pipeline.extract import extract
from hilbert.pipeline.extract_report import ExtractReport, nothing_to_do
from hilbert.pipeline.idle_options import idle_options
from hilbert.pipeline.languages import language_warnings, recogniser_warnings
from hilbert.pipeline.last_look import has_encoders, recall
from hilbert.pipeline.project import Project
from hilbert.pipeline.session import ExtractOptions
from hilbert.pipeline.transcribe_alike import as_stored
from hilbert.stages.extract.encoders.base import EncoderChoice, Pooling
from hilbert.stages.extract.encoders.weights import ResolvedEncoder
from hilbert.stages.extract.segment_config import SegmentConfig
from hilbert.stages.extract.transcribe_config import TranscribeConfig
from hilbert.stages.extract.transcripts.formats import TranscriptFormat
from hilbert.store.errors import HilbertError
from hilbert.store.feature_store import encoders_at


@click.command("extract")
@click.argument("corpus", type=common.PATH, required=False)
@option(
    "--store",
    Project,
    "store",
    "The feature store to bring up to date.",
    type=common.PATH,
)
@click.option(
    "--encoder",
    "names",
    multiple=True,
    metavar="NAME",
    help="whisper, minilm, a Hugging Face id, or a folder; may be repeated. A modality that no"
    " --encoder names uses those the store has, else whisper for audio, minilm for text.",
)
@option("--audio/--no-audio", ExtractOptions, "audio", "Encode recordings, or leave them out.")
@option("--text/--no-text", ExtractOptions, "text", "Encode transcripts, or leave them out.")
@common.device_option
@option(
    "--layer",
    EncoderChoice,
    "layer",
    "Hidden layer of the encoders named: -1 (the last), 4..8 (averaged), or 4,8,12 (all stored).",
    type=common.layers,
)
@option(
    "--pooling",
    EncoderChoice,
    "pooling",
    "Over the frames or tokens of a segment; frames keeps each of them, own is that of a"
    " sentence-transformers folder.",
    type=click.Choice(get_args(Pooling)),
)
@option(
    "--context",
    EncoderChoice,
    "context",
    "Segments of one speaker share the audio encoder's window, or each has its own.",
    type=click.Choice(["packed", "isolated"]),
)
@option(
    "--prefix",
    EncoderChoice,
    "prefix",
    "Instruction before every text of the text encoders named; by default the one that a model"
    " is known to want ('query: ' for E5), '' for none.",
    metavar="TEXT",
)
@common.transcribe_option
@common.no_transcribe_option
@option(
    "--transcribe-when",
    TranscribeConfig,
    "when",
    "Transcribe recordings without transcript or text, or all.",
    type=click.Choice(["missing", "all"]),
)
@option("--language", TranscribeConfig, "language", "Spoken where no column says it, such as en.")
@option("--beam-size", TranscribeConfig, "beam_size", "Readings followed when transcribing.")
@option("--vad/--no-vad", TranscribeConfig, "vad", "Transcribe only where somebody speaks.")
@option(
    "--compute",
    TranscribeConfig,
    "compute",
    "Arithmetic of the recogniser.",
    type=click.Choice(["float32", "int8", "float16", "int8_float16"]),
)
@option(
    "--transcripts-dir",
    TranscribeConfig,
    "transcripts_dir",
    "Folder of transcripts that are made.  [default: feats.transcripts beside the store]",
    type=common.PATH,
)
@option(
    "--segment",
    SegmentConfig,
    "method",
    "Cut audio by turns, into windows, or where somebody speaks (vad); auto: turns, else vad.",
    type=click.Choice(["auto", "turns", "windows", "vad"]),
)
@option("--vad-threshold", SegmentConfig, "vad_threshold", "vad, auto: probability of speech.")
@option("--min-speech-s", SegmentConfig, "min_speech_s", "vad, auto: shorter is no speech.")
@option("--min-silence-s", SegmentConfig, "min_silence_s", "vad, auto: shorter ends no region.")
@option("--speech-pad-s", SegmentConfig, "speech_pad_s", "vad, auto: added to a region's ends.")
@option("--window-s", SegmentConfig, "window_s", "Window of audio where nobody speaks.")
@option("--max-s", SegmentConfig, "max_s", "Longer turns are split.")
@option("--min-s", SegmentConfig, "min_s", "Shorter turns are merged with their speaker's next.")
@option("--max-gap-s", SegmentConfig, "max_gap_s", "But not over a pause longer than this.")
@option("--max-words", SegmentConfig, "max_words", "Longer texts are split between sentences.")
@option(
    "--transcript-format",
    SegmentConfig,
    "transcript_format",
    "How all transcript files are read, where what they hold does not show it.",
    type=click.Choice(get_args(TranscriptFormat)),
)
@option(
    "--commit-every-s", ExtractOptions, "commit_every_s", "Seconds of work a kill costs at most."
)
@common.extract_workers_option
@common.dask_option
@common.compile_option
@common.precision_option
@click.option("--rehash", is_flag=True, help="Read every file again to see whether it changed.")
@common.prune_option
@common.dry_run_option
@common.json_option
def command(names: tuple[str, ...], as_json: bool, **_: object) -> None:
    """Encode CORPUS (default: that of hilbert.toml, else corpus.csv) into a feature store.

    Only documents whose audio, transcript, segmenting or encoder changed are run again, and
    a run that was stopped goes on where it was. Exit code 3: some documents failed; they are
    listed, and the next call tries just those.
    """
    project = common.override(common.open_project())
    options = replace(
        common.override(project.extract_options()),
        encoders=_encoders(project.encoders, names),
        segments=common.override(project.segments),
        transcribe=common.override(project.transcribe),
    )
    done = encode_corpus(project, options, drop_unwanted=not names)
    if as_json:
        common.print_json(extract_output.as_json(done.report, done.warnings))
    else:
        extract_output.echo(done.report, project.store)
        if not options.dry_run:
            click.echo(f"Next: {_next(project, done.columns)}")
    if done.report.failed:
        sys.exit(common.FAILED_DOCUMENTS)


class Encoded(NamedTuple):
    """Label columns of a corpus, the encoders that were run on it, and what they did."""

    columns: Sequence[str]
    encoders: tuple[ResolvedEncoder, ...]
    report: ExtractReport
    warnings: tuple[str, ...] = ()


def encode_corpus(project: Project, options: ExtractOptions, *, drop_unwanted: bool) -> Encoded:
    """Bring the project's store up to date with its corpus.

    Parameters
    ----------
    drop_unwanted : bool
        Leave out, rather than refuse, encoders of a modality that is not to be encoded.
    """
    precision = store_precision(project.store, options.precision, options.device)
    if look := recall(project.corpus, project.store, options):
        encoders = choose_encoders(
            look.modalities, options, precision, known=look.known, drop_unwanted=drop_unwanted
        )
        if has_encoders(look, [encoder.info for encoder in encoders]):
            idle = idle_options(options.segments, TranscribeConfig())  # one was, if any options are
            warnings = (*column_warnings(look.columns), *look.warnings, *idle)
            extract_output.echo_warnings(warnings)
            report = nothing_to_do(look, dry_run=options.dry_run)
            return Encoded(look.columns, encoders, report, warnings)
    corpus = read_corpus(project.corpus)
    options = as_stored(options, corpus, project.store)
    known = encoders_at(project.store)
    encoders = choose_encoders(
        modalities_of(corpus, options), options, precision, known=known, drop_unwanted=drop_unwanted
    )
    infos = [encoder.info for encoder in encoders]
    warnings = (
        *column_warnings(corpus.columns),
        *language_warnings(corpus, infos, options.transcribe),
        *recogniser_warnings(corpus, options.transcribe),
        *idle_options(options.segments, options.transcribe),
    )
    extract_output.echo_warnings(warnings)
    report = extract(corpus, project.store, encoders, options)
    heard = language_warnings(corpus, infos, options.transcribe, report.languages)
    extract_output.echo_warnings(heard)
    return Encoded(corpus.columns, encoders, report, (*warnings, *heard))


def _encoders(
    declared: tuple[EncoderChoice, ...], names: tuple[str, ...]
) -> tuple[EncoderChoice, ...]:
    """Encoders named by flags, else by the file; with the flags that say how to run them.

    One that both name is run as the file says, so that leaving out another changes nothing.
    """
    known = {choice.name: choice for choice in declared}
    chosen = tuple(known.get(name, EncoderChoice(name)) for name in names) or declared
    if not chosen and any(map(common.is_given, ("layer", "pooling", "context", "prefix"))):
        raise HilbertError(
            "--layer, --pooling, --context and --prefix apply to the encoders named; add --encoder"
            " whisper"
        )
    return tuple(common.override(choice) for choice in chosen)


def _next(project: Project, columns: Sequence[str]) -> str:
    """The command that fits what was encoded."""
    if project.targets and not common.is_given("store"):
        return common.in_project("run")
    target = f" --target {columns[0]}" if len(columns) > 1 else ""
    return f"hilbert fit --store {project.store}{target}"
