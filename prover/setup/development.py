"""A setup made by one machine: for tests and trials, never for anything of value."""

from __future__ import annotations

import secrets
from itertools import accumulate, repeat
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from zkmargin.prover.kernels.interface import Backend, FieldVector, PointVector
from zkmargin.prover.setup.lagrange import lagrange_basis
from zkmargin.prover.setup.progress import Report, silent
from zkmargin.prover.setup.srs import Setup, check_rows, setup_of
from zkmargin.verifier.circuit import setup_powers
from zkmargin.verifier.curve import G2, POINT_BYTES
from zkmargin.verifier.field import SCALAR_MODULUS, inverse, root_of_unity
from zkmargin.verifier.recursion import recursion_limit_kept

TABLE_PAYS: Final = 256
"""Rows from which on multiples of the generator by table are cheaper than a Fourier transform in the group."""

V = TypeVar("V", bound=FieldVector)
P = TypeVar("P", bound=PointVector)


def development_setup(rows: int, backend: Backend[V, P], report: Report = silent) -> Setup:
    """A setup for up to `rows` rows from a fresh x of the operating system's randomness, forgotten on return.

    Unsafe: whoever learns x forges proofs, and this process knew it. Raises FormatError unless `rows` is a power of
    two from 2 to 2^28.
    """
    check_rows(rows, "setup dev")
    report("powers of x", 0, 0)
    x = _fresh_x(rows)
    powers = backend.fixed_base_powers(x, setup_powers(rows))
    report("Lagrange points", 0, 0)
    if rows < TABLE_PAYS:
        lagrange = lagrange_basis(backend, powers, rows)
    else:
        lagrange = _multiples(backend, _lagrange_values(backend, x, rows))
    return setup_of(backend, powers, lagrange, _times_g2(x), None)


def _fresh_x(rows: int) -> int:
    """A uniform x other than 0, 1 and the roots of unity of the domain."""
    while True:
        x = 2 + secrets.randbelow(SCALAR_MODULUS - 2)
        if pow(x, rows, SCALAR_MODULUS) != 1:
            return x


def _times_g2(x: int) -> G2:
    with recursion_limit_kept():
        from py_ecc.optimized_bn128.optimized_curve import G2 as GENERATOR  # noqa: PLC0415 - slow to load
        from py_ecc.optimized_bn128.optimized_curve import multiply, normalize  # noqa: PLC0415

    point = normalize(multiply(GENERATOR, x))
    return G2(*((int(c.coeffs[0]), int(c.coeffs[1])) for c in point))


def _lagrange_values(backend: Backend[V, P], x: int, rows: int) -> V:
    """L_i(x) = w^i (x^n - 1) / (n (x - w^i)) for each row i, n = rows."""
    w = root_of_unity(rows)
    domain = list(accumulate(repeat(w, rows - 1), lambda power, factor: power * factor % SCALAR_MODULUS, initial=1))
    shares = backend.multiply(backend.vector(domain), backend.batch_inverse(backend.vector(x - h for h in domain)))
    return backend.scale(shares, (pow(x, rows, SCALAR_MODULUS) - 1) * inverse(rows))


def _multiples(backend: Backend[V, P], scalars: V) -> P:
    """Each scalar times the generator of G1: one table look-up and one addition a byte of the scalar."""
    digits = np.frombuffer(backend.to_bytes(scalars), np.uint8).reshape(len(scalars), -1)
    total = backend.points(bytes(POINT_BYTES * len(scalars)))
    for window, negatives in enumerate(_negative_multiples(backend)):
        total = backend.subtract_points(total, backend.points(negatives[digits[:, window]].tobytes()))
    return total


def _negative_multiples(backend: Backend[V, P]) -> NDArray[np.uint8]:
    """-(d 256^k) times the generator at [k, d], encoded: shape (32, 256, 64). Sums of doublings, bit by bit of d."""
    doublings = np.frombuffer(backend.points_to_bytes(backend.fixed_base_powers(2, 256)), np.uint8)
    doublings = doublings.reshape(32, 8, 1, POINT_BYTES)
    bits = np.unpackbits(np.arange(256, dtype=np.uint8)[None, :], axis=0, bitorder="little")
    negatives = backend.points(bytes(POINT_BYTES * 32 * 256))
    for bit in range(8):
        chosen = doublings[:, bit] * bits[bit][:, None]
        negatives = backend.subtract_points(negatives, backend.points(chosen.tobytes()))
    return np.frombuffer(backend.points_to_bytes(negatives), np.uint8).reshape(32, 256, POINT_BYTES)
