"""Basel's standardised approach to counterparty credit risk (SA-CCR) as a margin: alpha times the aggregate add-on.

With the adjusted notional d = price times quantity, supervisory delta and maturity factor MF of every position,

    A_u = factor_u sum over u of delta d MF,
    add-on of a hedging set = sqrt((sum_u rho_u A_u)^2 + sum_u (1 - rho_u^2) A_u^2),   margin = alpha * sum of add-ons.

Options take Black's delta at the supervisory volatility. Unmargined, MF = sqrt(min(M, 1 year) / 1 year) with M at
least 10 business days; with a margin period of risk, MF = 1.5 sqrt(period / 1 year). A year has 250 business days. What
has no expiry has MF of a year. The multiplier, which recognises excess collateral, is left at one: never below the
source.

Units: usd_e12. Rounding: columns to nearest, and every lot pays more than the norm of that error; the sums are squared
in units of 2^40 usd_e12 (about a dollar), and the add-on covers what that drops, by the triangle inequality.
Source: Basel Committee, CRE52 (CRE52.34 delta, .48 and .52 maturity, .57 to .72 add-ons); CRE99 has worked examples.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Annotated, Final, Literal, Self

import numpy as np
from pydantic import Field, StringConstraints, model_validator

from zkmargin.circuits.markets import black76
from zkmargin.circuits.markets.instruments import Kind
from zkmargin.circuits.markets.models import StrictModel
from zkmargin.circuits.markets.units import VALUE_BITS, ExactDecimal
from zkmargin.circuits.policies.builder import ConstraintBuilder
from zkmargin.circuits.policies.constraints import ACCOUNT, LinearForm, Part
from zkmargin.circuits.policies.rules.perpetual_margin import Kinds
from zkmargin.circuits.policies.rules.rule import (
    PRICING_ERROR,
    Factor,
    Floats,
    Fraction01,
    Rate,
    Refuse,
    RiskView,
    Rule,
    RuleColumns,
    UnderlyingOrAny,
    is_refused,
    nearest_units,
    require_default,
    rounding_charge,
    rows_by_entry,
)
from zkmargin.circuits.policies.rules.value_at_risk import SQUARE_SHIFT

BUSINESS_DAYS: Final = 250.0
LEAST_MATURITY: Final = 10.0 / BUSINESS_DAYS
"""Years."""
_EXPOSED: Final[tuple[Kind, ...]] = ("spot", "supply", "borrow", "perpetual", "future", "option")
PARTS: Final = ("common", "own")
"""Of a hedging set's columns."""
HedgingSet = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,15}$")]


class SupervisoryClass(StrictModel):
    """An underlying's supervisory parameters (CRE52.72), and the hedging set that it is in."""

    hedging_set: HedgingSet
    supervisory_factor: Rate
    correlation: Fraction01
    option_volatility: Factor


class SupervisoryAddOn(Rule):
    """The margin; see the module. `margin_period_days` in business days; without it, trades are unmargined."""

    kind: Literal["supervisory_add_on"]
    kinds: Kinds = _EXPOSED
    alpha: Annotated[ExactDecimal, Field(ge=1, le=10)] = Decimal("1.4")
    margin_period_days: Annotated[int, Field(ge=5, le=250)] | None = None
    classes: dict[UnderlyingOrAny, SupervisoryClass | Refuse]

    @model_validator(mode="after")
    def _check(self) -> Self:
        require_default(self.classes)
        if not self._sets():
            raise ValueError("classes: expected one underlying at least that is not refused")
        return self

    def _sets(self) -> tuple[str, ...]:
        stated = (entry for entry in self.classes.values() if isinstance(entry, SupervisoryClass))
        return tuple(dict.fromkeys(entry.hedging_set for entry in stated))

    @property
    def charges_longs(self) -> bool:
        """Rounding to nearest costs both sides."""
        return True

    def refuses(self, underlying: str) -> bool:
        """Whether the table says so."""
        return is_refused(self.classes, underlying)

    def constrain(self, builder: ConstraintBuilder) -> None:
        """A norm a hedging set: one component for what all move alike, one for each underlying by itself."""
        for name in self._sets():
            common = builder.column(f"{self.name}.{name}.common", VALUE_BITS, signed=True)
            own = builder.column(f"{self.name}.{name}.own", VALUE_BITS, signed=True)
            parts = [LinearForm.of(own, Part.NET, group) for group in builder.underlyings()]
            components = [LinearForm.of(common, Part.NET, ACCOUNT), *parts]
            cone = builder.cone(f"{self.name}.{name}", components, SQUARE_SHIFT)
            dropped = math.isqrt(len(components) - 1) + 1
            builder.charge((LinearForm.scalar(cone.magnitude) + LinearForm(constant=dropped)) * (1 << SQUARE_SHIFT))

    def publish(self, view: RiskView) -> RuleColumns:
        """What all move alike of a long lot's add-on, and what is its underlying's own, by hedging set."""
        arrays = view.arrays
        kinds = {f"{self.name}.{name}.{part}": np.zeros(arrays.price.shape) for name in self._sets() for part in PARTS}
        options, counted = arrays.is_kind("option"), view.moves & arrays.is_kind(*self.kinds)
        strike, forward = np.where(options, arrays.strike, 1.0), np.where(options, arrays.forward, 1.0)
        maturity = self._maturity_factors(view)
        for entry, rows in rows_by_entry(view, self.classes):
            sigma = np.full(rows.shape, float(entry.option_volatility))
            found = black76.greeks(forward[rows], strike[rows], sigma, arrays.years[rows], arrays.is_call[rows])
            delta = np.where(options[rows], found.delta, 1.0)
            factor = float(self.alpha) * float(entry.supervisory_factor)
            amount = np.where(counted[rows], factor * delta * arrays.forward[rows] * maturity[rows], 0.0)
            rho = float(entry.correlation)
            kinds[f"{self.name}.{entry.hedging_set}.common"][rows] = rho * amount
            kinds[f"{self.name}.{entry.hedging_set}.own"][rows] = math.sqrt(1.0 - rho * rho) * amount
        error = 10.0 * float(self.alpha) * PRICING_ERROR * (arrays.forward + arrays.strike)
        rounding = np.where(counted, 2 * rounding_charge(error), 0)
        columns = {name: nearest_units(values) for name, values in kinds.items()}
        return RuleColumns(columns, long_charge=rounding, short_charge=rounding)

    def _maturity_factors(self, view: RiskView) -> Floats:
        """(rows,) MF."""
        if self.margin_period_days is not None:
            return np.full(view.arrays.price.shape, 1.5 * math.sqrt(self.margin_period_days / BUSINESS_DAYS))
        years = np.ones(view.arrays.price.shape)
        for listing in view.listings:
            if listing.expiry is not None and view.as_of is not None:
                years[listing.row] = (listing.expiry - view.as_of).total_seconds() / black76.SECONDS_PER_YEAR
        return np.sqrt(np.clip(years, LEAST_MATURITY, 1.0))
