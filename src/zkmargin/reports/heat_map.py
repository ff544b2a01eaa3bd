"""A heat map of a book's P&L by price and volatility move, with the binding scenario marked. Needs matplotlib.

The picture is for the book's owner: model P&L in floating point, every underlying making the same move, volatility
moved relative to itself. It shows where risk sits; the margin itself is `evaluate_margin`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from zkmargin.circuits.markets import black76
from zkmargin.circuits.markets.epoch import MarketArrays, MarketEpoch, market_arrays
from zkmargin.circuits.markets.positions import Positions
from zkmargin.circuits.markets.units import USD_E12
from zkmargin.extras import extra
from zkmargin.prover.writing import replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PRICE_MOVES: Final = tuple(np.linspace(-0.3, 0.3, 25))
VOL_MOVES: Final = tuple(np.linspace(-0.4, 0.6, 21))


def profit_surface_usd(
    market: MarketEpoch,
    positions: Positions,
    *,
    price_moves: Sequence[float] = PRICE_MOVES,
    vol_moves: Sequence[float] = VOL_MOVES,
    unshocked_underlyings: Sequence[str] = ("USD",),
    max_price_age_seconds: int = 3600,
) -> NDArray[np.float64]:
    """Model P&L in USD, (vol_moves, price_moves): prices times 1 + price move, volatilities times 1 + vol move."""
    arrays = market_arrays(market, max_price_age_seconds=max_price_age_seconds)
    still = [slot for slot, name in enumerate(market.universe.underlyings) if name in unshocked_underlyings]
    moving = arrays.live & (arrays.underlying >= 0) & ~np.isin(arrays.underlying, still)
    held = np.flatnonzero(moving & (positions.lots != 0))
    lots = positions.lots[held].astype(np.float64)
    rows = MarketArrays(**{name: values[held] for name, values in vars(arrays).items()})
    options = rows.is_kind("option")
    base = _values(rows, options, 0.0, 0.0)
    surface = [[float(lots @ (_values(rows, options, p, v) - base)) for p in price_moves] for v in vol_moves]
    return np.array(surface, dtype=np.float64).reshape(len(vol_moves), len(price_moves)) / USD_E12


def plot_profit(
    market: MarketEpoch,
    positions: Positions,
    *,
    title: str = "",
    binding: str = "",
    unshocked_underlyings: Sequence[str] = ("USD",),
) -> Figure:
    """The heat map as a matplotlib figure; `binding` is written under it and the worst cell marked.

    Raises MissingExtraError when matplotlib is not installed.
    """
    with extra("plot", "a plot"):
        from matplotlib.figure import Figure as NewFigure  # noqa: PLC0415 - optional extra
    surface = profit_surface_usd(market, positions, unshocked_underlyings=unshocked_underlyings)
    scale, unit = (1e6, "million USD") if np.abs(surface).max(initial=0.0) >= 1e6 else (1e3, "thousand USD")
    values = surface / scale
    limit = max(float(np.abs(values).max(initial=0.0)), 1e-9)
    figure = NewFigure(figsize=(8.0, 5.0), layout="constrained")
    axes: Any = figure.subplots()
    image = axes.pcolormesh(
        np.array(PRICE_MOVES) * 100, np.array(VOL_MOVES) * 100, values, cmap="RdYlGn", vmin=-limit, vmax=limit
    )
    figure.colorbar(image, ax=axes, label=f"P&L, {unit}")
    vol_index, price_index = np.unravel_index(int(values.argmin()), values.shape)
    axes.plot(PRICE_MOVES[price_index] * 100, VOL_MOVES[vol_index] * 100, "kX", markersize=10, label="worst cell")
    axes.axhline(0, color="black", linewidth=0.5)
    axes.axvline(0, color="black", linewidth=0.5)
    axes.set_xlabel("price move, %" + (f"\nbinding scenario: {binding}" if binding else ""))
    axes.set_ylabel("volatility move, % of itself")
    axes.set_title(title)
    # Beside the picture: a legend in it would cover cells.
    figure.legend(loc="outside lower right")
    return figure


def save_profit_plot(path: str | Path, figure: Figure) -> None:
    """Write the figure as a PNG of mode 0600, whole or not at all: it shows a book. Raises OSError."""
    with replacing(path, secret=True) as stream:
        figure.savefig(stream, format="png", dpi=150)


def _values(rows: MarketArrays, options: NDArray[np.bool_], price_move: float, vol_move: float) -> NDArray[np.float64]:
    forward = rows.forward * (1.0 + price_move)
    strike = np.where(options, rows.strike, 1.0)
    modelled = black76.price(forward, strike, rows.vol * (1.0 + vol_move), rows.years, rows.is_call)
    return np.asarray(np.where(options, modelled, forward), dtype=np.float64)
