"""Contingencies by expiry (Derive PMRM2): the basis between expiries, and the skew of each, may move against the book.

Basis: the forward of every expiry moves by itself, up or down by `price_move`, and each expiry e loses its worse side,

    requirement_u >= sum_{e in u} max(0, loss_e(up), loss_e(down)) * (add + multiply * T_e).

Skew: the wings of every expiry's smile tilt (linear in k = ln(K / F)) or bend (in |k|) either way,

    vol' = vol * max(0, 1 + clip(k cap / k*, -cap, cap)),  cap = max(0, base_cap + cap_per_sqrt_year sqrt T),
    k* = max(minimum_width, width sqrt T),                 requirement_u >= sum_{e in u} |P&L_e|.

Units: usd_e12. Rounding: as for scenario grids; under an absolute value both sides of a position pay it.
Source: Derive v2-core, PMRMLib_2.sol (_addBasisContingency, _getExpirySkewedShockedMTM), scripts/config-mainnet.sol.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from zkmargin.circuits.markets import black76
from zkmargin.circuits.markets.epoch import MarketArrays
from zkmargin.circuits.markets.models import StrictModel
from zkmargin.circuits.markets.units import VALUE_BITS, ExactDecimal
from zkmargin.circuits.policies.builder import ConstraintBuilder
from zkmargin.circuits.policies.constraints import LinearForm, Part
from zkmargin.circuits.policies.rules.rule import (
    ANY,
    PRICING_ERROR,
    Bools,
    Factor,
    Floats,
    Refuse,
    RiskView,
    Rule,
    RuleColumns,
    UnderlyingOrAny,
    floor_units,
    is_refused,
    require_default,
    require_one,
    rounding_charge,
    rows_by_entry,
)

PriceMove = Annotated[ExactDecimal, Field(gt=0, lt=1)]
Multiple = Annotated[ExactDecimal, Field(ge=0, le=20)]


class BasisTable(StrictModel):
    """One underlying's basis contingency; `factor` scales its losses."""

    factor: Factor = Decimal(1)
    price_move: PriceMove
    add: Multiple
    multiply: Multiple


class BasisContingency(Rule):
    """The basis floor; see the module. Options and dated futures count, by expiry. `tables`: by underlying."""

    kind: Literal["basis_contingency"]
    price_move: PriceMove | None = None
    add: Multiple | None = None
    multiply: Multiple | None = None
    tables: dict[UnderlyingOrAny, BasisTable | Refuse] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        given = {field is not None for field in (self.price_move, self.add, self.multiply)}
        if len(given) > 1:
            raise ValueError("expected price_move, add and multiply together")
        require_one(given == {True}, self.tables, "price_move, add and multiply", "tables")
        return self

    def _table(self) -> dict[UnderlyingOrAny, BasisTable | Refuse]:
        if self.tables is not None:
            return self.tables
        fields = {"price_move": self.price_move, "add": self.add, "multiply": self.multiply}
        return {ANY: BasisTable.model_validate(fields)}

    def refuses(self, underlying: str) -> bool:
        """Whether the table says so."""
        return is_refused(self.tables, underlying)

    def constrain(self, builder: ConstraintBuilder) -> None:
        """Per expiry one scalar above both losses; per underlying one floor, their sum."""
        up = builder.column(f"{self.name}.up", VALUE_BITS, signed=True)
        down = builder.column(f"{self.name}.down", VALUE_BITS, signed=True)
        for underlying in builder.underlyings():
            total = LinearForm()
            for bucket in builder.buckets(underlying):
                losses = [-LinearForm.of(column, Part.NET, bucket) for column in (up, down)]
                total = total + builder.at_least(f"{self.name}.loss[{bucket.slot}]", *losses)
            if total.scalars:
                builder.floor(underlying, f"{self.name}[{underlying.slot}]", "basis contingency", total)

    def publish(self, view: RiskView) -> RuleColumns:
        """P&L per long lot of both moves, times the expiry's factor."""
        arrays = view.arrays
        options = arrays.is_kind("option")
        counted = view.moves & (options | arrays.is_kind("future"))
        strike = np.where(options, arrays.strike, 1.0)
        base = np.where(
            options, black76.price(arrays.forward, strike, arrays.vol, arrays.years, arrays.is_call), arrays.forward
        )
        factor, move = np.zeros_like(base), np.zeros_like(base)
        for table, rows in rows_by_entry(view, self._table()):
            scale = float(table.add) + float(table.multiply) * arrays.years[rows]
            factor[rows] = np.where(counted[rows], float(table.factor) * scale, 0.0)
            move[rows] = float(table.price_move)
        error = factor * PRICING_ERROR * 2.0 * (arrays.forward + arrays.strike)
        columns = {}
        for side, sign in (("up", 1.0), ("down", -1.0)):
            forward = arrays.forward * (1.0 + sign * move)
            value = black76.price(forward, strike, arrays.vol, arrays.years, arrays.is_call)
            profit = factor * (np.where(options, value, forward) - base)
            columns[f"{self.name}.{side}"] = floor_units(profit, error)
        rounding = np.where(counted, rounding_charge(error), 0) * view.risk_ceiling
        return RuleColumns(columns, short_charge=rounding)


