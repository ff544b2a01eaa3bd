"""Margin on perpetuals (and futures) by notional: open-interest scaling and notional tiers. Both are floors by
underlying.

`open_interest_margin` (dYdX v4), on |q| * price, with IMF_0 the base initial fraction and OI the open notional:

    IMF = min(1, IMF_0 + max(0, (OI - lower) / (upper - lower)) (1 - IMF_0)),   MMF = maintenance_fraction * IMF_0.

`notional_tiers` (Hyperliquid), with maximum leverage L_k from a notional of B_k up:

    initial: marginal rate 1 / L_k;   maintenance: half of it, which is N r_t - d_t with continuous deductions d_t.

Hyperliquid's initial margin is `position_leverage`: the whole position at the leverage of the tier it has reached,

    initial = N / L_k for B_k <= N < B_{k+1},

which jumps at a boundary. An indicator that is 1 wherever N >= B_k switches the tier's floor on; a prover who sets it
elsewhere pays more.

`size_charge` adds, on top of everything else, marginal rates that rise with the notional of an underlying: what it
costs to close a large position. A hundred thousand coins are charged more than a hundred thousand times one.

Units: usd_e12; rates per lot rounded up, boundaries down. Several perpetuals on one underlying share its tiers.
Sources: dYdX v4-chain, x/perpetuals (LiquidityTier) and help.dydx.trade "Open Interest Initial Margin Fraction";
Hyperliquid docs, "Margin tiers".
"""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from zkmargin.circuits.markets.instruments import Kind
from zkmargin.circuits.markets.models import StrictModel
from zkmargin.circuits.markets.units import VALUE_BITS, ExactDecimal
from zkmargin.circuits.policies.builder import ConstraintBuilder
from zkmargin.circuits.policies.constraints import LinearForm, Part
from zkmargin.circuits.policies.rules.rule import (
    ANY,
    Fraction01,
    Rate,
    RiskView,
    Rule,
    RuleColumns,
    UnderlyingOrAny,
    ceil_units,
    require_default,
)
from zkmargin.circuits.policies.rules.tiers import (
    BOUNDARY_BITS,
    BOUNDARY_UNIT,
    Steps,
    check_steps,
    constrain_excess,
    excess_count,
    publish_boundaries,
    publish_excess,
)
from zkmargin.verifier.errors import FormatError

UsdAmount = Annotated[ExactDecimal, Field(ge=0, lt=Decimal(10) ** 15)]
Kinds = Annotated[tuple[Kind, ...], Field(strict=False, min_length=1)]
_RATE_STEP = Decimal(1).scaleb(-18)
_PERPETUALS: tuple[Kind, ...] = ("perpetual", "future")


class LiquidityTier(StrictModel):
    """One market's parameters. Without caps the initial fraction does not scale with open interest."""

    initial_fraction: Annotated[ExactDecimal, Field(gt=0, le=1)]
    maintenance_fraction: Annotated[ExactDecimal, Field(gt=0, le=1)]
    open_interest_lower_cap_usd: UsdAmount = Decimal(0)
    open_interest_upper_cap_usd: UsdAmount = Decimal(0)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.open_interest_upper_cap_usd < self.open_interest_lower_cap_usd:
            raise ValueError("open_interest_upper_cap_usd: expected at least the lower cap")
        return self

    @property
    def scales(self) -> bool:
        """Whether the initial fraction grows with open interest."""
        return self.open_interest_upper_cap_usd > self.open_interest_lower_cap_usd


