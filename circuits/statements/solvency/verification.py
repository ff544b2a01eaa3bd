"""What whoever verifies a solvency statement rebuilds: public columns, verifying keys, the verdict."""

from __future__ import annotations

from collections.abc import Sequence

from zkmargin.circuits.language.compiler import CompiledProgram
from zkmargin.circuits.language.keys import verifying_key
from zkmargin.circuits.statements.solvency.circuit import compile_batch, compile_settlement
from zkmargin.prover.commitments import commit_from_powers
from zkmargin.prover.kernels.interface import Backend, P, V
from zkmargin.prover.recovery import key_recovery
from zkmargin.prover.setup import Setup
from zkmargin.prover.vectors import vector_of
from zkmargin.verifier.curve import GroupEngine
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.statements.solvency.reserves import verify_reserves
from zkmargin.verifier.statements.solvency.statement import Solvency
from zkmargin.verifier.statements.solvency.terms import TABLE, Terms
from zkmargin.verifier.statements.solvency.verify import SolvencyKeys, SolvencyVerdict, verify_solvency


def table_vectors(terms: Terms, rows: int, backend: Backend[V, P]) -> Sequence[V]:
    """The public table's columns in the order of the circuit's market columns. Raises FormatError when it is longer."""
    table = terms.table()
    if len(table["line"]) > rows:
        raise FormatError(f"rows: expected at least one for each of {len(table['line'])} lines, got {rows}")
    return [vector_of(backend, table[name], rows) for name in TABLE]


def settlement_program(terms: Terms, rows: int) -> CompiledProgram:
    """The settlement's program under these terms."""
    return compile_settlement(rows, terms.coverage)


def settlement_vectors(
    terms: Terms, reserves: Sequence[int], debts: Sequence[int], rows: int, backend: Backend[V, P]
) -> Sequence[V]:
    """The settlement's public column by asset number: reserves and counted debts or, by value, prices."""
    if terms.coverage == "asset":
        return [vector_of(backend, [held + owed for held, owed in zip(reserves, debts, strict=True)], rows)]
    return [vector_of(backend, [0, *(lines[0].price for lines in terms.table_rows_of[1:])], rows)]


def verification_keys(statement: Solvency, setup: Setup, backend: Backend[V, P]) -> SolvencyKeys:
    """Everything that a verifier rebuilds from the terms and the setup. Raises ReservesError, FormatError."""
    terms, rows = statement.terms, statement.rows
    monomial = setup.monomial(backend)
    table = commit_from_powers(backend, monomial, table_vectors(terms, rows, backend))
    batch = verifying_key(compile_batch(rows), setup, backend)
    published = list(statement.totals.values())
    vectors = [vector_of(backend, list(opened.amounts), rows) for opened in published]
    tails = [[opened.blinding] for opened in published]
    points = backend.msm(monomial, backend.interpolate(vectors, tails)) if published else []
    totals = dict(zip(statement.totals, points, strict=True))
    if terms.totals == "public":
        return SolvencyKeys(batch, table, totals=totals)
    held = verify_reserves(statement.reserves, terms, statement.epoch, key_recovery())
    columns = settlement_vectors(terms, held, statement.counted_debts, rows, backend)
    market = commit_from_powers(backend, monomial, columns)
    settlement = verifying_key(settlement_program(terms, rows), setup, backend)
    return SolvencyKeys(batch, table, settlement, market, totals)


def verify_solvency_under_setup(
    statement: Solvency, setup: Setup, backend: Backend[V, P], engine: GroupEngine | None = None
) -> SolvencyVerdict:
    """Rebuild the keys and verify. Raises ProofRejected with the reason, FormatError if anything is malformed."""
    return verify_solvency(statement, verification_keys(statement, setup, backend), engine, key_recovery())
