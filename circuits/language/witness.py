"""From private inputs to an assignment, by vector operations only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from zkmargin.circuits.language.compiler import CompiledProgram, renumbered
from zkmargin.circuits.language.errors import WitnessRangeError
from zkmargin.circuits.language.recording import FreeColumn, HoldingNames, PrivateScalar, RangedColumns
from zkmargin.circuits.language.traced import Scalar, Vector
from zkmargin.prover.assignment import Assignment, HoldingOpening, PublicColumns
from zkmargin.prover.check import failing_constraints
from zkmargin.prover.columns import Columns, OnDemand
from zkmargin.prover.errors import Failure
from zkmargin.prover.kernels.interface import Backend, KernelRangeError, P, V
from zkmargin.prover.key import mask_columns, sparse_columns
from zkmargin.prover.rounds.lookups import looked_up_values
from zkmargin.prover.tape import Key, NamedTape, TapeBuilder
from zkmargin.prover.vectors import Values, sparse_vector, vector_of
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.expression import Column, ColumnKind, evaluate
from zkmargin.verifier.field import centred

T = TypeVar("T")


@dataclass(frozen=True)
class Holding:
    """One holding, netted over venues: integers for the first rows, zero beyond, and the sum of the venues' rho."""

    values: Values
    blinding: int

    def __repr__(self) -> str:
        return f"Holding(rows={len(self.values)})"


@dataclass(frozen=True)
class Inputs(Generic[V]):
    """Everything a program's witness is computed from, by label."""

    holdings: Mapping[str, Holding] = field(default_factory=dict)
    market: Mapping[str, Values] | PublicColumns[V] = field(default_factory=dict)
    scalars: Mapping[str, int] = field(default_factory=dict)
    hints: Mapping[str, int] = field(default_factory=dict)
    """Private integers computed outside the program, for hints that ask by name. Nothing trusts them."""
    columns: Mapping[str, Values] = field(default_factory=dict)
    """Private vectors computed outside the program, likewise."""

    def __repr__(self) -> str:
        return f"Inputs(holdings={len(self.holdings)}, scalars={len(self.scalars)})"


@dataclass(frozen=True)
class Witness(Generic[V]):
    """An assignment and the public scalars in the circuit's order; `columns` is the assignment by column."""

    assignment: Assignment[V]
    scalars: tuple[int, ...]
    columns: Mapping[Key, V]


class WitnessContext(Generic[V, P]):
    """What a hint sees: columns and scalars recorded before it."""

    def __init__(
        self,
        program: CompiledProgram,
        backend: Backend[V, P],
        inputs: Inputs[V],
        public: Mapping[ColumnKind, Sequence[V]],
    ) -> None:
        self.backend = backend
        self.program = program
        self.columns = Columns(public)
        self.private: list[int] = []
        self.splits: dict[int, tuple[V, V]] = {}
        """Sign flags and magnitudes, by holding."""
        self._hints = inputs.hints
        self._given = inputs.columns
        self.public = tuple(in_order(inputs.scalars, [s.name for s in program.circuit.scalars], "scalars"))

    def evaluate(self, vector: Vector) -> V:
        """A traced vector's values."""
        named = _tape(self.program, vector.node)
        if not named.columns:
            return self.backend.constant(_constant(named.constants), self.program.circuit.rows)
        return named.run(self.backend, self.columns, {})

    def sum(self, vector: Vector) -> int:
        """The sum of a traced vector over all rows, as a centred integer."""
        return centred(self.backend.sum(self.evaluate(vector)))

    def scalar(self, scalar: Scalar) -> int:
        """A traced scalar's value."""
        total: int = scalar.constant + sum(c * self.public[i] for i, c in scalar.public.items())
        total += sum(c * self.private[i] for i, c in scalar.private.items())
        return total

    def hint(self, name: str) -> int:
        """A private integer computed outside the program. Raises FormatError when it was not given."""
        if name not in self._hints:
            raise FormatError(f"hints: expected a value for {name}")
        return self._hints[name]

    def given(self, name: str) -> V:
        """A private vector computed outside the program. Raises FormatError when it was not given."""
        if name not in self._given:
            raise FormatError(f"columns: expected values for {name}")
        return vector_of(self.backend, self._given[name], self.program.circuit.rows)

    def sparse(self, entries: Mapping[int, int]) -> V:
        """A vector that is zero but for these rows."""
        return sparse_vector(self.backend, self.program.circuit.rows, entries.items())

    def __repr__(self) -> str:
        return f"WitnessContext({self.program.circuit.name})"


