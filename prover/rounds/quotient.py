"""Round 3: the quotient t = (sum_i y^i identity_i) / (X^n - 1).

t has 2 n coefficients and a few more from blinding. The first come from its values on two cosets of n points, the few
from the leading coefficients of the columns: only products of three columns reach that high.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from zkmargin.prover.assignment import PublicColumns
from zkmargin.prover.kernels.interface import Backend, Operation, P, V
from zkmargin.prover.rounds.lookups import helper_fractions
from zkmargin.prover.rounds.running_sum import RUNNING_SUM, SumTapes, running_sum_step
from zkmargin.prover.tape import Key, NamedTape, TapeBuilder, sum_of_powers
from zkmargin.verifier.circuit import Circuit
from zkmargin.verifier.expression import Column, ColumnKind, evaluate
from zkmargin.verifier.field import GENERATOR, SCALAR_MODULUS, inverse, root_of_unity
from zkmargin.verifier.verify import Symbol

_R = SCALAR_MODULUS
_TOP_DEGREE = 3


@dataclass(frozen=True)
class QuotientTape:
    """sum_i y^i identity_i: the circuit's identities, then the helpers', then the running sum's."""

    numerator: NamedTape

    @classmethod
    def compile(cls, circuit: Circuit, sums: SumTapes) -> QuotientTape:
        """Write the tape for a circuit."""
        builder = TapeBuilder()
        nodes = evaluate(circuit.nodes, builder)
        identities = [nodes[identity.node] for identity in circuit.identities]
        for index, fraction in enumerate(helper_fractions(circuit, builder, nodes)):
            helper = builder.column(Symbol("helper", index))
            identities.append(builder.subtract(builder.multiply(helper, fraction.product), fraction.numerator))
        growth = builder.subtract(builder.column(RUNNING_SUM, 1), builder.column(RUNNING_SUM))
        identities.append(builder.subtract(growth, running_sum_step(circuit, sums.gathered, builder, nodes)))
        return cls(builder.build(sum_of_powers(builder, identities, "y")))


def quotient(
    backend: Backend[V, P],
    circuit: Circuit,
    tape: QuotientTape,
    coefficients: Mapping[Key, V],
    public: Mapping[ColumnKind, PublicColumns[V]],
    values: Mapping[str, int],
) -> V:
    """The coefficients of t, 2 n and a few.

    coefficients: every column that the tape reads, by name; public: those that are the same in every proof, by kind;
    values: alpha, y and the running sum's numbers. For columns that break a constraint the result is some polynomial
    that no verifier accepts.
    """
    n = circuit.rows
    keys = tape.numerator.columns
    excess = _leading_coefficients(backend, circuit, tape, coefficients, values)
    remainders = []
    for shift in _coset_shifts(n):
        # Not named: the values on one coset are gone before the next one's are made.
        numerator = tape.numerator.run(backend, _on_coset(backend, n, keys, coefficients, public, shift), values)
        vanishing = pow(shift, n, _R) - 1
        remainders.append(backend.scale(backend.interpolate_on_coset([numerator], shift)[0], inverse(vanishing)))
    # On the cosets X^n is c and -c, so the remainders are low + c^2 excess + (c, -c) high.
    c = pow(GENERATOR, n, _R)
    half = inverse(2)
    low = backend.linear_combination([*remainders, backend.vector(excess)], [half, half, -c * c % _R])
    high = backend.linear_combination(remainders, [half * inverse(c) % _R, -half * inverse(c) % _R])
    return backend.concatenate([low, high, backend.vector(excess)])


