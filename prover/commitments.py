"""Commitments to public columns: made in the Lagrange basis, checked many at once in the monomial one."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from zkmargin.prover.kernels.interface import Backend, P, V
from zkmargin.prover.kernels.packing import pack_points
from zkmargin.verifier.curve import G1, INFINITY

CHECK_BITS = 128


def commit(backend: Backend[V, P], lagrange: P, columns: Sequence[V]) -> tuple[G1, ...]:
    """[f_k(x)] for each column of values, not blinded."""
    return tuple(backend.msm(lagrange, columns)) if columns else ()


def commit_from_powers(backend: Backend[V, P], monomial: P, columns: Sequence[V]) -> tuple[G1, ...]:
    """The same points without a Lagrange basis, at the cost of full-width scalars."""
    return tuple(backend.msm(monomial, backend.interpolate(columns))) if columns else ()


def commitments_match(backend: Backend[V, P], monomial: P, columns: Sequence[V], points: Sequence[G1]) -> bool:
    """Whether every point commits to its column, by one random combination; wrongly true with probability 2^-128.

    Needs no Lagrange basis, and one large multi-scalar multiplication however many columns there are. The points must
    have been checked to lie on the curve.
    """
    if len(columns) != len(points):
        return False
    if not columns:
        return True
    weights = [secrets.randbits(CHECK_BITS) for _ in columns]
    combined = backend.linear_combination(columns, weights)
    expected = backend.msm(monomial, backend.interpolate([combined]))[0]
    return expected == weighted_sum(backend, points, weights)


def weighted_sum(backend: Backend[V, P], points: Sequence[G1], scalars: Sequence[int]) -> G1:
    """sum_i scalars[i] * points[i], for a few points."""
    if not points:
        return INFINITY
    return backend.msm(backend.points(pack_points(points)), [backend.vector(scalars)])[0]


__all__ = ["commit", "commit_from_powers", "commitments_match", "weighted_sum"]
