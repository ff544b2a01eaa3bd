"""Public polynomials that the verifier evaluates by itself: few Lagrange polynomials each."""

from __future__ import annotations

from collections.abc import Iterable

from zkmargin.verifier.circuit import Circuit
from zkmargin.verifier.field import SCALAR_MODULUS, inverse, root_of_unity

_R = SCALAR_MODULUS


def lagrange_evaluations(rows: int, indices: Iterable[int], point: int) -> dict[int, int]:
    """L_i(point) = w^i (point^n - 1) / (n (point - w^i)) for each index, with one field inversion.

    `point` lies outside the domain, else ZeroDivisionError.
    """
    w = root_of_unity(rows)
    roots = {index: pow(w, index, _R) for index in indices}
    if not roots:
        return {}
    prefix, product = [], 1
    for root in roots.values():
        prefix.append(product)
        product = product * rows * (point - root) % _R
    suffix = inverse(product)
    vanishing = pow(point, rows, _R) - 1
    values: dict[int, int] = {}
    for (index, root), before in zip(reversed(roots.items()), reversed(prefix), strict=True):
        values[index] = root * vanishing % _R * suffix % _R * before % _R
        suffix = suffix * rows * (point - root) % _R
    return values


def sparse_evaluations(circuit: Circuit, point: int) -> list[int]:
    """The value at `point` of every sparse column, in the circuit's order."""
    indices = sorted({row for column in circuit.sparse for row, _ in column.entries})
    lagrange = lagrange_evaluations(circuit.rows, indices, point)
    return [sum(value * lagrange[row] for row, value in column.entries) % _R for column in circuit.sparse]
