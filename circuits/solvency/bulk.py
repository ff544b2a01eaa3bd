"""All openings of one polynomial on a whole domain at once: FK20, of Feist and Khovratovich (eprint 2023/033).

With s_a = [x^a], the opening's point at z is sum_b z^b h_b, where h_b = sum_a f_{a+b+1} s_a. The h_b are coefficients
of one product, of f with the reversed s, taken by transforms in the group; the openings on the domain are then a
transform of h. Cost: transforms of 2 n and n points and 2 n multiplications, against n multi-scalar multiplications
of n points.

The transforms of the kernels are inverse ones: a forward transform is an inverse one in another order and larger by the
number of points, which goes into the scalars.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from zkmargin.prover.kernels.interface import Backend, P, V
from zkmargin.prover.setup import Setup
from zkmargin.verifier.curve import G1, POINT_BYTES

_FEW: Final = 64
"""Coefficients beyond n that a polynomial may have: blinding."""


def open_everywhere(backend: Backend[V, P], setup: Setup, polynomial: V, rows: int) -> list[G1]:
    """The commitments to (f(X) - f(w^i)) / (X - w^i) for i < rows, f given by its coefficients.

    Raises ValueError when f has not between rows and rows + 64 coefficients.
    """
    degree = len(polynomial) - 1
    if not rows <= degree + 1 <= rows + _FEW:
        raise ValueError(f"polynomial: expected {rows} to {rows + _FEW} coefficients, got {degree + 1}")
    size = 2 * rows
    powers = _points(backend, setup.monomial(backend))[:degree]
    # The inverse transform of the powers is their transform read backwards, over size.
    (values,) = backend.evaluate_on_coset([polynomial], size, 1)
    scalars = _reversed(backend, backend.scale(values, size * rows))
    hashable: Any = backend
    transformed: P = _transformed_powers(hashable, setup, degree, size)
    product = _points(backend, backend.lagrange_basis(_multiplied(backend, transformed, scalars), size))
    product = product[-np.arange(size) % size]
    # h_b stands at degree + b of the product, modulo its size.
    quotients = product[(degree + np.arange(degree)) % size]
    # Those that wrapped around met others there; they are sums of few terms.
    few = np.arange(max(size - degree, 0), degree)
    for b in few.tolist():
        count = degree - b
        part = backend.scale(backend.slice(polynomial, b + 1, degree + 1), rows)
        quotients[b] = _one(backend.msm(_handle(backend, powers[:count]), [part])[0])
    folded = _folded(backend, quotients, rows)
    openings = _points(backend, backend.lagrange_basis(_handle(backend, folded), rows))
    return _decoded(openings[-np.arange(rows) % rows])


@lru_cache(maxsize=1)
def _transformed_powers(backend: Any, setup: Setup, degree: int, size: int) -> Any:
    """The inverse transform of the first powers in reverse order: the same for every batch of a setup."""
    padded = np.zeros((size, POINT_BYTES), dtype=np.uint8)
    padded[:degree] = _points(backend, setup.monomial(backend))[:degree][::-1]
    return backend.lagrange_basis(_handle(backend, padded), size)


def _reversed(backend: Backend[V, P], vector: V) -> V:
    """Entry -k modulo the length at k."""
    data = np.frombuffer(backend.to_bytes(vector), dtype=np.uint8).reshape(len(vector), 32)
    return backend.vector_from_bytes(data[-np.arange(len(vector)) % len(vector)].tobytes())


def _multiplied(backend: Backend[V, P], points: P, scalars: V) -> P:
    """scalars[k] * points[k], one by one."""
    products = [
        backend.msm(backend.slice_points(points, k, k + 1), [backend.slice(scalars, k, k + 1)])[0]
        for k in range(len(scalars))
    ]
    return _handle(backend, np.concatenate([_one(point)[None] for point in products]))


def _folded(backend: Backend[V, P], quotients: NDArray[np.uint8], rows: int) -> NDArray[np.uint8]:
    """h by exponents modulo `rows`: on the domain z^rows = 1."""
    folded = np.zeros((rows, POINT_BYTES), dtype=np.uint8)
    count = min(rows, len(quotients))
    folded[:count] = quotients[:count]
    for b in range(rows, len(quotients)):
        pair = _handle(backend, np.stack([folded[b - rows], quotients[b]]))
        folded[b - rows] = _one(backend.msm(pair, [backend.constant(1, 2)])[0])
    return folded


def _points(backend: Backend[V, P], points: P) -> NDArray[np.uint8]:
    """The points as bytes, (n, 64)."""
    return np.frombuffer(backend.points_to_bytes(points), dtype=np.uint8).reshape(-1, POINT_BYTES)


def _handle(backend: Backend[V, P], points: NDArray[np.uint8]) -> P:
    return backend.points(np.ascontiguousarray(points).tobytes())


def _one(point: G1) -> NDArray[np.uint8]:
    return np.frombuffer(point.x.to_bytes(32, "little") + point.y.to_bytes(32, "little"), dtype=np.uint8)


def _decoded(points: NDArray[np.uint8]) -> list[G1]:
    data = points.tobytes()
    return [
        G1(int.from_bytes(data[i : i + 32], "little"), int.from_bytes(data[i + 32 : i + 64], "little"))
        for i in range(0, len(data), POINT_BYTES)
    ]
