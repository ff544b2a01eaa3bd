"""The lie: a price that was. Told by: an account that may choose the epoch of its proof.

Gained: where any of the last ten epochs counts, the best of them overstates equity by about two steps' deviation, at
every act, for nothing. Refused: the latest or the one before counts, and that is worth less than half a deviation. The
contracts: `Epochs.sol`, test_onlyTheLastTwoEpochsCount in `Clearing.t.sol`.
"""

from __future__ import annotations

import numpy as np

WALKS, STEPS = 20_000, 10


def overstated(choices: int) -> float:
    """Mean of the best of the last `choices` prices less the present one, in steps' deviations."""
    steps = np.random.default_rng(7).standard_normal((WALKS, STEPS))
    prices = np.cumsum(steps, axis=1)
    return float(np.mean(prices[:, STEPS - choices :].max(axis=1) - prices[:, -1]))


def test_ten_choices_are_worth_two_deviations() -> None:
    assert overstated(10) > 1.8


def test_two_are_worth_less_than_half_of_one() -> None:
    assert 0 < overstated(2) < 0.5
