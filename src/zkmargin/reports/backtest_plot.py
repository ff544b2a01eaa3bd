"""A backtest as a picture: the margin of one unit and its losses, by window, breaches marked. Needs matplotlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zkmargin.extras import extra
from zkmargin.prover.writing import replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_backtest(series: Mapping[str, Sequence[tuple[float, float]]], *, title: str = "") -> Figure:
    """A panel to each name: (margin, loss) of every window, as shares of the price.

    Raises MissingExtraError when matplotlib is not installed.
    """
    with extra("plot", "a plot"):
        from matplotlib.figure import Figure as NewFigure  # noqa: PLC0415 - optional extra
    figure = NewFigure(figsize=(9.0, 1.0 + 1.6 * len(series)), layout="constrained")
    panels: Any = figure.subplots(len(series), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (name, windows) in zip(panels, series.items(), strict=True):
        margins, losses = [100 * margin for margin, _ in windows], [100 * loss for _, loss in windows]
        breaches = [step for step, (margin, loss) in enumerate(windows) if loss > margin]
        axes.plot(losses, color="0.6", linewidth=0.6, label="loss")
        axes.plot(margins, color="tab:blue", linewidth=1.2, label="margin")
        axes.plot(breaches, [losses[step] for step in breaches], "rx", markersize=6, label="breach")
        axes.set_ylabel(f"{name}\n% of price", fontsize=8)
    panels[0].set_title(title)
    panels[-1].set_xlabel("window")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def save_backtest_plot(path: str | Path, figure: Figure) -> None:
    """Write the figure as a PNG, whole or not at all. Raises OSError."""
    with replacing(path) as stream:
        figure.savefig(stream, format="png", dpi=120)
