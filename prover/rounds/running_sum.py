"""Round 2, second half: one running sum for everything that sums.

phi(w X) - phi(X) = sum of helpers + sum_j gamma^(j+1) (sum j's terms - its right side / n), cyclically: phi exists
exactly when the right side sums to zero over the domain.

Terms that share a weight are gathered first: sum_k weight_k(X) U_k(X), U_k being a gamma-combination of public columns.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from zkmargin.prover.kernels.interface import Backend, P, V
from zkmargin.prover.tape import Key, NamedTape, TapeBuilder, Value
from zkmargin.prover.vectors import sparse_vector
from zkmargin.verifier.circuit import Circuit, Sum, SumTerm
from zkmargin.verifier.expression import ColumnKind, evaluate
from zkmargin.verifier.field import SCALAR_MODULUS, inverse
from zkmargin.verifier.verify import Symbol

RUNNING_SUM = Symbol("running_sum")
OFFSET = "offset"
"""Name of the constant sum_j gamma^(j+1) (right side of sum j) / n."""


def public_factor(index: int) -> Symbol:
    """The name of U_index."""
    return Symbol("public_factor", index)


@dataclass(frozen=True)
class SumTapes:
    """The right side of phi's identity.

    weights: the distinct weights, None for one; terms[k]: (position of a sum, its term) for every term of weight k.
    """

    weights: tuple[int | None, ...]
    terms: tuple[tuple[tuple[int, SumTerm], ...], ...]
    step: NamedTape

    @classmethod
    def compile(cls, circuit: Circuit) -> SumTapes:
        """Gather a circuit's sums by weight and write the tape."""
        gathered: dict[int | None, list[tuple[int, SumTerm]]] = defaultdict(list)
        for position, total in enumerate(circuit.sums):
            for term in total.terms:
                gathered[term.weight].append((position, term))
        if not gathered and not circuit.lookups:
            gathered[None] = []  # Nothing sums: phi grows by a column of zeros.
        weights = tuple(gathered)
        builder = TapeBuilder()
        step = running_sum_step(circuit, weights, builder, evaluate(circuit.nodes, builder))
        return cls(weights, tuple(tuple(gathered[weight]) for weight in weights), builder.build(step))


def running_sum_step(
    circuit: Circuit, weights: Sequence[int | None], builder: TapeBuilder, nodes: Sequence[Value]
) -> Value:
    """sum of helpers + sum_k weight_k U_k - offset: what phi grows by in a row."""
    total = builder.subtract(builder.constant(0), builder.constant(OFFSET))
    for index in range(circuit.helpers):
        total = builder.add(total, builder.column(Symbol("helper", index)))
    for index, weight in enumerate(weights):
        factor = builder.column(public_factor(index))
        total = builder.add(total, factor if weight is None else builder.multiply(nodes[weight], factor))
    return total


def public_factors(
    backend: Backend[V, P], circuit: Circuit, tapes: SumTapes, columns: Mapping[Key, V], gamma: int
) -> dict[Key, V]:
    """The values of every U_k on H."""
    powers = gamma_powers(gamma, len(circuit.sums))
    factors: dict[Key, V] = {}
    for index, terms in enumerate(tapes.terms):
        constant = 0
        dense: dict[Key, int] = defaultdict(int)
        entries: dict[int, int] = defaultdict(int)
        for position, term in terms:
            coefficient = term.coefficient * powers[position]
            if term.public is None:
                constant += coefficient
            elif term.public.kind is ColumnKind.SPARSE:
                for row, value in circuit.sparse[term.public.index].entries:
                    entries[row] += coefficient * value
            else:
                dense[term.public] += coefficient
        vectors = [columns[key] for key in dense]
        coefficients = list(dense.values())
        if entries:
            vectors.append(sparse_vector(backend, circuit.rows, entries.items()))
            coefficients.append(1)
        if constant % SCALAR_MODULUS or not vectors:
            vectors.append(backend.constant(constant, circuit.rows))
            coefficients.append(1)
        reduced = [coefficient % SCALAR_MODULUS for coefficient in coefficients]
        factors[public_factor(index)] = backend.linear_combination(vectors, reduced)
    return factors


def gamma_powers(gamma: int, count: int) -> list[int]:
    """gamma, gamma^2, ..., gamma^count."""
    powers, power = [], 1
    for _ in range(count):
        power = power * gamma % SCALAR_MODULUS
        powers.append(power)
    return powers


def right_side(total: Sum, scalars: Sequence[int]) -> int:
    """What a sum must come to, modulo r."""
    return (total.constant + sum(c * scalars[index] for index, c in total.scalars)) % SCALAR_MODULUS


def offset(circuit: Circuit, scalars: Sequence[int], gamma: int) -> int:
    """sum_j gamma^(j+1) (right side of sum j) / n."""
    powers = gamma_powers(gamma, len(circuit.sums))
    total = sum(power * right_side(s, scalars) for power, s in zip(powers, circuit.sums, strict=True))
    return total % SCALAR_MODULUS * inverse(circuit.rows) % SCALAR_MODULUS


def running_sum(backend: Backend[V, P], tapes: SumTapes, columns: Mapping[Key, V], offset_value: int) -> V:
    """phi on H, starting from zero. `columns` holds the circuit's columns, the helpers and the U_k.

    Nothing is checked here: when the steps do not sum to zero the constraint polynomial is not divisible, and the
    prover's own check or the verifier says so.
    """
    return backend.prefix_sum(tapes.step.run(backend, columns, {OFFSET: offset_value}))
