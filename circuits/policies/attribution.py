"""Where a margin comes from, for its owner: by position, underlying and venue, with Greeks.

A position's share is what the requirement, and the slack, would change by if it were closed at its mark: exact for any
rule, netting and limits included, as each is one evaluation of the book without it. Shares do not add up to the
requirement where positions hedge each other; `pnl` in the binding scenario does add up, over the positions of the
underlying that it moves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zkmargin.circuits.markets import black76
from zkmargin.circuits.markets.epoch import MarketArrays, MarketEpoch, market_arrays
from zkmargin.circuits.markets.positions import Positions, net
from zkmargin.circuits.markets.units import USD_E12, format_decimal, format_usd_e12
from zkmargin.circuits.policies.constraints import Inequality, Part
from zkmargin.circuits.policies.evaluate import MarginResult, evaluate_margin, floor_title
from zkmargin.circuits.policies.policy import Policy

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Greeks:
    """delta and gamma in units of the underlying (gamma for a move of one USD), vega in USD a volatility point."""

    delta: float
    gamma: float
    vega: float

    def to_json(self) -> dict[str, str]:
        """Decimal strings of six significant digits."""
        return {name: format(value, ".6g") for name, value in vars(self).items()}


@dataclass(frozen=True)
class PositionShare:
    """One position, netted over the venues; amounts in usd_e12. `pnl` is its P&L in the binding scenario."""

    instrument: str
    underlying: str
    quantity: str
    value: int
    pnl: int
    requirement: int
    greeks: Greeks


@dataclass(frozen=True)
class Share:
    """The margin of a part of the book by itself: an underlying's, or a venue's. Amounts in usd_e12."""

    name: str
    value: int
    requirement: int
    slack: int


@dataclass(frozen=True)
class Attribution:
    """A margin and where it comes from."""

    result: MarginResult
    positions: tuple[PositionShare, ...]
    underlyings: tuple[Share, ...]
    venues: tuple[Share, ...]
    greeks: Mapping[str, Greeks]

    def to_json(self) -> dict[str, Any]:
        """What `evaluate --by` adds to the result; decimal strings."""

        def part(item: Share) -> dict[str, str]:
            return {
                "name": item.name,
                "value_usd": format_usd_e12(item.value),
                "requirement_usd": format_usd_e12(item.requirement),
                "slack_usd": format_usd_e12(item.slack),
            }

        return {
            "positions": [
                {
                    "instrument": item.instrument,
                    "quantity": item.quantity,
                    "value_usd": format_usd_e12(item.value),
                    "binding_pnl_usd": format_usd_e12(item.pnl),
                    "marginal_requirement_usd": format_usd_e12(item.requirement),
                    **item.greeks.to_json(),
                }
                for item in self.positions
            ],
            "underlyings": [{**part(item), **self.greeks[item.name].to_json()} for item in self.underlyings],
            "venues": [part(item) for item in self.venues],
        }


def attribute(
    policy: Policy, epoch: MarketEpoch, books: Mapping[str, Positions], *, columns: Mapping[str, Ints] | None = None
) -> Attribution:
    """The margin of venues' books, netted, and where it comes from. Raises as `evaluate_margin`."""
    published = policy.public_columns(epoch) if columns is None else columns
    universe = epoch.universe
    netted = net(books.values(), universe)
    result = evaluate_margin(policy, epoch, netted, columns=published)
    arrays = market_arrays(epoch, max_price_age_seconds=policy.max_price_age_seconds)

    def alone(lots: Ints) -> MarginResult:
        return evaluate_margin(policy, epoch, Positions(universe.digest, lots), columns=published)

    pnl = _binding_pnl(policy, epoch, published, netted, result.worst_scenario)
    positions = []
    for listing in universe.listings:
        lots = int(netted.lots[listing.row])
        if not lots:
            continue
        without = netted.lots.copy()
        without[listing.row] = 0
        rest = alone(without)
        positions.append(
            PositionShare(
                instrument=listing.id,
                underlying=listing.underlying,
                quantity=format_decimal(Decimal(lots).scaleb(-listing.lot_exponent)),
                value=lots * int(published["value"][listing.row]),
                pnl=pnl.get(listing.row, 0),
                requirement=result.requirement_usd_e12 - rest.requirement_usd_e12,
                greeks=_greeks(arrays, epoch, np.where(np.arange(universe.rows) == listing.row, netted.lots, 0)),
            )
        )
    names = dict.fromkeys(item.underlying for item in positions)
    rows = {name: np.array([item.row for item in universe.listings if item.underlying == name]) for name in names}
    masked = {name: _only(netted.lots, held) for name, held in rows.items()}
    return Attribution(
        result,
        tuple(positions),
        tuple(_part(name, alone(lots)) for name, lots in masked.items()),
        tuple(_part(venue, alone(book.lots.copy())) for venue, book in books.items()),
        {name: _greeks(arrays, epoch, lots) for name, lots in masked.items()},
    )


def _part(name: str, result: MarginResult) -> Share:
    return Share(name, result.nlv_usd_e12, result.requirement_usd_e12, result.slack_usd_e12)


def _only(lots: Ints, rows: Ints) -> Ints:
    kept = np.zeros_like(lots)
    kept[rows] = lots[rows]
    return kept


def _binding_pnl(
    policy: Policy, epoch: MarketEpoch, columns: Mapping[str, Ints], netted: Positions, name: str
) -> dict[int, int]:
    """P&L by row in a scenario, usd_e12; empty where it is no sum over positions."""
    universe = epoch.universe
    for inequality in policy.constraints(universe.shape).inequalities:
        if inequality.floor is None or floor_title(universe, inequality.floor) != name:
            continue
        return _by_row(universe.underlying_of_row, inequality, columns, netted.lots)
    return {}


def _by_row(slots: Ints, inequality: Inequality, columns: Mapping[str, Ints], lots: Ints) -> dict[int, int]:
    found: dict[int, int] = {}
    for term in inequality.value.terms:
        for row in np.flatnonzero(lots):
            inside = term.group.kind == "account" or (term.group.kind == "underlying" and slots[row] == term.group.slot)
            if not inside or term.part is Part.UNIT:
                continue
            q = int(lots[row])
            size = {Part.NET: q, Part.GROSS: abs(q), Part.LONG: max(q, 0), Part.SHORT: max(-q, 0)}[term.part]
            found[int(row)] = found.get(int(row), 0) + term.coefficient * int(columns[term.column][row]) * size
    return found


def _greeks(arrays: MarketArrays, epoch: MarketEpoch, lots: Ints) -> Greeks:
    held = np.flatnonzero(lots)
    exponents = {listing.row: listing.lot_exponent for listing in epoch.universe.listings}
    total = np.zeros(3)
    for row in held:
        if arrays.kind[row] == 0 or not arrays.live[row]:
            continue
        units = int(lots[row]) / 10.0 ** exponents[int(row)]
        if arrays.strike[row] <= 0:
            total[0] += units
            continue
        per_unit = 10.0 ** exponents[int(row)] / USD_E12
        forward, strike = arrays.forward[row] * per_unit, arrays.strike[row] * per_unit
        found = black76.greeks(forward, strike, arrays.vol[row], arrays.years[row], arrays.is_call[row])
        total += units * np.array([float(found.delta), float(found.gamma), float(found.vega) / 100.0])
    return Greeks(*(float(value) for value in total))
