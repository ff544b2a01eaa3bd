"""Scenarios with every expiry's net value discounted by its sign, as Derive's portfolio margin has them.

In scenario s, of options by expiry e and everything else apart, with m the mark and V the shocked undiscounted value,

    loss_s = factor w_s (sum over the rest of -q (V - m)  +  sum_e max(M_e - a_e V_e, M_e - b_e V_e)),
    V_e = sum_{i in e} q_i V_i,  M_e = sum_{i in e} q_i m_i,  c = exp(-rate T),
    a_e = long_base exp(-long_rate T) c  <=  b_e = min(1, short_base exp(short_rate T) c).

A net asset counts with a_e, a net debt with b_e: c is the discount of the option's own value, and the short factor is
capped at one over it. P&L is shocked model less mark. As a_e <= b_e this is convex in the book: an expiry costs
M_e - a_e V_e and, where that is more, -(b_e - a_e) V_e besides, a private scalar n >= 0.

`skew`: the wings of every expiry tilt or bend as in expiry_contingency.py, and each expiry loses |change of its
discounted value|. The side on which it gains is concave; a bit, free for the prover to choose, says which of the two
factors bounds it, so that the larger-of-smaller is met exactly where one of both choices meets it.

`settlement_window_seconds`: the last stretch before expiry over which an option settles to an average; of its forward
only the share of the window that is left still moves.

Units: usd_e12 per lot. Rounding: columns down beyond any pricing error, and a short, with skew both sides, pays for it.
Source: Derive v2-core, PMRMLib_2_1.sol (getScenarioMtMDiff, _addStaticDiscount) and LyraForwardFeed.sol.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Final, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from zkmargin.circuits.markets import black76
from zkmargin.circuits.markets.epoch import MarketArrays
from zkmargin.circuits.markets.models import StrictModel
from zkmargin.circuits.markets.units import VALUE_BITS, ExactDecimal
from zkmargin.circuits.policies.builder import ConstraintBuilder
from zkmargin.circuits.policies.constraints import Group, LinearForm, Part
from zkmargin.circuits.policies.rules.expiry_contingency import SkewShape, skewed_vol
from zkmargin.circuits.policies.rules.rule import (
    PRICING_ERROR,
    Bools,
    Factor,
    Floats,
    Ints,
    Refuse,
    RiskView,
    Rule,
    RuleColumns,
    UnderlyingOrAny,
    floor_units,
    is_refused,
    require_default,
    rounding_charge,
    rows_by_entry,
)
from zkmargin.circuits.policies.rules.scenario_grid import DAYS_PER_YEAR, Scenario, VolMove, check_scenarios

SHAPES: Final = ("linear", "absolute")
_SECONDS_PER_YEAR: Final = DAYS_PER_YEAR * 86400.0


class NetDiscounting(StrictModel):
    """Factors on an expiry's net shocked value, T years from expiry; see the module. `rate` discounts every value."""

    long_base: Annotated[ExactDecimal, Field(gt=0, le=1)]
    long_rate: Annotated[ExactDecimal, Field(ge=0, le=10)]
    short_base: Annotated[ExactDecimal, Field(gt=0, le=4)]
    short_rate: Annotated[ExactDecimal, Field(ge=0, le=10)]
    rate: Annotated[ExactDecimal, Field(ge=0, le=1)] = Decimal(0)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.short_base < self.long_base:
            raise ValueError("short_base: expected at least long_base, or a debt would count for less than an asset")
        return self

    def factors(self, years: Floats) -> tuple[Floats, Floats]:
        """(a, b) on undiscounted values, a <= b."""
        own = np.exp(-float(self.rate) * years)
        long = float(self.long_base) * np.exp(-float(self.long_rate) * years) * own
        short = float(self.short_base) * np.exp(np.minimum(float(self.short_rate) * years, 30.0)) * own
        return long, np.maximum(np.minimum(1.0, short), long)


