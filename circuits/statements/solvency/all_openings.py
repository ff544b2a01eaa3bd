"""All openings of one polynomial on a whole domain at once, by two Fourier transforms of points.

Let P have n + t coefficients, t being small, with remainder f modulo X^n - 1 and quotient B, and let z = w^i. The
opening at z commits to

    (P(X) - P(z)) / (X - z) = (f(X) - f(z)) / (X - z) + B(z) (X^n - 1) / (X - z) + (X^n - 1) (B(X) - B(z)) / (X - z).

1. On the domain the first quotient is (f_j - f_i) / (w^j - w^i) in row j and f'(z) in row i. The sum over j of
   f_j / (w^j - w^i) L_j(x) is a convolution, and the transform of its kernel is linear: for u^n = 1 other than u = 1,
   sum_m m u^m = n / (u - 1). With F_m = sum_j w^(jm) f_j [L_j(x)] and any ramp r_m = m + constant therefore

       sum_{j != i} f_j / (w^j - w^i) [L_j(x)] = (1/n) sum_m r_m w^(-i(m+1)) F_m + (a constant) f_i / w^i [L_i(x)].

   The same with f = 1, where F_m = [x^m], gives what f_i is to be multiplied by: S_i = (1/n) sum_m r_m w^(-i(m+1))
   [x^m], the same for every f; the constants cancel. The ramp is centred, as small numbers are cheap.
2. (X^n - 1) / (X - z) = (n / z) L_i(X). As P'(z) = f'(z) + (n / z) B(z), both multiples of [L_i(x)] are P'(z).
3. sum_b z^b [(X^n - 1) B_b(X)] with B_b(X) = sum_a B_{a+b+1} X^a: t - 1 more points, which join those of the second
   transform in rows b.

So the openings are T_i - f_i S_i + P'(w^i) [L_i(x)], where T is the transform by w of the points (1/n) r_m F_m in row
n - 1 - m, plus those of 3. The transform by 1 / w gives F in that order if row j is multiplied by w^-j as well, and
1/n goes into the same multiplication.

Cost: one multiplication a row by f_j, one by a number below n, two together by f_i and P'(w^i), and two transforms of
n points; docs/solvency.md counts them. FK20 (eprint 2023/033), whose two steps these are, transforms 2 n points and
then n, as the product in its first step must not wrap around.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import numpy as np

from zkmargin.prover.kernels.interface import Backend, P, V
from zkmargin.prover.kernels.packing import pack_points, unpack_points
from zkmargin.prover.setup import Setup
from zkmargin.prover.vectors import sparse_vector
from zkmargin.verifier.curve import G1, POINT_BYTES
from zkmargin.verifier.field import inverse, root_of_unity

_FEW: Final = 16
"""Coefficients beyond n that a polynomial may have, for blinding: as many spare powers as a setup has."""


def open_everywhere(backend: Backend[V, P], setup: Setup, polynomial: V, rows: int) -> list[G1]:
    """The commitments to (P(X) - P(w^i)) / (X - w^i) for i < rows, P given by its coefficients.

    Raises ValueError unless rows is a power of two and P has rows coefficients and up to 16 more, but no more than rows
    more.
    """
    most = rows + min(_FEW, rows)
    if not rows <= len(polynomial) <= most:
        raise ValueError(f"polynomial: expected {rows} to {most} coefficients, got {len(polynomial)}")
    w = root_of_unity(rows)
    derivative = backend.multiply(polynomial, backend.vector_from_int64(np.arange(len(polynomial))))
    derivative = backend.slice(derivative, 1, len(derivative))
    values, slopes = backend.evaluate_on_coset([polynomial, derivative], rows, 1)
    lagrange = backend.slice_points(setup.lagrange(backend, rows), 0, rows)

    # X^(n-1) has the values w^-j.
    (turned,) = backend.evaluate_on_coset([sparse_vector(backend, rows, [(rows - 1, inverse(rows))])], rows, 1)
    weights = backend.multiply(values, turned)
    reversed_sums = backend.transform_points(backend.combine_points([lagrange], [weights]), inverse(w))
    ramped = backend.combine_points([reversed_sums], [_ramp(backend, rows)])
    few = _negated_blinding_points(backend, setup, polynomial, rows)
    first = backend.subtract_points(backend.slice_points(ramped, 0, len(few)), few)
    joined = backend.concatenate_points([first, backend.slice_points(ramped, len(few), rows)])
    transformed = backend.transform_points(joined, w)

    hashable: Any = backend
    constant: P = _openings_of_values(hashable, setup, rows)
    others = backend.combine_points([constant, lagrange], [values, backend.scale(slopes, -1)])
    return unpack_points(backend.points_to_bytes(backend.subtract_points(transformed, others)))


@lru_cache(maxsize=1)
def _openings_of_values(backend: Any, setup: Setup, rows: int) -> Any:
    """S_0, ..., S_{rows-1}: the same for every batch of a setup."""
    powers = backend.points_to_bytes(backend.slice_points(setup.monomial(backend), 0, rows))
    backwards = np.frombuffer(powers, dtype=np.uint8).reshape(rows, POINT_BYTES)[::-1]
    ramp = backend.scale(_ramp(backend, rows), inverse(rows))
    ramped = backend.combine_points([backend.points(backwards.tobytes())], [ramp])
    return backend.transform_points(ramped, root_of_unity(rows))


def _ramp(backend: Backend[V, P], rows: int) -> V:
    """r_m = m - rows // 2 in row rows - 1 - m."""
    return backend.vector_from_int64(np.arange(rows)[::-1] - rows // 2)


def _negated_blinding_points(backend: Backend[V, P], setup: Setup, polynomial: V, rows: int) -> P:
    """-[(x^n - 1) B_b(x)] for b < t - 1."""
    count = max(len(polynomial) - rows - 1, 0)
    powers = setup.monomial(backend)
    high, low = backend.slice_points(powers, rows, rows + count), backend.slice_points(powers, 0, count)
    negated = backend.scale(backend.slice(polynomial, rows, len(polynomial)), -1)
    parts = [backend.slice(negated, b + 1, count + 1) for b in range(count)]
    points = backend.msm(backend.subtract_points(high, low), parts)
    return backend.points(pack_points(points))
