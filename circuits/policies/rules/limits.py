"""Limits: what a book may hold whatever it is worth. Each is a constraint of its own, with a public threshold.

`limit`, of an account or by underlying, with the measures

    gross_notional        sum |q| N                  N: an option's forward, otherwise the price
    net_notional          |sum +-q N|                puts count negative
    delta                 |sum q delta * index|
    vega                  |sum q vega / 100|         USD a volatility point
    position              |sum q delta|              coins of the underlying, an option counting by its delta
    open_interest_share   sum |q| p over perpetuals  at most a share of the underlying's open interest in USD

`leverage_limit`: gross notional <= most * value. `concentration_limit`: an underlying's gross notional <= share * the
account's. `restricted`: nothing held, long, short or either way, of some instruments, underlyings or kinds.

Units: usd_e12 per lot. Rounding: measures up, thresholds down, against the holder; under an absolute value columns are
rounded to nearest and every lot pays a unit for it. An epoch without open interest allows none of it.
"""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Final, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from zkmargin.circuits.markets import black76
from zkmargin.circuits.markets.instruments import InstrumentId, Kind, Underlying
from zkmargin.circuits.markets.units import USD_E12, VALUE_BITS, ExactDecimal, integers
from zkmargin.circuits.policies.builder import ConstraintBuilder
from zkmargin.circuits.policies.constraints import ACCOUNT, LinearForm, Part
from zkmargin.circuits.policies.rules.perpetual_margin import Kinds
from zkmargin.circuits.policies.rules.rule import (
    ANY,
    PRICING_ERROR,
    VALUE_COLUMN,
    Floats,
    Ints,
    RiskView,
    Rule,
    RuleColumns,
    UnderlyingOrAny,
    ceil_units,
    nearest_units,
    require_default,
    rounding_charge,
)
from zkmargin.circuits.policies.rules.tiers import BOUNDARY_BITS, BOUNDARY_UNIT

RISKY: Final[tuple[Kind, ...]] = ("spot", "supply", "borrow", "perpetual", "future", "option")
Measure = Literal["gross_notional", "net_notional", "delta", "vega", "position", "open_interest_share"]
Threshold = Annotated[ExactDecimal, Field(ge=0, lt=Decimal(10) ** 12)]
_SIGNED: Final = ("net_notional", "delta", "vega", "position")