class ExpiryTable(StrictModel):
    """One underlying's scenarios; `factor` scales all their losses."""

    factor: Factor = Decimal(1)
    scenarios: Annotated[tuple[Scenario, ...], Field(strict=False, min_length=1, max_length=256)]
    vol_moves: dict[str, VolMove] = Field(default_factory=dict)
    discounting: NetDiscounting

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_scenarios(self.scenarios, self.vol_moves, Decimal(1))
        if any(scenario.rate_move is not None for scenario in self.scenarios):
            raise ValueError(
                "scenarios: rate_move: expected in scenario_tables, as expiries here have a rate of their own"
            )
        return self


class ExpiryScenarios(Rule):
    """A table of scenarios to each underlying; see the module. An underlying with fewer scenarios has no more."""

    kind: Literal["expiry_scenarios"]
    tables: dict[UnderlyingOrAny, ExpiryTable | Refuse]
    skew: SkewShape | None = None
    settlement_window_seconds: Annotated[int, Field(ge=1, le=86400)] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        require_default(self.tables)
        if not self._stated():
            raise ValueError("tables: expected one underlying at least that is not refused")
        return self

    def _stated(self) -> dict[str, ExpiryTable]:
        return {name: table for name, table in self.tables.items() if isinstance(table, ExpiryTable)}

    @property
    def charges_longs(self) -> bool:
        """Rounding under an absolute value costs both sides."""
        return self.skew is not None

    def refuses(self, underlying: str) -> bool:
        """Whether the table says so."""
        return is_refused(self.tables, underlying)

    def _count(self) -> int:
        return max(len(table.scenarios) for table in self._stated().values())

    def constrain(self, builder: ConstraintBuilder) -> None:
        """A floor to every scenario and underlying, with a private scalar to every expiry in it."""
        for index in range(self._count()):
            profit = builder.column(f"{self.name}[{index}]", VALUE_BITS, signed=True)
            spread = builder.column(f"{self.name}.spread[{index}]", VALUE_BITS, signed=False)
            titles = tuple(
                (name, table.scenarios[index].name)
                for name, table in self._stated().items()
                if index < len(table.scenarios)
            )
            for group in builder.underlyings():
                loss = -LinearForm.of(profit, Part.NET, group)
                for bucket in builder.buckets(group):
                    debt = -LinearForm.of(spread, Part.NET, bucket)
                    loss = loss + builder.at_least(f"{spread}.debt[{bucket.slot}]", debt)
                label = f"{profit}[{group.kind}{group.slot}]"
                builder.floor(group, label, titles[0][1], loss, titles=titles)
        for shape in SHAPES if self.skew is not None else ():
            profit = builder.column(f"{self.name}.{shape}", VALUE_BITS, signed=True)
            spread = builder.column(f"{self.name}.{shape}.spread", VALUE_BITS, signed=False)
            for group in builder.underlyings():
                total = LinearForm()
                for bucket in builder.buckets(group):
                    total = total + self._size(builder, profit, spread, bucket)
                if total.scalars:
                    builder.floor(group, f"{profit}[{group.slot}]", f"{shape} skew", total)

    @staticmethod
    def _size(builder: ConstraintBuilder, profit: str, spread: str, bucket: Group) -> LinearForm:
        """|min(x, x + y)| of an expiry, x its P&L as an asset and y what a debt, then negative, loses besides."""
        asset = LinearForm.of(profit, Part.NET, bucket)
        debt = asset + LinearForm.of(spread, Part.NET, bucket)
        gain = builder.smaller(f"{profit}.debt[{bucket.slot}]", asset, debt)
        return builder.at_least(f"{profit}.size[{bucket.slot}]", -asset, -debt, *gain)

    def publish(self, view: RiskView) -> RuleColumns:
        """P&L per long lot as an asset, what a debt loses besides, and the charges for rounding."""
        shape = view.arrays.price.shape
        names = [f"{self.name}[{index}]" for index in range(self._count())]
        names += [f"{self.name}.spread[{index}]" for index in range(self._count())]
        if self.skew is not None:
            names += [f"{self.name}.{kind}{part}" for kind in SHAPES for part in ("", ".spread")]
        columns = {name: np.zeros(shape, np.int64) for name in names}
        rounding, both = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        for table, rows in rows_by_entry(view, self.tables):
            some = MarketArrays(**{name: values[rows] for name, values in vars(view.arrays).items()})
            priced = _Priced(self, table, some, view.moves[rows])
            for name, values in priced.columns():
                columns[name][rows] = values
            rounding[rows] = priced.rounding * view.risk_ceiling
            both[rows] = np.where(some.is_kind("option"), rounding[rows], 0) if self.skew is not None else 0
        return RuleColumns(columns, long_charge=both, short_charge=rounding)


