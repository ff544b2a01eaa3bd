"""From a recording to a circuit. Deterministic: same program, same bytes, same verifying key."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from zkmargin.circuits.language.bounds import check_no_wrap, node_bounds, sum_bounds
from zkmargin.circuits.language.errors import CompileError, RowsError
from zkmargin.circuits.language.graph import Graph
from zkmargin.circuits.language.lowering import SumLowering
from zkmargin.circuits.language.program import Program
from zkmargin.circuits.language.recording import (
    MAX_SPARSE_ROWS,
    HoldingNames,
    Interval,
    PackedSums,
    RangedColumns,
    Recording,
)
from zkmargin.verifier.circuit import Circuit, Fraction, FractionSum, Identity, Lookup, SparseColumn, Sum, SumTerm
from zkmargin.verifier.expression import Binary, Column, ColumnKind, Constant, Node, Query
from zkmargin.verifier.field import SCALAR_MODULUS, centred

RANGE_TABLE = "range table"


@dataclass(frozen=True)
class CompiledProgram:
    """A circuit, the values of its fixed columns, and how to compute a witness.

    scalar_rows: for each private scalar the rows that hold it, least significant first.
    scalar_columns: the ranged columns in whose last rows the scalars live; None when there are no scalars.
    active_rows: rows that may hold an instrument.
    """

    circuit: Circuit
    fixed_values: tuple[Sequence[int], ...]
    recording: Recording
    graph: Graph
    scalar_rows: tuple[range, ...]
    scalar_columns: RangedColumns | None
    active_rows: int
    row_bits: int
    tapes: dict[int, Any] = field(default_factory=dict, repr=False, compare=False)
    """By traced node the tape that computes it, kept by witness generation from proof to proof."""

    @cached_property
    def market_bounds(self) -> dict[str, tuple[int, int]]:
        """For each market column the least and greatest value that its publisher promises."""
        return dict(self.recording.market)


def compile_program(
    define: Callable[[Program], object],
    *,
    name: str,
    rows: int,
    digit_bits: int | None = None,
    row_bits: int = 60,
    active_rows: int | None = None,
) -> CompiledProgram:
    """Run `define` on a recorder and compile what it said.

    Raises TraceError where the program does with a traced value what only a number can do, CompileError naming the
    label that breaks a rule, CircuitError for a degree that the argument cannot carry.
    """
    program = Program(name, rows, digit_bits=digit_bits, row_bits=row_bits, active_rows=active_rows)
    define(program)
    recording = program.recording
    scalar_columns = _scalar_columns(program)
    needed = [-(-scalar.bits // row_bits) for scalar in recording.private]
    first = rows - sum(needed)
    scalar_rows = []
    for count in needed:
        scalar_rows.append(range(first, first + count))
        first += count
    limit = rows - sum(needed)
    active = limit if active_rows is None else active_rows
    if not 0 < active <= limit:
        raise RowsError(name, f"active_rows: expected 1 to {limit} beside {sum(needed)} scalar rows, got {active}")

    _define_holdings(program, active)
    table = [*range(1 << program.digit_bits), *[0] * (rows - (1 << program.digit_bits))]
    fixed = [(RANGE_TABLE, table), *recording.fixed]
    recording.bounds[Column(ColumnKind.FIXED, 0)] = (0, max(table))
    places = [
        program.sparse_index({row: 1 << (position * row_bits) for position, row in enumerate(held)})
        for held in scalar_rows
    ]
    sparse = tuple(SparseColumn(f"sparse[{i}]", entries) for entries, i in recording.sparse.items())
    lowering = SumLowering(program.graph)
    lowered = [lowering.lower(constraint.label, constraint.vector) for constraint in recording.sums]
    bounds = node_bounds(program.graph.nodes, recording.bounds)
    for label, fractions in recording.fractions:
        for fraction in fractions:
            _check_weight(label, rows, bounds[fraction.numerator])
    for packed in recording.packed_sums:
        _check_packed(program, packed, bounds[packed.weight])
    sums = []
    for constraint, terms in zip(recording.sums, lowered, strict=True):
        if not constraint.modular:
            left = sum_bounds(constraint.label, terms, rows, bounds, recording.bounds, sparse)
            check_no_wrap(constraint.label, left, program.scalar_bounds(constraint.right))
        private = tuple(
            SumTerm(
                -c % SCALAR_MODULUS,
                Column(ColumnKind.SPARSE, places[i]),
                scalar_columns.node if scalar_columns else None,
            )
            for i, c in constraint.right.private.items()
            if c
        )
        public = tuple((i, c % SCALAR_MODULUS) for i, c in constraint.right.public.items() if c)
        sums.append(Sum(constraint.label, terms + private, public, constraint.right.constant % SCALAR_MODULUS))
    for identity in recording.identities:
        bound = bounds[identity.node]
        if bound is not None:
            check_no_wrap(identity.label, bound, (0, 0))

    circuit = _circuit(program, [label for label, _ in fixed], sparse, tuple(sums))
    return CompiledProgram(
        circuit=circuit,
        fixed_values=tuple(values for _, values in fixed),
        recording=recording,
        graph=program.graph,
        scalar_rows=tuple(scalar_rows),
        scalar_columns=scalar_columns,
        active_rows=active,
        row_bits=row_bits,
    )


def _scalar_columns(program: Program) -> RangedColumns | None:
    """The columns that hold private scalars: those of the first holding as wide as a row, else columns of their own.

    Exactly as wide: in wider columns a scalar's row could exceed 2^row_bits, and every bound that keeps sums from
    wrapping around r would be wrong.
    """
    if not program.recording.private:
        return None
    for step in program.recording.steps:
        if isinstance(step, RangedColumns) and step.signed_holding is not None and step.bits == program.row_bits:
            return step
    program.ranged("scalars", program.row_bits, lambda context: context.backend.constant(0, program.rows))
    step = program.recording.steps[-1]
    return step if isinstance(step, RangedColumns) else None


def _check_weight(label: str, rows: int, weight: Interval | None) -> None:
    """Weights of one key that have a bound add up to less than r / 2 in magnitude: equal modulo r is then equal."""
    reach = rows * max(map(abs, weight)) if weight else 0
    if reach > SCALAR_MODULUS // 2:
        raise CompileError(
            label, f"the weights of one key can add up to 2**{reach.bit_length() - 1} or more; declare fewer bits"
        )


def _check_packed(program: Program, sums: PackedSums, weight: Interval | None) -> None:
    """Every part's two sides differ by less than 2^shift; what the parts add up to is checked as any sum is."""
    if weight is None:
        raise CompileError(sums.label, "the weight has no bound; call sign_split or require_range on it")
    products = [a * b * program.rows for a in weight for b in sums.packed.part]
    for position, right in enumerate(sums.rights):
        low, high = program.scalar_bounds(right)
        reach = max(max(products) - low, high - min(products))
        if reach >= 1 << sums.packed.shift:
            raise CompileError(
                sums.label,
                f"part {position} can differ by 2**{reach.bit_length() - 1} or more, expected less than "
                f"2**{sums.packed.shift}; declare fewer bits or a column of its own",
            )


