"""Whether a cached basis is that of checked powers: random linear combinations, one multi-scalar multiplication.

Every random combination has coefficients of 128 bits from the operating system: points of a group of prime order that
break the equation satisfy it with probability 2^-128.
"""

from __future__ import annotations

import secrets
from typing import Final, TypeVar

import numpy as np

from zkmargin.prover.kernels.interface import Backend, FieldVector, PointVector

COEFFICIENT_BYTES: Final = 16

V = TypeVar("V", bound=FieldVector)
P = TypeVar("P", bound=PointVector)


def random_coefficients(backend: Backend[V, P], count: int) -> V:
    """`count` random integers below 2^128."""
    data = np.zeros((count, 32), dtype=np.uint8)
    random = np.frombuffer(secrets.token_bytes(COEFFICIENT_BYTES * count), np.uint8)
    data[:, :COEFFICIENT_BYTES] = random.reshape(count, COEFFICIENT_BYTES)
    return backend.vector_from_bytes(data.tobytes())


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
