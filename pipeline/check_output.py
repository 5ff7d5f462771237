"""What a check found, for people and for machines."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import click

from hilbert.pipeline import cli_common as common
from hilbert.pipeline.check import CheckReport, Found
from hilbert.pipeline.check_document import Understood
from hilbert.pipeline.check_estimate import ENCODERS
from hilbert.pipeline.check_labels import ColumnCount
from hilbert.pipeline.cli_store_output import size
from hilbert.stages.extract.checks.problem import SEVERITIES

MOST_SHOWN = 8
"""Problems of a kind that are printed; a corpus may have one for every document."""
MOST_SPEAKERS = 5
"""Names of speakers that are printed."""


def as_json(report: CheckReport) -> dict[str, Any]:
    """The object that ``--json`` prints."""
    return {
        "documents": report.n_documents,
        "recorded_seconds": report.recorded_s,
        "speech_seconds": report.speech_s,
        "sampling_rates": {str(rate): n for rate, n in report.rates.items()},
        "transcripts": dict(Counter(one.format for one in report.understood)),
        "speakers": dict(_speakers(report.understood)),
        "labels": {count.column: _column_as_json(count) for count in report.labels},
        "problems": [
            {"document": document, "severity": p.severity, "kind": p.kind, "what": p.what,
             "mend": p.mend}
            for document, p in report.found
        ],
        "will_fail": list(report.failing),
        "estimate": {"encoders": ENCODERS, "seconds": report.estimate.seconds,
                     "bytes": report.estimate.n_bytes, "processors": report.estimate.n_cores},
        "quick": report.quick,
        "seconds": common.seconds_since_start(),
    }  # fmt: skip


def _column_as_json(count: ColumnCount) -> dict[str, Any]:
    classes = {c.label: {"documents": c.n_documents, "groups": c.n_groups} for c in count.classes}
    return {"values": count.n_values, "unlabelled": count.n_unlabelled, "classes": classes}


def echo(report: CheckReport) -> None:
    """Print the size of the corpus, its labels, the problems and the estimate."""
    said = f"{common.counted(report.n_documents, 'document')}"
    if report.recorded_s:
        said += f", {hours(report.recorded_s)} of recordings"
        rates = ", ".join(f"{rate} Hz" for rate in report.rates)
        said += f" at {rates}, {hours(report.speech_s)} of it to encode"
    click.echo(f"{said}.")
    if report.understood:
        click.echo(understood_line(report.understood))
    _echo_labels(report.labels)
    _echo_problems(report.found)
    _echo_estimate(report)


def understood_line(understood: Sequence[Understood]) -> str:
    """What transcripts were taken for: ``Transcripts: csv 3 (1 without words); speakers: P 3.``"""
    formats = [
        f"{name} {n}{_lacking([one for one in understood if one.format == name])}"
        for name, n in Counter(one.format for one in understood).most_common()
    ]
    names = _speakers(understood)
    told = [f"{_short(name)} {n}" for name, n in names.most_common(MOST_SPEAKERS)]
    if len(names) > MOST_SPEAKERS:
        told.append(f"{len(names) - MOST_SPEAKERS} others")
    return f"Transcripts: {', '.join(formats)}; speakers: {', '.join(told) or 'none named'}."


def _lacking(understood: Sequence[Understood]) -> str:
    n_wordless = sum(not one.n_words for one in understood)
    n_untimed = sum(not one.is_timed for one in understood)
    told = [f"{n} without {what}" for n, what in ((n_wordless, "words"), (n_untimed, "times")) if n]
    return f" ({', '.join(told)})" if told else ""


def _speakers(understood: Sequence[Understood]) -> Counter[str]:
    """Documents by the speakers that their transcripts name."""
    return Counter(name for one in understood for name in sorted(one.speakers))


def _echo_labels(labels: Sequence[ColumnCount]) -> None:
    shown = [count for count in labels if count.classes]
    if not shown:
        return
    click.echo(f"\n{'label':<32}{'documents':>10}{'groups':>10}")
    for count in shown:
        unlabelled = f" ({count.n_unlabelled} without)" if count.n_unlabelled else ""
        click.echo(f"{count.column}{unlabelled}")
        for label in count.classes:
            click.echo(f"  {_short(label.label):<30}{label.n_documents:>10}{label.n_groups:>10}")


def _echo_problems(found: Sequence[Found]) -> None:
    counts = Counter(problem.severity for _, problem in found)
    if not found:
        click.echo("\nNo problems were found.")
        return
    told = ", ".join(common.counted(counts[s], s) for s in SEVERITIES if counts[s])
    click.echo(f"\n{told}:")
    width = max(len(document or "corpus") for document, _ in found)
    for document, problem in _first_of_each_kind(found):
        name = f"{document or 'corpus':<{width}}"
        click.echo(f"  {problem.severity:<8} {name}  {problem.what}; {problem.mend}")
    kinds = Counter((p.severity, p.kind) for _, p in found)
    for (severity, kind), n in kinds.items():
        if n > MOST_SHOWN:
            click.echo(f"  {severity:<8} {n - MOST_SHOWN} more of the kind {kind!r}"
                       " (--json lists all)")  # fmt: skip


def _first_of_each_kind(found: Sequence[Found]) -> Iterator[Found]:
    seen: Counter[tuple[str, str]] = Counter()
    for one in found:
        kind = one.problem.severity, one.problem.kind
        seen[kind] += 1
        if seen[kind] <= MOST_SHOWN:
            yield one


def _echo_estimate(report: CheckReport) -> None:
    if report.failing:
        n = common.counted(len(report.failing), "document")
        click.echo(f"\n{n} will fail; extract does the others and names these.")
    guess = report.estimate
    cores = common.counted(guess.n_cores, "processor")
    click.echo(f"\nEstimate: extraction with {ENCODERS} takes about {_about(guess.seconds)} on the"
               f" {cores} of this machine, without a GPU, and {size(guess.n_bytes)} of disk."
               " Larger encoders take longer.")  # fmt: skip
    if report.quick:
        click.echo("Only headers and transcripts were read; without --quick, the audio is, too.")


def hours(seconds: float) -> str:
    """A duration in hours, or in minutes where that says more."""
    return f"{seconds / 3600:.2f} h" if seconds >= 3600 else f"{seconds / 60:.1f} min"


def _about(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _short(label: str) -> str:
    return label if len(label) <= 30 else f"{label[:29]}…"
