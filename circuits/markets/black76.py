"""Black-76: European options on a forward, undiscounted, vectorised.

    d1 = (ln(F / K) + v^2 T / 2) / (v sqrt T),  d2 = d1 - v sqrt T
    call = F N(d1) - K N(d2),  put = K N(-d2) - F N(-d1)

Where v sqrt T is zero the exact limits are returned: intrinsic value, a step for delta (one half at the money), zero
gamma and vega. Source: F. Black, "The pricing of commodity contracts", Journal of Financial Economics 3 (1976).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zkmargin.circuits.markets.normal import ndtr

SECONDS_PER_YEAR: Final = 365 * 86400
"""Deribit's and Derive's day count: actual/365."""
_INVERSE_SQRT_TWO_PI: Final = 0.3989422804014327

Floats = NDArray[np.float64]


class Greeks(NamedTuple):
    """Sensitivities per unit: delta dV/dF, gamma d2V/dF2 (per USD), vega dV/dvol (USD per 1.00 of volatility)."""

    delta: Floats
    gamma: Floats
    vega: Floats


def price(forward: ArrayLike, strike: ArrayLike, vol: ArrayLike, years: ArrayLike, is_call: ArrayLike) -> Floats:
    """Undiscounted value per unit, in the unit of `forward`. Arguments broadcast; a negative `years` counts as zero.

    Put-call parity holds by construction to rounding: the in-the-money side is intrinsic plus the other side's value,
    so a deep option keeps its time value to full relative precision.
    """
    f, k, deviation, call = _prepare(forward, strike, vol, years, is_call)
    d1, d2 = _d1_d2(f, k, deviation)
    # The out-of-the-money side, whose two products do not cancel as badly, decides both.
    otm_call = np.where(f > 0, f * ndtr(d1), 0.0) - k * ndtr(d2)
    otm_put = k * ndtr(-d2) - np.where(f > 0, f * ndtr(-d1), 0.0)
    time_value = np.where(deviation > 0, np.maximum(np.where(k >= f, otm_call, otm_put), 0.0), 0.0)
    intrinsic = np.maximum(np.where(call, f - k, k - f), 0.0)
    return np.asarray(intrinsic + time_value, dtype=np.float64)


def greeks(forward: ArrayLike, strike: ArrayLike, vol: ArrayLike, years: ArrayLike, is_call: ArrayLike) -> Greeks:
    """Delta, gamma and vega per unit; arguments as for `price`."""
    f, k, deviation, call = _prepare(forward, strike, vol, years, is_call)
    d1, _ = _d1_d2(f, k, deviation)
    call_delta = ndtr(d1)
    density = _INVERSE_SQRT_TWO_PI * np.exp(-0.5 * np.square(np.clip(d1, -40.0, 40.0)))
    smooth = (deviation > 0) & (f > 0)
    root_years = np.sqrt(np.maximum(np.asarray(years, dtype=np.float64), 0.0))
    gamma = np.where(smooth, density / np.where(smooth, f * deviation, 1.0), 0.0)
    vega = np.where(smooth, f * density * root_years, 0.0)
    return Greeks(np.asarray(np.where(call, call_delta, call_delta - 1.0)), np.asarray(gamma), np.asarray(vega))


def _prepare(
    forward: ArrayLike, strike: ArrayLike, vol: ArrayLike, years: ArrayLike, is_call: ArrayLike
) -> tuple[Floats, Floats, Floats, NDArray[np.bool_]]:
    f = np.asarray(forward, dtype=np.float64)
    k = np.asarray(strike, dtype=np.float64)
    deviation = np.asarray(vol, dtype=np.float64) * np.sqrt(np.maximum(np.asarray(years, dtype=np.float64), 0.0))
    return f, k, np.maximum(deviation, 0.0), np.asarray(is_call, dtype=np.bool_)


def _d1_d2(f: Floats, k: Floats, deviation: Floats) -> tuple[Floats, Floats]:
    """d1 and d2, at the limits plus or minus infinity, or zero at the money of a zero deviation."""
    with np.errstate(divide="ignore", invalid="ignore"):
        moneyness = np.where(f > 0, np.log(np.where(f > 0, f, 1.0) / k), -np.inf)
        d1 = moneyness / deviation + 0.5 * deviation
    d1 = np.where(deviation > 0, d1, np.where(moneyness == 0.0, 0.0, np.where(moneyness > 0, np.inf, -np.inf)))
    return d1, np.where(deviation > 0, d1 - deviation, d1)
