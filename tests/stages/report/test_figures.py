"""Figures: written for two classes and for more, whatever the names."""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from hilbert.stages.report import figures, reliability
from hilbert.stages.report.figures import _legend, draw_confusion, draw_losses, draw_roc
from hilbert.stages.report.reliability import draw_reliability

ODD = ("a$^$b", "_x", "c$\\nope$")


@pytest.mark.parametrize("draw", [draw_roc, draw_confusion])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_pngs_are_written_whatever_the_names(
    tmp_path: Path, draw: Callable[..., None], n_classes: int
) -> None:
    labels = np.arange(30) % n_classes
    p = np.random.default_rng(0).dirichlet(np.ones(n_classes), 30)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw(tmp_path / "x.png", labels, p, ODD[:n_classes], "target $^$")
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


def test_losses_are_drawn_whatever_the_names(tmp_path: Path) -> None:
    curves = {"task": np.array([[1.0, 0.5], [1.0, np.nan]]), "a$^$b": np.ones((2, 2))}
    draw_losses(tmp_path / "x.png", curves, "target $^$")
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


@pytest.fixture
def saved(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Figures that are drawn from now on, instead of their files."""
    kept: list[Figure] = []
    for module in (figures, reliability):
        monkeypatch.setattr(module, "save_figure", lambda figure, path: kept.append(figure))
    return kept


def test_epochs_have_whole_numbers(tmp_path: Path, saved: list[Figure]) -> None:
    for n_epochs in (1, 2, 3):
        draw_losses(tmp_path / "x.png", {"task": np.ones((2, n_epochs))}, "target")
    for figure in saved:
        assert all(tick == round(tick) for tick in figure.axes[0].get_xticks())


def test_no_number_lies_under_its_marker(tmp_path: Path, saved: list[Figure]) -> None:
    bins = [{"confidence": 0.3 + k / 5, "accuracy": accuracy, "n": 9.0, "accuracy_band": [0, 0.4]}
            for k, accuracy in enumerate((0.0, 0.04, 0.5))]  # fmt: skip
    draw_reliability(tmp_path / "x.png", bins, "target")
    (axes,) = saved[0].axes
    numbers = [text for text in axes.texts if text.get_text() == "9"]
    saved[0].draw_without_rendering()
    for text, point in zip(numbers, bins, strict=True):
        marker = axes.transData.transform((point["confidence"], point["accuracy"]))[1]
        box = text.get_window_extent()
        assert box.y0 > marker + 3 or box.y1 < marker - 3


def test_the_legend_names_every_class_as_it_is() -> None:
    axes = Figure().add_subplot()
    curves = [line for _ in ODD for line in axes.plot([0, 1], [0, 1])]
    _legend(axes, curves, ODD)
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == list(ODD)
    assert len(legend.legend_handles) == len(ODD)


@pytest.mark.parametrize("n", [1, 3])
def test_reliability_is_drawn_of_one_bin_and_of_more(tmp_path: Path, n: int) -> None:
    point = {"confidence": 0.45, "accuracy": 0.5, "n": 12.0, "accuracy_band": [0.2, 0.7]}
    draw_reliability(tmp_path / "x.png", [point] * n, "target $^$")
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