class Limit(Rule):
    """A measure's largest amount; see the module. `most`: USD, coins, or a share of open interest; by account: `*`."""

    kind: Literal["limit"]
    measure: Measure
    by: Literal["account", "underlying"]
    kinds: Kinds = RISKY
    most: dict[UnderlyingOrAny, Threshold]

    @model_validator(mode="after")
    def _check(self) -> Self:
        require_default(self.most)
        if self.by == "account" and (len(self.most) > 1 or self.measure in ("open_interest_share", "position")):
            raise ValueError(
                "by: an account has one threshold, '*', no coins and no open interest: expected underlying"
            )
        return self

    def constrain(self, builder: ConstraintBuilder) -> None:
        """threshold - measure >= 0, of a signed measure for both signs."""
        most = builder.column(f"{self.name}.most", BOUNDARY_BITS, signed=False)
        gross = builder.column(f"{self.name}.gross", VALUE_BITS, signed=False)
        signed = builder.column(f"{self.name}.net", VALUE_BITS, signed=True) if self.measure in _SIGNED else None
        for group in (ACCOUNT,) if self.by == "account" else builder.underlyings():
            room = LinearForm.of(most, Part.UNIT, group, BOUNDARY_UNIT) - LinearForm.of(gross, Part.GROSS, group)
            label, title = f"{self.name}[{group.kind}{group.slot}]", self.measure.replace("_", " ")
            if signed is None:
                builder.limit(group, label, f"{self.name}: {title}", room)
                continue
            for side, sign in (("long", -1), ("short", 1)):
                net = LinearForm.of(signed, Part.NET, group, sign)
                unit: Literal["usd", "coins"] = "coins" if self.measure == "position" else "usd"
                builder.limit(group, f"{label}.{side}", f"{self.name}: {title}, {side}", room + net, unit=unit)

    def publish(self, view: RiskView) -> RuleColumns:
        """Measures per lot, and thresholds in the first row of their group."""
        arrays = view.arrays
        counted = arrays.is_kind(*self.kinds)
        most = np.zeros(arrays.price.shape, dtype=np.int64)
        if self.by == "account":
            most[0] = _threshold(self.most[ANY])
        else:
            for slot, name in enumerate(view.slot_names):
                rows = np.flatnonzero(arrays.underlying == slot)
                if rows.size:
                    amount = self.most.get(name, self.most[ANY])
                    most[rows[0]] = _threshold(amount * self._base(view, slot))
        columns = {f"{self.name}.most": most}
        if self.measure in _SIGNED:
            exact, error = self._signed(view)
            columns[f"{self.name}.net"] = nearest_units(np.where(counted, exact, 0.0))
            # A coin is a coin: only an option's delta is rounded where positions are measured.
            rounded = counted & (arrays.is_kind("option") if self.measure == "position" else True)
            columns[f"{self.name}.gross"] = np.where(rounded, rounding_charge(error), 0)
        elif self.measure == "open_interest_share":
            perpetual = counted & arrays.is_kind("perpetual")
            columns[f"{self.name}.gross"] = ceil_units(np.where(perpetual, arrays.price, 0.0))
        else:
            columns[f"{self.name}.gross"] = ceil_units(np.where(counted, notional(view), 0.0))
        return RuleColumns(columns)

    def _base(self, view: RiskView, slot: int) -> Decimal:
        """What a threshold is a multiple of: a dollar, or the underlying's open interest in USD."""
        if self.measure != "open_interest_share":
            return Decimal(1)
        rows = view.arrays.is_kind("perpetual") & (view.arrays.underlying == slot)
        known = np.nan_to_num(view.arrays.open_interest_usd[rows], nan=0.0)
        return Decimal(float(known.sum()) * (1.0 - PRICING_ERROR))

    def _signed(self, view: RiskView) -> tuple[Floats, Floats]:
        """A signed measure per long lot, and a bound on its floating-point error."""
        arrays = view.arrays
        options = arrays.is_kind("option")
        if self.measure == "net_notional":
            sign = np.where(options & ~arrays.is_call, -1.0, 1.0)
            return sign * notional(view), PRICING_ERROR * arrays.forward
        strike, forward = np.where(options, arrays.strike, 1.0), np.where(options, arrays.forward, 1.0)
        greeks = black76.greeks(forward, strike, arrays.vol, arrays.years, arrays.is_call)
        error = PRICING_ERROR * (arrays.reference + arrays.forward + arrays.strike)
        if self.measure == "vega":
            return np.where(options, greeks.vega / 100.0, 0.0), error
        if self.measure == "position":
            coins = np.zeros(arrays.price.shape)
            for listing in view.listings:
                coins[listing.row] = float(USD_E12) / 10.0**listing.lot_exponent
            equivalent = np.where(options, greeks.delta, 1.0) * coins
            return np.where(view.moves, equivalent, 0.0), PRICING_ERROR * coins
        delta = np.where(options, greeks.delta, 1.0) * arrays.reference
        return np.where(view.moves, delta, 0.0), error


