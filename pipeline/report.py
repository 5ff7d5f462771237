"""The stage after the fit: figures and a page of a run, drawn from the run's files alone.

========================  ==================================================================
figures/*.png             ROC curves, confusion matrix, reliability, losses
report.html               a page of its own with the verdict, the scores and the figures
report.json               the key under which they were drawn
========================  ==================================================================
"""

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilbert.pipeline import fit_words
from hilbert.pipeline.run_directory import damaged, read_json, read_run, write_json, write_text
from hilbert.store import keys
from hilbert.store.errors import HilbertError

REPORT_VERSION = 3
"""Raised when a report of the same run looks different."""

KEY_FILE = "report.json"
PAGE = "report.html"
FIGURES = ("figures/roc.png", "figures/confusion.png", "figures/losses.png")
RELIABILITY = "figures/reliability.png"
"""Only of runs that know it."""


def report_key(run_key: str) -> str:
    """Key of the report of a run: the run's own and the report's version."""
    return keys.digest("report", {"run": run_key, "version": REPORT_VERSION})


def has_report(run_dir: Path, run_key: str) -> bool:
    """Whether the report of a run was drawn by this version."""
    current = read_json(run_dir / KEY_FILE).get("key") == report_key(run_key)
    return current and all((run_dir / name).is_file() for name in (PAGE, *FIGURES))


def write_report(run_dir: Path) -> Path:
    """Draw the figures of a run and write its page; returns the page's path.

    Raises
    ------
    HilbertError
        If there is no run, or a file of it is damaged.
    """
    from hilbert.stages.report.figures import draw_confusion, draw_losses, draw_roc
    from hilbert.stages.report.page import Words, make_page
    from hilbert.stages.report.reliability import draw_reliability

    run = read_run(run_dir)
    try:
        labels, probabilities = _out_of_fold(run_dir, run["classes"])
        curves = _loss_curves(run_dir)
    except (OSError, ValueError, KeyError, StopIteration) as error:
        raise HilbertError(damaged(run_dir.name, "predictions.csv or losses.csv")) from error
    (run_dir / "figures").mkdir(mode=0o700, exist_ok=True)
    title = f"{run['target']}: HILBERT, out of fold"
    roc, confusion, losses = (run_dir / name for name in FIGURES)
    draw_roc(roc, labels, probabilities, run["classes"], title)
    draw_confusion(confusion, labels, probabilities, run["classes"], title)
    draw_losses(losses, curves, f"{run['target']}: final model")
    figures = [roc, confusion, losses]
    own = read_json(run_dir / "metrics.json").get("hilbert", {})
    if own.get("reliability"):
        figures.insert(2, run_dir / RELIABILITY)
        draw_reliability(run_dir / RELIABILITY, own["reliability"], title)
    differences = [fit_words.difference(found) for found in run.get("differences") or ()]
    words = Words(fit_words.findings(run), tuple(fit_words.details(run)), differences)
    write_text(run_dir / PAGE, make_page(run, figures, words))
    write_json(run_dir / KEY_FILE, {"key": report_key(run["key"])})
    return run_dir / PAGE


def _out_of_fold(
    run_dir: Path, classes: list[str]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Labels and HILBERT's probabilities of the documents that have a label."""
    with (run_dir / "predictions.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file) if row[0] == "hilbert"]
    labels = np.array([classes.index(row[3]) for row in rows], dtype=np.int64)
    return labels, np.array([row[4:] for row in rows], dtype=np.float64)


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