BaseCap = Annotated[ExactDecimal, Field(ge=0, le=10)]
CapPerSqrtYear = Annotated[ExactDecimal, Field(ge=-10, le=10)]
MinimumWidth = Annotated[ExactDecimal, Field(gt=0, le=10)]
Width = Annotated[ExactDecimal, Field(ge=0, le=20)]


class SkewShape(StrictModel):
    """How far the wings of a smile move, and from where on; see the module."""

    base_cap: BaseCap
    cap_per_sqrt_year: CapPerSqrtYear
    minimum_width: MinimumWidth
    width: Width


def skewed_vol(skew: SkewShape | SkewContingency, arrays: MarketArrays, options: Bools, *, bend: bool) -> Floats:
    """(rows,) volatilities with wings tilted, or bent; rows that are not `options` come out as they are."""
    root_years = np.sqrt(np.maximum(arrays.years, 0.0))
    cap = np.maximum(float(skew.base_cap) + float(skew.cap_per_sqrt_year) * root_years, 0.0)
    width = np.maximum(float(skew.minimum_width), float(skew.width) * root_years)
    k = np.log(np.where(options, arrays.strike, 1.0) / np.where(options, arrays.forward, 1.0))
    k = np.abs(k) if bend else k
    return arrays.vol * np.maximum(1.0 + np.clip(k * cap / width, -cap, cap), 0.0)


class SkewContingency(Rule):
    """The skew floors, linear and absolute; see the module. Options count, by expiry; `factors` scale the losses."""

    kind: Literal["skew_contingency"]
    factors: dict[UnderlyingOrAny, Factor] | None = None
    base_cap: BaseCap
    cap_per_sqrt_year: CapPerSqrtYear
    minimum_width: MinimumWidth
    width: Width

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.factors is not None:
            require_default(self.factors)
        return self

    @property
    def charges_longs(self) -> bool:
        """Rounding under an absolute value costs both sides."""
        return True

    def constrain(self, builder: ConstraintBuilder) -> None:
        """Per expiry and shape a scalar n >= -P&L; per underlying and shape the floor sum (P&L + 2 n) >= sum |P&L|."""
        for shape in ("linear", "absolute"):
            column = builder.column(f"{self.name}.{shape}", VALUE_BITS, signed=True)
            for underlying in builder.underlyings():
                # Columns are zero off option rows, so the sum over the underlying is the sum over its expiries.
                total = LinearForm.of(column, Part.NET, underlying)
                for bucket in builder.buckets(underlying):
                    loss = -LinearForm.of(column, Part.NET, bucket)
                    total = total + builder.at_least(f"{self.name}.{shape}.loss[{bucket.slot}]", loss) * 2
                if total.scalars:
                    builder.floor(underlying, f"{self.name}.{shape}[{underlying.slot}]", f"{shape} skew", total)

    def publish(self, view: RiskView) -> RuleColumns:
        """P&L per long lot of both shapes."""
        arrays = view.arrays
        counted = view.moves & arrays.is_kind("option")
        strike = np.where(counted, arrays.strike, 1.0)
        forward = np.where(counted, arrays.forward, 1.0)
        base = black76.price(forward, strike, arrays.vol, arrays.years, arrays.is_call)
        factor = 1.0 if self.factors is None else view.by_underlying(self.factors)
        error = np.where(counted, factor * (PRICING_ERROR * 2.0 * (forward + strike)), 0.0)
        columns = {}
        for shape in ("linear", "absolute"):
            vol = skewed_vol(self, arrays, counted, bend=shape == "absolute")
            value = black76.price(forward, strike, vol, arrays.years, arrays.is_call)
            columns[f"{self.name}.{shape}"] = floor_units(np.where(counted, factor * (value - base), 0.0), error)
        rounding = np.where(counted, rounding_charge(error), 0) * view.risk_ceiling
        return RuleColumns(columns, long_charge=rounding, short_charge=rounding)
