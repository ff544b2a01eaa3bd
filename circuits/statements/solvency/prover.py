"""Proving one batch: from customers in the clear to a proof and commitments to totals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count
from typing import Final, Generic

from zkmargin.circuits.language.compiler import CompiledProgram
from zkmargin.circuits.language.proving import Prover, Published
from zkmargin.circuits.language.witness import Holding, Inputs, Witness
from zkmargin.circuits.statements.solvency.batch import Batch, BatchWitness, batch_witness, records
from zkmargin.circuits.statements.solvency.circuit import COLLATERAL, DEBT, EQUITY, compile_batch
from zkmargin.circuits.statements.solvency.verification import table_vectors
from zkmargin.prover.commitments import weighted_sum
from zkmargin.prover.kernels.interface import Backend, P, V
from zkmargin.prover.prove import Options, prove
from zkmargin.prover.randomness import Blinding
from zkmargin.prover.setup import Setup
from zkmargin.verifier.curve import G1
from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.keccak import keccak256
from zkmargin.verifier.proof import PublicInputs, decode_proof
from zkmargin.verifier.statements.solvency.batched_opening import batched_points, coefficient
from zkmargin.verifier.statements.solvency.statement import BatchStatement, OpenedTotals, batch_context
from zkmargin.verifier.statements.solvency.terms import TOTALS, Terms

_BLINDING: Final = b"zkmargin/solvency-blinding/v1"


TotalsOpening = Mapping[str, OpenedTotals]
"""What opens a batch's commitments to its totals, by the names of `TOTALS`. Secret."""
_LABELS: Final = dict(zip(TOTALS, (EQUITY, DEBT, COLLATERAL), strict=True))


def holdings_of(totals: TotalsOpening) -> dict[str, Holding]:
    """Totals as the batch circuit's holdings, in its order."""
    return {_LABELS[name]: Holding(totals[name].amounts, totals[name].blinding) for name in TOTALS}


@dataclass(frozen=True, eq=False)
class BatchProver(Generic[V, P]):
    """Proves batches of one epoch; keeps bases, keys and the table's columns between them."""

    terms: Terms
    epoch: bytes
    rows: int
    setup: Setup
    backend: Backend[V, P]

    @cached_property
    def program(self) -> CompiledProgram:
        """The program of a batch."""
        return compile_batch(self.rows)

    @cached_property
    def argument(self) -> Prover[V, P]:
        """The prover of that program: bases and keys."""
        return Prover(self.program, self.setup, self.backend)

    @cached_property
    def table(self) -> Published[V]:
        """The public table's columns and their commitments."""
        return self.argument.publish(table_vectors(self.terms, self.rows, self.backend))

    def prove(
        self, batch: Batch, master: bytes, options: Options | None = None
    ) -> tuple[BatchStatement, TotalsOpening]:
        """The batch's part of the statement; `master` is the epoch's secret key, for salts and blinding.

        Two proofs of one batch commit to its totals alike, so that either can stand for it.
        """
        columns = batch_witness(batch, self.terms, self.rows, records(batch, self.epoch, master, self.backend))
        opening = self.opening(batch, columns, master)
        witness = self.witness(columns, opening)
        public = self.public(batch.index, witness, opening)
        options = replace(options or Options(), blinding=Blinding(self.blinding_source(batch, master)))
        proof = prove(self.argument.key, public, witness.assignment, options)
        equity, debt, collateral = (point for (point,) in public.holdings)
        opened = self.batched_commitment(batch.index, proof)
        accounts = columns.scalars["accounts"]
        bounds = (batch.index, batch.low, batch.high, accounts)
        return BatchStatement(*bounds, equity, debt, collateral, opened, proof), opening

    def batched_commitment(self, index: int, proof: bytes) -> G1:
        """Return the commitment to the batched polynomial that inclusion files open."""
        circuit = self.program.circuit
        c = coefficient(batch_context(self.epoch, self.rows, index), keccak256(proof))
        points, weights = zip(*batched_points(circuit, c, decode_proof(circuit, proof).witness), strict=True)
        return weighted_sum(self.backend, points, weights)

    def blinding_source(self, batch: Batch, master: bytes) -> Callable[[], int]:
        """Blinding scalars that follow from the master key and everything that is proven, as in RFC 6979.

        The same batch gives the same proof, byte for byte, however often it is proven; anything else gives others.
        Inclusion files need the scalars again, and so nothing has to be kept.
        """
        arrays = (batch.numbers, batch.starts, batch.line, batch.free, batch.collateral, batch.debt)
        content = b"".join(keccak256(array.tobytes()) for array in arrays)
        names = keccak256(b"".join(keccak256(customer) for customer in batch.customers))
        context = batch_context(self.epoch, self.rows, batch.index)
        bounds = batch.low.to_bytes(8, "big") + batch.high.to_bytes(8, "big")
        return derived_scalars(master + self.argument.verifying_key.digest + context + bounds + content + names)

    def opening(self, batch: Batch, columns: BatchWitness, master: bytes) -> TotalsOpening:
        """The totals, and blinding that is another for other totals, other batches and other epochs."""
        parts = [columns.totals[name] for name in TOTALS]
        encoded = b"".join(value.to_bytes(16, "big") for part in parts for value in part)
        seed = master + self.epoch + batch.index.to_bytes(8, "big") + keccak256(encoded)
        draw = derived_scalars(b"totals" + seed)
        return {name: OpenedTotals(tuple(part), draw()) for name, part in zip(TOTALS, parts, strict=True)}

    def witness(self, columns: BatchWitness, opening: TotalsOpening, *, check: bool = True) -> Witness[V]:
        """Every column of the circuit."""
        inputs = Inputs(
            holdings=holdings_of(opening),
            market=self.table.columns,
            scalars=columns.scalars,
            columns=columns.columns,
        )
        return self.argument.witness(inputs, check=check)

    def public(self, index: int, witness: Witness[V], opening: TotalsOpening) -> PublicInputs:
        """What the proof of batch `index` is about."""
        points = self.argument.commit(*holdings_of(opening).values())
        context = batch_context(self.epoch, self.rows, index)
        return PublicInputs(context, witness.scalars, tuple((point,) for point in points), self.table.points)


def derived_scalars(seed: bytes) -> Callable[[], int]:
    """Uniform scalars, one a call, that nobody can tell from random without the seed."""
    counter = count()
    key = keccak256(_BLINDING + seed)

    def draw() -> int:
        block = key + next(counter).to_bytes(8, "big")
        wide = keccak256(block + b"\0") + keccak256(block + b"\1")
        return int.from_bytes(wide, "big") % SCALAR_MODULUS

    return draw
