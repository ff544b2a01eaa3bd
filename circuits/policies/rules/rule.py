"""What every rule is: constraints from its parameters, public columns from an epoch.

The two are separate on purpose. `constrain` sees only the shape of a universe, so that the verifying key depends on
nothing else; `publish` sees the epoch and nobody's holdings.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Final, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, StringConstraints

from zkmargin.circuits.markets.black76 import SECONDS_PER_YEAR
from zkmargin.circuits.markets.epoch import MarketArrays
from zkmargin.circuits.markets.instruments import Underlying
from zkmargin.circuits.markets.models import StrictModel
from zkmargin.circuits.markets.units import USD_E12, VALUE_BITS, ExactDecimal, integers
from zkmargin.circuits.markets.universe import Listing
from zkmargin.circuits.policies.builder import ConstraintBuilder

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

ANY: Final = "*"
"""Key of a table by underlying for all that it does not name."""
VALUE_COLUMN: Final = "value"
"""The column of what a long lot is worth, in every policy."""
CHARGE_BITS: Final = VALUE_BITS + 1
"""Bound of the two charge columns, to which several rules add."""
PRICING_ERROR: Final = 2.0**-46
"""Relative error allowed for double-precision pricing, of forward plus strike: some thirty times what is observed."""

RuleName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Rate = Annotated[ExactDecimal, Field(ge=0, le=10)]
Factor = Annotated[ExactDecimal, Field(gt=0, le=10)]
Fraction01 = Annotated[ExactDecimal, Field(ge=0, le=1)]
Title = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e][\x20-\x7e]{0,62}$")]
UnderlyingOrAny = Underlying | Literal["*"]
"""Key of a table by underlying; `*` stands for all that it does not name."""
Refuse = Literal["refuse"]
"""Stands for parameters where a policy margins no such underlying: worth nothing long, punitive short."""
Entry = TypeVar("Entry")


@dataclass(frozen=True, eq=False)
class RiskView:
    """An epoch as a policy sees it.

    `arrays.live` is already limited to admissible kinds. `moves` marks rows whose price the scenarios move: all live
    ones but cash and the policy's dollar-like underlyings. `risk_ceiling` is the policy's risk factor rounded up to an
    integer: what a rule charges in place of part of a requirement is multiplied by it. `listings`: what is in the rows.
    `as_of`: the moment of the epoch.
    """

    arrays: MarketArrays
    slot_names: tuple[str, ...]
    moves: Bools
    risk_ceiling: int
    listings: tuple[Listing, ...] = ()
    as_of: datetime | None = None

    @property
    def years_to_expiry(self) -> Floats:
        """(rows,) of options, from their price's time, and of dated futures, from the epoch's; 0 for all others."""
        years = self.arrays.years.copy()
        for listing in self.listings:
            if listing.kind == "future" and listing.expiry is not None and self.as_of is not None:
                years[listing.row] = max((listing.expiry - self.as_of).total_seconds(), 0.0) / SECONDS_PER_YEAR
        return years

    def by_underlying(self, table: Mapping[str, Decimal], cash: str = "USD") -> Floats:
        """(rows,) the table's entry for each row's underlying; cash rows look up `cash`; missing ones take `*`."""
        default = float(table.get(ANY, Decimal(0)))
        by_slot = np.array([float(table.get(name, default)) for name in self.slot_names] + [default])
        slots = np.where(self.arrays.underlying >= 0, self.arrays.underlying, len(self.slot_names))
        found = by_slot[slots]
        return np.where(self.arrays.is_kind("cash"), float(table.get(cash, default)), found)


@dataclass(frozen=True, eq=False)
class RuleColumns:
    """Public columns by name, and what to add to the account's charge per lot long and short, usd_e12, rounded up."""

    columns: Mapping[str, Ints] = field(default_factory=dict)
    long_charge: Ints | None = None
    short_charge: Ints | None = None


class Rule(StrictModel):
    """Base of all rules. `name` prefixes the rule's columns and labels and is unique in a policy."""

    name: RuleName

    @property
    def charges_longs(self) -> bool:
        """Whether the rule charges anything per lot long, by its parameters alone."""
        return False

    def refuses(self, underlying: str) -> bool:
        """Whether the rule has no parameters for an underlying, so that the policy cannot admit it."""
        return False

    @abstractmethod
    def constrain(self, builder: ConstraintBuilder) -> None:
        """Add the rule's columns and constraints to `builder`."""

    @abstractmethod
    def publish(self, view: RiskView) -> RuleColumns:
        """The columns declared by `constrain`, (rows,) int64 each, for an epoch."""


def require_default(table: Mapping[str, object]) -> None:
    """Raise ValueError unless a table by underlying has an entry for all that it does not name."""
    if ANY not in table:
        raise ValueError(f"expected an entry {ANY!r} for every other underlying")


def is_refused(table: Mapping[str, object] | None, underlying: str) -> bool:
    """Whether a table by underlying, if there is one, says `refuse` for an underlying."""
    return table is not None and table.get(underlying, table[ANY]) == "refuse"


def require_one(single: bool, table: Mapping[str, object] | None, what: str, where: str) -> None:
    """Raise ValueError unless parameters are given once, for all underlyings or in a table with a default."""
    if single == (table is not None):
        raise ValueError(f"expected either {what} or {where} by underlying")
    if table is not None:
        require_default(table)


def rows_by_entry(view: RiskView, table: Mapping[str, Entry | Refuse]) -> Iterator[tuple[Entry, Ints]]:
    """Every set of parameters in a table by underlying, with the row numbers of the underlyings that it is for."""
    underlying = view.arrays.underlying
    rest = underlying >= 0
    for name, entry in table.items():
        if name == ANY:
            continue
        slots = [slot for slot, found in enumerate(view.slot_names) if found == name]
        mine = (underlying >= 0) & np.isin(underlying, slots)
        rest = rest & ~mine
        if entry != "refuse" and np.any(mine):
            yield entry, np.flatnonzero(mine)
    default = table[ANY]
    if default != "refuse" and np.any(rest):
        yield default, np.flatnonzero(rest)


def floor_units(values: Floats, error: Floats) -> Ints:
    """The largest integers certainly not above the true values, which lie within `error` of `values`."""
    return integers(np.floor(values - error))


def ceil_units(values: Floats) -> Ints:
    """Integers not below non-negative `values`, a relative 2^-46 for their own rounding included; zeros stay zero."""
    return integers(np.ceil(values * (1.0 + PRICING_ERROR)))


def rounding_charge(error: Floats) -> Ints:
    """Units per lot that cover, for a short, a value floored by `floor_units`: one, and twice the pricing error."""
    return integers(1.0 + np.ceil(2.0 * error))


def nearest_units(values: Floats) -> Ints:
    """The nearest integers, for columns whose rounding both sides are charged for."""
    return integers(np.rint(values))


USD: Final = float(USD_E12)
