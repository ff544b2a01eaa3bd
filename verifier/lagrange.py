"""Public polynomials that the verifier evaluates by itself: few Lagrange polynomials each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zkmargin.verifier.circuit import Circuit, MaskColumn
from zkmargin.verifier.expression import Column, ColumnKind
from zkmargin.verifier.field import SCALAR_MODULUS, inverse, inverse_of_size, powers_of_root, root_of_unity

_R = SCALAR_MODULUS


def lagrange_evaluations(rows: int, indices: Iterable[int], point: int) -> dict[int, int]:
    """L_i(point) = w^i (point^n - 1) / (n (point - w^i)) for each index, with one field inversion.

    `point` lies outside the domain, else ZeroDivisionError.
    """
    wanted = list(indices)
    scale = _scale(rows, point)
    quotients = _quotients(powers_of_root(rows, wanted), point)
    return {index: quotient * scale % _R for index, quotient in zip(wanted, quotients, strict=True)}


def public_evaluations(circuit: Circuit, point: int) -> dict[Column, int]:
    """The value at `point` of every sparse and mask column."""
    scale = _scale(circuit.rows, point)
    quotients = dict(zip(circuit.sparse_rows, _quotients(circuit.sparse_roots, point), strict=True))
    values = {
        Column(ColumnKind.SPARSE, index): sum(value * quotients[row] for row, value in column.entries) * scale % _R
        for index, column in enumerate(circuit.sparse)
    }
    for index, mask in enumerate(circuit.masks):
        values[Column(ColumnKind.MASK, index)] = mask_evaluation(circuit.rows, mask, point)
    return values


def _scale(rows: int, point: int) -> int:
    """(point^n - 1) / n."""
    return (pow(point, rows, _R) - 1) * inverse_of_size(rows) % _R


def _quotients(roots: Sequence[int], point: int) -> list[int]:
    """root / (point - root) for each root, with one field inversion."""
    prefixes, product = [], 1
    for root in roots:
        prefixes.append(product)
        product = product * (point - root) % _R
    suffix = inverse(product) if roots else 1
    quotients = []
    for root, prefix in zip(reversed(roots), reversed(prefixes), strict=True):
        quotients.append(suffix * prefix % _R * root % _R)
        suffix = suffix * (point - root) % _R
    quotients.reverse()
    return quotients


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
