"""The page of a run: one HTML file that needs nothing beside it."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 52rem; margin: 2rem auto;
       padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; } td, th { padding: .25rem .8rem .25rem 0; text-align: left; }
thead th { border-bottom: 1px solid #222; } tbody tr { border-bottom: 1px solid #ddd; }
img { max-width: 100%; } .verdict { font-size: 1.1rem; } code { word-break: break-all; }
"""


class Words(NamedTuple):
    """Sentences and a table that are drawn from ``run.json``.

    Attributes
    ----------
    findings : sequence of str
        They stand below the verdict.
    details : sequence of str
        They stand below the scores.
    differences : sequence of tuples of str
        Models, difference, interval and p-value.
    """

    findings: Sequence[str]
    details: Sequence[str]
    differences: Sequence[tuple[str, ...]]


def make_page(run: Mapping[str, Any], figures: Sequence[Path], words: Words) -> str:
    """HTML of a run.

    Parameters
    ----------
    run : mapping
        Content of its ``run.json``.
    figures : sequence of Path
        Pictures to show; they are put into the page.
    words : Words
    """
    target = escape(str(run["target"]))
    parts = [
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{target}</title>",
        f"<style>{_STYLE}</style><h1>{target}</h1>",
        f"<p class='verdict'>{escape(str(run['verdict']['sentence']))}</p>",
        *(f"<p>{escape(sentence)}</p>" for sentence in words.findings),
        f"<p>{run['documents']} documents, {run['groups']} groups, {run['folds']} folds."
        f" {escape(_classes(run))}</p>",
        "<h2>Scores</h2>",
        _table(_SCORES, (_scores(name, found) for name, found in run["models"].items())),
        *(f"<p>{escape(note)}</p>" for note in (*words.details, *_notes(run))),
        *(
            ("<h2>Differences</h2>", _table(_DIFFERENCES, words.differences))
            if words.differences
            else ()
        ),
        "<h2>Figures</h2>",
        *(_figure(path) for path in figures),
        "<h2>What it was made of</h2>",
        _table(("", ""), _origin(run)),
        "</html>",
    ]
    return "\n".join(parts) + "\n"


_DIFFERENCES = ("macro AUC", "difference", "95 % interval", "p")
_SCORES = ("model", "macro AUC [95 %]", "balanced accuracy", "AUPRC", "prevalence")


def _scores(name: str, found: Mapping[str, Any]) -> tuple[str, ...]:
    low, high = found["auc_macro_ci"]
    return (
        name,
        f"{_number(found['auc_macro'])} [{_number(low)}, {_number(high)}]",
        _number(found["balanced_accuracy"]),
        _number(found["auprc_macro"]),
        _number(found["prevalence_macro"]),
    )


def _classes(run: Mapping[str, Any]) -> str:
    return "Classes: " + ", ".join(f"{k} {n}" for k, n in run["documents_by_class"].items()) + "."


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
