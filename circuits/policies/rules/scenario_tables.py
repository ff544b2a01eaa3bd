"""Scenario tables: to every underlying its own grid of scenarios, its own volatility moves, discounting and factor.

    loss_s = -factor_u sum_i q_i w_us (V_i(F_i (1 + price move_us), vol_i moved by us, T_i) - V_i)

with everything as in scenario_grid.py, whose prices and roundings these are. Netted by underlying, each makes its own
worst move. Netted over the account, scenario s is one vector of moves, a move to each underlying, so that a pair of a
long and a short has the loss of their relative move. `*` stands for every underlying without a table of its own: a
table, or `refuse`, and then such rows are worth nothing long and punitive short.
Sources: as for scenario_grid.py; Derive keeps a parameter set to a currency, Paradex a grid to an asset.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from zkmargin.circuits.markets.epoch import MarketArrays
from zkmargin.circuits.markets.models import StrictModel
from zkmargin.circuits.markets.units import VALUE_BITS, ExactDecimal
from zkmargin.circuits.policies.builder import ConstraintBuilder
from zkmargin.circuits.policies.constraints import ACCOUNT, LinearForm, Part
from zkmargin.circuits.policies.rules.rule import (
    Factor,
    Refuse,
    RiskView,
    Rule,
    RuleColumns,
    UnderlyingOrAny,
    is_refused,
    require_default,
    rows_by_entry,
)
from zkmargin.circuits.policies.rules.scenario_grid import (
    DAYS_PER_YEAR,
    Discounting,
    Grid,
    Scenario,
    VolMove,
    check_scenarios,
)


class ScenarioTable(StrictModel):
    """One underlying's scenarios; `factor` scales all their losses.

    With a margin period of risk, in days, price moves are of one day and grow with the square root of it.
    """

    factor: Factor = Decimal(1)
    scenarios: Annotated[tuple[Scenario, ...], Field(strict=False, min_length=1, max_length=256)]
    vol_moves: dict[str, VolMove] = Field(default_factory=dict)
    discounting: Discounting | None = None
    margin_period_days: Annotated[ExactDecimal, Field(gt=0, le=100)] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_scenarios(self.scenarios, self.vol_moves, Decimal(self.scale))
        return self

    @property
    def scale(self) -> float:
        """What a price move is multiplied by."""
        return 1.0 if self.margin_period_days is None else math.sqrt(self.margin_period_days)


class ScenarioTables(Rule):
    """A table of scenarios to each underlying; see the module. An underlying with fewer scenarios has no more."""

    kind: Literal["scenario_tables"]
    netting: Literal["account", "underlying"]
    look_ahead_days: Annotated[ExactDecimal, Field(ge=0, le=30)] = Decimal(0)
    tables: dict[UnderlyingOrAny, ScenarioTable | Refuse]

    @model_validator(mode="after")
    def _check(self) -> Self:
        require_default(self.tables)
        if not self._stated():
            raise ValueError("tables: expected one underlying at least that is not refused")
        names = {tuple(scenario.name for scenario in table.scenarios) for table in self._stated().values()}
        if self.netting == "account" and len(names) > 1:
            raise ValueError("tables: netted over the account, expected the same scenarios by name in every table")
        return self

    def _stated(self) -> dict[str, ScenarioTable]:
        return {name: table for name, table in self.tables.items() if isinstance(table, ScenarioTable)}

    @property
    def charges_longs(self) -> bool:
        """Discounting charges long legs too."""
        return any(table.discounting is not None for table in self._stated().values())

    def refuses(self, underlying: str) -> bool:
        """Whether the table says so."""
        return is_refused(self.tables, underlying)

    def _count(self) -> int:
        return max(len(table.scenarios) for table in self._stated().values())

    def constrain(self, builder: ConstraintBuilder) -> None:
        """One floor per scenario and netting group: requirement + sum q * P&L >= 0."""
        groups = (ACCOUNT,) if self.netting == "account" else builder.underlyings()
        for index in range(self._count()):
            column = builder.column(f"{self.name}[{index}]", VALUE_BITS, signed=True)
            titles = tuple(
                (name, table.scenarios[index].name)
                for name, table in self._stated().items()
                if index < len(table.scenarios)
            )
            for group in groups:
                label = f"{column}[{group.kind}{group.slot}]"
                loss = -LinearForm.of(column, Part.NET, group)
                by_underlying = None if self.netting == "account" else titles
                builder.floor(group, label, titles[0][1], loss, titles=by_underlying)

    def publish(self, view: RiskView) -> RuleColumns:
        """P&L per long lot of every scenario, and the charges for rounding and discounting."""
        arrays = view.arrays
        columns = {f"{self.name}[{index}]": np.zeros(arrays.price.shape, np.int64) for index in range(self._count())}
        side, rounding = (np.zeros(arrays.price.shape, np.int64) for _ in range(2))
        dated = view.years_to_expiry
        look_ahead = float(self.look_ahead_days) / DAYS_PER_YEAR
        for table, rows in rows_by_entry(view, self.tables):
            some = MarketArrays(**{name: values[rows] for name, values in vars(arrays).items()})
            grid = Grid(table.scenarios, table.vol_moves, table.discounting, look_ahead, float(table.factor))
            priced = grid.price(some, view.moves[rows], dated=dated[rows], scan=table.scale)
            for index, profits in enumerate(priced.profits):
                columns[f"{self.name}[{index}]"][rows] = profits
            side[rows], rounding[rows] = priced.side * view.risk_ceiling, priced.rounding * view.risk_ceiling
        return RuleColumns(columns, long_charge=side, short_charge=side + rounding)
