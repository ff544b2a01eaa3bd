"""Round 3: the quotient t = (sum_i y^i identity_i) / (X^n - 1).

t has 2 n coefficients and a few more from blinding. The first come from its values on two cosets of n points, the few
from the leading coefficients of the columns: only products of three columns reach that high.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from zkmargin.prover.assignment import PublicColumns
from zkmargin.prover.kernels.interface import Backend, P, V
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


def _leading_coefficients(
    backend: Backend[V, P],
    circuit: Circuit,
    tape: QuotientTape,
    coefficients: Mapping[Key, V],
    values: Mapping[str, int],
) -> list[int]:
    """Coefficients of X^(2n), X^(2n+1), ... of t, which are those of X^(3n), X^(3n+1), ... of the numerator.

    With columns of degree at most n - 1 + b, a product of three reaches X^(3n + e) only through coefficients whose
    index is at least n - 2 (b - 1), and a product of fewer never does; no product has more than three, since a public
    factor of the running sum beside three is a number. So the tape runs on the columns' leading coefficients, placed
    from X^stride on: a product of d of them begins at X^(d stride) and ends below the next, and all its values fit a
    domain of 4 stride points.
    """
    if not circuit.quotient_excess:
        return []
    n = circuit.rows
    inputs = tape.numerator.tape.inputs
    polynomials = [coefficients[key] for key in tape.numerator.columns]
    first = n - 2 * (max(map(len, polynomials)) - n - 1)
    longest = max(map(len, polynomials)) - first
    stride = 1 << (_TOP_DEGREE * (longest - 1)).bit_length()
    below = backend.constant(0, stride)
    leading = [backend.slice(polynomial, first, len(polynomial)) for polynomial in polynomials]
    w = root_of_unity(n)
    shifted = [
        _rotated(backend, leading[column], first - n, pow(w, rotation, _R)) if rotation else leading[column]
        for column, rotation in inputs
    ]
    columns = backend.evaluate_on_coset([backend.concatenate([below, each]) for each in shifted], 4 * stride, 1)
    small = replace(tape.numerator.tape, inputs=tuple((position, 0) for position in range(len(inputs))))
    constants = [values[name] if isinstance(name, str) else name for name in tape.numerator.constants]
    product = backend.interpolate([backend.evaluate_tape(small, columns, constants)])[0]
    # Every column was multiplied by X^(stride - first), where X^(n - first) would have left X^n alone.
    start = _TOP_DEGREE * (stride + n - first)
    return backend.to_ints(backend.slice(product, start, start + circuit.quotient_excess))


def _rotated(backend: Backend[V, P], leading: V, lowest: int, root: int) -> V:
    """The coefficients of X^lowest, X^(lowest + 1), ... of f(root X), from those of f."""
    powers = [pow(root, exponent, _R) for exponent in range(lowest, lowest + len(leading))]
    return backend.multiply(leading, backend.vector(powers))
