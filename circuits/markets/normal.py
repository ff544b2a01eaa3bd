"""The normal distribution function over arrays, in numpy alone.

It is all that pricing needs of scipy, whose import takes longer than a proof.

W. J. Cody, "Rational Chebyshev approximations for the error function", Mathematics of Computation 23 (1969), with the
coefficients of his CALERF: relative error of erfc below 2^-50 as far as it does not underflow.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_SMALL: Final = 0.46875
_LARGE: Final = 4.0
_UNDERFLOW: Final = 27.0
"""erfc is below the least normal double from here."""
_INVERSE_SQRT_PI: Final = 0.56418958354775628695
_SQRT_HALF: Final = 0.70710678118654752440

# erf(x) = x p(x^2) / q(x^2) up to _SMALL; highest power first.
_ERF_P: Final = (
    1.85777706184603153e-1,
    3.16112374387056560,
    1.13864154151050156e2,
    3.77485237685302021e2,
    3.20937758913846947e3,
)
_ERF_Q: Final = (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3)
# erfc(x) = exp(-x^2) p(x) / q(x) up to _LARGE.
_ERFC_P: Final = (
    2.15311535474403846e-8,
    5.64188496988670089e-1,
    8.88314979438837594,
    6.61191906371416295e1,
    2.98635138197400131e2,
    8.81952221241769090e2,
    1.71204761263407058e3,
    2.05107837782607147e3,
    1.23033935479799725e3,
)
_ERFC_Q: Final = (
    1.0,
    1.57449261107098347e1,
    1.17693950891312499e2,
    5.37181101862009858e2,
    1.62138957456669019e3,
    3.29079923573345963e3,
    4.36261909014324716e3,
    3.43936767414372164e3,
    1.23033935480374942e3,
)
# erfc(x) = exp(-x^2) (1 / sqrt(pi) - y p(y) / q(y)) / x with y = 1 / x^2 beyond.
_TAIL_P: Final = (
    1.63153871373020978e-2,
    3.05326634961232344e-1,
    3.60344899949804439e-1,
    1.25781726111229246e-1,
    1.60837851487422766e-2,
    6.58749161529837803e-4,
)
_TAIL_Q: Final = (
    1.0,
    2.56852019228982242,
    1.87295284992346725,
    5.27905102951428412e-1,
    6.05183413124413191e-2,
    2.33520497626869185e-3,
)


def ndtr(x: ArrayLike) -> Floats:
    """The standard normal distribution function, elementwise; infinities give 0 and 1, NaN gives NaN."""
    values = np.asarray(x, dtype=np.float64)
    scaled = np.abs(values.ravel()) * _SQRT_HALF
    # Half of erfc(|x| / sqrt 2): the smaller tail.
    tail = np.where(np.isnan(scaled), np.nan, 0.0)
    small = scaled <= _SMALL
    middle = (scaled > _SMALL) & (scaled <= _LARGE)
    large = (scaled > _LARGE) & (scaled < _UNDERFLOW)
    y = scaled[small]
    tail[small] = 0.5 - 0.5 * y * _ratio(_ERF_P, _ERF_Q, y * y)
    y = scaled[middle]
    tail[middle] = 0.5 * _exp_of_minus_square(y) * _ratio(_ERFC_P, _ERFC_Q, y)
    y = scaled[large]
    inverse = 1.0 / (y * y)
    tail[large] = 0.5 * _exp_of_minus_square(y) * (_INVERSE_SQRT_PI - inverse * _ratio(_TAIL_P, _TAIL_Q, inverse)) / y
    return np.asarray(np.where(values > 0, 1.0 - tail.reshape(values.shape), tail.reshape(values.shape)))


def _ratio(numerator: tuple[float, ...], denominator: tuple[float, ...], x: Floats) -> Floats:
    return _polynomial(numerator, x) / _polynomial(denominator, x)


def _polynomial(coefficients: tuple[float, ...], x: Floats) -> Floats:
    total = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        total *= x
        total += coefficient
    return total


def _exp_of_minus_square(y: Floats) -> Floats:
    """exp(-y^2), y^2 split so that its rounding error is not magnified."""
    rounded = np.trunc(y * 16.0) / 16.0
    return np.asarray(np.exp(-rounded * rounded) * np.exp(-(y - rounded) * (y + rounded)))