def generate_witness(
    program: CompiledProgram,
    backend: Backend[V, P],
    inputs: Inputs[V],
    *,
    public: Mapping[ColumnKind, PublicColumns[V]] | None = None,
    check: bool = True,
) -> Witness[V]:
    """Compute every column. Raises WitnessRangeError naming the first value that does not fit its range.

    public: the columns that the circuit fixes, where a proving key has them (`ProvingKey.public`).

    With check off, values are cut to their range instead, which breaks a constraint: for tests that need a prover who
    goes on regardless.
    """
    circuit = program.circuit
    market = inputs.market
    if not isinstance(market, PublicColumns):
        named = in_order(market, circuit.market, "market")
        market = PublicColumns.of(backend, [vector_of(backend, values, circuit.rows) for values in named])
    known = {kind: columns.values for kind, columns in public.items()} if public else _fixed(program, backend)
    context = WitnessContext(program, backend, inputs, {**known, ColumnKind.MARKET: market.values})
    openings = [
        HoldingOpening(vector_of(backend, holding.values, circuit.rows), holding.blinding)
        for holding in in_order(inputs.holdings, circuit.holdings, "holdings")
    ]
    for index, opening in enumerate(openings):
        _enter_holding(context, index, opening.values)
    waiting: V | None = None
    for step in program.recording.steps:
        if isinstance(step, PrivateScalar):
            context.private.append(_checked_scalar(step, step.hint(context), check=check))
        elif isinstance(step, FreeColumn):
            context.columns[Column(ColumnKind.WITNESS, step.index)] = step.hint(context)
        elif step is program.scalar_columns:
            # Its last rows are for scalars that later hints compute; nothing reads its digits before.
            waiting = step.hint(context)
        else:
            _enter_digits(context, step, step.hint(context), check=check)
    if program.scalar_columns is not None and waiting is not None:
        _enter_digits(context, program.scalar_columns, backend.add(waiting, _scalar_rows(context)), check=check)
    witness = tuple(context.columns[Column(ColumnKind.WITNESS, i)] for i in range(len(circuit.witness)))
    assignment = Assignment(tuple(openings), witness, _multiplicities(context, check=check), market)
    return Witness(assignment, context.public, context.columns)


def check_constraints(program: CompiledProgram, backend: Backend[V, P], inputs: Inputs[V]) -> list[Failure]:
    """Which labels fail at which rows, without proving; empty when a proof exists."""
    witness = generate_witness(program, backend, inputs, check=False)
    return failing_constraints(backend, program.circuit, witness.columns, witness.scalars)


def _tape(program: CompiledProgram, node: int) -> NamedTape:
    """The tape that computes a traced vector, compiled once."""
    if node not in program.tapes:
        builder = TapeBuilder()
        needed = program.graph.reachable([node])
        numbers = {old: new for new, old in enumerate(needed)}
        nodes = [renumbered(program.graph.nodes[old], numbers) for old in needed]
        program.tapes[node] = builder.build(evaluate(nodes, builder)[-1])
    tape: NamedTape = program.tapes[node]
    return tape


def _fixed(program: CompiledProgram, backend: Backend[V, P]) -> dict[ColumnKind, Sequence[V]]:
    """The columns that the circuit fixes, each made when it is first read."""
    circuit, values = program.circuit, program.fixed_values
    return {
        ColumnKind.FIXED: OnDemand(len(values), lambda index: vector_of(backend, values[index], circuit.rows)),
        ColumnKind.SPARSE: sparse_columns(backend, circuit).values,
        ColumnKind.MASK: mask_columns(backend, circuit).values,
    }


def _enter_holding(context: WitnessContext[V, P], index: int, values: V) -> None:
    """A holding under all its names."""
    backend, names = context.backend, HoldingNames.of(index)
    context.columns |= {Column(ColumnKind.HOLDING, index): values, names.net: values}
    if index in context.program.recording.splits:
        negative, magnitude = backend.split_sign(values)
        context.splits[index] = negative, magnitude
        context.columns |= {names.absolute: magnitude, names.short: backend.multiply(negative, magnitude)}


def _enter_digits(context: WitnessContext[V, P], step: RangedColumns, values: V, *, check: bool) -> None:
    backend, digit_bits = context.backend, context.program.circuit.table_bits
    top_bits = step.bits - (len(step.digits) - 1) * digit_bits
    try:
        digits = backend.decompose(values, digit_bits, len(step.digits))
        backend.decompose(digits[-1], top_bits, 1)
    except KernelRangeError as error:
        if check:
            raise WitnessRangeError(step.label, step.bits, error.row) from None
        cut = backend.vector(value & ((1 << step.bits) - 1) for value in backend.to_ints(values))
        digits = backend.decompose(cut, digit_bits, len(step.digits))
    context.columns.update({Column(ColumnKind.WITNESS, i): d for i, d in zip(step.digits, digits, strict=True)})


def _scalar_rows(context: WitnessContext[V, P]) -> V:
    program = context.program
    mask = (1 << program.row_bits) - 1
    entries = {
        row: value >> (position * program.row_bits) & mask
        for value, rows in zip(context.private, program.scalar_rows, strict=True)
        for position, row in enumerate(rows)
    }
    return context.sparse(entries)


def _checked_scalar(step: PrivateScalar, value: int, *, check: bool) -> int:
    if 0 <= value < 1 << step.bits:
        return value
    if check:
        raise WitnessRangeError(step.label, step.bits)
    return value & ((1 << step.bits) - 1)


def _multiplicities(context: WitnessContext[V, P], *, check: bool) -> V | None:
    circuit = context.program.circuit
    if not circuit.lookups:
        return None
    looked_up = looked_up_values(context.backend, circuit, context.columns)
    try:
        return context.backend.multiplicities(looked_up, circuit.table_bits, circuit.rows)
    except KernelRangeError as error:
        if check:
            raise WitnessRangeError("lookup", error.bits, error.row) from None
        counts = [0] * circuit.rows
        for column in looked_up:
            for value in context.backend.to_ints(column):
                if value >> circuit.table_bits == 0:
                    counts[value] += 1
        return context.backend.vector(counts)


def in_order(given: Mapping[str, T], expected: Sequence[str], what: str) -> list[T]:
    """The values in the order of `expected`. Raises FormatError naming labels that are missing or unknown."""
    missing, unknown = [n for n in expected if n not in given], [n for n in given if n not in expected]
    if missing or unknown:
        raise FormatError(f"{what}: missing {missing or 'nothing'}, unknown {unknown or 'nothing'}")
    return [given[name] for name in expected]


def _constant(constants: Sequence[int | str]) -> int:
    return next(value for value in constants if isinstance(value, int))
