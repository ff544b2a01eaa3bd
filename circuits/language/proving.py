"""The prover of a compiled program: program + setup + back end -> keys -> proof.

    prover = Prover(compiled, setup, backend)                       # keeps bases and keys between proofs
    market = prover.publish({"price": prices})                      # public columns: vectors and commitments
    books = [Holding(book, random_blinding()) for book in venues]   # a venue's part of a holding, and its blinding
    proven = prover.prove(holdings={"net": books}, market=market, scalars={"required": 10}, context=bytes(32))
    verify(prover.verifying_key, proven.public, proven.proof)

A statement whose commitments were made and signed elsewhere knows its public inputs before it is proven, and gives them
to `prove_public`. Whoever verifies needs none of this: `zkmargin.circuits.language.keys` rebuilds the verifying key.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from typing import Generic, TypeAlias

from zkmargin.circuits.language.compiler import CompiledProgram
from zkmargin.circuits.language.keys import fixed_vectors
from zkmargin.circuits.language.witness import Holding, Inputs, Witness, generate_witness, in_order
from zkmargin.prover.assignment import PublicColumns
from zkmargin.prover.commitments import commit
from zkmargin.prover.kernels.interface import Backend, P, V
from zkmargin.prover.key import ProvingKey, make_proving_key
from zkmargin.prover.prove import Options, prove
from zkmargin.prover.setup import Setup
from zkmargin.prover.vectors import Values, vector_of
from zkmargin.verifier.curve import G1
from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.proof import PublicInputs
from zkmargin.verifier.verify import VerifyingKey

Parts: TypeAlias = Holding | Sequence[Holding]
"""A holding, or what each venue holds of it: every part is committed to by itself, and the proof is about their sum."""


def random_blinding() -> int:
    """A uniform scalar from the operating system, for one commitment. Secret, and never used for another."""
    return secrets.randbelow(SCALAR_MODULUS)


def netted(parts: Parts) -> Holding:
    """The sum of a holding's parts, row by row, and what opens the sum of their commitments."""
    if isinstance(parts, Holding):
        return parts
    rows = zip_longest(*(map(int, part.values) for part in parts), fillvalue=0)
    return Holding([sum(row) for row in rows], sum(part.blinding for part in parts) % SCALAR_MODULUS)


@dataclass(frozen=True, eq=False)
class Published(Generic[V]):
    """A circuit's market columns in both forms, and their commitments, made when they are first asked for."""

    columns: PublicColumns[V]
    _commit: Callable[[Sequence[V]], tuple[G1, ...]]

    @cached_property
    def points(self) -> tuple[G1, ...]:
        """[f_k(x)] for each column, in the circuit's order."""
        return self._commit(self.columns.values)

    def __repr__(self) -> str:
        return f"Published(columns={len(self.columns.values)})"


@dataclass(frozen=True)
class Proven:
    """A proof, and what it is about: what goes to whoever verifies."""

    public: PublicInputs
    proof: bytes


@dataclass(frozen=True, eq=False)
class Prover(Generic[V, P]):
    """Proves statements of one program under one setup. Keeps bases, keys and compiled tapes between proofs."""

    program: CompiledProgram
    setup: Setup
    backend: Backend[V, P]

    @cached_property
    def key(self) -> ProvingKey[V, P]:
        """The proving key. Raises SetupError or FormatError when the setup is too small for the program."""
        powers, fixed = self.setup.monomial(self.backend), fixed_vectors(self.program, self.backend)
        return make_proving_key(self.backend, self.program.circuit, self.setup.key, self.basis, powers, fixed)

    @property
    def verifying_key(self) -> VerifyingKey:
        """What proofs are verified with."""
        return self.key.verifying

    @property
    def basis(self) -> P:
        """The commitment basis of the program's rows."""
        return self.setup.lagrange(self.backend, self.program.circuit.rows)

    def prepare(self) -> None:
        """Make now what the first proof would make."""
        _ = self.key.helper_tapes, self.key.quotient_tape

    def commit(self, *parts: Holding) -> tuple[G1, ...]:
        """The commitment to each part of a holding: sum_i value_i [L_i(x)] + blinding [x^n - 1]."""
        rows = self.program.circuit.rows
        vectors = [vector_of(self.backend, part.values, rows) for part in parts]
        return tuple(self.backend.msm(self.basis, vectors, [[part.blinding] for part in parts])) if parts else ()

    def publish(self, columns: Mapping[str, Values] | Sequence[V]) -> Published[V]:
        """The market columns of one epoch, by label or as vectors in the circuit's order. Raises FormatError."""
        if isinstance(columns, Mapping):
            circuit = self.program.circuit
            named = in_order(columns, circuit.market, "market")
            columns = [vector_of(self.backend, values, circuit.rows) for values in named]
        vectors = PublicColumns.of(self.backend, columns)
        return Published(vectors, lambda values: commit(self.backend, self.basis, values))

    def witness(self, inputs: Inputs[V], *, check: bool = True) -> Witness[V]:
        """Every private column. Raises WitnessRangeError naming the first value that does not fit: no proof exists."""
        return generate_witness(self.program, self.backend, inputs, public=self.key.public, check=check)

    def prove(
        self,
        *,
        context: bytes,
        holdings: Mapping[str, Parts] | None = None,
        market: Mapping[str, Values] | Published[V] | None = None,
        scalars: Mapping[str, int] | None = None,
        hints: Mapping[str, int] | None = None,
        columns: Mapping[str, Values] | None = None,
        options: Options | None = None,
    ) -> Proven:
        """Commit to the holdings, and prove what the program says of them.

        context: 32 bytes that bind the proof to what it is for. market: what `publish` made, to keep it from proof to
        proof, or the columns. hints, columns: private values that the program's hints ask for by name.

        Raises WitnessRangeError when no proof exists, FormatError naming a label that is missing or unknown.
        """
        published = market if isinstance(market, Published) else self.publish(market or {})
        given, circuit = holdings or {}, self.program.circuit
        inputs = Inputs(
            holdings={label: netted(parts) for label, parts in given.items()},
            market=published.columns,
            scalars=scalars or {},
            hints=hints or {},
            columns=columns or {},
        )
        witness = self.witness(inputs)
        parts = in_order(given, circuit.holdings, "holdings")
        points = tuple(self.commit(*((each,) if isinstance(each, Holding) else each)) for each in parts)
        public = PublicInputs(context, witness.scalars, points, published.points)
        return Proven(public, prove(self.key, public, witness.assignment, options))

    def prove_public(self, public: PublicInputs, inputs: Inputs[V], options: Options | None = None) -> bytes:
        """The proof of what `public` says, its commitments being those that the inputs open.

        Raises WitnessRangeError when no proof exists, FormatError for inputs that are not the program's.
        """
        return prove(self.key, public, self.witness(inputs).assignment, options)

    def __repr__(self) -> str:
        return f"Prover({self.program.circuit.name}, rows={self.program.circuit.rows}, backend={self.backend.name})"