@dataclass(frozen=True, eq=False)
class _Priced:
    """One table over some rows, of which `moves` are shocked."""

    rule: ExpiryScenarios
    table: ExpiryTable
    arrays: MarketArrays
    moves: Bools

    @property
    def options(self) -> Bools:
        return self.arrays.is_kind("option") & self.moves

    def columns(self) -> Iterator[tuple[str, Ints]]:
        """Names and values of every column."""
        arrays, name = self.arrays, self.rule.name
        for index, scenario in enumerate(self.table.scenarios):
            forward = arrays.forward * (1.0 + float(scenario.price_move) * self._still_moving())
            move = None if scenario.vol_move is None else self.table.vol_moves[scenario.vol_move]
            vol = arrays.vol if move is None else move.apply(arrays.vol, arrays.years)
            profit, spread = self._both(forward, vol, float(scenario.weight), self.moves)
            yield f"{name}[{index}]", profit
            yield f"{name}.spread[{index}]", spread
        if self.rule.skew is None:
            return
        for shape in SHAPES:
            vol = skewed_vol(self.rule.skew, arrays, self.options, bend=shape == "absolute")
            profit, spread = self._both(arrays.forward, vol, 1.0, self.options)
            yield f"{name}.{shape}", profit
            yield f"{name}.{shape}.spread", spread

    @property
    def rounding(self) -> Ints:
        """(rows,) what covers, for any side, rounding both of a scenario's columns."""
        forward = max(1.0 + float(scenario.price_move) for scenario in self.table.scenarios) * self.arrays.forward
        error = float(self.table.factor) * self._error(np.maximum(forward, self.arrays.forward))
        return np.where(self.moves, 2 * rounding_charge(error), 0)

    def _error(self, forward: Floats) -> Floats:
        """(rows,) the pricing error of a shocked value and of the exponentials on it."""
        return 4.0 * PRICING_ERROR * (forward + self.arrays.forward + self.arrays.strike)

    def _still_moving(self) -> Floats:
        """(rows,) the share of the price that still moves."""
        if self.rule.settlement_window_seconds is None:
            return np.ones_like(self.arrays.price)
        left = self.arrays.years * _SECONDS_PER_YEAR / self.rule.settlement_window_seconds
        return np.where(self.options, np.clip(left, 0.0, 1.0), 1.0)

    def _both(self, forward: Floats, vol: Floats, weight: float, counted: Bools) -> tuple[Ints, Ints]:
        """P&L per long lot as an asset, and what a debt loses besides, both rounded down."""
        arrays, options, scale = self.arrays, self.options, weight * float(self.table.factor)
        strike = np.where(options, arrays.strike, 1.0)
        shocked = black76.price(np.where(options, forward, 1.0), strike, vol, arrays.years, arrays.is_call)
        long, short = self.table.discounting.factors(arrays.years)
        value = np.where(options, long * shocked, forward)
        error = np.where(counted, scale * self._error(forward), 0.0)
        profit = floor_units(np.where(counted, scale * (value - arrays.price), 0.0), error)
        spread = floor_units(np.where(options & counted, scale * (short - long) * shocked, 0.0), error)
        return profit, np.maximum(spread, 0)
