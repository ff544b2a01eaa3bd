"""What is sold of a strike, net of what is bought of it: Derive's contingency of naked short options.

By underlying u, expiry e and strike k, calls and puts alike,

    charge = rate_u * index * sum_e sum_k max(0, -sum_{i of e, k} q_i)

A strike is netted in a private scalar of its own. Each expiry has `strikes` of them: those nearest to its forward at
which both a call and a put have a price, by epoch; at any other strike every option sold counts, as there a call or a
put is alone, or too far from the money to have a scalar.

Units: usd_e12 per lot. Rounding: a column is rounded down, and a short lot pays what that gave it.
Source: Derive v2-core, PMRMLib_2_1.sol (_addOptionContingency), whose sum over a strike's call and put this is.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from zkmargin.circuits.markets.units import VALUE_BITS, integers
from zkmargin.circuits.markets.universe import Listing
from zkmargin.circuits.policies.builder import ConstraintBuilder
from zkmargin.circuits.policies.constraints import LinearForm, Part
from zkmargin.circuits.policies.rules.rule import (
    PRICING_ERROR,
    Ints,
    Rate,
    RiskView,
    Rule,
    RuleColumns,
    UnderlyingOrAny,
    ceil_units,
    require_default,
)


class StrikeNettedShorts(Rule):
    """The contingency of options sold, netted by strike; see the module."""

    kind: Literal["strike_netted_shorts"]
    rates: dict[UnderlyingOrAny, Rate]
    strikes: Annotated[int, Field(ge=1, le=64)]

    @model_validator(mode="after")
    def _check(self) -> Self:
        require_default(self.rates)
        return self

    def constrain(self, builder: ConstraintBuilder) -> None:
        """Of every netted strike a scalar, at least what is sold net of it, charged to the account."""
        for place in range(self.strikes):
            column = builder.column(f"{self.name}.strike[{place}]", VALUE_BITS, signed=False)
            for group in builder.underlyings():
                for bucket in builder.buckets(group):
                    sold = -LinearForm.of(column, Part.NET, bucket)
                    builder.charge(builder.at_least(f"{column}.sold[{bucket.slot}]", sold))

    def publish(self, view: RiskView) -> RuleColumns:
        """The rate per lot in the column of its strike, and for a short all that stands in none."""
        arrays = view.arrays
        options = arrays.is_kind("option")
        amount = np.where(options, view.by_underlying(self.rates) * arrays.reference, 0.0)
        whole, floor = ceil_units(amount), integers(np.floor(amount * (1.0 - PRICING_ERROR)))
        columns = {f"{self.name}.strike[{k}]": np.zeros(amount.shape, np.int64) for k in range(self.strikes)}
        netted: Ints = np.zeros(amount.shape, np.int64)
        for rows, place in self._places(view):
            columns[f"{self.name}.strike[{place}]"][rows] = netted[rows] = floor[rows]
        return RuleColumns(columns, short_charge=whole - netted)

    def _places(self, view: RiskView) -> list[tuple[list[int], int]]:
        """The rows of every strike that is netted, and its column: by expiry, the nearest to the forward first."""
        options = view.arrays.is_kind("option")
        expiries: dict[tuple[str, datetime | None], dict[Decimal, list[Listing]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for listing in view.listings:
            if listing.strike_usd is not None and options[listing.row]:
                expiries[listing.underlying, listing.expiry][listing.strike_usd].append(listing)
        places = []
        for strikes in expiries.values():
            both = [k for k, found in strikes.items() if {item.option_type for item in found} == {"call", "put"}]
            both.sort(key=lambda strike: (_distance(view, strikes[strike][0]), strike))
            for place, strike in enumerate(both[: self.strikes]):
                places.append(([item.row for item in strikes[strike]], place))
        return places


def _distance(view: RiskView, listing: Listing) -> float:
    """|strike / forward - 1| of an option."""
    return abs(float(view.arrays.strike[listing.row] / view.arrays.forward[listing.row]) - 1.0)
