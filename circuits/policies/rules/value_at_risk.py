"""Delta-gamma-vega value at risk with a full correlation matrix, as an add-on to a scenario floor.

Exposure of the book to factor j, in dollars for a move of one standard deviation:

    delta: delta * F * move        gamma: gamma * (F * move)^2 / 2        vega: vega * move  (move in volatility points)

    add-on = z sqrt(x' C x),  C the correlation matrix of all factors.

With C = L L' (Cholesky) the columns published are z L' applied to the per-lot exposures, so the add-on is the Euclidean
norm of a few sums over the book and the circuit needs squares only. It never stands alone: gamma and vega exposures
bound no tail, so a policy without a scenario grid is refused.

Units: usd_e12. Rounding: columns to nearest, and every lot pays more than the norm of that error; the sums are
squared in units of 2^40 usd_e12 (about a dollar), and the add-on covers what that drops, by the triangle inequality.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from zkmargin.circuits.markets import black76
from zkmargin.circuits.markets.instruments import Underlying
from zkmargin.circuits.markets.models import StrictModel
from zkmargin.circuits.markets.units import VALUE_BITS, ExactDecimal
from zkmargin.circuits.policies.builder import ConstraintBuilder
from zkmargin.circuits.policies.constraints import LinearForm, Part
from zkmargin.circuits.policies.rules.rule import (
    PRICING_ERROR,
    Floats,
    RiskView,
    Rule,
    RuleColumns,
    nearest_units,
    rounding_charge,
)

SQUARE_SHIFT = 40
_MIN_EIGENVALUE = 1e-9

Correlation = Annotated[ExactDecimal, Field(ge=-1, le=1)]


class Factor(StrictModel):
    """One risk factor. `move` is one standard deviation: of the price as a fraction, of volatility in points (0.05)."""

    underlying: Underlying
    exposure: Literal["delta", "gamma", "vega"]
    move: Annotated[ExactDecimal, Field(gt=0, le=5)]


class ValueAtRisk(Rule):
    """The add-on; see the module. `correlation` has one row and column per factor, in their order."""

    kind: Literal["value_at_risk"]
    z: Annotated[ExactDecimal, Field(gt=0, le=10)]
    factors: Annotated[tuple[Factor, ...], Field(strict=False, min_length=1, max_length=32)]
    correlation: Annotated[tuple[Annotated[tuple[Correlation, ...], Field(strict=False)], ...], Field(strict=False)]

    @model_validator(mode="after")
    def _check(self) -> Self:
        count = len(self.factors)
        if len({(factor.underlying, factor.exposure) for factor in self.factors}) != count:
            raise ValueError("factors: expected every exposure once")
        if len(self.correlation) != count or any(len(row) != count for row in self.correlation):
            raise ValueError(f"correlation: expected {count} rows of {count}, one per factor")
        matrix = self.correlation
        if any(matrix[i][i] != Decimal(1) or matrix[i][j] != matrix[j][i] for i in range(count) for j in range(count)):
            raise ValueError("correlation: expected a symmetric matrix with ones on the diagonal")
        if float(np.linalg.eigvalsh(self._matrix()).min()) < _MIN_EIGENVALUE:
            raise ValueError("correlation: expected a positive definite matrix")
        return self

    def _matrix(self) -> Floats:
        return np.array([[float(entry) for entry in row] for row in self.correlation])

    @property
    def charges_longs(self) -> bool:
        """Rounding to nearest costs both sides."""
        return True

    def constrain(self, builder: ConstraintBuilder) -> None:
        """A norm of one component per factor, charged to the account."""
        names = [
            builder.column(f"{self.name}.component[{j}]", VALUE_BITS, signed=True) for j in range(len(self.factors))
        ]
        cone = builder.cone(self.name, [LinearForm.of(name, Part.NET) for name in names], SQUARE_SHIFT)
        dropped = math.isqrt(len(names) - 1) + 1
        builder.charge((LinearForm.scalar(cone.magnitude) + LinearForm(constant=dropped)) * (1 << SQUARE_SHIFT))

    def publish(self, view: RiskView) -> RuleColumns:
        """z L' times the exposures per long lot, and the charge for their rounding."""
        exposures = np.stack([self._exposure(view, factor) for factor in self.factors])
        components = float(self.z) * np.linalg.cholesky(self._matrix()).T @ exposures
        columns = {f"{self.name}.component[{j}]": nearest_units(component) for j, component in enumerate(components)}
        arrays = view.arrays
        error = PRICING_ERROR * float(self.z) * (np.abs(exposures).sum(axis=0) + arrays.forward + arrays.strike)
        spread = math.isqrt(len(self.factors) - 1) + 1
        rounding = np.where(view.moves, rounding_charge(error) * spread, 0)
        return RuleColumns(columns, long_charge=rounding, short_charge=rounding)

    def _exposure(self, view: RiskView, factor: Factor) -> Floats:
        """(rows,) exposure per long lot to one factor."""
        arrays = view.arrays
        mine = view.moves & (arrays.underlying == _slot(view, factor.underlying))
        options = arrays.is_kind("option")
        strike, forward = np.where(options, arrays.strike, 1.0), np.where(options, arrays.forward, 1.0)
        greeks = black76.greeks(forward, strike, arrays.vol, arrays.years, arrays.is_call)
        move = float(factor.move)
        if factor.exposure == "delta":
            amount = np.where(options, greeks.delta, 1.0) * arrays.forward * move
        elif factor.exposure == "gamma":
            amount = np.where(options, greeks.gamma * np.square(arrays.forward * move) / 2.0, 0.0)
        else:
            amount = np.where(options, greeks.vega * move, 0.0)
        return np.where(mine, amount, 0.0)


def _slot(view: RiskView, underlying: str) -> int:
    """Slot of an underlying; one that no row has if the universe does not list it."""
    return view.slot_names.index(underlying) if underlying in view.slot_names else len(view.slot_names)
