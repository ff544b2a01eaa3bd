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
from zkmargin.verifier.statements.solvency.statement import PublicTotals, Solvency
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
    return compile_settlement(rows, terms.coverage, count_debts=terms.count_debts)


def settlement_vectors(terms: Terms, reserves: Sequence[int], rows: int, backend: Backend[V, P]) -> Sequence[V]:
    """The settlement's public column: reserves or, by value, prices, by asset number."""
    if terms.coverage == "asset":
        return [vector_of(backend, list(reserves), rows)]
    return [vector_of(backend, [0, *(lines[0].price for lines in terms.table_rows_of[1:])], rows)]


def verification_keys(statement: Solvency, setup: Setup, backend: Backend[V, P]) -> SolvencyKeys:
    """Everything that a verifier rebuilds from the terms and the setup. Raises ReservesError, FormatError."""
    terms, rows = statement.terms, statement.rows
    monomial = setup.monomial(backend)
    table = commit_from_powers(backend, monomial, table_vectors(terms, rows, backend))
    batch = verifying_key(compile_batch(rows), setup, backend)
    if isinstance(statement.settlement, PublicTotals):
        totals = statement.settlement
        parts = ((totals.equity, totals.equity_blinding), (totals.debt, totals.debt_blinding))
        vectors = [vector_of(backend, list(values), rows) for values, _ in parts]
        tails = [[blinding] for _, blinding in parts]
        equity, debt = backend.msm(monomial, backend.interpolate(vectors, tails))
        return SolvencyKeys(batch, table, totals=(equity, debt))
    held = verify_reserves(statement.reserves, terms, statement.epoch, key_recovery())
    market = commit_from_powers(backend, monomial, settlement_vectors(terms, held, rows, backend))
    return SolvencyKeys(batch, table, verifying_key(settlement_program(terms, rows), setup, backend), market)


def verify_solvency_under_setup(
    statement: Solvency, setup: Setup, backend: Backend[V, P], engine: GroupEngine | None = None
) -> SolvencyVerdict:
    """Rebuild the keys and verify. Raises ProofRejected with the reason, FormatError if anything is malformed."""
    return verify_solvency(statement, verification_keys(statement, setup, backend), engine, key_recovery())
