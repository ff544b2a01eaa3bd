"""The margin of a book in clear, for its owner: exact integers, and the scenario that binds.

`adequate` is the conjunction of the policy's integer inequalities, boundary unit included; the decimals of the report
are those integers. With per-underlying netting a scenario of the report is one move of one underlying, and its slack is
what would be left if that move set the underlying's requirement; so the smallest slack of the list is the account's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from zkmargin.circuits.markets.epoch import MarketEpoch
from zkmargin.circuits.markets.positions import Positions, net
from zkmargin.circuits.markets.units import RangeError, fits, format_usd_e12
from zkmargin.circuits.markets.universe import Universe
from zkmargin.circuits.policies.constraints import Bound, Constraints, Floor, LinearForm, Part
from zkmargin.circuits.policies.policy import Policy
from zkmargin.circuits.policies.rules.rule import VALUE_COLUMN
from zkmargin.circuits.policies.solution import Solution, Sums, assign, value_of


@dataclass(frozen=True)
class ScenarioResult:
    """One loss that a rule names, in usd_e12: P&L (or minus the charge), and the account's slack were it the worst."""

    name: str
    pnl_usd_e12: int
    slack_usd_e12: int


@dataclass(frozen=True)
class LimitResult:
    """A limit, and what is left below it in 10^-12 of its unit (lots, where it restricts); negative: exceeded."""

    name: str
    room: int
    unit: Literal["usd", "coins"] = "usd"


@dataclass(frozen=True)
class MarginResult:
    """The margin of a book, in usd_e12. requirement = nlv - slack, so it includes cover, haircuts and charges.

    A book is adequate when its slack is not negative and no limit is exceeded.
    """

    policy: str
    adequate: bool
    nlv_usd_e12: int
    requirement_usd_e12: int
    slack_usd_e12: int
    worst_scenario: str
    scenarios: tuple[ScenarioResult, ...]
    limits: tuple[LimitResult, ...] = ()

    @property
    def exceeded(self) -> tuple[LimitResult, ...]:
        """The limits that the book does not keep."""
        return tuple(limit for limit in self.limits if limit.room < 0)

    def to_json(self) -> dict[str, Any]:
        """The object that `evaluate --json` prints; exact decimal strings of USD."""
        return {
            "policy": self.policy,
            "adequate": self.adequate,
            "nlv_usd": format_usd_e12(self.nlv_usd_e12),
            "requirement_usd": format_usd_e12(self.requirement_usd_e12),
            "slack_usd": format_usd_e12(self.slack_usd_e12),
            "worst_scenario": self.worst_scenario,
            "scenarios": [
                {
                    "name": scenario.name,
                    "pnl_usd": format_usd_e12(scenario.pnl_usd_e12),
                    "slack_usd": format_usd_e12(scenario.slack_usd_e12),
                }
                for scenario in self.scenarios
            ],
            **(
                {
                    "limits": [
                        {"name": limit.name, f"room_{limit.unit}": format_usd_e12(limit.room), "kept": limit.room >= 0}
                        for limit in self.limits
                    ]
                }
                if self.limits
                else {}
            ),
        }


def evaluate_margin(
    policy: Policy,
    market: MarketEpoch,
    positions: Positions | Iterable[Positions],
    *,
    columns: Mapping[str, NDArray[np.int64]] | None = None,
) -> MarginResult:
    """The margin of one or several venues' positions, netted. `columns` may be given when already published.

    Raises RangeError when a netted quantity exceeds the policy's range, FormatError for another universe.
    """
    books = (positions,) if isinstance(positions, Positions) else tuple(positions)
    netted = net(books, market.universe)
    check_quantities(policy, market.universe, netted)
    constraints = policy.constraints(market.universe.shape)
    published = policy.public_columns(market) if columns is None else columns
    assignment = assign(constraints, market.universe, published, netted.lots)
    sums = Sums(market.universe, published, netted.lots)
    return _report(policy, market.universe, constraints, assignment, sums)


def check_quantities(policy: Policy, universe: Universe, positions: Positions) -> None:
    """Raise RangeError, naming the instrument, unless every quantity fits the policy's quantity_bits."""
    over = np.flatnonzero(~fits(positions.lots, policy.quantity_bits))
    if over.size:
        name = next((item.id for item in universe.listings if item.row == int(over[0])), f"row {int(over[0])}")
        raise RangeError(
            f"{name}: expected a netted quantity below 2^{policy.quantity_bits} lots in magnitude, got more"
        )


def _report(
    policy: Policy, universe: Universe, constraints: Constraints, assignment: Solution, sums: Sums
) -> MarginResult:
    nlv = value_of(LinearForm.of(VALUE_COLUMN, Part.NET), sums, {})
    final = assignment.values[constraints.final.slack.name]
    slack = final // constraints.value_scale
    scenarios: list[ScenarioResult] = []
    for inequality in constraints.inequalities:
        if (floor := inequality.floor) is None or (title := floor_title(universe, floor)) is None:
            continue
        if floor.when is not None and not assignment.values[floor.when]:
            continue
        requirement = assignment.values[floor.requirement]
        loss = requirement - assignment.values[inequality.slack.name]
        relief = constraints.risk_scale * (requirement - max(loss, 0))
        scenarios.append(ScenarioResult(title, -loss, (final + relief) // constraints.value_scale))
    if not scenarios:
        scenarios.append(ScenarioResult("as held", 0, slack))
    limits = [
        LimitResult(title, assignment.values[inequality.slack.name] // bound.scale, bound.unit)
        for inequality in constraints.inequalities
        if (bound := inequality.bound) is not None and (title := _limit_title(universe, bound)) is not None
    ]
    worst = min(scenarios, key=lambda scenario: (scenario.slack_usd_e12, scenario.pnl_usd_e12))
    return MarginResult(
        policy.name, assignment.adequate, nlv, nlv - slack, slack, worst.name, tuple(scenarios), tuple(limits)
    )


def floor_title(universe: Universe, floor: Floor) -> str | None:
    """What the owner calls a floor; None for an underlying slot that is free."""
    if floor.group.kind == "account":
        if floor.titles is None:
            return floor.title
        return _titled(floor.titles, next(iter(universe.underlyings), ""))
    name = universe.underlyings[floor.group.slot]
    if not name:
        return None
    if floor.titles is None:
        return f"{name} {floor.title}"
    title = _titled(floor.titles, name)
    return f"{name} {title}" if title else None


def _limit_title(universe: Universe, bound: Bound) -> str | None:
    if bound.group.kind == "account":
        return bound.title
    name = universe.underlyings[bound.group.slot]
    return f"{name} {bound.title}" if name else None


def _titled(titles: tuple[tuple[str, str], ...], underlying: str) -> str | None:
    found = dict(titles)
    return found.get(underlying, found.get("*"))
