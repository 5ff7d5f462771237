"""The page of a run: one HTML file that needs nothing beside it."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from hilbert.stages.report.words import size_of

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 52rem; margin: 2rem auto;
       padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; } td, th { padding: .25rem .8rem .25rem 0; text-align: left; }
thead th { border-bottom: 1px solid #222; } tbody tr { border-bottom: 1px solid #ddd; }
img { max-width: 100%; } .verdict { font-size: 1.1rem; } code { word-break: break-all; }
"""


class Section(NamedTuple):
    """What is told of one target.

    Attributes
    ----------
    target : str
    verdict, classes : str
        Sentences.
    heads : mapping of str to str
        Heads of the columns of the scores, by the names of the scores.
    models : mapping
        Scores by model.
    details : sequence of str
        They stand below the scores.
    differences : sequence of tuples of str
        Models, difference, interval and p-value.
    figures : sequence of Path
        Pictures to show; they are put into the page.
    """

    target: str
    verdict: str
    classes: str
    heads: Mapping[str, str]
    models: Mapping[str, Mapping[str, Any]]
    details: Sequence[str]
    differences: Sequence[tuple[str, ...]]
    figures: Sequence[Path]


def make_page(
    run: Mapping[str, Any],
    findings: Sequence[str],
    sections: Sequence[Section],
    figures: Sequence[Path],
) -> str:
    """HTML of a run.

    Parameters
    ----------
    run : mapping
        Content of its ``run.json``.
    findings : sequence of str
        They stand below the verdict.
    sections : sequence of Section
        One a target.
    figures : sequence of Path
        Pictures of all targets together.
    """
    title = escape(str(run["target"]))
    parts = [
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{title}</title>",
        f"<style>{_STYLE}</style><h1>{title}</h1>",
        *(_verdict(section, named=len(sections) > 1) for section in sections),
        *(f"<p>{escape(sentence)}</p>" for sentence in findings),
        f"<p>{size_of(run)}.</p>",
        *(part for section in sections for part in _section(section, named=len(sections) > 1)),
        *(f"<p>{escape(note)}</p>" for note in _notes(run)),
        "<h2>Training</h2>",
        *(_figure(path) for path in figures),
        "<h2>What it was made of</h2>",
        _table(("", ""), _origin(run)),
        "</html>",
    ]
    return "\n".join(parts) + "\n"


def _verdict(section: Section, *, named: bool) -> str:
    name = f"{section.target}: " if named else ""
    return f"<p class='verdict'>{escape(name + section.verdict)}</p>"


def _section(section: Section, *, named: bool) -> Iterable[str]:
    of = f" of {escape(section.target)}" if named else ""
    heads = ("model", *section.heads.values())
    yield f"<h2>Scores{of}</h2><p>{escape(section.classes)}</p>"
    yield _table(heads, (_scores(n, s, section.heads) for n, s in section.models.items()))
    yield from (f"<p>{escape(note)}</p>" for note in section.details)
    if section.differences:
        yield f"<h2>Differences{of}</h2>"
        yield _table(_DIFFERENCES, section.differences)
    yield f"<h2>Figures{of}</h2>"
    yield from (_figure(path) for path in section.figures)


_DIFFERENCES = ("macro AUC", "difference", "95 % interval", "p")


def _scores(name: str, found: Mapping[str, Any], heads: Mapping[str, str]) -> tuple[str, ...]:
    """A row of the table of scores; the AUC, by which models are compared, with its interval."""
    low, high = found["auc_macro_ci"]
    intervals = {"auc_macro": f" [{_number(low)}, {_number(high)}]"}
    return (name, *(_number(found[score]) + intervals.get(score, "") for score in heads))


def _notes(run: Mapping[str, Any]) -> Iterable[str]:
    yield from run.get("warnings", ())
    if recall := run.get("recall"):
        yield (
            f"Held out, HILBERT finds a document's text from its audio and back in"
            f" {recall['at_1']:.1%} of cases (chance {recall['chance']:.1%})."
        )


def _origin(run: Mapping[str, Any]) -> Iterable[tuple[str, ...]]:
    yield "store", f"{run['store']}, generation {run['generation']}"
    for encoder in run["encoders"]:
        yield f"{encoder['modality']} encoder", f"{encoder['name']}, {encoder['fingerprint']}"
    yield "speakers", str(run.get("speakers_named", "everyone"))
    yield "folds", str(run["folds_digest"])
    yield "key", str(run["key"])


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    cells = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>"


def _figure(path: Path) -> str:
    data = base64.b64encode(path.read_bytes()).decode()
    return f"<p><img alt='{escape(path.stem)}' src='data:image/png;base64,{data}'></p>"


def _number(value: float | None) -> str:
    return "undefined" if value is None or value != value else f"{value:.3f}"
