"""Making inclusion files: openings of a batch's batched polynomial at a customer's rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic

from zkmargin.circuits.statements.solvency.all_openings import open_everywhere
from zkmargin.circuits.statements.solvency.batch import Batch, batch_witness, records
from zkmargin.circuits.statements.solvency.prover import BatchProver
from zkmargin.prover.kernels.interface import P, V
from zkmargin.verifier.curve import G1
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.expression import Column, ColumnKind
from zkmargin.verifier.field import SCALAR_MODULUS, root_of_unity
from zkmargin.verifier.keccak import keccak256
from zkmargin.verifier.statements.solvency.accounts import salt_of
from zkmargin.verifier.statements.solvency.batched_opening import coefficient, terms_of
from zkmargin.verifier.statements.solvency.inclusion import IncludedRow, Inclusion
from zkmargin.verifier.statements.solvency.statement import BatchStatement, Solvency, batch_context


class UnknownCustomerError(FormatError):
    """Nobody of this id is in the epoch."""


@dataclass(frozen=True, eq=False)
class BatchOpener(Generic[V, P]):
    """Opens the batched polynomial of one batch; keeps its polynomial between customers."""

    prover: BatchProver[V, P]
    batch: Batch
    statement: BatchStatement
    master: bytes

    @cached_property
    def polynomial(self) -> V:
        """The coefficients of P, blinded exactly as its columns were when they were committed."""
        prover, circuit = self.prover, self.prover.program.circuit
        recorded = records(self.batch, prover.epoch, self.master, prover.backend)
        columns = batch_witness(self.batch, prover.terms, prover.rows, recorded)
        witness = prover.witness(columns, prover.opening(self.batch, columns, self.master))
        draw = prover.blinding_source(self.batch, self.master)
        blinding = [[draw() for _ in range(circuit.blinding(index))] for index in range(len(circuit.witness))]
        context = batch_context(prover.epoch, prover.rows, self.batch.index)
        weights = terms_of(circuit, coefficient(context, keccak256(self.statement.proof)))
        vectors = [witness.columns[Column(ColumnKind.WITNESS, index)] for index in weights]
        values = prover.backend.linear_combination(vectors, list(weights.values()))
        tail = [0] * max(len(blinding[index]) for index in weights)
        for index, weight in weights.items():
            for position, scalar in enumerate(blinding[index]):
                tail[position] += weight * scalar
        polynomial = prover.backend.interpolate([values], [tail])[0]
        if prover.backend.msm(prover.setup.monomial(prover.backend), [polynomial])[0] != self.statement.batched_opening:
            raise FormatError(
                f"batch {self.batch.index}: expected the batch that was proven, got another: the folder was changed"
            )
        return polynomial

    def open_rows(self, rows: Sequence[int]) -> list[G1]:
        """For each row i the commitment to (P(X) - P(w^i)) / (X - w^i)."""
        backend = self.prover.backend
        w = root_of_unity(self.prover.rows)
        quotients = [backend.divide_by_linear(self.polynomial, pow(w, row, SCALAR_MODULUS)) for row in rows]
        return backend.msm(self.prover.setup.monomial(backend), quotients)

    def open_all(self) -> list[G1]:
        """The same for every row of the batch, at once."""
        return open_everywhere(self.prover.backend, self.prover.setup, self.polynomial, self.prover.rows)


@dataclass(frozen=True, eq=False)
class InclusionMaker(Generic[V, P]):
    """Makes inclusion files for one statement."""

    statement: Solvency

    @cached_property
    def _table_rows(self) -> dict[int, tuple[bytes, tuple[bytes, ...]]]:
        """Table rows with their Merkle paths, as they are asked for: customers by the thousand share them."""
        return {}

    def _table_row(self, number: int) -> tuple[bytes, tuple[bytes, ...]]:
        if number not in self._table_rows:
            terms = self.statement.terms
            self._table_rows[number] = terms.leaves[number - 1], terms.tree.path(number - 1)
        return self._table_rows[number]

    def make(self, opener: BatchOpener[V, P], position: int) -> Inclusion:
        """The file of the customer at `position` of the opener's batch."""
        openings = opener.open_rows(opener.batch.places_of(position))
        return self.assemble(opener.batch, opener.master, position, openings)

    def assemble(self, batch: Batch, master: bytes, position: int, openings: Sequence[G1]) -> Inclusion:
        """The file, from openings of the customer's rows."""
        statement = self.statement
        customer = batch.customers[position]
        return Inclusion(
            customer=customer.decode(),
            salt=salt_of(master, customer),
            header=statement.terms.header,
            nonce=statement.nonce,
            setup=statement.setup,
            rows=statement.rows,
            batches=len(statement.batches),
            leaf=statement.batches[batch.index].leaf,
            leaf_path=statement.tree.path(batch.index),
            first_row=batch.places_of(position).start,
            holdings=tuple(
                IncludedRow(row, *self._table_row(row.line), opening)
                for row, opening in zip(batch.rows_of(position), openings, strict=True)
            ),
        )

    def make_all(self, opener: BatchOpener[V, P]) -> Iterator[Inclusion]:
        """The files of a whole batch, in the order of its customers."""
        return self.assemble_all(opener.batch, opener.master, opener.open_all())

    def assemble_all(self, batch: Batch, master: bytes, openings: Sequence[G1]) -> Iterator[Inclusion]:
        """The same from openings of every row of the batch."""
        for position in range(len(batch.customers)):
            places = batch.places_of(position)
            yield self.assemble(batch, master, position, openings[places.start : places.stop])
