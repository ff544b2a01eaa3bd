"""The commitment basis for values on a domain, from powers of x."""

from __future__ import annotations

from typing import TypeVar

from zkmargin.prover.kernels.interface import Backend, FieldVector, PointVector
from zkmargin.verifier.field import inverse, root_of_unity

V = TypeVar("V", bound=FieldVector)
P = TypeVar("P", bound=PointVector)


def lagrange_basis(backend: Backend[V, P], powers: P, size: int) -> P:
    """[L_0(x)], ..., [L_{size-1}(x)] from the first `size` powers: [L_i(x)] = (1 / size) sum_j w^(-ij) [x^j].

    Raises ValueError unless `size` is a power of two and there are so many powers.
    """
    root = inverse(root_of_unity(size))
    multiples = backend.transform_points(backend.slice_points(powers, 0, size), root)
    return backend.combine_points([multiples], [backend.constant(inverse(size), size)])
