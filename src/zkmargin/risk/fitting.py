"""Parameters of a GARCH(1,1) filter from a price history: Gaussian likelihood over a grid, the variance targeted.

The long-run volatility is the history's own; alpha and beta are the most likely of a grid of hundredths. Fitting is in
floating point and decides nothing: what it finds is published in a policy, and the filter that uses it is in integers.
Source: Bollerslev, "Generalized autoregressive conditional heteroskedasticity" (1986); Engle and Mezrich, "GARCH for
groups" (1996), for variance targeting.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import numpy as np
from numpy.typing import NDArray

from zkmargin.circuits.policies.calibration import GarchParameters
from zkmargin.risk.history import RETURN_SCALE, History
from zkmargin.verifier.errors import FormatError

ALPHAS: Final = tuple(range(1, 41))
BETAS: Final = tuple(range(40, 99))
"""Hundredths; a pair counts where its sum is below one."""


def fit_garch(history: History) -> dict[str, GarchParameters]:
    """The most likely parameters of every underlying. Raises FormatError for prices that never move."""
    return {name: _fit(name, returns) for name, returns in history.returns.items()}


def _fit(name: str, returns: Sequence[int]) -> GarchParameters:
    squares = np.square(np.array([value / RETURN_SCALE for value in returns]))
    target = float(squares.mean())
    if target <= 0:
        raise FormatError(f"history: {name}: expected prices that move")
    pairs = np.array([(a, b) for a in ALPHAS for b in BETAS if a + b < 100], dtype=np.float64) / 100.0
    best = pairs[int(np.argmax(_likelihoods(squares, target, pairs)))]
    volatility = Decimal(math.ceil(math.sqrt(target) * 10**6)).scaleb(-6)
    return GarchParameters(
        alpha=Decimal(round(best[0] * 100)).scaleb(-2),
        beta=Decimal(round(best[1] * 100)).scaleb(-2),
        volatility=volatility,
    )


def _likelihoods(squares: NDArray[np.float64], target: float, pairs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Twice the log-likelihood, constants left out, of every pair (alpha, beta): (pairs,)."""
    alpha, beta = pairs[:, 0], pairs[:, 1]
    variance, total = np.full(len(pairs), target), np.zeros(len(pairs))
    for square in squares:
        total -= np.log(variance) + square / variance
        variance = (1.0 - alpha - beta) * target + alpha * square + beta * variance
    return total
