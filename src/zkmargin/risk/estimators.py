"""Volatility and correlation of a price history, filtered in integers: the same on every machine, without a library.

Exponentially weighted (RiskMetrics), with returns r in units of 10^-12 and lambda = decay:

    C_t = lambda C_{t-1} + (1 - lambda) r_t r_t',   C of the first `warm_up` returns their plain average;
    volatility over a horizon of h steps = sqrt(h C_ii);   correlation = (1 - shrinkage) C_ij / sqrt(C_ii C_jj).

Shrinkage towards the identity (Ledoit and Wolf, with a published intensity) keeps the matrix positive definite.

Anti-procyclicality (Regulation (EU) 153/2013, article 28(1)(b)): a variance is (1 - stress_weight) C_ii + stress_weight
times the largest C_ii of the history, at least 25 % of it by default; so margin rises less when markets do.
Volatilities are rounded up to 10^-6, then floored and capped; correlations to nearest.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from zkmargin.circuits.markets.models import StrictModel
from zkmargin.circuits.markets.units import ExactDecimal
from zkmargin.risk.history import RETURN_SCALE, History
from zkmargin.verifier.errors import FormatError

PARTS: Final = 10**6
"""Decay, shrinkage and stress weight are integers in parts of a million."""

Share = Annotated[ExactDecimal, Field(ge=0, lt=1, decimal_places=6)]
Volatility = Annotated[ExactDecimal, Field(gt=0, le=5, decimal_places=6)]


class Ewma(StrictModel):
    """The estimator's parameters; see the module. `floor` and `cap` are of the volatility over the horizon."""

    kind: Literal["ewma"] = "ewma"
    decay: Annotated[ExactDecimal, Field(gt=0, lt=1, decimal_places=6)] = Decimal("0.97")
    warm_up: Annotated[int, Field(ge=2, le=1000)] = 30
    horizon_steps: Annotated[int, Field(ge=1, le=365)] = 1
    shrinkage: Annotated[ExactDecimal, Field(gt=0, le=1, decimal_places=6)] = Decimal("0.1")
    stress_weight: Share = Decimal("0.25")
    floor: Volatility = Decimal("0.01")
    cap: Volatility = Decimal("0.5")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.cap < self.floor:
            raise ValueError("cap: expected at least the floor")
        return self


@dataclass(frozen=True)
class Estimate:
    """One standard deviation over the horizon by underlying, and the correlation matrix in their order."""

    volatilities: Mapping[str, Decimal]
    correlation: tuple[tuple[Decimal, ...], ...]


def estimate(history: History, ewma: Ewma) -> Estimate:
    """The estimate at the end of a history. Raises FormatError when the history is too short."""
    names = list(history.prices)
    final: dict[tuple[int, int], int] = {}
    for final in covariances(history, ewma):  # noqa: B007
        pass
    moves = {name: volatilities(history, ewma, name)[-1] for name in names}
    return Estimate(moves, _correlation(final, len(names), ewma))


def covariances(history: History, ewma: Ewma) -> Iterator[dict[tuple[int, int], int]]:
    """C_t of every step after the warm-up, entries (i, j) with i <= j, in units of 10^-24 rounded down."""
    returns = list(history.returns.values())
    count = _checked(history, ewma)
    pairs = [(i, j) for i in range(len(returns)) for j in range(i, len(returns))]
    start = ewma.warm_up
    state = {(i, j): sum(returns[i][t] * returns[j][t] for t in range(start)) // start for i, j in pairs}
    yield state
    decay = int(ewma.decay * PARTS)
    for t in range(start, count):
        state = {
            (i, j): (decay * value + (PARTS - decay) * returns[i][t] * returns[j][t]) // PARTS
            for (i, j), value in state.items()
        }
        yield state


def volatilities(history: History, ewma: Ewma, underlying: str) -> list[Decimal]:
    """One standard deviation over the horizon after every step from the warm-up on, nothing of later steps in it."""
    count, start = _checked(history, ewma), ewma.warm_up
    returns = history.returns[underlying]
    decay, weight = int(ewma.decay * PARTS), int(ewma.stress_weight * PARTS)
    variance = -(-sum(value * value for value in returns[:start]) // start)
    found, worst = [], variance
    for t in range(start, count + 1):
        if t > start:
            # Rounded up: a variance is never estimated too low.
            variance = -(-(decay * variance + (PARTS - decay) * returns[t - 1] ** 2) // PARTS)
            worst = max(worst, variance)
        mixed = -(-((PARTS - weight) * variance + weight * worst) // PARTS) * ewma.horizon_steps
        found.append(_bounded(mixed, ewma))
    return found


def _checked(history: History, ewma: Ewma) -> int:
    if history.steps <= ewma.warm_up:
        raise FormatError(f"history: expected more than {ewma.warm_up} returns, got {history.steps}")
    return history.steps


def _bounded(variance: int, ewma: Ewma) -> Decimal:
    """The square root in 10^-6, rounded up, within floor and cap."""
    root = math.isqrt(variance)
    root += root * root < variance
    move = Decimal(-(-root * PARTS // RETURN_SCALE)).scaleb(-6)
    return min(max(move, ewma.floor), ewma.cap)


def _correlation(state: Mapping[tuple[int, int], int], size: int, ewma: Ewma) -> tuple[tuple[Decimal, ...], ...]:
    kept = PARTS - int(ewma.shrinkage * PARTS)
    rows = [[Decimal(1)] * size for _ in range(size)]
    for (i, j), value in state.items():
        if i == j:
            continue
        product = state[i, i] * state[j, j]
        # value / sqrt(product) in parts of a million, by the square root of a square: no floating point.
        size_ = math.isqrt(value * value * PARTS * PARTS // product) if product else 0
        parts = min(size_, PARTS) * kept // PARTS
        rows[i][j] = rows[j][i] = Decimal(parts if value >= 0 else -parts).scaleb(-6)
    return tuple(tuple(row) for row in rows)
