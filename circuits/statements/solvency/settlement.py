"""The settlement: from the batches' totals and the reserves to one statement; and what an auditor rebuilds."""

from __future__ import annotations

from collections.abc import Sequence

from zkmargin.circuits.language.compiler import CompiledProgram
from zkmargin.circuits.language.errors import WitnessRangeError
from zkmargin.circuits.language.witness import Holding, Inputs, generate_witness, vector_of
from zkmargin.circuits.statements.solvency.circuit import DEBT, EQUITY, compile_batch, compile_settlement
from zkmargin.circuits.statements.solvency.prover import TotalsOpening, proving_key, table_vectors, verifying_key
from zkmargin.prover.assignment import PublicColumns
from zkmargin.prover.commitments import commit, commit_from_powers
from zkmargin.prover.kernels.interface import Backend, P, V
from zkmargin.prover.prove import Options, prove
from zkmargin.prover.recovery import key_recovery
from zkmargin.prover.setup import Setup
from zkmargin.verifier.errors import ZkmarginError
from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.statements.solvency.reserves import ReserveAttestation, verify_reserves
from zkmargin.verifier.statements.solvency.statement import BatchStatement, PublicTotals, Solvency
from zkmargin.verifier.statements.solvency.terms import Terms
from zkmargin.verifier.statements.solvency.verify import (
    SolvencyKeys,
    cover_fault,
    reserves_value,
    settlement_inputs,
)


class InsolventError(ZkmarginError):
    """Reserves do not cover what is owed, so that no proof exists. For the exchange's eyes."""


def settle(
    terms: Terms,
    nonce: bytes,
    rows: int,
    batches: Sequence[BatchStatement],
    openings: Sequence[TotalsOpening],
    reserves: Sequence[ReserveAttestation],
    setup: Setup,
    backend: Backend[V, P],
    options: Options | None = None,
) -> Solvency:
    """The whole statement. Raises InsolventError when reserves fall short, ReservesError when they do not count."""
    totals = sum_of_openings(openings)
    statement = Solvency(terms, nonce, setup.digest, rows, tuple(batches), tuple(reserves), b"")
    held = verify_reserves(reserves, terms, statement.epoch, key_recovery())
    if fault := cover_fault(terms, held, totals.equity, totals.debt):
        raise InsolventError(f"no proof exists: {fault}")
    if terms.totals == "public":
        return Solvency(terms, nonce, setup.digest, rows, tuple(batches), tuple(reserves), totals)
    proof = prove_settlement(statement, totals, held, setup, backend, options)
    return Solvency(terms, nonce, setup.digest, rows, tuple(batches), tuple(reserves), proof)


def sum_of_openings(openings: Sequence[TotalsOpening]) -> PublicTotals:
    """What opens the sums of the batches' commitments."""
    return PublicTotals(
        equity=tuple(map(sum, zip(*(opening.equity for opening in openings), strict=True))),
        debt=tuple(map(sum, zip(*(opening.debt for opening in openings), strict=True))),
        equity_blinding=sum(opening.equity_blinding for opening in openings) % SCALAR_MODULUS,
        debt_blinding=sum(opening.debt_blinding for opening in openings) % SCALAR_MODULUS,
    )


def prove_settlement(
    statement: Solvency,
    totals: PublicTotals,
    reserves: Sequence[int],
    setup: Setup,
    backend: Backend[V, P],
    options: Options | None = None,
    *,
    check: bool = True,
) -> bytes:
    """The proof that reserves cover the hidden totals. With check off, whatever comes of totals that they do not."""
    terms, rows = statement.terms, statement.rows
    program = settlement_program(terms, rows)
    key = proving_key(program, setup, backend)
    market = PublicColumns.of(backend, settlement_vectors(terms, reserves, rows, backend))
    holdings = {EQUITY: Holding(totals.equity, totals.equity_blinding)}
    if terms.count_debts:
        holdings[DEBT] = Holding(totals.debt, totals.debt_blinding)
    scalars = {"reserves_value": reserves_value(terms, reserves)} if terms.coverage == "value" else {}
    inputs = Inputs(holdings=holdings, market=market, scalars=scalars)
    try:
        witness = generate_witness(program, backend, inputs, check=check)
    except WitnessRangeError:
        raise InsolventError("no proof exists: reserves are less than what is owed") from None
    points = commit(backend, setup.lagrange(backend, rows), market.values)
    return prove(key, settlement_inputs(statement, points, reserves), witness.assignment, options)


def settlement_program(terms: Terms, rows: int) -> CompiledProgram:
    """The settlement's program under these terms."""
    return compile_settlement(rows, terms.coverage, count_debts=terms.count_debts)


def settlement_vectors(terms: Terms, reserves: Sequence[int], rows: int, backend: Backend[V, P]) -> Sequence[V]:
    """The settlement's public column: reserves or, by value, prices, by asset number."""
    if terms.coverage == "asset":
        return [vector_of(backend, list(reserves), rows)]
    return [vector_of(backend, [0, *(lines[0].price for lines in terms.table_rows_of[1:])], rows)]


def verification_keys(statement: Solvency, setup: Setup, backend: Backend[V, P]) -> SolvencyKeys:
    """Rebuild everything that a verifier needs from the terms and the setup. Raises ReservesError, FormatError."""
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