class LeverageLimit(Rule):
    """Gross notional at most so many times the book's worth."""

    kind: Literal["leverage_limit"]
    kinds: Kinds = RISKY
    most: Annotated[ExactDecimal, Field(gt=0, le=1000, decimal_places=6)]

    def constrain(self, builder: ConstraintBuilder) -> None:
        """most * value - gross >= 0."""
        gross = builder.column(f"{self.name}.gross", VALUE_BITS, signed=False)
        most = Fraction(self.most)
        value = LinearForm.of(VALUE_COLUMN, Part.NET, ACCOUNT, most.numerator)
        room = value - LinearForm.of(gross, Part.GROSS, ACCOUNT, most.denominator)
        builder.limit(ACCOUNT, self.name, f"{self.name}: leverage", room, scale=most.denominator)

    def publish(self, view: RiskView) -> RuleColumns:
        """Notional per lot, with what rounding a short's price gives it."""
        amount = ceil_units(np.where(view.arrays.is_kind(*self.kinds), notional(view), 0.0))
        return RuleColumns({f"{self.name}.gross": amount + np.where(view.arrays.live, math.ceil(self.most), 0)})


class ConcentrationLimit(Rule):
    """Every underlying's gross notional at most a share of the account's."""

    kind: Literal["concentration_limit"]
    kinds: Kinds = RISKY
    most_share: Annotated[ExactDecimal, Field(gt=0, le=1, decimal_places=6)]

    def constrain(self, builder: ConstraintBuilder) -> None:
        """share * account - underlying >= 0, by underlying."""
        up = builder.column(f"{self.name}.up", VALUE_BITS, signed=False)
        down = builder.column(f"{self.name}.down", VALUE_BITS, signed=False)
        share = Fraction(self.most_share)
        for group in builder.underlyings():
            whole = LinearForm.of(down, Part.GROSS, ACCOUNT, share.numerator)
            room = whole - LinearForm.of(up, Part.GROSS, group, share.denominator)
            label = f"{self.name}[{group.kind}{group.slot}]"
            builder.limit(group, label, f"{self.name}: concentration", room, scale=share.denominator)

    def publish(self, view: RiskView) -> RuleColumns:
        """Notional per lot, rounded up and down."""
        amount = np.where(view.arrays.is_kind(*self.kinds), notional(view), 0.0)
        down = integers(np.floor(amount * (1.0 - PRICING_ERROR)))
        return RuleColumns({f"{self.name}.up": ceil_units(amount), f"{self.name}.down": down})


class Restricted(Rule):
    """Nothing may be held of these, whether or not they have a price."""

    kind: Literal["restricted"]
    side: Literal["long", "short", "both"] = "both"
    instruments: Annotated[tuple[InstrumentId, ...], Field(strict=False, max_length=4096)] = ()
    underlyings: Annotated[tuple[Underlying, ...], Field(strict=False, max_length=4096)] = ()
    kinds: Annotated[tuple[Kind, ...], Field(strict=False)] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.instruments and not self.underlyings and not self.kinds:
            raise ValueError("expected instruments, underlyings or kinds that are restricted")
        return self

    def constrain(self, builder: ConstraintBuilder) -> None:
        """-(lots held) >= 0."""
        column = builder.column(f"{self.name}.held", 1, signed=False)
        part = {"long": Part.LONG, "short": Part.SHORT, "both": Part.GROSS}[self.side]
        builder.limit(ACCOUNT, self.name, f"{self.name}: restricted", -LinearForm.of(column, part))

    def publish(self, view: RiskView) -> RuleColumns:
        """One where a row is restricted."""
        held: Ints = np.zeros(view.arrays.price.shape, dtype=np.int64)
        for listing in view.listings:
            named = listing.id in self.instruments or listing.kind in self.kinds
            held[listing.row] = named or listing.underlying in self.underlyings
        return RuleColumns({f"{self.name}.held": held})


def notional(view: RiskView) -> Floats:
    """(rows,) what a lot is written on: an option's forward, otherwise the price."""
    arrays = view.arrays
    return np.where(arrays.is_kind("option"), arrays.forward, arrays.price)


def _threshold(amount_usd: Decimal) -> int:
    """An amount in units of a boundary, rounded down."""
    return int(amount_usd * 10**12) // BOUNDARY_UNIT
