"""The normal distribution function against the C library's erfc."""

from __future__ import annotations

import math

import numpy as np
import pytest

from zkmargin.circuits.markets.normal import ndtr


def test_against_erfc() -> None:
    x = np.concatenate([np.linspace(-37, 37, 40001), np.array([0.0, -0.0, 0.6629126, 5.6568542, -5.6568543, 1e-300])])
    expected = np.array([0.5 * math.erfc(-value / math.sqrt(2)) for value in x])
    found = ndtr(x)
    assert np.abs(found - expected).max() <= 2.0**-51
    # Relative too: beyond |x| of 8 the rounding of x / sqrt 2 dominates, in either.
    assert (np.abs(found - expected) <= expected * 2.0**-52 * (8 + 2 * np.square(x))).all()


def test_limits_shapes_and_symmetry() -> None:
    assert ndtr([-np.inf, -40.0, 0.0, 40.0, np.inf]).tolist() == [0.0, 0.0, 0.5, 1.0, 1.0]
    assert math.isnan(float(ndtr(np.nan)))
    assert ndtr(np.zeros((2, 3, 4))).shape == (2, 3, 4)
    assert float(ndtr(1.0)) == pytest.approx(0.8413447460685429, abs=3e-16)
    x = np.linspace(0, 8, 1001)
    assert np.abs(ndtr(x) + ndtr(-x) - 1).max() <= 2.0**-52
    assert (np.diff(ndtr(np.linspace(-8, 8, 100001))) >= -(2.0**-52)).all()