class OpenInterestMargin(Rule):
    """dYdX's margin; see the module.

    `missing_open_interest` says what an epoch that publishes none means: the `base` fraction, all of the notional where
    the fraction scales (`full`), or a `refuse`d epoch.
    """

    kind: Literal["open_interest_margin"]
    flavour: Literal["initial", "maintenance"]
    kinds: Kinds = _PERPETUALS
    tiers: dict[str, LiquidityTier]
    missing_open_interest: Literal["base", "full", "refuse"] = "refuse"

    @model_validator(mode="after")
    def _check(self) -> Self:
        require_default(self.tiers)
        return self

    def constrain(self, builder: ConstraintBuilder) -> None:
        """One floor per underlying."""
        column = builder.column(f"{self.name}.rate", VALUE_BITS, signed=False)
        for group in builder.underlyings():
            loss = LinearForm.of(column, Part.GROSS, group)
            builder.floor(group, f"{column}[{group.slot}]", f"{self.flavour} margin by open interest", loss)

    def publish(self, view: RiskView) -> RuleColumns:
        """Margin per lot, rounded up."""
        arrays = view.arrays
        rows = arrays.is_kind(*self.kinds)
        rates = np.zeros(arrays.price.shape)
        for slot, name in enumerate(view.slot_names):
            tier = self.tiers.get(name, self.tiers[ANY])
            mine = rows & (arrays.underlying == slot)
            base = float(tier.initial_fraction)
            if self.flavour == "maintenance":
                rates[mine] = base * float(tier.maintenance_fraction)
                continue
            rates[mine] = base
            if tier.scales and np.any(mine):
                open_interest = arrays.open_interest_usd[mine]
                if self.missing_open_interest == "refuse" and np.any(np.isnan(open_interest)):
                    raise FormatError(
                        f"{name}: rule {self.name} scales margin with open interest: expected field 'open_interest' "
                        "of its perpetuals, got none"
                    )
                lower, upper = float(tier.open_interest_lower_cap_usd), float(tier.open_interest_upper_cap_usd)
                missing = upper if self.missing_open_interest == "full" else 0.0
                scale = np.clip((np.nan_to_num(open_interest, nan=missing) - lower) / (upper - lower), 0.0, 1.0)
                rates[mine] = np.minimum(1.0, base + scale * (1.0 - base))
        return RuleColumns({f"{self.name}.rate": ceil_units(rates * arrays.price)})


class LeverageTier(StrictModel):
    """From this notional up, at most this leverage on what is added."""

    from_usd: UsdAmount
    max_leverage: Annotated[ExactDecimal, Field(ge=1, le=1000)]


class NotionalTiers(Rule):
    """Hyperliquid's margin; see the module."""

    kind: Literal["notional_tiers"]
    flavour: Literal["initial", "maintenance"]
    kinds: Kinds = _PERPETUALS
    tiers: dict[str, Annotated[tuple[LeverageTier, ...], Field(strict=False, min_length=1, max_length=16)]]

    @model_validator(mode="after")
    def _check(self) -> Self:
        require_default(self.tiers)
        for underlying, steps in self._steps().items():
            check_steps(steps, f"tiers.{underlying}", increasing=True)
        return self

    def _steps(self) -> dict[str, Steps]:
        share = Decimal(1) if self.flavour == "initial" else Decimal("0.5")
        return {
            name: [(tier.from_usd, (share / tier.max_leverage).quantize(_RATE_STEP, ROUND_CEILING)) for tier in tiers]
            for name, tiers in self.tiers.items()
        }

    def constrain(self, builder: ConstraintBuilder) -> None:
        """Per underlying: the first tier's rate on all, and the excesses."""
        base = builder.column(f"{self.name}.rate[0]", VALUE_BITS, signed=False)
        groups = builder.underlyings()
        excess = constrain_excess(builder, self.name, excess_count(self._steps()), Part.GROSS, groups)
        for group in groups:
            loss = LinearForm.of(base, Part.GROSS, group) + excess[group]
            builder.floor(group, f"{self.name}[{group.slot}]", f"{self.flavour} margin by notional", loss)

    def publish(self, view: RiskView) -> RuleColumns:
        """Rates per lot, rounded up, and boundaries, rounded down."""
        rows = view.arrays.is_kind(*self.kinds)
        tables = self._steps()
        base = view.by_underlying({name: steps[0][1] for name, steps in tables.items()})
        columns = {f"{self.name}.rate[0]": ceil_units(np.where(rows, base * view.arrays.price, 0.0))}
        return RuleColumns({**columns, **publish_excess(view, self.name, tables, rows)})


class ChargeTier(StrictModel):
    """From this notional up, what is added is charged at this rate."""

    from_usd: UsdAmount
    rate: Rate


