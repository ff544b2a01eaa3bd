"""Scenario grids: the requirement is at least the weighted loss in every scenario of price and volatility.

    loss_s = -sum_i q_i w_s (V_i(F_i (1 + price move_s), vol_i moved by s, T_i - look-ahead) - V_i)

netted over the whole account (all underlyings make the same move together) or by underlying (each makes its worst move,
and the requirements add up). Units: usd_e12. V is Black-76 for options, the price itself for everything else.

Rounding: a column holds the P&L of one long lot, rounded down beyond any pricing error; a short lot pays, once for all
scenarios, a charge that covers what rounding down gave it (one unit, more where pricing is less exact).

Discounting (Derive PMRM2 scales an expiry's shocked value by d_long < 1 if it is an asset, by d_short > 1 if a debt):
here every long leg is discounted by d_long and every short leg by d_short, without netting within an expiry, and the
part that depends on the side is charged at its largest over the scenarios. Both are conservative.

Sources: CME SPAN, "Components of SPAN" (16 scenarios); Derive v2-core, PMRMLib_2.sol and scripts/config-mainnet.sol;
Paradex, "Portfolio Margin" (docs.paradex.trade/risk/portfolio-margin).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from zkmargin.circuits.markets import black76
from zkmargin.circuits.markets.epoch import MarketArrays
from zkmargin.circuits.markets.models import StrictModel
from zkmargin.circuits.markets.units import VALUE_BITS, ExactDecimal
from zkmargin.circuits.policies.builder import ConstraintBuilder
from zkmargin.circuits.policies.constraints import ACCOUNT, LinearForm, Part
from zkmargin.circuits.policies.rules.rule import (
    PRICING_ERROR,
    Bools,
    Floats,
    Ints,
    RiskView,
    Rule,
    RuleColumns,
    Title,
    ceil_units,
    floor_units,
    require_default,
    rounding_charge,
)

DAYS_PER_YEAR = 365.0


class RelativeVolMove(StrictModel):
    """vol * (1 + change)."""

    kind: Literal["relative"]
    change: Annotated[ExactDecimal, Field(ge=-1, le=10)]

    def apply(self, vol: Floats, years: Floats) -> Floats:
        """The moved volatilities."""
        return vol * (1.0 + float(self.change))


class AbsoluteVolMove(StrictModel):
    """max(0, vol + points), with 0.10 for ten volatility points."""

    kind: Literal["absolute"]
    points: Annotated[ExactDecimal, Field(ge=-10, le=10)]

    def apply(self, vol: Floats, years: Floats) -> Floats:
        """The moved volatilities."""
        return np.maximum(vol + float(self.points), 0.0)


class TermVolMove(StrictModel):
    """max(minimum_vol, vol * max(0, 1 + change * (30 / max(floor_days, days to expiry))^power)).

    The power is `short_power` up to 30 days to expiry, `long_power` beyond: short expiries move more.
    """

    kind: Literal["term"]
    change: Annotated[ExactDecimal, Field(ge=-1, le=10)]
    short_power: Annotated[ExactDecimal, Field(ge=0, le=2)]
    long_power: Annotated[ExactDecimal, Field(ge=0, le=2)]
    floor_days: Annotated[ExactDecimal, Field(gt=0, le=400)] = Decimal(1)
    minimum_vol: Annotated[ExactDecimal, Field(ge=0, le=10)] = Decimal(0)

    def apply(self, vol: Floats, years: Floats) -> Floats:
        """The moved volatilities."""
        days = years * DAYS_PER_YEAR
        power = np.where(days <= 30.0, float(self.short_power), float(self.long_power))
        factor = 1.0 + float(self.change) * (30.0 / np.maximum(days, float(self.floor_days))) ** power
        return np.maximum(vol * np.maximum(factor, 0.0), float(self.minimum_vol))


VolMove = Annotated[RelativeVolMove | AbsoluteVolMove | TermVolMove, Field(discriminator="kind")]


class Scenario(StrictModel):
    """One cell of the grid. `price_move` is a fraction of the price, or of the scan range where the grid has one.

    `vol_move` names one of the grid's; absent, volatility stays. The P&L counts with `weight`. `rate_move`: the change
    of the yearly rate, by which forwards of options and dated futures move too, as exp(rate_move T).
    """

    name: Title
    price_move: Annotated[ExactDecimal, Field(ge=-10, le=100)]
    vol_move: str | None = None
    weight: Annotated[ExactDecimal, Field(gt=0, le=1)] = Decimal(1)
    rate_move: Annotated[ExactDecimal, Field(ge=-1, le=1)] | None = None


class Discounting(StrictModel):
    """Factors on the shocked value of an option T years from expiry, never in the holder's favour.

    d_long = min(1, long_base exp(-long_rate T)),  d_short = max(1, short_base exp(short_rate T)).
    """

    long_base: Annotated[ExactDecimal, Field(gt=0, le=4)]
    long_rate: Annotated[ExactDecimal, Field(ge=0, le=10)]
    short_base: Annotated[ExactDecimal, Field(gt=0, le=4)]
    short_rate: Annotated[ExactDecimal, Field(ge=0, le=10)]

    def penalties(self, years: Floats) -> tuple[Floats, Floats]:
        """(1 - d_long, d_short - 1), both non-negative."""
        long = 1.0 - float(self.long_base) * np.exp(-float(self.long_rate) * years)
        short = float(self.short_base) * np.exp(np.minimum(float(self.short_rate) * years, 30.0)) - 1.0
        return np.maximum(long, 0.0), np.maximum(short, 0.0)


class ScenarioGrid(Rule):
    """A grid of scenarios; see the module. `price_scan_range` by underlying turns price moves into fractions of it."""

    kind: Literal["scenario_grid"]
    netting: Literal["account", "underlying"]
    scenarios: Annotated[tuple[Scenario, ...], Field(strict=False, min_length=1, max_length=256)]
    vol_moves: dict[str, VolMove] = Field(default_factory=dict)
    price_scan_range: dict[str, Annotated[ExactDecimal, Field(gt=0, le=10)]] | None = None
    look_ahead_days: Annotated[ExactDecimal, Field(ge=0, le=30)] = Decimal(0)
    discounting: Discounting | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.price_scan_range is not None:
            require_default(self.price_scan_range)
        ranges = [Decimal(1)] if self.price_scan_range is None else list(self.price_scan_range.values())
        check_scenarios(self.scenarios, self.vol_moves, max(ranges))
        return self

    @property
    def charges_longs(self) -> bool:
        """Discounting charges long legs too."""
        return self.discounting is not None

    def column_name(self, scenario: Scenario) -> str:
        """Name of the scenario's column."""
        return f"{self.name}.{scenario.name}"

    def constrain(self, builder: ConstraintBuilder) -> None:
        """One floor per scenario and netting group: requirement + sum q * P&L >= 0."""
        groups = (ACCOUNT,) if self.netting == "account" else builder.underlyings()
        for scenario in self.scenarios:
            column = builder.column(self.column_name(scenario), VALUE_BITS, signed=True)
            for group in groups:
                label = f"{column}[{group.kind}{group.slot}]"
                builder.floor(group, label, scenario.name, -LinearForm.of(column, Part.NET, group))

    def publish(self, view: RiskView) -> RuleColumns:
        """P&L per long lot of every scenario, and the charges for rounding and discounting."""
        scan = 1.0 if self.price_scan_range is None else view.by_underlying(self.price_scan_range)
        years = float(self.look_ahead_days) / DAYS_PER_YEAR
        grid = Grid(self.scenarios, self.vol_moves, self.discounting, years)
        priced = grid.price(view.arrays, view.moves, dated=view.years_to_expiry, scan=scan)
        side, rounding = priced.side * view.risk_ceiling, priced.rounding * view.risk_ceiling
        columns = dict(zip(map(self.column_name, self.scenarios), priced.profits, strict=True))
        return RuleColumns(columns, long_charge=side, short_charge=side + rounding)


