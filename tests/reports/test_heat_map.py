"""The heat map of P&L: right numbers, a file that is whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from zkmargin.circuits.markets.epoch import MarketEpoch
from zkmargin.circuits.markets.instruments import InstrumentSet
from zkmargin.circuits.markets.positions import positions_from_quantities
from zkmargin.reports.heat_map import PRICE_MOVES, plot_profit, profit_surface_usd, save_profit_plot


def make_market() -> MarketEpoch:
    spot = {"id": "BTC", "kind": "spot", "underlying": "BTC", "mark_price_usd": "90000"}
    call = {
        "id": "BTC-C",
        "kind": "option",
        "underlying": "BTC",
        "mark_price_usd": "4000",
        "forward_usd": "90000",
        "implied_vol": "0.5",
        "expiry": "2026-04-03T08:00:00Z",
        "strike_usd": "90000",
        "option_type": "call",
    }
    data = {"as_of": "2026-03-02T08:00:00Z", "instruments": [spot, call]}
    return MarketEpoch.build(InstrumentSet.model_validate(data))


def test_surface_of_spot_is_linear_and_of_a_short_call_concave() -> None:
    market = make_market()
    spot = profit_surface_usd(market, positions_from_quantities(market.universe, {"BTC": "2", "USD": "7"}))
    assert np.allclose(spot, 180000 * np.array(PRICE_MOVES))
    sold = profit_surface_usd(market, positions_from_quantities(market.universe, {"BTC-C": "-1"}))
    assert np.all(np.diff(sold, 2, axis=1) <= 1e-6)
    assert np.all(np.diff(sold, axis=0) <= 1e-6)
    assert not profit_surface_usd(market, positions_from_quantities(market.universe, {})).any()


def test_writes_a_png(tmp_path: Path) -> None:
    market = make_market()
    figure = plot_profit(
        market, positions_from_quantities(market.universe, {"BTC-C": "-1"}), binding="up", title="book"
    )
    path = tmp_path / "plot.png"
    save_profit_plot(path, figure)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert list(tmp_path.iterdir()) == [path]
