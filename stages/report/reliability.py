"""The reliability curve of a run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hilbert.stages.report.figures import COLOURS, GRID, INK, new_figure, save_figure


def draw_reliability(path: Path, bins: Sequence[Mapping[str, Any]], title: str) -> None:
    """How often predictions of each confidence were right, beside the diagonal.

    Parameters
    ----------
    path : Path
        PNG to write.
    bins : sequence of mapping
        Points as in ``metrics.json``: `confidence`, `accuracy`, `n` and `accuracy_band`, where
        the accuracy would be found if the probabilities were true.
    title : str
    """
    figure, axes = new_figure(5.2, 4.6, title)
    x = [point["confidence"] for point in bins]
    bands = [point["accuracy_band"] for point in bins]
    axes.plot([0, 1], [0, 1], color=GRID, linestyle="--", linewidth=1)
    axes.vlines(x, *zip(*bands, strict=True), color=COLOURS[0], alpha=0.25, linewidth=6)
    axes.plot(x, [point["accuracy"] for point in bins], "o-", color=COLOURS[1], linewidth=1.6)
    for point in bins:
        # at the foot, unless the marker of the point is there
        height = 0.01 if point["accuracy"] > 0.05 else point["accuracy"] + 0.03
        place = (point["confidence"], height)
        axes.annotate(f"{point['n']:.0f}", place, ha="center", fontsize=7, color=INK)
    axes.set(xlabel="probability of the predicted class (bars: 95 % if it were true; below: n)",
             ylabel="share that was right", xlim=(0, 1), ylim=(0, 1), aspect="equal")  # fmt: skip
    axes.xaxis.label.set_fontsize(8)
    save_figure(figure, path)