def _on_coset(
    backend: Backend[V, P],
    rows: int,
    keys: Sequence[Key],
    coefficients: Mapping[Key, V],
    public: Mapping[ColumnKind, PublicColumns[V]],
    shift: int,
) -> dict[Key, V]:
    """The tape's columns on shift * H."""
    on_coset: dict[Key, V] = {}
    for kind, columns in public.items():
        known = [key for key in keys if isinstance(key, Column) and key.kind is kind]
        on_coset.update(zip(known, columns.on_coset(backend, [key.index for key in known], shift), strict=True))
    fresh = [key for key in keys if key not in on_coset]
    values = backend.evaluate_on_coset([coefficients[key] for key in fresh], rows, shift)
    return on_coset | dict(zip(fresh, values, strict=True))


def _coset_shifts(n: int) -> tuple[int, int]:
    return GENERATOR, GENERATOR * root_of_unity(2 * n) % _R


# -- the few coefficients beyond 2 n ---------------------------------------------------------------------------------


_Part = dict[int, int]
"""Coefficients of X^(d n + e) by e, for a part that is a product of d columns."""


def _leading_coefficients(
    backend: Backend[V, P],
    circuit: Circuit,
    tape: QuotientTape,
    coefficients: Mapping[Key, V],
    values: Mapping[str, int],
) -> list[int]:
    """Coefficients of X^(2n), X^(2n+1), ... of t, which are those of X^(3n), X^(3n+1), ... of the numerator.

    Runs the tape on the columns' leading coefficients, keeping products of different numbers of columns apart; no
    product has more than three, since a public factor of the running sum beside three is a number. With
    columns of degree at most n - 1 + b, a product of three reaches X^(3n + e) only through coefficients whose index is
    at least n - 2 (b - 1), and a product of fewer never does.
    """
    if not circuit.quotient_excess:
        return []
    n = circuit.rows
    keys = tape.numerator.columns
    lengths = [len(coefficients[key]) for key in keys]
    first = n - 2 * (max(lengths) - n - 1)
    tails = [backend.slice(coefficients[key], first, length) for key, length in zip(keys, lengths, strict=True)]
    flat = iter(backend.to_ints(backend.concatenate(tails)))
    leading = [{first + k - n: next(flat) for k in range(len(tail))} for tail in tails]
    w = root_of_unity(n)
    operands: list[list[_Part]] = []
    for column, rotation in tape.numerator.tape.inputs:
        rotated = leading[column]
        if rotation:
            rotated = {e: c * pow(w, rotation * e, _R) % _R for e, c in rotated.items()}
        operands.append([{}, rotated, {}, {}])
    for constant in tape.numerator.constants:
        operands.append([{0: values[constant] if isinstance(constant, str) else constant}, {}, {}, {}])
    first_register = len(operands)
    operands += [[]] * tape.numerator.tape.registers
    result: list[_Part] = []
    for operation, destination, left, right in tape.numerator.tape.instructions.tolist():
        if operation == Operation.MULTIPLY:
            result = _multiply(operands[left], operands[right])
        else:
            result = _add(operands[left], operands[right], 1 if operation == Operation.ADD else -1)
        operands[first_register + destination] = result
    return [result[_TOP_DEGREE].get(e, 0) for e in range(circuit.quotient_excess)]


def _add(left: list[_Part], right: list[_Part], sign: int) -> list[_Part]:
    total = [dict(part) for part in left]
    for part, other in zip(total, right, strict=True):
        for e, c in other.items():
            part[e] = (part.get(e, 0) + sign * c) % _R
    return total


def _multiply(left: list[_Part], right: list[_Part]) -> list[_Part]:
    product: list[_Part] = [{} for _ in range(_TOP_DEGREE + 1)]
    for i, a in enumerate(left):
        for j, b in enumerate(right[: _TOP_DEGREE + 1 - i]):
            target = product[i + j]
            # Of the top degree only X^(3n + e) with e >= 0 is asked for, and nothing moves coefficients up to there.
            lowest = 0 if i + j == _TOP_DEGREE else -math.inf
            for e, c in a.items():
                for f, d in b.items():
                    if e + f >= lowest:
                        target[e + f] = target.get(e + f, 0) + c * d
    return [{e: c % _R for e, c in part.items()} for part in product]
