"""Setups that a forger makes: points of the curve, digests that fit, and no powers of the x of [x]_2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from support.backends import fastest_backend, fastest_engine
from zkmargin.prover.setup import BLINDING_POINTS, Setup
from zkmargin.prover.setup.srs import limbs
from zkmargin.verifier.curve import G1
from zkmargin.verifier.field import SCALAR_MODULUS

Limbs = NDArray[np.uint64]


def without_blinding(setup: Setup) -> Limbs:
    """Powers with [x^(n+j)] = [x^j]: the blinding points [x^(n+j)] - [x^j] of the largest domain are infinity."""
    powers = setup.powers.copy()
    powers[setup.rows : setup.rows + BLINDING_POINTS] = powers[:BLINDING_POINTS]
    return powers


def with_two_swapped(setup: Setup) -> Limbs:
    """Powers of which two stand in each other's place."""
    powers = setup.powers.copy()
    powers[[3, 4]] = powers[[4, 3]]
    return powers


def shifted_powers(powers: Sequence[G1], columns: Mapping[int, Any], changed: int, by: G1) -> list[G1]:
    """Powers in which column `changed` commits to a point that is off by `by`, and every other column to its own.

    columns: the coefficients of each column. One linear system: sum_j c_kj a_j is one for the changed column and zero
    for the others, with as many a_j other than zero as there are columns; `by` times a_j moves power j.
    """
    backend, engine = fastest_backend(), fastest_engine()
    names = list(columns)
    coefficients = [backend.to_ints(columns[name]) for name in names]
    positions = range(1, 1 + len(names))
    shares = solve([[row[j] for j in positions] for row in coefficients], [int(name == changed) for name in names])
    forged = list(powers)
    for position, share in zip(positions, shares, strict=True):
        forged[position] = engine.combine([forged[position], by], [1, share])
    return forged


def solve(matrix: Sequence[Sequence[int]], right: Sequence[int]) -> list[int]:
    """The solution of a square system modulo r, by Gauss and Jordan."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for column in range(len(rows)):
        pivot = next(i for i in range(column, len(rows)) if rows[i][column] % SCALAR_MODULUS)
        rows[column], rows[pivot] = rows[pivot], rows[column]
        scale = pow(rows[column][column], -1, SCALAR_MODULUS)
        rows[column] = [value * scale % SCALAR_MODULUS for value in rows[column]]
        for other in range(len(rows)):
            if other != column:
                factor = rows[other][column]
                rows[other] = [
                    (a - factor * b) % SCALAR_MODULUS for a, b in zip(rows[other], rows[column], strict=True)
                ]
    return [row[-1] for row in rows]


def points_of(array: Limbs) -> list[G1]:
    """The points of a setup's array."""
    data = array.tobytes()
    numbers = [int.from_bytes(data[at : at + 32], "little") for at in range(0, len(data), 32)]
    return [G1(x, y) for x, y in zip(numbers[::2], numbers[1::2], strict=True)]


def array_of(points: Sequence[G1]) -> Limbs:
    """Inverse of `points_of`."""
    return limbs(b"".join(part.to_bytes(32, "little") for point in points for part in point))
