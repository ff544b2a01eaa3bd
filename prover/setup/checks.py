"""Is this a powers-of-tau setup? Pairings and random linear combinations, one multi-scalar multiplication a question.

Every random combination has coefficients of 128 bits from the operating system: points of a group of prime order that
break the equation satisfy it with probability 2^-128.
"""

from __future__ import annotations

import secrets
from typing import Final, TypeVar

import numpy as np

from zkmargin.prover.kernels.interface import Backend, FieldVector, PointVector
from zkmargin.prover.kernels.packing import unpack_points
from zkmargin.verifier.curve import G1, G1_GENERATOR, G2, G2_GENERATOR

COEFFICIENT_BYTES: Final = 16

V = TypeVar("V", bound=FieldVector)
P = TypeVar("P", bound=PointVector)


def random_coefficients(backend: Backend[V, P], count: int) -> V:
    """`count` random integers below 2^128."""
    data = np.zeros((count, 32), dtype=np.uint8)
    random = np.frombuffer(secrets.token_bytes(COEFFICIENT_BYTES * count), np.uint8)
    data[:, :COEFFICIENT_BYTES] = random.reshape(count, COEFFICIENT_BYTES)
    return backend.vector_from_bytes(data.tobytes())


def powers_fault(backend: Backend[V, P], powers: P, g2_x: G2, rows: int) -> str | None:
    """What keeps `powers` from being [1], [x], [x^2], ... with the x of [x]_2, or None. `rows` < len(powers).

    Also refuses an x with x^rows = 1, for which blinding hides nothing; x = 1, which a file without a single
    contribution has, is one of them.
    """
    if _point(backend, powers, 0) != G1_GENERATOR:
        return "power 0: expected the generator of G1"
    if _point(backend, powers, rows) == G1_GENERATOR:
        return f"power {rows}: expected x^{rows} other than 1: a setup without a contribution, whose x everybody knows"
    count = len(powers) - 1
    rho = random_coefficients(backend, count)
    shifted = backend.concatenate([backend.constant(0, 1), rho])
    # e(sum rho_i [x^(i+1)], [1]_2) = e(sum rho_i [x^i], [x]_2)
    left, right = backend.msm(powers, [shifted, backend.scale(rho, -1)])
    if not backend.pairing_product_is_one([(left, G2_GENERATOR), (right, g2_x)]):
        return "powers: expected each to be x times the one before, with the x of [x]_2: the pairing check fails"
    return None


def lagrange_fault(backend: Backend[V, P], powers: P, basis: P, n: int) -> str | None:
    """What keeps `basis` from being [L_i(x)], i < n, followed by points [x^j (x^n - 1)], or None.

    A random function's commitment in the basis must be that of its interpolant, blinding included, in the powers.
    """
    values = random_coefficients(backend, n)
    blinding = random_coefficients(backend, len(basis) - n)
    (committed,) = backend.msm(basis, [backend.concatenate([values, blinding])])
    (interpolant,) = backend.interpolate([values])
    # interpolant + (X^n - 1) blinding; a small domain has fewer rows than blinding points, so `tails` cannot do it.
    coefficients = backend.linear_combination([backend.concatenate([interpolant, blinding]), blinding], [1, -1])
    (expected,) = backend.msm(powers, [coefficients])
    if committed != expected:
        return f"basis of {n} rows: expected the Lagrange and blinding points of these powers"
    return None


def _point(backend: Backend[V, P], points: P, index: int) -> G1:
    data = backend.points_to_bytes(backend.slice_points(points, index, index + 1))
    return unpack_points(data)[0]
