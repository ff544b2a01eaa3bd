"""Tiered charges: a rate that changes with the size of a position, by underlying.

A charge that grows with size is convex: with v the notional and marginal rates r_0 < r_1 < ... from boundaries B_k up,

    charge(v) = r_0 v + sum_k max(0, (r_k - r_{k-1}) (v - B_k)).

Each maximum is a private scalar e_k >= 0 with e_k >= (r_k - r_{k-1}) (v - B_k): no tier index, no flag, and the
prover's interest makes it tight. This equals splitting v into parts 0 <= part_k <= B_{k+1} - B_k charged at r_k, with
half as many range checks. A value that is concave in size (haircuts that deepen) is the amount less such a charge.

Units: usd_e12. Rounding: rates per lot up, boundaries down. v is the sum over all rows of an underlying, so several
instruments on one underlying share the tiers: never less than tiering each alone, as the charge is convex from zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import pairwise

import numpy as np

from zkmargin.circuits.markets.units import USD_E12, VALUE_BITS, RangeError
from zkmargin.circuits.policies.builder import ConstraintBuilder
from zkmargin.circuits.policies.constraints import Group, LinearForm, Part
from zkmargin.circuits.policies.rules.rule import ANY, Bools, Ints, RiskView, ceil_units

BOUNDARY_BITS = 62
BOUNDARY_UNIT = 1 << 20
"""Boundaries are kept in units of 2^20 usd_e12, about a millionth of a dollar, so that they fit an int64 column."""

Steps = Sequence[tuple[Decimal, Decimal]]
"""(boundary in USD, marginal rate from there up), boundaries from zero and increasing."""


def excess_count(tables: Mapping[str, Steps]) -> int:
    """Boundaries beyond the first, at most, of any underlying: the same number of scalars for each."""
    return max(len(steps) for steps in tables.values()) - 1


def constrain_excess(
    builder: ConstraintBuilder, name: str, count: int, part: Part, groups: Sequence[Group]
) -> dict[Group, LinearForm]:
    """Declare the columns of `count` boundaries and return, by group, the sum of the excess charges."""
    totals = {group: LinearForm() for group in groups}
    for index in range(1, count + 1):
        rate = builder.column(f"{name}.rate[{index}]", VALUE_BITS, signed=False)
        boundary = builder.column(f"{name}.boundary[{index}]", BOUNDARY_BITS, signed=False)
        for group in groups:
            beyond = LinearForm.of(rate, part, group) - LinearForm.of(boundary, Part.UNIT, group, BOUNDARY_UNIT)
            totals[group] = totals[group] + builder.at_least(f"{name}.excess[{index}][{group.slot}]", beyond)
    return totals


def publish_excess(view: RiskView, name: str, tables: Mapping[str, Steps], rows: Bools) -> dict[str, Ints]:
    """The rate and boundary columns. A boundary stands in the first row of its underlying that is counted."""
    columns: dict[str, Ints] = {}
    for index in range(1, excess_count(tables) + 1):
        increments = {name_: _increment(steps, index) for name_, steps in tables.items()}
        rates = view.by_underlying({name_: abs(step) for name_, (_, step) in increments.items()})
        columns[f"{name}.rate[{index}]"] = ceil_units(np.where(rows, rates * view.arrays.price, 0.0))
        amounts = {name_: boundary * abs(step) for name_, (boundary, step) in increments.items()}
        columns[f"{name}.boundary[{index}]"] = publish_boundaries(view, amounts, rows)
    return columns


def publish_boundaries(view: RiskView, amounts: Mapping[str, Decimal], rows: Bools) -> Ints:
    """(rows,) amounts in USD by underlying, in units of a boundary, in the first of `rows` of each underlying."""
    boundaries = np.zeros(rows.shape, dtype=np.int64)
    for slot, name in enumerate(view.slot_names):
        found = np.flatnonzero(rows & (view.arrays.underlying == slot))
        if found.size:
            boundaries[found[0]] = boundary_units(amounts.get(name, amounts[ANY]), name)
    return boundaries


def boundary_units(amount: Decimal, where: str) -> int:
    """An amount in USD in units of 2^20 usd_e12, down. Raises RangeError naming `where` beyond 2^62 of them."""
    units = int(amount * USD_E12) // BOUNDARY_UNIT
    if units >= 1 << BOUNDARY_BITS:
        raise RangeError(
            f"{where}: expected a boundary times its change of rate below 2^{BOUNDARY_BITS} units of 2^20 usd_e12, "
            f"about 4.8 trillion USD, got {amount}"
        )
    return units


def _increment(steps: Steps, index: int) -> tuple[Decimal, Decimal]:
    """(boundary, change of rate there) of a table's `index`-th boundary, (0, 0) beyond its last."""
    if index >= len(steps):
        return Decimal(0), Decimal(0)
    return steps[index][0], steps[index][1] - steps[index - 1][1]


def check_steps(steps: Steps, what: str, *, increasing: bool) -> None:
    """Raise ValueError unless boundaries begin at zero and rise, and rates move one way only."""
    boundaries = [boundary for boundary, _ in steps]
    rates = [rate for _, rate in steps]
    if boundaries[0] != 0 or any(b <= a for a, b in pairwise(boundaries)):
        raise ValueError(f"{what}: expected boundaries that begin at 0 and increase")
    if any((b < a) if increasing else (b > a) for a, b in pairwise(rates)):
        raise ValueError(f"{what}: expected rates that never {'fall' if increasing else 'rise'} with size")
    for (_, before), (boundary, rate) in pairwise(steps):
        boundary_units(boundary * abs(rate - before), what)
