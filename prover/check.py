"""Which constraint an assignment breaks, and where: slow, exact, and only for the owner's eyes."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence

from zkmargin.prover.errors import Failure
from zkmargin.prover.kernels.interface import Backend, KernelRangeError, P, V
from zkmargin.prover.rounds.lookups import looked_up_values
from zkmargin.prover.rounds.running_sum import right_side
from zkmargin.prover.tape import Key, NamedTape, TapeBuilder, sum_of_powers
from zkmargin.verifier.circuit import Circuit, FractionSum, Sum
from zkmargin.verifier.expression import evaluate
from zkmargin.verifier.field import SCALAR_MODULUS

MAX_ROWS_SHOWN = 8


def failing_constraints(
    backend: Backend[V, P], circuit: Circuit, columns: Mapping[Key, V], scalars: Sequence[int]
) -> list[Failure]:
    """Every broken constraint, with the first few rows of each. `columns` holds the circuit's columns on H.

    Multiplicities are not looked at: a lookup fails when its value is outside the table.
    """
    builder = TapeBuilder()
    nodes = evaluate(circuit.nodes, builder)
    failures: list[Failure] = []
    for identity in circuit.identities:
        named = builder.build(nodes[identity.node])
        rows = backend.nonzero_rows(named.run(backend, columns, {}), MAX_ROWS_SHOWN)
        failures += [Failure(identity.label, row) for row in rows]
    looked_up = looked_up_values(backend, circuit, columns)
    for lookup, values in zip(circuit.lookups, looked_up, strict=True):
        try:
            backend.decompose(values, circuit.table_bits, 1)
        except KernelRangeError as error:
            failures.append(Failure(lookup.label, error.row))
    for total in circuit.sums:
        if (_sum(backend, circuit, builder, nodes, columns, total) - right_side(total, scalars)) % SCALAR_MODULUS:
            failures.append(Failure(total.label, None))
    failures += [Failure(f.label, None) for f in circuit.fractions if _fractions(backend, builder, nodes, columns, f)]
    return failures


def _fractions(
    backend: Backend[V, P],
    builder: TapeBuilder,
    nodes: Sequence[int],
    columns: Mapping[Key, V],
    total: FractionSum,
) -> int:
    """A fraction sum at random alpha and beta: zero if it holds, and else only by a chance of about rows / r."""
    challenges = {name: secrets.randbelow(SCALAR_MODULUS) for name in ("alpha", "beta")}
    result = 0
    for fraction in total.fractions:
        key = sum_of_powers(builder, [nodes[part] for part in fraction.denominator], "beta")
        denominators = builder.build(builder.add(builder.constant("alpha"), key)).run(backend, columns, challenges)
        numerator = builder.build(nodes[fraction.numerator])
        inverses = backend.batch_inverse(denominators)
        if numerator.columns:
            result += backend.inner_product(numerator.run(backend, columns, {}), inverses)
        else:
            result += backend.sum(inverses) * _number(numerator)
    return result % SCALAR_MODULUS


def _number(tape: NamedTape) -> int:
    """What a tape without columns computes: the compiler folds constants, so that it is its one constant, plus zero."""
    return sum(value for value in set(tape.constants) if isinstance(value, int))


def _sum(
    backend: Backend[V, P],
    circuit: Circuit,
    builder: TapeBuilder,
    nodes: Sequence[int],
    columns: Mapping[Key, V],
    total: Sum,
) -> int:
    """A sum constraint's left side over all rows."""
    step = builder.constant(0)
    for term in total.terms:
        value = builder.constant(term.coefficient)
        if term.public is not None:
            value = builder.multiply(value, builder.column(term.public))
        if term.weight is not None:
            value = builder.multiply(value, nodes[term.weight])
        step = builder.add(step, value)
    named = builder.build(step)
    if not named.columns:
        return circuit.rows * sum(term.coefficient for term in total.terms)
    return backend.sum(named.run(backend, columns, {}))
