"""Statements: commitments, public inputs and a witness that a test may forge before it is proven."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from support.backends import fastest_backend, fastest_engine
from support.programs import Case
from support.setup import TAU, proving_key
from zkmargin.circuits.language import CompiledProgram, Holding, Inputs
from zkmargin.circuits.language.recording import RangedColumns
from zkmargin.circuits.language.witness import Witness, generate_witness
from zkmargin.prover.assignment import Assignment, HoldingOpening, PublicColumns
from zkmargin.prover.kernels.choice import AnyBackend
from zkmargin.prover.key import ProvingKey, commit
from zkmargin.prover.prove import Options, prove
from zkmargin.prover.randomness import Blinding
from zkmargin.prover.rounds.lookups import looked_up_values
from zkmargin.prover.vectors import vector_of
from zkmargin.verifier.circuit import Circuit
from zkmargin.verifier.curve import GroupEngine
from zkmargin.verifier.errors import FormatError, ProofRejected
from zkmargin.verifier.expression import Column, ColumnKind
from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.proof import Proof, PublicInputs, decode_proof
from zkmargin.verifier.verify import VerifyingKey, verify

CONTEXT = bytes(range(32))


@dataclass(frozen=True)
class Statement:
    """A key, what is claimed, and the assignment that is to prove it, honest or forged."""

    program: CompiledProgram
    key: ProvingKey[Any, Any]
    public: PublicInputs
    assignment: Assignment[Any]
    inputs: Inputs[Any]

    @property
    def circuit(self) -> Circuit:
        """The program's circuit."""
        return self.program.circuit

    @property
    def verifying(self) -> VerifyingKey:
        """What the verifier holds."""
        return self.key.verifying

    @property
    def backend(self) -> AnyBackend:
        """The prover's back end."""
        return self.key.backend

    # -- proving and verifying ----------------------------------------------------------------------------------------

    def prove(self, *, check: bool = True, blinding: Blinding | None = None) -> bytes:
        """The proof's bytes; with `check` off, whatever comes of a false assignment."""
        return prove(self.key, self.public, self.assignment, Options(check=check, blinding=blinding))

    def verify(self, proof: bytes, public: PublicInputs | None = None) -> None:
        """Verify, by default against the statement's own public inputs."""
        verify(self.verifying, public or self.public, proof, fastest_engine())

    def accepts(self, proof: bytes, public: PublicInputs | None = None, engine: GroupEngine | None = None) -> bool:
        """Whether a verifier does, by default with the fastest engine."""
        try:
            verify(self.verifying, public or self.public, proof, engine or fastest_engine())
        except (FormatError, ProofRejected):
            return False
        return True

    @cached_property
    def proof(self) -> bytes:
        """One honest proof, made once."""
        return self.prove()

    @cached_property
    def decoded(self) -> Proof:
        """The same, decoded."""
        return decode_proof(self.circuit, self.proof)

    # -- looking into the witness and forging it ----------------------------------------------------------------------

    def column(self, label: str) -> list[int]:
        """The values of a witness column or holding."""
        return self.backend.to_ints(self._columns[self._find(label)])

    def forge(self, changes: Mapping[str, Mapping[int, int]]) -> Statement:
        """The statement with other values in some rows of some witness columns or holdings.

        The forger is no fool: multiplicities are counted again. The venues' commitments stay as they are.
        """
        backend = self.backend
        columns = dict(self._columns)
        for label, rows in changes.items():
            values = self.column(label)
            for row, value in rows.items():
                values[row] = value
            columns[self._find(label)] = backend.vector(values)
        assignment = replace(
            self.assignment,
            holdings=tuple(
                HoldingOpening(columns[Column(ColumnKind.HOLDING, index)], opening.blinding)
                for index, opening in enumerate(self.assignment.holdings)
            ),
            witness=tuple(columns[Column(ColumnKind.WITNESS, i)] for i in range(len(self.circuit.witness))),
        )
        if self.circuit.lookups:
            assignment = replace(assignment, multiplicities=_count(backend, self.circuit, columns))
        return replace(self, assignment=assignment)

    def shift(self, label: str, row: int, by: int) -> Statement:
        """`forge`, one value moved by `by`."""
        return self.forge({label: {row: self.column(label)[row] + by}})

    def with_digits(self, label: str, row: int, value: int) -> Statement:
        """The statement with another value in one row of a ranged column; the last digit takes what does not fit."""
        return self.forge(self._digits(self._ranged(label), {row: value}))

    def with_scalar(self, label: str, value: int) -> Statement:
        """The statement with another value in the rows of a private scalar; the last takes what does not fit."""
        program = self.program
        if program.scalar_columns is None:
            raise ValueError("the program has no private scalar")
        position = [scalar.label for scalar in program.recording.private].index(label)
        *lower, top = program.scalar_rows[position]
        parts = {}
        for row in lower:
            value, parts[row] = divmod(value, 1 << program.row_bits)
        return self.forge(self._digits(program.scalar_columns, {**parts, top: value}))

    def scalar(self, label: str) -> int:
        """The value of a private scalar."""
        program = self.program
        if program.scalar_columns is None:
            raise ValueError("the program has no private scalar")
        position = [scalar.label for scalar in program.recording.private].index(label)
        rows = program.scalar_rows[position]
        digits = [self.column(self.circuit.witness[index]) for index in program.scalar_columns.digits]
        return sum(
            column[row] << (program.row_bits * high + self.circuit.table_bits * low)
            for high, row in enumerate(rows)
            for low, column in enumerate(digits)
        )

    def with_multiplicities(self, counts: Iterable[int]) -> Statement:
        """The statement with other multiplicities."""
        return replace(self, assignment=replace(self.assignment, multiplicities=self.backend.vector(counts)))

    def with_public(self, **changes: Any) -> Statement:
        """The statement with other public inputs and the same assignment."""
        return replace(self, public=replace(self.public, **changes))

    @cached_property
    def _columns(self) -> dict[Any, Any]:
        named: dict[Any, Any] = {}
        for kind, vectors in (
            (ColumnKind.FIXED, self.key.fixed.values),
            (ColumnKind.SPARSE, self.key.sparse.values),
            (ColumnKind.MASK, self.key.masks.values),
            (ColumnKind.MARKET, self.assignment.market.values),
            (ColumnKind.HOLDING, tuple(opening.values for opening in self.assignment.holdings)),
            (ColumnKind.WITNESS, self.assignment.witness),
        ):
            named.update({Column(kind, index): vector for index, vector in enumerate(vectors)})
        return named

    def _ranged(self, label: str) -> RangedColumns:
        return next(
            step for step in self.program.recording.steps if isinstance(step, RangedColumns) and step.label == label
        )

    def _digits(self, ranged: RangedColumns, values: Mapping[int, int]) -> dict[str, dict[int, int]]:
        *lower, top = [self.circuit.witness[index] for index in ranged.digits]
        changes: dict[str, dict[int, int]] = {name: {} for name in (*lower, top)}
        for row, value in values.items():
            rest = value
            for name in lower:
                rest, changes[name][row] = divmod(rest, 1 << self.circuit.table_bits)
            changes[top][row] = rest
        return changes

    def _find(self, label: str) -> Column:
        if label in self.circuit.holdings:
            return Column(ColumnKind.HOLDING, self.circuit.holdings.index(label))
        return Column(ColumnKind.WITNESS, self.circuit.witness.index(label))


