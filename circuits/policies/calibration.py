"""How a policy's volatilities and correlations came of a published price history, so that anyone can make them again.

A calibrated policy carries the estimator's parameters and the history's digest. Its rule `calibrated` must be what they
give (`zkmargin policy check FILE --history H`, src/zkmargin/risk), and an epoch under it must name the same history.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Final, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from zkmargin.circuits.markets.instruments import Underlying
from zkmargin.circuits.markets.models import StrictModel
from zkmargin.circuits.markets.units import ExactDecimal

RULE_NAME: Final = "calibrated"
"""The value-at-risk rule that a calibration makes."""

Share = Annotated[ExactDecimal, Field(ge=0, lt=1, decimal_places=6)]
OpenShare = Annotated[ExactDecimal, Field(gt=0, lt=1, decimal_places=6)]
Volatility = Annotated[ExactDecimal, Field(gt=0, le=5, decimal_places=6)]
HistoryDigest = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-f]{64}$")]


class Estimator(StrictModel):
    """What every estimator has. Volatilities are of one standard deviation over `horizon_steps`, in [floor, cap].

    Anti-procyclicality, Regulation (EU) 153/2013, article 28(1): `stress_weight` (b), the weight of the history's
    largest variance; `long_run_steps` (c), no variance below the plain average of so many last steps. `decay` and
    `shrinkage` are the correlations': exponentially weighted, then shrunk towards none.
    """

    decay: OpenShare = Decimal("0.97")
    warm_up: Annotated[int, Field(ge=2, le=1000)] = 30
    horizon_steps: Annotated[int, Field(ge=1, le=365)] = 1
    shrinkage: Annotated[ExactDecimal, Field(gt=0, le=1, decimal_places=6)] = Decimal("0.1")
    stress_weight: Share = Decimal("0.25")
    long_run_steps: Annotated[int, Field(ge=30, le=100_000)] | None = None
    floor: Volatility = Decimal("0.01")
    cap: Volatility = Decimal("0.5")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.cap < self.floor:
            raise ValueError("cap: expected at least the floor")
        return self


class Ewma(Estimator):
    """Variances exponentially weighted with `decay`, as correlations are."""

    kind: Literal["ewma"] = "ewma"


class GarchParameters(StrictModel):
    """sigma^2_t = (1 - alpha - beta) volatility^2 + alpha r^2_{t-1} + beta sigma^2_{t-1}; volatility is of one step."""

    alpha: OpenShare
    beta: OpenShare
    volatility: Volatility

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.alpha + self.beta >= 1:
            raise ValueError("alpha, beta: expected a sum below 1, or there is no long-run variance")
        return self


class Garch(Estimator):
    """A GARCH(1,1) filter with published parameters (Bollerslev, 1986), by underlying."""

    kind: Literal["garch"]
    parameters: Annotated[dict[Underlying, GarchParameters], Field(min_length=1)]


AnyEstimator = Annotated[Ewma | Garch, Field(discriminator="kind")]


class Calibration(StrictModel):
    """What a policy's `calibrated` rule was made of. `z` standard deviations."""

    history: HistoryDigest
    z: Annotated[ExactDecimal, Field(gt=0, le=10)]
    estimator: AnyEstimator