def _define_holdings(program: Program, active: int) -> None:
    """Write s (S - s) = 0 and q = (S - 2 s) a for every split holding, and what its names stand for.

    S is one on the first `active` rows and zero beyond.
    """
    graph, recording = program.graph, program.recording
    if not recording.splits:
        return
    inactive = range(active, program.rows)
    selector = graph.constant(1)
    if inactive and len(inactive) <= MAX_SPARSE_ROWS:
        selector = graph.subtract(selector, program.sparse(dict.fromkeys(inactive, 1)).node)
    elif inactive:
        selector = program.fixed("active rows", [1] * active + [0] * len(inactive)).node
    for split in recording.splits.values():
        names, negative, magnitude = HoldingNames.of(split.holding), split.negative, split.magnitude
        flag = graph.multiply(negative, graph.subtract(selector, negative))
        recording.identities.append(Identity(f"{split.label}.negative", flag))
        direction = graph.subtract(selector, graph.add(negative, negative))
        signed = graph.multiply(direction, magnitude)
        committed = recording.definitions[names.net]
        recording.identities.append(Identity(f"{split.label}.split", graph.subtract(committed, signed)))
        recording.definitions |= {
            names.net: signed,
            names.absolute: graph.multiply(selector, magnitude),
            names.short: graph.multiply(negative, magnitude),
        }


def _inlined(graph: Graph, definitions: Mapping[Column, int], roots: Sequence[int]) -> tuple[Graph, dict[int, int]]:
    """The roots' expressions with every name replaced by what it stands for, and where each node has gone."""
    written, new = Graph(), dict[int, int]()
    pending = list(reversed(roots))
    while pending:
        index = pending[-1]
        node = graph.nodes[index]
        needed = [node.left, node.right] if isinstance(node, Binary) else []
        if isinstance(node, Query) and not node.rotation and node.column in definitions:
            needed.append(definitions[node.column])
        missing = [each for each in needed if each not in new]
        if missing:
            pending += reversed(missing)
            continue
        pending.pop()
        if isinstance(node, Binary):
            new[index] = written.binary(node.operator, new[node.left], new[node.right])
        elif isinstance(node, Constant):
            new[index] = written.constant(centred(node.value))
        else:
            new[index] = new[needed[0]] if needed else written.query(node)
    return written, new


def _circuit(program: Program, fixed: list[str], sparse: tuple[SparseColumn, ...], sums: tuple[Sum, ...]) -> Circuit:
    """Write names out, and keep the nodes that constraints read, renumbered."""
    recording = program.recording
    roots = [i.node for i in recording.identities] + [k.node for k in recording.lookups]
    roots += [t.weight for s in sums for t in s.terms if t.weight is not None]
    roots += [node for _, terms in recording.fractions for term in terms for node in (term.numerator, *term.key)]
    graph, written = _inlined(program.graph, recording.definitions, roots)
    needed = graph.reachable([written[root] for root in roots])
    positions = {old: position for position, old in enumerate(needed)}
    new = {old: positions[node] for old, node in written.items() if node in positions}
    return Circuit(
        name=program.name,
        rows=program.rows,
        table_bits=program.digit_bits,
        fixed=tuple(fixed),
        market=tuple(label for label, _ in recording.market),
        holdings=tuple(recording.holdings),
        witness=tuple(recording.witness),
        scalars=tuple(recording.public),
        sparse=sparse,
        masks=tuple(recording.masks),
        nodes=tuple(renumbered(graph.nodes[old], positions) for old in needed),
        identities=tuple(Identity(i.label, new[i.node]) for i in recording.identities),
        lookups=tuple(Lookup(k.label, new[k.node]) for k in recording.lookups),
        sums=tuple(
            Sum(
                s.label,
                tuple(SumTerm(t.coefficient, t.public, None if t.weight is None else new[t.weight]) for t in s.terms),
                s.scalars,
                s.constant,
            )
            for s in sums
        ),
        fractions=tuple(
            FractionSum(label, tuple(Fraction(new[t.numerator], tuple(new[node] for node in t.key)) for t in terms))
            for label, terms in recording.fractions
        ),
    )


def renumbered(node: Node, new: Mapping[int, int]) -> Node:
    """The node with other numbers for the nodes that it reads."""
    return Binary(node.operator, new[node.left], new[node.right]) if isinstance(node, Binary) else node
