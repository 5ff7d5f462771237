"""The stage after the fit: figures and a page of a run, drawn from the run's files alone.

========================  ==================================================================
figures/*.png             ROC curves, confusion matrix, reliability, of each target where there
                          are several; losses
report.html               a page of its own with the verdict, the scores and the figures
report.json               the key under which they were drawn, and their names
========================  ==================================================================
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hilbert.pipeline import fit_words
from hilbert.pipeline.run_directory import (
    by_target,
    damaged,
    read_json,
    read_run,
    write_json,
    write_text,
)
from hilbert.store import keys
from hilbert.store.errors import HilbertError

if TYPE_CHECKING:
    from hilbert.stages.report.page import Section

REPORT_VERSION = 4
"""Raised when a report of the same run looks different."""

KEY_FILE = "report.json"
PAGE = "report.html"
LOSSES = "figures/losses.png"


def report_key(run_key: str) -> str:
    """Key of the report of a run: the run's own and the report's version."""
    return keys.digest("report", {"run": run_key, "version": REPORT_VERSION})


def has_report(run_dir: Path, run_key: str) -> bool:
    """Whether the report of a run was drawn by this version."""
    found = read_json(run_dir / KEY_FILE)
    current = found.get("key") == report_key(run_key)
    names = (PAGE, *found.get("figures", ()))
    return current and all((run_dir / name).is_file() for name in names)


def write_report(run_dir: Path) -> Path:
    """Draw the figures of a run and write its page; returns the page's path.

    Raises
    ------
    HilbertError
        If there is no run, or a file of it is damaged.
    """
    from hilbert.stages.report.figures import draw_losses
    from hilbert.stages.report.page import make_page

    run = read_run(run_dir)
    parts = fit_words.each_target(run)
    (run_dir / "figures").mkdir(mode=0o700, exist_ok=True)
    try:
        tables = _out_of_fold(run_dir, parts)
        curves = _loss_curves(run_dir)
    except (OSError, ValueError, KeyError, StopIteration) as error:
        raise HilbertError(damaged(run_dir.name, "predictions.csv or losses.csv")) from error
    targets = [str(part["target"]) for part in parts]
    metrics = by_target(read_json(run_dir / "metrics.json"), targets)
    sections = []
    for number, (part, table) in enumerate(zip(parts, tables, strict=True), start=1):
        end = f"-{number}" if len(parts) > 1 else ""
        drawn = _draw(run_dir, part, table, metrics[part["target"]], end)
        sections.append(_section(part, [run_dir / name for name in drawn]))
    draw_losses(run_dir / LOSSES, curves, f"{run['target']}: final model")
    page = make_page(run, fit_words.findings(run), sections, [run_dir / LOSSES])
    write_text(run_dir / PAGE, page)
    names = [str(path.relative_to(run_dir)) for s in sections for path in s.figures]
    write_json(run_dir / KEY_FILE, {"key": report_key(run["key"]), "figures": [*names, LOSSES]})
    return run_dir / PAGE


def _section(part: Mapping[str, Any], figures: Sequence[Path]) -> "Section":
    from hilbert.stages.report.page import Section

    classes = fit_words.classes(part)
    return Section(
        target=str(part["target"]),
        verdict=str(part["verdict"]["sentence"]),
        classes=f"{classes[0].upper()}{classes[1:]}.",
        heads=fit_words.columns(part.get("kind", "classes")),
        models=part["models"],
        details=tuple(fit_words.details(part)),
        differences=[fit_words.difference(found) for found in part.get("differences") or ()],
        figures=figures,
    )


def _draw(
    run_dir: Path,
    part: Mapping[str, Any],
    table: "Table",
    metrics: Mapping[str, Any],
    end: str,
) -> list[str]:
    """Draw the figures of a target; returns their names, which end in `end`."""
    from hilbert.stages.report.figures import draw_confusion, draw_roc
    from hilbert.stages.report.reliability import draw_reliability

    title, classes = f"{part['target']}: HILBERT, out of fold", part["classes"]
    drawn = [f"figures/roc{end}.png"]
    draw_roc(run_dir / drawn[0], table.labels, table.probabilities, classes, title)
    if part.get("kind") != "multilabel":
        drawn.append(f"figures/confusion{end}.png")
        draw_confusion(run_dir / drawn[-1], table.labels, table.probabilities, classes, title)
    own = metrics.get("hilbert", {})
    if own.get("reliability"):
        drawn.append(f"figures/reliability{end}.png")
        draw_reliability(run_dir / drawn[-1], own["reliability"], title)
    return drawn


class Table(NamedTuple):
    """HILBERT's out-of-fold predictions of the documents whose label is known.

    Attributes
    ----------
    labels : int64 array of shape (n_documents,), or (n_documents, n_labels)
    probabilities : float64 array of shape (n_documents, n_classes)
    """

    labels: NDArray[np.int64]
    probabilities: NDArray[np.float64]


def _out_of_fold(run_dir: Path, parts: Sequence[Mapping[str, Any]]) -> list[Table]:
    """Labels and probabilities, target by target."""
    with (run_dir / "predictions.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file) if row[0] == "hilbert"]
    tables, start = [], _LABELS + len(parts)
    for i, part in enumerate(parts):
        stop = start + len(part["classes"])
        known = [row for row in rows if row[_LABELS + i]]
        labels = [_codes(row[_LABELS + i], part) for row in known]
        probabilities = np.array([row[start:stop] for row in known], dtype=np.float64)
        tables.append(Table(np.array(labels, dtype=np.int64), probabilities))
        start = stop
    return tables


_LABELS = 3
"""Columns of ``predictions.csv`` before the labels."""


def _codes(cell: str, part: Mapping[str, Any]) -> int | list[int]:
    """The label of a cell; of many labels whether it names each."""
    classes: list[str] = part["classes"]
    if part.get("kind") != "multilabel":
        return classes.index(cell)
    has = cell.split(";")
    return [int(name in has) for name in classes]


def _loss_curves(run_dir: Path) -> Mapping[str, NDArray[np.float64]]:
    """Curves of all networks by term, shape (n_networks, n_epochs), NaN after the end."""
    found: dict[str, dict[str, list[float]]] = {}
    n_epochs = 0
    with (run_dir / "losses.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            curve = found.setdefault(row["term"], {}).setdefault(row["network"], [])
            curve.append(float(row["value"]))
            n_epochs = max(n_epochs, len(curve))
    return {
        term: np.array([c + [np.nan] * (n_epochs - len(c)) for c in curves.values()])
        for term, curves in found.items()
    }
