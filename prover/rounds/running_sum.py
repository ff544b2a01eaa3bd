"""Round 2, second half: one running sum for everything that sums.

phi(w X) - phi(X) = sum of helpers + sum_j gamma^(j+1) (sum j's terms - its right side / n), cyclically: phi exists
exactly when the right side sums to zero over the domain.

Terms that share a weight are gathered first: sum_k weight_k(X) U_k(X), U_k being a gamma-combination of public columns.
Where none of a weight's terms has a public column, U_k is a number: the weight may then be a product of three columns.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from zkmargin.prover.kernels.interface import Backend, P, V
from zkmargin.prover.tape import Key, NamedTape, TapeBuilder, Value
from zkmargin.prover.vectors import sparse_vector
from zkmargin.verifier.circuit import Circuit, Sum, SumTerm
from zkmargin.verifier.expression import Column, ColumnKind, evaluate
from zkmargin.verifier.field import SCALAR_MODULUS, inverse
from zkmargin.verifier.verify import Symbol

RUNNING_SUM = Symbol("running_sum")
OFFSET = "offset"
"""Name of the constant sum_j gamma^(j+1) (right side of sum j) / n."""


_Term = tuple[int, SumTerm]
"""The position of a sum, and one of its terms."""


def public_factor(index: int) -> Symbol:
    """The name of U_index where it is a column."""
    return Symbol("public_factor", index)


def number_factor(index: int) -> str:
    """The name of U_index where it is a number."""
    return f"factor[{index}]"


_Powers = tuple[tuple[int, int], ...]
"""sum of coefficient * gamma^(position + 1), as (position, coefficient) pairs."""


@dataclass(frozen=True)
class PublicFactor:
    """A U_k that is a column: multiples of dense public columns, entries by row, and a constant."""

    index: int
    dense: tuple[tuple[Column, _Powers], ...]
    entries: tuple[tuple[int, _Powers], ...]
    constant: _Powers

    @classmethod
    def of(cls, circuit: Circuit, index: int, terms: Sequence[_Term]) -> PublicFactor:
        """Sort a weight's terms by what they multiply."""
        constant: list[tuple[int, int]] = []
        dense: dict[Column, list[tuple[int, int]]] = defaultdict(list)
        entries: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for position, term in terms:
            if term.public is None:
                constant.append((position, term.coefficient))
            elif term.public.kind is ColumnKind.SPARSE:
                for row, value in circuit.sparse[term.public.index].entries:
                    entries[row].append((position, term.coefficient * value))
            else:
                dense[term.public].append((position, term.coefficient))
        return cls(
            index,
            tuple((column, tuple(powers)) for column, powers in dense.items()),
            tuple((row, tuple(powers)) for row, powers in entries.items()),
            tuple(constant),
        )


@dataclass(frozen=True)
class SumTapes:
    """The right side of phi's identity: the distinct weights, None for one, each with its terms; and the tape."""

    gathered: tuple[tuple[int | None, tuple[_Term, ...]], ...]
    factors: tuple[PublicFactor, ...]
    step: NamedTape

    @classmethod
    def compile(cls, circuit: Circuit) -> SumTapes:
        """Gather a circuit's sums by weight and write the tape."""
        by_weight: dict[int | None, list[_Term]] = defaultdict(list)
        for position, total in enumerate(circuit.sums):
            for term in total.terms:
                by_weight[term.weight].append((position, term))
        if not by_weight and not circuit.helpers:
            by_weight[None] = []  # Nothing sums: phi grows by a column of zeros.
        gathered = tuple((weight, tuple(terms)) for weight, terms in by_weight.items())
        builder = TapeBuilder()
        step = running_sum_step(circuit, gathered, builder, evaluate(circuit.nodes, builder))
        factors = tuple(
            PublicFactor.of(circuit, index, terms)
            for index, (weight, terms) in enumerate(gathered)
            if not _is_number(weight, terms)
        )
        return cls(gathered, factors, builder.build(step))


def _is_number(weight: int | None, terms: Sequence[_Term]) -> bool:
    return weight is not None and all(term.public is None for _, term in terms)


def running_sum_step(
    circuit: Circuit,
    gathered: Sequence[tuple[int | None, Sequence[_Term]]],
    builder: TapeBuilder,
    nodes: Sequence[Value],
) -> Value:
    """sum of helpers + sum_k weight_k U_k - offset: what phi grows by in a row."""
    total = builder.subtract(builder.constant(0), builder.constant(OFFSET))
    for index in range(circuit.helpers):
        total = builder.add(total, builder.column(Symbol("helper", index)))
    for index, (weight, terms) in enumerate(gathered):
        if _is_number(weight, terms):
            factor = builder.constant(number_factor(index))
        else:
            factor = builder.column(public_factor(index))
        total = builder.add(total, factor if weight is None else builder.multiply(nodes[weight], factor))
    return total


def public_factors(
    backend: Backend[V, P], circuit: Circuit, tapes: SumTapes, columns: Mapping[Key, V], gamma: int
) -> dict[Key, V]:
    """The values on H of every U_k that is a column."""
    powers = gamma_powers(gamma, len(circuit.sums))
    made: dict[Key, V] = {}
    for factor in tapes.factors:
        vectors = [columns[column] for column, _ in factor.dense]
        coefficients = [_weighed(terms, powers) for _, terms in factor.dense]
        if factor.entries:
            vectors.append(
                sparse_vector(backend, circuit.rows, [(row, _weighed(terms, powers)) for row, terms in factor.entries])
            )
            coefficients.append(1)
        constant = _weighed(factor.constant, powers)
        if constant or not vectors:
            vectors.append(backend.constant(constant, circuit.rows))
            coefficients.append(1)
        made[public_factor(factor.index)] = backend.linear_combination(vectors, coefficients)
    return made


def _weighed(terms: _Powers, powers: Sequence[int]) -> int:
    return sum([coefficient * powers[position] for position, coefficient in terms]) % SCALAR_MODULUS


def numbers(circuit: Circuit, tapes: SumTapes, scalars: Sequence[int], gamma: int) -> dict[str, int]:
    """The numbers that the running sum's tape names: the offset, and every U_k that is not a column."""
    powers = gamma_powers(gamma, len(circuit.sums))
    named = {OFFSET: offset(circuit, scalars, gamma)}
    for index, (weight, terms) in enumerate(tapes.gathered):
        if _is_number(weight, terms):
            total = sum(term.coefficient * powers[position] for position, term in terms)
            named[number_factor(index)] = total % SCALAR_MODULUS
    return named


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


def running_sum(backend: Backend[V, P], tapes: SumTapes, columns: Mapping[Key, V], values: Mapping[str, int]) -> V:
    """phi on H, starting from zero. `columns` holds the circuit's columns, the helpers and the U_k; `values` `numbers`.

    Nothing is checked here: when the steps do not sum to zero the constraint polynomial is not divisible, and the
    prover's own check or the verifier says so.
    """
    return backend.prefix_sum(tapes.step.run(backend, columns, values))
