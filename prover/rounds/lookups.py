"""Round 2, first half: LogUp helper columns (eprint 2022/1530).

Helper k sums two of the fractions 1 / (alpha + looked-up value) and, last, -m / (alpha + table). Then come the helpers
of fraction sums, with two of the fractions weight * numerator / (alpha + sum_k beta^k part_k) each, the weight being a
power of gamma.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from zkmargin.prover.kernels.interface import Backend, P, V
from zkmargin.prover.tape import Key, NamedTape, TapeBuilder, Value, sum_of_powers
from zkmargin.verifier.circuit import Circuit, Fraction
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
    return fractions + [_weighted(builder, nodes, group) for group in circuit.fraction_groups()]


def _weighted(builder: TapeBuilder, nodes: list[Value], group: Sequence[tuple[int, Fraction]]) -> Fractions:
    """One or two fractions of fraction sums."""
    alpha = builder.constant("alpha")
    numerators = [
        builder.multiply(builder.constant(fraction_weight(total)), nodes[fraction.numerator])
        for total, fraction in group
    ]
    denominators = [
        builder.add(alpha, sum_of_powers(builder, [nodes[part] for part in fraction.denominator], "beta"))
        for _, fraction in group
    ]
    if len(group) == 1:
        return Fractions(numerators[0], denominators[0])
    crossed = [builder.multiply(n, d) for n, d in zip(numerators, reversed(denominators), strict=True)]
    return Fractions(builder.add(*crossed), builder.multiply(*denominators))


def fraction_weight(index: int) -> str:
    """The name of the power of gamma that weighs fraction sum `index`."""
    return f"fraction[{index}]"


def fraction_numbers(circuit: Circuit, beta: int, gamma: int) -> dict[str, int]:
    """The numbers that the helpers' tapes name besides alpha: beta and the weights of the fraction sums, if any."""
    if not circuit.fractions:
        return {}
    weights = circuit.fraction_weights(gamma)
    return {"beta": beta, **{fraction_weight(index): weight for index, weight in enumerate(weights)}}


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


def helper_columns(
    backend: Backend[V, P],
    tapes: HelperTapes,
    columns: Mapping[Key, V],
    alpha: int,
    numbers: Mapping[str, int] | None = None,
) -> list[V]:
    """The helpers' values on H. numbers: `fraction_numbers` of a circuit that has fraction sums.

    Raises ZeroDivisionError when -alpha is looked up, which happens with probability below rows * lookups / r.
    """
    if not tapes.products:
        return []
    values = {"alpha": alpha, **(numbers or {})}
    numerators = backend.concatenate([tape.run(backend, columns, values) for tape in tapes.numerators])
    products = backend.concatenate([tape.run(backend, columns, values) for tape in tapes.products])
    helpers = backend.multiply(numerators, backend.batch_inverse(products))
    rows = len(helpers) // len(tapes.products)
    return [backend.slice(helpers, k * rows, (k + 1) * rows) for k in range(len(tapes.products))]
