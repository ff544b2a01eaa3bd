"""Round 2, first half: LogUp helper columns (eprint 2022/1530).

Helper k sums two of the fractions 1 / (alpha + looked-up value) and, last, -m / (alpha + table).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from zkmargin.prover.kernels.interface import Backend, P, V
from zkmargin.prover.tape import Key, NamedTape, TapeBuilder, Value
from zkmargin.verifier.circuit import Circuit
from zkmargin.verifier.expression import Query, evaluate
from zkmargin.verifier.verify import Symbol

MULTIPLICITIES = Symbol("multiplicities")


def looked_up_values(backend: Backend[V, P], circuit: Circuit, columns: Mapping[Key, V]) -> list[V]:
    """The values of every lookup on H, in the circuit's order."""
    builder = TapeBuilder()
    nodes = evaluate(circuit.nodes, builder)
    values = []
    for lookup in circuit.lookups:
        node = circuit.nodes[lookup.node]
        if isinstance(node, Query) and not node.rotation:
            values.append(columns[node.column])
        else:
            values.append(builder.build(nodes[lookup.node]).run(backend, columns, {}))
    return values


@dataclass(frozen=True)
class Fractions:
    """One helper's sum of fractions, as values of a tape builder: numerator over the product of the denominators."""

    numerator: Value
    product: Value


def helper_fractions(circuit: Circuit, builder: TapeBuilder, nodes: list[Value]) -> list[Fractions]:
    """Each helper's fractions, brought to one denominator. `nodes` is the circuit's graph read by `builder`."""
    alpha = builder.constant("alpha")
    fractions = []
    for group, with_table in circuit.helper_groups():
        denominators = [builder.add(alpha, nodes[lookup.node]) for lookup in group]
        if with_table and circuit.table is not None:
            table = builder.add(alpha, builder.column(circuit.table))
            minus_m = builder.subtract(builder.constant(0), builder.column(MULTIPLICITIES))
            if denominators:
                numerator = builder.add(table, builder.multiply(minus_m, denominators[0]))
                fractions.append(Fractions(numerator, builder.multiply(denominators[0], table)))
            else:
                fractions.append(Fractions(minus_m, table))
        else:
            left, right = denominators
            fractions.append(Fractions(builder.add(left, right), builder.multiply(left, right)))
    return fractions


@dataclass(frozen=True)
class HelperTapes:
    """Numerators and denominators of all helpers."""

    numerators: tuple[NamedTape, ...]
    products: tuple[NamedTape, ...]

    @classmethod
    def compile(cls, circuit: Circuit) -> HelperTapes:
        """Write the tapes for a circuit."""
        builder = TapeBuilder()
        fractions = helper_fractions(circuit, builder, evaluate(circuit.nodes, builder))
        return cls(
            tuple(builder.build(f.numerator) for f in fractions), tuple(builder.build(f.product) for f in fractions)
        )


def helper_columns(backend: Backend[V, P], tapes: HelperTapes, columns: Mapping[Key, V], alpha: int) -> list[V]:
    """The helpers' values on H.

    Raises ZeroDivisionError when -alpha is looked up, which happens with probability below rows * lookups / r.
    """
    if not tapes.products:
        return []
    values = {"alpha": alpha}
    numerators = backend.concatenate([tape.run(backend, columns, values) for tape in tapes.numerators])
    products = backend.concatenate([tape.run(backend, columns, values) for tape in tapes.products])
    helpers = backend.multiply(numerators, backend.batch_inverse(products))
    rows = len(helpers) // len(tapes.products)
    return [backend.slice(helpers, k * rows, (k + 1) * rows) for k in range(len(tapes.products))]
