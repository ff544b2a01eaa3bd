"""Volatility and correlation of a price history, filtered in integers: the same on every machine, without a library.

With returns r in units of 10^-12 and lambda = decay, exponentially weighted (RiskMetrics):

    C_t = lambda C_{t-1} + (1 - lambda) r_t r_t',   C of the first `warm_up` returns their plain average;
    correlation = (1 - shrinkage) C_ij / sqrt(C_ii C_jj),   volatility over a horizon of h steps = sqrt(h C_ii),

or, with a GARCH(1,1) filter, h C_ii replaced by the sum of the h next variances that it expects,

    s^2_t = (1 - alpha - beta) V + alpha r^2_t + beta s^2_{t-1},   E s^2_{t+k} = V + (alpha + beta)^k (s^2_t - V),

where s^2_t is known after step t. Shrinkage towards the identity (Ledoit and Wolf, with a published intensity) keeps
the matrix positive definite.

Anti-procyclicality (Regulation (EU) 153/2013, article 28(1)): a variance is (1 - stress_weight) times its own plus
stress_weight times the largest of the history so far, 25 % of it by default (b); with `long_run_steps`, it is at least
the plain average of so many last squared returns (c). So margin rises less when markets do.
Variances and volatilities are rounded up, volatilities to 10^-6, then floored and capped; correlations to nearest.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from zkmargin.circuits.policies.calibration import Estimator, Garch, GarchParameters
from zkmargin.risk.history import RETURN_SCALE, History
from zkmargin.verifier.errors import FormatError

PARTS: Final = 10**6
"""Decay, shrinkage, stress weight and volatilities are integers in parts of a million."""


@dataclass(frozen=True)
class Estimate:
    """One standard deviation over the horizon by underlying, and the correlation matrix in their order."""

    volatilities: Mapping[str, Decimal]
    correlation: tuple[tuple[Decimal, ...], ...]


def estimate(history: History, estimator: Estimator) -> Estimate:
    """The estimate at the end of a history. Raises FormatError when the history is too short or lacks parameters."""
    names = list(history.prices)
    final: dict[tuple[int, int], int] = {}
    for final in covariances(history, estimator):  # noqa: B007
        pass
    moves = {name: volatilities(history, estimator, name)[-1] for name in names}
    return Estimate(moves, _correlation(final, len(names), estimator))


def covariances(history: History, estimator: Estimator) -> Iterator[dict[tuple[int, int], int]]:
    """C_t of every step after the warm-up, entries (i, j) with i <= j, in units of 10^-24 rounded down."""
    returns = list(history.returns.values())
    count = _checked(history, estimator)
    pairs = [(i, j) for i in range(len(returns)) for j in range(i, len(returns))]
    start = estimator.warm_up
    state = {(i, j): sum(returns[i][t] * returns[j][t] for t in range(start)) // start for i, j in pairs}
    yield state
    decay = int(estimator.decay * PARTS)
    for t in range(start, count):
        state = {
            (i, j): (decay * value + (PARTS - decay) * returns[i][t] * returns[j][t]) // PARTS
            for (i, j), value in state.items()
        }
        yield state


def volatilities(history: History, estimator: Estimator, underlying: str) -> list[Decimal]:
    """One standard deviation over the horizon after every step from the warm-up on, nothing of later steps in it."""
    count, start = _checked(history, estimator), estimator.warm_up
    squares = [value * value for value in history.returns[underlying]]
    weight, horizon = int(estimator.stress_weight * PARTS), estimator.horizon_steps
    found, worst = [], 0
    for t, variance in zip(range(start, count + 1), _horizon_variances(squares, estimator, underlying), strict=True):
        worst = max(worst, variance)
        mixed = -(-((PARTS - weight) * variance + weight * worst) // PARTS)
        if (most := estimator.long_run_steps) is not None and t >= most:
            mixed = max(mixed, -(-horizon * sum(squares[t - most : t]) // most))
        found.append(_bounded(mixed, estimator))
    return found


def _horizon_variances(squares: Sequence[int], estimator: Estimator, underlying: str) -> Iterator[int]:
    """The variance over the horizon after every step from the warm-up on, units of 10^-24, rounded up at every step."""
    start = estimator.warm_up
    variance = -(-sum(squares[:start]) // start)
    if isinstance(estimator, Garch):
        parameters = estimator.parameters.get(underlying)
        if parameters is None:
            raise FormatError(f"estimator: parameters: expected some for {underlying}")
        yield _expected(variance, parameters, estimator.horizon_steps)
        for square in squares[start:]:
            variance = _garch_step(variance, square, parameters)
            yield _expected(variance, parameters, estimator.horizon_steps)
        return
    decay = int(estimator.decay * PARTS)
    yield variance * estimator.horizon_steps
    for square in squares[start:]:
        variance = -(-(decay * variance + (PARTS - decay) * square) // PARTS)
        yield variance * estimator.horizon_steps


def _garch_step(variance: int, square: int, parameters: GarchParameters) -> int:
    alpha, beta = int(parameters.alpha * PARTS), int(parameters.beta * PARTS)
    total = (PARTS - alpha - beta) * _long_run(parameters) + alpha * square + beta * variance
    return -(-total // PARTS)


def _expected(variance: int, parameters: GarchParameters, steps: int) -> int:
    """The sum of the next variances, each expected from the last; the first is known."""
    total = 0
    for _ in range(steps):
        total += variance
        variance = _garch_step(variance, variance, parameters)
    return total


def _long_run(parameters: GarchParameters) -> int:
    """The long-run variance of a step, units of 10^-24."""
    return (int(parameters.volatility * PARTS) * (RETURN_SCALE // PARTS)) ** 2


def _checked(history: History, estimator: Estimator) -> int:
    least = max(estimator.warm_up, (estimator.long_run_steps or 1) - 1)
    if history.steps <= least:
        raise FormatError(f"history: expected more than {least} returns, got {history.steps}")
    return history.steps


def _bounded(variance: int, estimator: Estimator) -> Decimal:
    """The square root in 10^-6, rounded up, within floor and cap."""
    root = math.isqrt(variance)
    root += root * root < variance
    move = Decimal(-(-root * PARTS // RETURN_SCALE)).scaleb(-6)
    return min(max(move, estimator.floor), estimator.cap)


def _correlation(
    state: Mapping[tuple[int, int], int], size: int, estimator: Estimator
) -> tuple[tuple[Decimal, ...], ...]:
    kept = PARTS - int(estimator.shrinkage * PARTS)
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
