"""Figures of a run, drawn from its out-of-fold predictions."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, roc_auc_score, roc_curve

matplotlib.use("Agg", force=False)

INK, GRID = "#222222", "#dddddd"
COLOURS = ("#3b6fb6", "#d1722b", "#4f9d5d", "#9a5bb0", "#b8902f", "#5aa7b5", "#c0504d", "#777777")


def draw_roc(
    path: Path,
    labels: NDArray[np.int64],
    probabilities: NDArray[np.float64],
    classes: Sequence[str],
    title: str,
) -> None:
    """One-vs-rest ROC curve of every class.

    Parameters
    ----------
    path : Path
        PNG to write.
    labels : int64 array of shape (n_documents,), or (n_documents, n_labels)
        Classes, or of a target of many labels a matrix of 0 and 1.
    probabilities : float64 array of shape (n_documents, n_classes)
        Out-of-fold, averaged over the repeats.
    classes : sequence of str
    title : str

    Notes
    -----
    The AUC in the legend is of these averaged scores; the run's ``auc_macro`` is a mean over
    folds and may differ a little.
    """
    figure, axes = new_figure(5.2, 4.6, title)
    axes.plot([0, 1], [0, 1], color=GRID, linestyle="--", linewidth=1)
    # of two classes the second tells all; of two labels each stands for itself
    shown = [1] if len(classes) == 2 and labels.ndim == 1 else range(len(classes))
    curves, names = [], []
    for code in shown:
        positive = labels == code if labels.ndim == 1 else labels[:, code] == 1
        if positive.all() or not positive.any():
            continue
        false, true, _ = roc_curve(positive, probabilities[:, code])
        auc = roc_auc_score(positive, probabilities[:, code])
        curves += axes.plot(false, true, color=COLOURS[code % len(COLOURS)], linewidth=1.6)
        names.append(f"{classes[code]} (n={positive.sum()}, AUC {auc:.2f})")
    axes.set(xlabel="false positive rate", ylabel="true positive rate", aspect="equal")
    _legend(axes, curves, names)
    save_figure(figure, path)


def draw_confusion(
    path: Path,
    labels: NDArray[np.int64],
    probabilities: NDArray[np.float64],
    classes: Sequence[str],
    title: str,
) -> None:
    """Confusion matrix of the most probable class: counts, shaded by their share of the row.

    Parameters are those of `draw_roc`.
    """
    codes = np.arange(len(classes))
    counts = confusion_matrix(labels, probabilities.argmax(axis=1), labels=codes)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, axes = new_figure(4.4 + 0.35 * len(classes), 3.4 + 0.35 * len(classes), title)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(*counts.shape):
        colour = "white" if shares[row, column] > 0.55 else INK
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=colour)
    axes.set(xlabel="predicted", ylabel="true", xticks=codes, yticks=codes)
    axes.set_xticklabels(classes, rotation=30, ha="right", parse_math=False)
    axes.set_yticklabels(classes, parse_math=False)
    axes.spines[:].set_visible(False)
    figure.colorbar(image, ax=axes, label="share of the true class", fraction=0.046)
    save_figure(figure, path)


def draw_losses(path: Path, curves: Mapping[str, NDArray[np.float64]], title: str) -> None:
    """Loss terms over the epochs, one small panel a term.

    Parameters
    ----------
    path : Path
        PNG to write.
    curves : mapping of str to float64 array of shape (n_trainings, n_epochs)
        One row a training, NaN after it stopped; the median is drawn over all of them.
    title : str
    """
    n_columns = min(3, len(curves))
    n_rows = -(-len(curves) // n_columns)
    figure = Figure(figsize=(3.0 * n_columns, 2.2 * n_rows + 0.4), layout="constrained")
    figure.suptitle(title, color=INK, fontsize=11, parse_math=False)
    for place, (name, values) in enumerate(curves.items(), start=1):
        axes = figure.add_subplot(n_rows, n_columns, place)
        epochs = np.arange(1, values.shape[1] + 1)
        axes.plot(epochs, values.T, color=COLOURS[0], alpha=0.15, linewidth=0.7)
        median = [np.nanmedian(column) if np.isfinite(column).any() else np.nan
                  for column in values.T]  # fmt: skip
        axes.plot(epochs, median, color=COLOURS[1], linewidth=1.6)
        axes.set_title(name, fontsize=9, color=INK, parse_math=False)
        axes.set_xlabel("epoch", fontsize=8)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.tick_params(labelsize=7)
        axes.grid(color=GRID, linewidth=0.5)
    save_figure(figure, path)


def new_figure(width: float, height: float, title: str) -> tuple[Figure, Axes]:
    """A figure of a size in inches with one plot, its title as it is."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, color=INK, fontsize=11, parse_math=False)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _legend(axes: Axes, curves: Sequence[Line2D], names: Sequence[str]) -> None:
    """A legend of names as they are, also where they start with ``_`` or hold ``$``."""
    # matplotlib leaves out names that start with an underscore, so they are set afterwards
    legend = axes.legend(
        curves, [str(i) for i in range(len(names))], loc="lower right", fontsize=8, frameon=False
    )
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set(text=name, parse_math=False)


def save_figure(figure: Figure, path: Path) -> None:
    """Written without a date, so that equal runs draw equal files."""
    figure.savefig(path, dpi=150, metadata={"Software": None})
