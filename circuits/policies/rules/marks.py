"""Marks that contradict the model. A book is worth its marks and its scenarios move model values, so a wrong mark would
be worth or margin what nobody would pay.

`mark_check` looks at every option, V being the model's value and F, K forward and strike:

- without volatility before its expiry, or with a mark outside of max(0, F - K) .. F (a put: max(0, K - F) .. K), it is
  priced at the bounds: a long at the lower, a short at the upper;
- with a mark further than `tolerance` * F from V it is priced at the worse of the two: a long at the lower, a short at
  the higher.

The difference to the mark is charged per lot, usd_e12, rounded up. `market build` and `evaluate` name such rows.
Source: the bounds are Merton's, "Theory of rational option pricing" (1973), undiscounted.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import numpy as np
from pydantic import Field

from zkmargin.circuits.markets import black76
from zkmargin.circuits.markets.epoch import MarketArrays
from zkmargin.circuits.markets.units import ExactDecimal
from zkmargin.circuits.policies.builder import ConstraintBuilder
from zkmargin.circuits.policies.rules.rule import PRICING_ERROR, Bools, Floats, RiskView, Rule, RuleColumns, ceil_units

ROUNDED_MARK: Final = 1e-6
"""A mark may be outside of its bounds by this share of the forward: exchanges round marks."""


class MarkCheck(Rule):
    """Prices options whose marks cannot be relied upon; see the module."""

    kind: Literal["mark_check"]
    tolerance: Annotated[ExactDecimal, Field(gt=0, le=1)]

    @property
    def charges_longs(self) -> bool:
        """A long marked too high pays the difference."""
        return True

    def constrain(self, builder: ConstraintBuilder) -> None:
        """Nothing of its own: the differences go into the account's charge columns."""

    def publish(self, view: RiskView) -> RuleColumns:
        """The differences to the mark, per lot."""
        arrays = view.arrays
        options = arrays.is_kind("option")
        model, lower, upper = _model_and_bounds(arrays, options)
        broken, far = contradictions(arrays, options, float(self.tolerance))
        low = np.where(broken, lower, np.where(far, np.minimum(model, arrays.price), arrays.price))
        high = np.where(broken, upper, np.where(far, np.maximum(model, arrays.price), arrays.price))
        error = np.where(broken | far, PRICING_ERROR * (arrays.forward + arrays.strike), 0.0)
        long = ceil_units(np.where(options, np.maximum(arrays.price - low, 0.0) + error, 0.0))
        short = ceil_units(np.where(options, np.maximum(high - arrays.price, 0.0) + error, 0.0))
        return RuleColumns(long_charge=long, short_charge=short)


def contradictions(arrays: MarketArrays, options: Bools, tolerance: float) -> tuple[Bools, Bools]:
    """(rows,) options without volatility or outside of their bounds, and those further from the model than allowed."""
    model, lower, upper = _model_and_bounds(arrays, options)
    slack = ROUNDED_MARK * arrays.forward
    outside = (arrays.price < lower - slack) | (arrays.price > upper + slack)
    broken = options & (outside | ((arrays.vol <= 0) & (arrays.years > 0)))
    return broken, options & ~broken & (np.abs(arrays.price - model) > tolerance * arrays.forward)


def _model_and_bounds(arrays: MarketArrays, options: Bools) -> tuple[Floats, Floats, Floats]:
    strike, forward = np.where(options, arrays.strike, 1.0), np.where(options, arrays.forward, 1.0)
    model = black76.price(forward, strike, arrays.vol, arrays.years, arrays.is_call)
    lower = np.maximum(np.where(arrays.is_call, forward - strike, strike - forward), 0.0)
    return model, lower, np.where(arrays.is_call, forward, strike)
