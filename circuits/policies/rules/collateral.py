"""Collateral: what assets count for.

`collateral_factors` (Aave v3): an asset counts with a factor of its value, the loan-to-value ratio (initial) or the
liquidation threshold (maintenance); with measure `asset_cover` the policy then says

    sum value * factor >= cover * debts,   that is, a health factor of at least `cover`.

`tiered_haircuts` (Binance proof of solvency): the ratio falls with the total value held of an underlying, and the value
counted is concave in size; see tiers.py for why a prover cannot gain by choosing tiers.

Both deduct (1 - ratio) * value from the value of the book: units usd_e12, deductions rounded up. Cash looks up `USD`;
in tiered haircuts it takes its first tier, all amounts.
Sources: Aave v3, "Health factor" and risk parameters; binance/zkmerkle-proof-of-solvency, cex_assets_info.csv.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from zkmargin.circuits.markets.instruments import Kind
from zkmargin.circuits.markets.units import VALUE_BITS
from zkmargin.circuits.policies.builder import ConstraintBuilder
from zkmargin.circuits.policies.constraints import LinearForm, Part
from zkmargin.circuits.policies.rules.perpetual_margin import HaircutTier, Kinds
from zkmargin.circuits.policies.rules.rule import Fraction01, RiskView, Rule, RuleColumns, ceil_units, require_default
from zkmargin.circuits.policies.rules.tiers import Steps, check_steps, constrain_excess, excess_count, publish_excess

OtherKinds = Literal["nothing", "full"]
"""What kinds that are not collateral count for long; `full` leaves derivatives beside a haircut their worth."""
_ASSETS: tuple[Kind, ...] = ("cash", "spot", "supply", "borrow")


class CollateralFactors(Rule):
    """A factor by underlying; see the module. Other kinds count with nothing long, or in full (`other_kinds`)."""

    kind: Literal["collateral_factors"]
    kinds: Kinds = _ASSETS
    other_kinds: OtherKinds | None = None
    factors: dict[str, Fraction01]

    @model_validator(mode="after")
    def _check(self) -> Self:
        require_default(self.factors)
        return self

    def constrain(self, builder: ConstraintBuilder) -> None:
        """One column deducted per lot long."""
        column = builder.column(f"{self.name}.haircut", VALUE_BITS, signed=False)
        builder.deduct(LinearForm.of(column, Part.LONG))

    def publish(self, view: RiskView) -> RuleColumns:
        """What a long lot does not count for."""
        arrays = view.arrays
        other = 1.0 if self.other_kinds == "full" else 0.0
        factor = np.where(arrays.is_kind(*self.kinds), view.by_underlying(self.factors), other)
        haircut = np.where(arrays.live, (1.0 - factor) * arrays.price, 0.0)
        return RuleColumns({f"{self.name}.haircut": ceil_units(haircut)})


class TieredHaircuts(Rule):
    """Ratios by underlying and size; see the module. Other kinds count with nothing, or in full (`other_kinds`)."""

    kind: Literal["tiered_haircuts"]
    kinds: Kinds = _ASSETS
    other_kinds: OtherKinds | None = None
    tiers: dict[str, Annotated[tuple[HaircutTier, ...], Field(strict=False, min_length=1, max_length=16)]]

    @model_validator(mode="after")
    def _check(self) -> Self:
        require_default(self.tiers)
        for underlying, steps in self._steps().items():
            check_steps(steps, f"tiers.{underlying}", increasing=True)
        return self

    def _steps(self) -> dict[str, Steps]:
        """(boundary, haircut = 1 - ratio) by underlying."""
        return {name: [(tier.from_usd, 1 - tier.ratio) for tier in tiers] for name, tiers in self.tiers.items()}

    def constrain(self, builder: ConstraintBuilder) -> None:
        """The first tier's haircut on all longs, and an excess per underlying and boundary."""
        base = builder.column(f"{self.name}.rate[0]", VALUE_BITS, signed=False)
        builder.deduct(LinearForm.of(base, Part.LONG))
        excess = constrain_excess(builder, self.name, excess_count(self._steps()), Part.LONG, builder.underlyings())
        for amount in excess.values():
            builder.deduct(amount)

    def publish(self, view: RiskView) -> RuleColumns:
        """Haircuts per lot, rounded up, and boundaries, rounded down."""
        arrays = view.arrays
        counted = arrays.is_kind(*self.kinds)
        tables = self._steps()
        base = view.by_underlying({name: steps[0][1] for name, steps in tables.items()})
        other = np.where(arrays.live, 0.0 if self.other_kinds == "full" else 1.0, 0.0)
        haircut = np.where(counted, base, other) * arrays.price
        columns = {f"{self.name}.rate[0]": ceil_units(haircut)}
        tiered = counted & (arrays.underlying >= 0)
        return RuleColumns({**columns, **publish_excess(view, self.name, tables, tiered)})
