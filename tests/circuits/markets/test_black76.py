"""Black-76: the exchange's own numbers, exact limits, parity."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkmargin.circuits.markets import black76
from zkmargin.connectors.deribit import import_deribit

CHAIN = Path(__file__).parents[2] / "vectors" / "deribit" / "btc-options-2020-05-21.json"


def test_reproduces_deribit_marks_and_deltas() -> None:
    options = [i for i in import_deribit(CHAIN).instruments if i.kind == "option"]
    quoted = {entry["instrument_name"]: entry for entry in json.loads(CHAIN.read_text())["result"]}
    assert len(options) == 326
    forward = np.array([float(o.forward_usd) for o in options])
    terms = (
        forward,
        np.array([float(o.strike_usd) for o in options]),
        np.array([float(o.implied_vol) for o in options]),
        np.array([(o.expiry - o.price_time).total_seconds() / black76.SECONDS_PER_YEAR for o in options]),
        np.array([o.option_type == "call" for o in options]),
    )
    in_btc = black76.price(*terms) / forward
    error = np.abs(in_btc - [quoted[o.id]["mark_price"] for o in options])
    assert error.max() < 3e-4
    assert (error < 1e-4).sum() >= 316
    delta_error = np.abs(black76.greeks(*terms).delta - [quoted[o.id]["greeks"]["delta"] for o in options])
    assert delta_error.max() < 2e-4


@pytest.mark.parametrize(("vol", "years"), [(0.0, 1.0), (0.8, 0.0), (0.8, -0.1)])
def test_limits_are_exact(vol: float, years: float) -> None:
    strikes = np.array([90.0, 100.0, 110.0])
    assert black76.price(100.0, strikes, vol, years, True).tolist() == [10.0, 0.0, 0.0]
    assert black76.price(100.0, strikes, vol, years, False).tolist() == [0.0, 0.0, 10.0]
    call, put = (black76.greeks(100.0, strikes, vol, years, side) for side in (True, False))
    assert call.delta.tolist() == [1.0, 0.5, 0.0]
    assert put.delta.tolist() == [0.0, -0.5, -1.0]
    assert not call.gamma.any()
    assert not call.vega.any()


def test_worthless_forward() -> None:
    assert black76.price(0.0, 10.0, 0.5, 1.0, [True, False]).tolist() == [0.0, 10.0]


POSITIVE = st.floats(1e-3, 1e6)


@given(f=POSITIVE, k=POSITIVE, vol=st.floats(0.01, 5), years=st.floats(1e-5, 3))
def test_parity_bounds_and_greeks(f: float, k: float, vol: float, years: float) -> None:
    call, put = (float(black76.price(f, k, vol, years, side)) for side in (True, False))
    scale = 1e-12 * (f + k)
    assert abs(call - put - (f - k)) <= scale
    assert max(f - k, 0.0) - scale <= call <= f + scale
    assert max(k - f, 0.0) - scale <= put <= k + scale
    greeks = black76.greeks(f, k, vol, years, True)
    step = 1e-4 * f * min(1.0, vol * years**0.5)
    slope = (
        float(black76.price(f + step, k, vol, years, True)) - float(black76.price(f - step, k, vol, years, True))
    ) / (2 * step)
    assert abs(slope - float(greeks.delta)) < 1e-4
    assert greeks.gamma >= 0
    assert greeks.vega >= 0
