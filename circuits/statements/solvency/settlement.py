"""The settlement: from the batches' totals and the reserves to one statement."""

from __future__ import annotations

from collections.abc import Sequence

from zkmargin.circuits.language.errors import WitnessRangeError
from zkmargin.circuits.language.proving import Prover
from zkmargin.circuits.language.witness import Holding, Inputs
from zkmargin.circuits.statements.solvency.circuit import DEBT, EQUITY
from zkmargin.circuits.statements.solvency.prover import TotalsOpening
from zkmargin.circuits.statements.solvency.verification import settlement_program, settlement_vectors
from zkmargin.prover.kernels.interface import Backend, P, V
from zkmargin.prover.prove import Options, prove
from zkmargin.prover.recovery import key_recovery
from zkmargin.prover.setup import Setup
from zkmargin.verifier.errors import NoProofError
from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.statements.solvency.reserves import ReserveAttestation, verify_reserves
from zkmargin.verifier.statements.solvency.statement import BatchStatement, PublicTotals, Solvency
from zkmargin.verifier.statements.solvency.terms import Terms
from zkmargin.verifier.statements.solvency.verify import (
    cover_fault,
    reserves_value,
    settlement_inputs,
)


class InsolventError(NoProofError):
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
    prover = Prover(settlement_program(terms, rows), setup, backend)
    market = prover.publish(settlement_vectors(terms, reserves, rows, backend))
    holdings = {EQUITY: Holding(totals.equity, totals.equity_blinding)}
    if terms.count_debts:
        holdings[DEBT] = Holding(totals.debt, totals.debt_blinding)
    scalars = {"reserves_value": reserves_value(terms, reserves)} if terms.coverage == "value" else {}
    inputs = Inputs(holdings=holdings, market=market.columns, scalars=scalars)
    try:
        witness = prover.witness(inputs, check=check)
    except WitnessRangeError:
        raise InsolventError("no proof exists: reserves are less than what is owed") from None
    public = settlement_inputs(statement, market.points, reserves)
    return prove(prover.key, public, witness.assignment, options)
