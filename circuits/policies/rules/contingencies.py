"""Per-unit contingencies, the short option minimum, and the delta charge.

`unit_contingencies` adds to the account's requirement, for every unit of a kind held long, short or either way,

    rate * reference price    ("reference": the underlying's index)  or    rate * own price    ("price").

`short_option_minimum` makes each underlying's requirement at least rate * index for every option sold.
`delta_charge` makes it at least net_rate |net delta| + hedged_rate * hedged delta, in dollars of delta, with
hedged = (gross - |net|) / 2: as |net| counts (net_rate - hedged_rate / 2) >= 0, two inequalities, one a sign, say it
all.

`short_option_margin` charges every option sold by itself, net of its mark, which the book's worth counts already:

    max(base * index - out of the money, minimum * index),

out of the money being max(0, K - index) of a call, max(0, index - K) of a put.

All take their rates by underlying, too, in a table whose `*` stands for every other one.
Units: usd_e12 per lot, rounded up; the delta column is rounded to nearest and both sides pay a unit for it.
Sources: Derive v2-core, PMRMLib_2.sol (perp and option contingencies; here naked shorts are not offset by longs at
the same strike, which is conservative); CME SPAN (short option minimum); Paradex, "Portfolio Margin" (minimum delta
requirement); Deribit, "Standard Margin" (short options).
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
    ANY,
    PRICING_ERROR,
    Floats,
    Rate,
    Refuse,
    RiskView,
    Rule,
    RuleColumns,
    UnderlyingOrAny,
    ceil_units,
    is_refused,
    nearest_units,
    require_default,
    require_one,
    rounding_charge,
    rows_by_entry,
)


class UnitCharge(StrictModel):
    """One line of a contingency table: a rate for all underlyings, or `rates` by underlying."""

    kinds: Annotated[tuple[Kind, ...], Field(strict=False, min_length=1)]
    side: Literal["long", "short", "both"]
    rate: Rate | None = None
    rates: dict[UnderlyingOrAny, Rate] | None = None
    of: Literal["reference", "price"] = "reference"

    @model_validator(mode="after")
    def _check(self) -> Self:
        require_one(self.rate is not None, self.rates, "rate", "rates")
        return self

    def by_row(self, view: RiskView) -> Floats:
        """(rows,) the rate of each row."""
        return view.by_underlying({ANY: self.rate} if self.rate is not None else self.rates or {})


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
            amount = np.where(arrays.is_kind(*charge.kinds), charge.by_row(view) * base, 0.0)
            for side in ("long", "short") if charge.side == "both" else (charge.side,):
                sides[side] += amount
        return RuleColumns(long_charge=ceil_units(sides["long"]), short_charge=ceil_units(sides["short"]))


class ShortOptionMinimum(Rule):
    """A floor on each underlying's requirement: rate * index per option sold. `rates`: by underlying."""

    kind: Literal["short_option_minimum"]
    rate: Rate | None = None
    rates: dict[UnderlyingOrAny, Rate] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        require_one(self.rate is not None, self.rates, "rate", "rates")
        return self

    def constrain(self, builder: ConstraintBuilder) -> None:
        """One floor per underlying."""
        column = builder.column(f"{self.name}.charge", VALUE_BITS, signed=False)
        for group in builder.underlyings():
            loss = LinearForm.of(column, Part.SHORT, group)
            builder.floor(group, f"{column}[{group.slot}]", "short option minimum", loss)

    def publish(self, view: RiskView) -> RuleColumns:
        """The charge per lot, rounded up."""
        rate = view.by_underlying({ANY: self.rate} if self.rate is not None else self.rates or {})
        amount = np.where(view.arrays.is_kind("option"), rate * view.arrays.reference, 0.0)
        return RuleColumns({f"{self.name}.charge": ceil_units(amount)})


class DeltaRates(StrictModel):
    """Rates on net and on hedged delta."""

    net_rate: Rate
    hedged_rate: Rate

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.net_rate * 2 < self.hedged_rate:
            raise ValueError("net_rate: expected at least half of hedged_rate, or hedging would raise the charge")
        return self


class DeltaCharge(Rule):
    """A floor on each underlying's requirement by net and hedged delta; see the module. `rates`: by underlying."""

    kind: Literal["delta_charge"]
    net_rate: Rate | None = None
    hedged_rate: Rate | None = None
    rates: dict[UnderlyingOrAny, DeltaRates | Refuse] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.net_rate is None) != (self.hedged_rate is None):
            raise ValueError("expected net_rate and hedged_rate together")
        require_one(self.net_rate is not None, self.rates, "net_rate and hedged_rate", "rates")
        self._table()
        return self

    def _table(self) -> dict[UnderlyingOrAny, DeltaRates | Refuse]:
        if self.rates is not None:
            return self.rates
        return {ANY: DeltaRates.model_validate({"net_rate": self.net_rate, "hedged_rate": self.hedged_rate})}

    def refuses(self, underlying: str) -> bool:
        """Whether the table says so."""
        return is_refused(self.rates, underlying)

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
        net_rate, hedged_rate = np.zeros_like(delta_usd), np.zeros_like(delta_usd)
        for rates, rows in rows_by_entry(view, self._table()):
            net_rate[rows], hedged_rate[rows] = float(rates.net_rate), float(rates.hedged_rate)
        net = (net_rate - hedged_rate / 2.0) * delta_usd
        gross = hedged_rate / 2.0 * np.abs(delta_usd)
        error = np.where(view.moves, PRICING_ERROR * arrays.reference, 0.0)
        rounding = np.where(view.moves, rounding_charge(error), 0) * view.risk_ceiling
        columns = {f"{self.name}.net": nearest_units(net), f"{self.name}.gross": ceil_units(gross)}
        return RuleColumns(columns, long_charge=rounding, short_charge=rounding)


class OptionTerms(StrictModel):
    """Margin of an option sold: max(base * index - out of the money, minimum * index)."""

    base: Rate
    minimum: Rate


class OptionTable(StrictModel):
    """Terms of calls and of puts."""

    call: OptionTerms
    put: OptionTerms


class ShortOptionMargin(Rule):
    """Standard margin of options, each by itself; see the module."""

    kind: Literal["short_option_margin"]
    tables: dict[UnderlyingOrAny, OptionTable | Refuse]

    @model_validator(mode="after")
    def _check(self) -> Self:
        require_default(self.tables)
        return self

    def refuses(self, underlying: str) -> bool:
        """Whether the table says so."""
        return is_refused(self.tables, underlying)

    def constrain(self, builder: ConstraintBuilder) -> None:
        """Nothing of its own: the margin goes into the account's charge for what is short."""

    def publish(self, view: RiskView) -> RuleColumns:
        """The margin per lot short, rounded up."""
        arrays = view.arrays
        amount = np.zeros(arrays.price.shape)
        for table, rows in rows_by_entry(view, self.tables):
            index, strike, calls = arrays.reference[rows], arrays.strike[rows], arrays.is_call[rows]
            out_of_the_money = np.maximum(np.where(calls, strike - index, index - strike), 0.0)
            base = np.where(calls, float(table.call.base), float(table.put.base)) * index
            minimum = np.where(calls, float(table.call.minimum), float(table.put.minimum)) * index
            amount[rows] = np.maximum(base - out_of_the_money, minimum)
        amount = np.where(arrays.is_kind("option"), amount + PRICING_ERROR * (arrays.reference + arrays.strike), 0.0)
        return RuleColumns(short_charge=ceil_units(amount))
