"""Per-unit contingencies, the short option minimum, and the delta charge.

`unit_contingencies` adds to the account's requirement, for every unit of a kind held long, short or either way,

    rate * reference price    ("reference": the underlying's index)  or    rate * own price    ("price").

`short_option_minimum` makes each underlying's requirement at least rate * index for every option sold.
`delta_charge` makes it at least net_rate |net delta| + hedged_rate * hedged delta, in dollars of delta, with
hedged = (gross - |net|) / 2: as |net| counts (net_rate - hedged_rate / 2) >= 0, two inequalities, one a sign, say it
all.

Units: usd_e12 per lot, rounded up; the delta column is rounded to nearest and both sides pay a unit for it.
Sources: Derive v2-core, PMRMLib_2.sol (perp and option contingencies; here naked shorts are not offset by longs at
the same strike, which is conservative); CME SPAN (short option minimum); Paradex, "Portfolio Margin" (minimum delta
requirement).
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from zkmargin.circuits.markets import black76
from zkmargin.circuits.markets.instruments import Kind
from zkmargin.circuits.markets.models import StrictModel
from zkmargin.circuits.markets.units import VALUE_BITS
from zkmargin.circuits.policies.builder import ConstraintBuilder
from zkmargin.circuits.policies.constraints import LinearForm, Part
from zkmargin.circuits.policies.rules.rule import (
    PRICING_ERROR,
    Rate,
    RiskView,
    Rule,
    RuleColumns,
    ceil_units,
    nearest_units,
    rounding_charge,
)


class UnitCharge(StrictModel):
    """One line of a contingency table."""

    kinds: Annotated[tuple[Kind, ...], Field(strict=False, min_length=1)]
    side: Literal["long", "short", "both"]
    rate: Rate
    of: Literal["reference", "price"] = "reference"


class UnitContingencies(Rule):
    """Charges per unit held; see the module."""

    kind: Literal["unit_contingencies"]
    charges: Annotated[tuple[UnitCharge, ...], Field(strict=False, min_length=1)]

    @property
    def charges_longs(self) -> bool:
        """Whether any line charges longs."""
        return any(charge.side != "short" for charge in self.charges)

    def constrain(self, builder: ConstraintBuilder) -> None:
        """Nothing of its own: the charges go into the account's charge columns."""

    def publish(self, view: RiskView) -> RuleColumns:
        """Charges per lot, rounded up."""
        arrays = view.arrays
        sides = {"long": np.zeros(arrays.price.shape), "short": np.zeros(arrays.price.shape)}
        for charge in self.charges:
            base = arrays.reference if charge.of == "reference" else arrays.price
            amount = np.where(arrays.is_kind(*charge.kinds), float(charge.rate) * base, 0.0)
            for side in ("long", "short") if charge.side == "both" else (charge.side,):
                sides[side] += amount
        return RuleColumns(long_charge=ceil_units(sides["long"]), short_charge=ceil_units(sides["short"]))


class ShortOptionMinimum(Rule):
    """A floor on each underlying's requirement: rate * index per option sold."""

    kind: Literal["short_option_minimum"]
    rate: Rate

    def constrain(self, builder: ConstraintBuilder) -> None:
        """One floor per underlying."""
        column = builder.column(f"{self.name}.charge", VALUE_BITS, signed=False)
        for group in builder.underlyings():
            loss = LinearForm.of(column, Part.SHORT, group)
            builder.floor(group, f"{column}[{group.slot}]", "short option minimum", loss)

    def publish(self, view: RiskView) -> RuleColumns:
        """The charge per lot, rounded up."""
        amount = np.where(view.arrays.is_kind("option"), float(self.rate) * view.arrays.reference, 0.0)
        return RuleColumns({f"{self.name}.charge": ceil_units(amount)})


class DeltaCharge(Rule):
    """A floor on each underlying's requirement by net and hedged delta; see the module."""

    kind: Literal["delta_charge"]
    net_rate: Rate
    hedged_rate: Rate

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.net_rate * 2 < self.hedged_rate:
            raise ValueError("net_rate: expected at least half of hedged_rate, or hedging would raise the charge")
        return self

    @property
    def charges_longs(self) -> bool:
        """Rounding to nearest under an absolute value costs both sides."""
        return True

    def constrain(self, builder: ConstraintBuilder) -> None:
        """Per underlying: gross part plus the net part, and gross part minus the net part."""
        net = builder.column(f"{self.name}.net", VALUE_BITS, signed=True)
        gross = builder.column(f"{self.name}.gross", VALUE_BITS, signed=False)
        for group in builder.underlyings():
            base, signed = LinearForm.of(gross, Part.GROSS, group), LinearForm.of(net, Part.NET, group)
            builder.floor(group, f"{self.name}.long[{group.slot}]", "delta charge, net long", base + signed)
            builder.floor(group, f"{self.name}.short[{group.slot}]", "delta charge, net short", base - signed)

    def publish(self, view: RiskView) -> RuleColumns:
        """Dollar delta per long lot at the net rate less half the hedged one, and its magnitude at half of that."""
        arrays = view.arrays
        options = arrays.is_kind("option")
        strike = np.where(options, arrays.strike, 1.0)
        forward = np.where(options, arrays.forward, 1.0)
        option_delta = black76.greeks(forward, strike, arrays.vol, arrays.years, arrays.is_call).delta
        delta_usd = np.where(view.moves, np.where(options, option_delta, 1.0) * arrays.reference, 0.0)
        net = (float(self.net_rate) - float(self.hedged_rate) / 2.0) * delta_usd
        gross = float(self.hedged_rate) / 2.0 * np.abs(delta_usd)
        error = np.where(view.moves, PRICING_ERROR * arrays.reference, 0.0)
        rounding = np.where(view.moves, rounding_charge(error), 0) * view.risk_ceiling
        columns = {f"{self.name}.net": nearest_units(net), f"{self.name}.gross": ceil_units(gross)}
        return RuleColumns(columns, long_charge=rounding, short_charge=rounding)