@dataclass(frozen=True, eq=False)
class PricedGrid:
    """A grid over some rows, per long lot in usd_e12: P&L by scenario, and two charges, each (rows,).

    side: for a long and a short alike, what discounting depends on the side. rounding: for a short.
    """

    profits: list[Ints]
    side: Ints
    rounding: Ints


@dataclass(frozen=True, eq=False)
class Grid:
    """Scenarios to price rows in. `factor` scales every loss, `look_ahead` is in years."""

    scenarios: Sequence[Scenario]
    vol_moves: Mapping[str, VolMove]
    discounting: Discounting | None
    look_ahead: float = 0.0
    factor: float = 1.0

    def price(self, arrays: MarketArrays, moves: Bools, *, dated: Floats, scan: Floats | float = 1.0) -> PricedGrid:
        """P&L and charges of rows, of which `moves` are shocked; `scan` is what a price move of one means.

        dated: (rows,) years to expiry, of futures too.
        """
        options = arrays.is_kind("option")
        base = np.where(options, _option_values(arrays, arrays.forward, arrays.vol, arrays.years), arrays.forward)
        long_penalty, short_penalty = np.zeros_like(base), np.zeros_like(base)
        if self.discounting is not None:
            penalties = self.discounting.penalties(arrays.years)
            long_penalty, short_penalty = (np.where(options, penalty, 0.0) for penalty in penalties)
        profits: list[Ints] = []
        worst_error, largest_value = np.zeros_like(base), np.zeros_like(base)
        for scenario, shocked, pricing_error in self._shocked(arrays, options, scan, dated):
            weight = float(scenario.weight) * self.factor
            tilt = (long_penalty - short_penalty) / 2.0 * shocked
            profit = np.where(moves, weight * (shocked - base - tilt), 0.0)
            error = np.where(moves, weight * pricing_error, 0.0)
            profits.append(floor_units(profit, error))
            worst_error = np.maximum(worst_error, error)
            largest_value = np.maximum(largest_value, weight * shocked)
        side = ceil_units((long_penalty + short_penalty) / 2.0 * largest_value)
        return PricedGrid(profits, side, np.where(moves, rounding_charge(worst_error), 0))

    def _shocked(
        self, arrays: MarketArrays, options: Bools, scan: Floats | float, dated: Floats
    ) -> Iterator[tuple[Scenario, Floats, Floats]]:
        """Every scenario with the moved value of each row and a bound on its pricing error."""
        years = np.maximum(arrays.years - self.look_ahead, 0.0)
        for scenario in self.scenarios:
            forward = arrays.forward * (1.0 + float(scenario.price_move) * scan)
            if scenario.rate_move is not None:
                forward = forward * np.exp(float(scenario.rate_move) * dated)
            move = None if scenario.vol_move is None else self.vol_moves[scenario.vol_move]
            vol = arrays.vol if move is None else move.apply(arrays.vol, arrays.years)
            value = np.where(options, _option_values(arrays, forward, vol, years), forward)
            yield scenario, value, PRICING_ERROR * (forward + arrays.forward + arrays.strike)


def check_scenarios(scenarios: Sequence[Scenario], vol_moves: Mapping[str, VolMove], largest_range: Decimal) -> None:
    """Raise ValueError unless names are distinct, volatility moves exist, and no price falls to zero."""
    names = [scenario.name for scenario in scenarios]
    if len(set(names)) != len(names):
        raise ValueError("scenarios: expected distinct names")
    for scenario in scenarios:
        if scenario.vol_move is not None and scenario.vol_move not in vol_moves:
            raise ValueError(f"scenario {scenario.name}: vol_move {scenario.vol_move!r} is not one of vol_moves")
    if any(scenario.price_move * largest_range <= -1 for scenario in scenarios):
        raise ValueError("scenarios: expected price moves above -100 %")


def _option_values(arrays: MarketArrays, forward: Floats, vol: Floats, years: Floats) -> Floats:
    """Black-76 values per lot; rows that are not options come out as garbage that the caller masks."""
    strike = np.where(arrays.strike > 0, arrays.strike, 1.0)
    return black76.price(forward, strike, vol, years, arrays.is_call)
