"""Public polynomials that the verifier evaluates by itself: few Lagrange polynomials each."""

from __future__ import annotations

from collections.abc import Iterable

from zkmargin.verifier.circuit import Circuit, MaskColumn
from zkmargin.verifier.expression import Column, ColumnKind
from zkmargin.verifier.field import SCALAR_MODULUS, inverse, root_of_unity

_R = SCALAR_MODULUS


def lagrange_evaluations(rows: int, indices: Iterable[int], point: int) -> dict[int, int]:
    """L_i(point) = w^i (point^n - 1) / (n (point - w^i)) for each index, with one field inversion.

    `point` lies outside the domain, else ZeroDivisionError.
    """
    w = root_of_unity(rows)
    roots: dict[int, int] = {}
    last, root = 0, 1
    for index in indices:
        # From one index to the next: cheap for neighbours, which most are.
        last, root = index, root * pow(w, index - last, _R) % _R
        roots[index] = root
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


def public_evaluations(circuit: Circuit, point: int) -> dict[Column, int]:
    """The value at `point` of every sparse and mask column."""
    rows = sorted({row for column in circuit.sparse for row, _ in column.entries})
    lagrange = lagrange_evaluations(circuit.rows, rows, point)
    values = {
        Column(ColumnKind.SPARSE, index): sum(value * lagrange[row] for row, value in column.entries) % _R
        for index, column in enumerate(circuit.sparse)
    }
    for index, mask in enumerate(circuit.masks):
        values[Column(ColumnKind.MASK, index)] = mask_evaluation(circuit.rows, mask, point)
    return values


def mask_evaluation(rows: int, mask: MaskColumn, point: int) -> int:
    """sum over offsets s of the Lagrange polynomials of rows i = s mod stride, in closed form.

    With m = rows / stride and a = w^s they sum to (m / n) a^m (X^n - 1) / (X^m - a^m): both sides have degree below n,
    vanish on the other rows and are one on these.
    """
    size = rows // mask.stride
    root = root_of_unity(mask.stride)
    power = pow(point, size, _R)
    total = sum((a := pow(root, s, _R)) * inverse(power - a) for s in mask.offsets)
    return total * inverse(mask.stride) % _R * (pow(point, rows, _R) - 1) % _R
