"""Rounds 4 and 5: evaluations, and their batched opening (SHPLONK, eprint 2020/081).

The linearised constraint polynomial r(X) opens to zero at zeta; claims at zeta and w zeta follow, weighted by powers
of v.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic

from zkmargin.prover.kernels.interface import Backend, P, V
from zkmargin.prover.rounds.running_sum import RUNNING_SUM
from zkmargin.prover.tape import Key
from zkmargin.verifier.circuit import Circuit, Claim
from zkmargin.verifier.curve import G1
from zkmargin.verifier.expression import Column, ColumnKind
from zkmargin.verifier.field import SCALAR_MODULUS, inverse, root_of_unity
from zkmargin.verifier.verify import Affine, Symbol

_R = SCALAR_MODULUS


def column_key(symbol: Symbol) -> Key:
    """The name under which the prover keeps a symbol's polynomial."""
    if symbol.name in (ColumnKind.MARKET, ColumnKind.FIXED):
        return Column(ColumnKind(symbol.name), symbol.index)
    return symbol


def evaluations(backend: Backend[V, P], circuit: Circuit, coefficients: Mapping[Key, V], zeta: int) -> dict[Claim, int]:
    """Round 4: the claimed values, in the circuit's order."""
    values: dict[Claim, int] = {}
    for rotation, point in ((0, zeta), (1, root_of_unity(circuit.rows) * zeta % _R)):
        claims = [claim for claim in circuit.claims if claim.rotation == rotation]
        polynomials = [coefficients[claim.column or RUNNING_SUM] for claim in claims]
        found = backend.evaluate(polynomials, point) if polynomials else []
        values.update(zip(claims, found, strict=True))
    return {claim: values[claim] for claim in circuit.claims}


@dataclass(frozen=True)
class Batch(Generic[V]):
    """The claims combined: F = r + sum v^i f_i for claims at zeta, G = sum v^j g_j for claims at w zeta."""

    at_zeta: V
    at_rotated: V


def linearised(
    backend: Backend[V, P],
    coefficients: Mapping[Key, V],
    chunks: Sequence[V],
    linear: Affine,
    zeta_n: int,
) -> V:
    """r(X) = sum of symbols' polynomials - (zeta^n - 1) (t_0 + zeta^n t_1); its value at zeta is -linear.constant."""
    vanishing = zeta_n - 1
    vectors = [coefficients[column_key(symbol)] for symbol in linear.coefficients]
    return backend.linear_combination(
        [*vectors, *chunks], [*linear.coefficients.values(), -vanishing % _R, -vanishing * zeta_n % _R]
    )


def combine_claims(
    backend: Backend[V, P],
    circuit: Circuit,
    coefficients: Mapping[Key, V],
    masks: Sequence[Sequence[int]],
    remainder: V,
    zeta_n: int,
    v: int,
) -> Batch[V]:
    """F and G without their constant terms, which no quotient sees.

    A holding's committed polynomial is C + (zeta^n - 1) E, and the prover keeps q = C + (X^n - 1) E: the difference is
    (zeta^n - X^n) E.
    """
    weights: dict[int, dict[Key, int]] = {0: defaultdict(int), 1: defaultdict(int)}
    correction = [0] * max((len(mask) for mask in masks), default=0)
    weight = 1
    for claim in circuit.claims:
        weight = weight * v % _R
        key: Key = claim.column or RUNNING_SUM
        weights[claim.rotation][key] += weight
        if claim.column is not None and claim.column.kind is ColumnKind.HOLDING:
            for position, e in enumerate(masks[claim.column.index]):
                correction[position] = (correction[position] + weight * e) % _R
    vectors = [remainder, *(coefficients[key] for key in weights[0])]
    scalars = [1, *weights[0].values()]
    if correction:
        low = backend.vector(correction)
        gap = backend.constant(0, circuit.rows - len(correction))
        vectors.append(backend.concatenate([backend.scale(low, zeta_n), gap, backend.scale(low, -1)]))
        scalars.append(1)
    at_rotated = backend.linear_combination([coefficients[key] for key in weights[1]], list(weights[1].values()))
    return Batch(backend.linear_combination(vectors, scalars), at_rotated)


def open_batch(backend: Backend[V, P], monomial: P, rows: int, batch: Batch[V], zeta: int) -> tuple[V, G1]:
    """Round 5: W = (F - F(zeta)) / (X - zeta) + (G - G(w zeta)) / (X - w zeta), and its commitment."""
    rotated = root_of_unity(rows) * zeta % _R
    quotients = [
        backend.divide_by_linear(batch.at_zeta, zeta),
        backend.divide_by_linear(batch.at_rotated, rotated),
    ]
    opening = backend.linear_combination(quotients, [1, 1])
    return opening, backend.msm(monomial, [opening])[0]


def open_at_z(backend: Backend[V, P], monomial: P, rows: int, batch: Batch[V], opening: V, zeta: int, z: int) -> G1:
    """[W'(x)], W' = (F + k G - (z - zeta) W - value at z) / (X - z), k = (z - zeta) / (z - w zeta)."""
    distance = (z - zeta) % _R
    ratio = distance * inverse(z - root_of_unity(rows) * zeta) % _R
    combined = backend.linear_combination([batch.at_zeta, batch.at_rotated, opening], [1, ratio, -distance % _R])
    return backend.msm(monomial, [backend.divide_by_linear(combined, z)])[0]
