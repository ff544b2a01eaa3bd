"""Rounds 4 and 5: evaluations, and their batched opening (SHPLONK, eprint 2020/081).

The linearised constraint polynomial r(X) opens to zero at zeta; claims at zeta and w zeta follow, weighted by powers
of v.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic

from zkmargin.prover.commitments import weighted_sum
from zkmargin.prover.kernels.interface import Backend, P, V
from zkmargin.prover.rounds.running_sum import RUNNING_SUM
from zkmargin.prover.tape import Key
from zkmargin.verifier.circuit import Circuit, Evaluation
from zkmargin.verifier.curve import G1
from zkmargin.verifier.expression import Column, ColumnKind
from zkmargin.verifier.field import SCALAR_MODULUS, inverse, root_of_unity
from zkmargin.verifier.verify import Affine, Symbol

_R = SCALAR_MODULUS


def column_key(symbol: Symbol) -> Key:
    """The name under which the prover keeps a symbol's polynomial."""
    if symbol.name in (ColumnKind.MARKET, ColumnKind.HOLDING, ColumnKind.FIXED):
        return Column(ColumnKind(symbol.name), symbol.index)
    return symbol


def evaluations(
    backend: Backend[V, P], circuit: Circuit, coefficients: Mapping[Key, V], zeta: int
) -> dict[Evaluation, int]:
    """Round 4: the claimed values, in the circuit's order."""
    values: dict[Evaluation, int] = {}
    for rotation, point in ((0, zeta), (1, root_of_unity(circuit.rows) * zeta % _R)):
        evaluations = [evaluation for evaluation in circuit.evaluations if evaluation.rotation == rotation]
        polynomials = [coefficients[evaluation.column or RUNNING_SUM] for evaluation in evaluations]
        found = backend.evaluate(polynomials, point) if polynomials else []
        values.update(zip(evaluations, found, strict=True))
    return {evaluation: values[evaluation] for evaluation in circuit.evaluations}


@dataclass(frozen=True)
class BatchedOpening(Generic[V]):
    """The claims combined: F = r + sum v^i f_i for claims at zeta, G = sum v^j g_j for claims at w zeta."""

    at_zeta: V
    at_rotated: V


def linearised(
    backend: Backend[V, P],
    coefficients: Mapping[Key, V],
    quotient: V,
    linear: Affine,
    zeta_n: int,
) -> V:
    """r(X) = sum of symbols' polynomials - (zeta^n - 1) t; its value at zeta is -linear.constant."""
    vectors = [coefficients[column_key(symbol)] for symbol in linear.coefficients]
    return backend.linear_combination([*vectors, quotient], [*linear.coefficients.values(), (1 - zeta_n) % _R])


def combine_claims(
    backend: Backend[V, P],
    circuit: Circuit,
    coefficients: Mapping[Key, V],
    remainder: V,
    v: int,
) -> BatchedOpening[V]:
    """F and G without their constant terms, which no quotient sees."""
    weights: dict[int, dict[Key, int]] = {0: defaultdict(int), 1: defaultdict(int)}
    weight = 1
    for evaluation in circuit.evaluations:
        weight = weight * v % _R
        weights[evaluation.rotation][evaluation.column or RUNNING_SUM] += weight
    vectors = [remainder, *(coefficients[key] for key in weights[0])]
    at_zeta = backend.linear_combination(vectors, [1, *weights[0].values()])
    at_rotated = backend.linear_combination([coefficients[key] for key in weights[1]], list(weights[1].values()))
    return BatchedOpening(at_zeta, at_rotated)


def open_claims(backend: Backend[V, P], monomial: P, rows: int, batch: BatchedOpening[V], zeta: int) -> tuple[G1, G1]:
    """Round 5: [W_F], [W_G], W_F = (F - F(zeta)) / (X - zeta) and W_G = (G - G(w zeta)) / (X - w zeta)."""
    rotated = root_of_unity(rows) * zeta % _R
    quotients = [
        backend.divide_by_linear(batch.at_zeta, zeta),
        backend.divide_by_linear(batch.at_rotated, rotated),
    ]
    first, second = backend.msm(monomial, quotients)
    return first, second


def opening_of(backend: Backend[V, P], parts: Sequence[G1]) -> G1:
    """[W] = [W_F] + [W_G]."""
    return weighted_sum(backend, parts, [1, 1])


def check_of(backend: Backend[V, P], parts: Sequence[G1], rows: int, zeta: int, z: int) -> G1:
    """[W'], W' = (F / (z - zeta) + G / (z - w zeta) - W) / (X - z).

    As 1 / (z - zeta) - 1 / (X - zeta) = (X - z) / ((z - zeta)(X - zeta)), this is W_F / (z - zeta) + W_G / (z - w
    zeta): nothing large is left to commit to.
    """
    return weighted_sum(backend, parts, [inverse(z - zeta), inverse(z - root_of_unity(rows) * zeta)])