class SizeCharge(Rule):
    """An additive charge for concentration and liquidity: marginal rates that rise with an underlying's notional."""

    kind: Literal["size_charge"]
    kinds: Kinds = _PERPETUALS
    tiers: dict[UnderlyingOrAny, Annotated[tuple[ChargeTier, ...], Field(strict=False, min_length=1, max_length=16)]]

    @model_validator(mode="after")
    def _check(self) -> Self:
        require_default(self.tiers)
        for underlying, steps in self._steps().items():
            check_steps(steps, f"tiers.{underlying}", increasing=True)
        return self

    def _steps(self) -> dict[str, Steps]:
        return {name: [(tier.from_usd, tier.rate) for tier in tiers] for name, tiers in self.tiers.items()}

    def constrain(self, builder: ConstraintBuilder) -> None:
        """The first rate on all, and the excesses, added to the account's charges."""
        base = builder.column(f"{self.name}.rate[0]", VALUE_BITS, signed=False)
        builder.charge(LinearForm.of(base, Part.GROSS))
        count = excess_count(self._steps())
        for excess in constrain_excess(builder, self.name, count, Part.GROSS, builder.underlyings()).values():
            builder.charge(excess)

    def publish(self, view: RiskView) -> RuleColumns:
        """Rates per lot, rounded up, and boundaries, rounded down."""
        rows = view.arrays.is_kind(*self.kinds)
        tables = self._steps()
        base = view.by_underlying({name: steps[0][1] for name, steps in tables.items()})
        columns = {f"{self.name}.rate[0]": ceil_units(np.where(rows, base * view.arrays.price, 0.0))}
        return RuleColumns({**columns, **publish_excess(view, self.name, tables, rows)})


class PositionLeverage(Rule):
    """Initial margin at the leverage of the tier that the whole position is in; see the module."""

    kind: Literal["position_leverage"]
    kinds: Kinds = _PERPETUALS
    tiers: dict[UnderlyingOrAny, Annotated[tuple[LeverageTier, ...], Field(strict=False, min_length=1, max_length=16)]]

    @model_validator(mode="after")
    def _check(self) -> Self:
        require_default(self.tiers)
        for underlying, steps in self._steps().items():
            check_steps(steps, f"tiers.{underlying}", increasing=True)
        return self

    def _steps(self) -> dict[str, Steps]:
        return {
            name: [(tier.from_usd, (1 / tier.max_leverage).quantize(_RATE_STEP, ROUND_CEILING)) for tier in tiers]
            for name, tiers in self.tiers.items()
        }

    def constrain(self, builder: ConstraintBuilder) -> None:
        """Per underlying and tier a floor; beyond the first, an indicator that the position has reached the tier."""
        notional = builder.column(f"{self.name}.notional", VALUE_BITS, signed=False)
        for index in range(excess_count(self._steps()) + 1):
            rate = builder.column(f"{self.name}.rate[{index}]", VALUE_BITS, signed=False)
            boundary = builder.column(f"{self.name}.boundary[{index}]", BOUNDARY_BITS, signed=False) if index else ""
            for group in builder.underlyings():
                label, when = f"{rate}[{group.slot}]", None
                if index:
                    reached = LinearForm.of(notional, Part.GROSS, group)
                    reached = reached - LinearForm.of(boundary, Part.UNIT, group, BOUNDARY_UNIT)
                    when = builder.indicator(f"{self.name}.reached[{index}][{group.slot}]", reached)
                loss = LinearForm.of(rate, Part.GROSS, group)
                builder.floor(group, label, f"initial margin by leverage, tier {index + 1}", loss, when=when)

    def publish(self, view: RiskView) -> RuleColumns:
        """Notional and rates per lot, rounded up, and boundaries, rounded down."""
        rows = view.arrays.is_kind(*self.kinds)
        tables = self._steps()
        price = np.where(rows, view.arrays.price, 0.0)
        columns = {f"{self.name}.notional": ceil_units(price)}
        for index in range(excess_count(tables) + 1):
            at = {
                name: steps[index] if index < len(steps) else (Decimal(0), Decimal(0)) for name, steps in tables.items()
            }
            rates = view.by_underlying({name: rate for name, (_, rate) in at.items()})
            columns[f"{self.name}.rate[{index}]"] = ceil_units(rates * price)
            if index:
                boundaries = {name: boundary for name, (boundary, _) in at.items()}
                columns[f"{self.name}.boundary[{index}]"] = publish_boundaries(view, boundaries, rows)
        return RuleColumns(columns)


class HaircutTier(StrictModel):
    """From this value up, what is added counts with this ratio."""

    from_usd: UsdAmount
    ratio: Fraction01