def make_statement(
    case: Case,
    backend: AnyBackend | None = None,
    *,
    tau: int = TAU,
    check: bool = True,
    context: bytes = CONTEXT,
    seed: int = 0,
) -> Statement:
    """Commit to every venue's book, compute the witness, and gather the public inputs.

    With `check` off a false statement gets the witness of a prover who goes on regardless.
    """
    backend = backend or fastest_backend()
    key = proving_key(backend, case.program, tau)
    rows = case.program.circuit.rows
    draw = random.Random(seed)
    holdings, points = {}, []
    for label, books in case.venues.items():
        rhos = [draw.randrange(SCALAR_MODULUS) for _ in books]
        vectors = [vector_of(backend, book, rows) for book in books]
        points.append(tuple(backend.msm(key.lagrange, vectors, [[rho] for rho in rhos])))
        holdings[label] = Holding(case.net(label), sum(rhos) % SCALAR_MODULUS)
    columns = [vector_of(backend, case.market[label], rows) for label in case.program.circuit.market]
    market = PublicColumns.of(backend, columns)
    inputs = Inputs(holdings=holdings, market=market, scalars=case.scalars, columns=case.columns)
    witness: Witness[Any] = generate_witness(case.program, backend, inputs, check=check)
    public = PublicInputs(context, witness.scalars, tuple(points), commit(backend, key.lagrange, columns))
    return Statement(case.program, key, public, witness.assignment, inputs)


def _count(backend: AnyBackend, circuit: Circuit, columns: Mapping[Any, Any]) -> Any:
    """How often each table entry is looked up; what is not in the table cannot be counted."""
    counts = [0] * circuit.rows
    for vector in looked_up_values(backend, circuit, columns):
        for value in backend.to_ints(vector):
            if value >> circuit.table_bits == 0:
                counts[value] += 1
    return backend.vector(counts)
