"""A setup made by one machine: for tests and trials, never for anything of value."""

from __future__ import annotations

import secrets
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from py_ecc.optimized_bn128.optimized_curve import G2 as G2_GENERATOR
from py_ecc.optimized_bn128.optimized_curve import multiply, normalize

from zkmargin.prover.kernels.interface import Backend, FieldVector, PointVector
from zkmargin.prover.setup.progress import Report, silent
from zkmargin.prover.setup.srs import LIMBS, Setup, Source, check_rows
from zkmargin.verifier.circuit import SPARE_POWERS
from zkmargin.verifier.curve import G2
from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.srs import SetupKey

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
    powers = backend.fixed_base_powers(x, rows + SPARE_POWERS)
    return assemble(backend, powers, _times_g2(x), None, report)


def assemble(backend: Backend[V, P], powers: P, g2_x: G2, source: Source | None, report: Report = silent) -> Setup:
    """The setup with these rows + 16 powers, its Lagrange points computed. Checks nothing of the points."""
    report("Lagrange points", 0, 0)
    lagrange = backend.lagrange_basis(powers, len(powers) - SPARE_POWERS)
    return Setup(SetupKey(g2_x), _limbs(backend, powers), _limbs(backend, lagrange), source)


def _fresh_x(rows: int) -> int:
    while True:
        x = 2 + secrets.randbelow(SCALAR_MODULUS - 2)
        if pow(x, rows, SCALAR_MODULUS) != 1:
            return x


def _times_g2(x: int) -> G2:
    point = normalize(multiply(G2_GENERATOR, x))
    return G2(*((int(c.coeffs[0]), int(c.coeffs[1])) for c in point))


def _limbs(backend: Backend[V, P], points: P) -> NDArray[np.uint64]:
    return np.frombuffer(backend.points_to_bytes(points), dtype="<u8").reshape(len(points), *LIMBS)
