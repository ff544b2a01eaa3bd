"""The settlement: from the batches' totals and the reserves to one statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from zkmargin.circuits.language.errors import WitnessRangeError
from zkmargin.circuits.language.proving import Prover
from zkmargin.circuits.language.witness import Holding, Inputs
from zkmargin.circuits.statements.solvency.circuit import EQUITY
from zkmargin.circuits.statements.solvency.prover import TotalsOpening
from zkmargin.circuits.statements.solvency.verification import settlement_program, settlement_vectors
from zkmargin.prover.kernels.interface import Backend, P, V
from zkmargin.prover.prove import Options, prove
from zkmargin.prover.recovery import key_recovery
from zkmargin.prover.setup import Setup
from zkmargin.verifier.errors import NoProofError
from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.statements.solvency.reserves import ReserveAttestation, verify_reserves
from zkmargin.verifier.statements.solvency.statement import BatchStatement, OpenedTotals, Solvency
from zkmargin.verifier.statements.solvency.terms import TOTALS, Terms
from zkmargin.verifier.statements.solvency.verify import (
    caps_fault,
    cover_fault,
    cover_value,
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
    """The whole statement. Raises InsolventError when reserves fall short or debts pass the terms' caps.

    ReservesError when reserves do not count."""
    totals = sum_of_openings(openings)
    published = {name: totals[name] for name in terms.published}
    statement = Solvency(terms, nonce, setup.digest, rows, tuple(batches), tuple(reserves), published, None)
    held = verify_reserves(reserves, terms, statement.epoch, key_recovery())
    fault = caps_fault(terms, {name: opened.amounts for name, opened in totals.items()})
    if fault := fault or cover_fault(terms, held, totals["equity"].amounts, statement.counted_debts):
        raise InsolventError(f"no proof exists: {fault}")
    if terms.totals == "public":
        return statement
    return replace(statement, settlement=prove_settlement(statement, totals["equity"], held, setup, backend, options))


def sum_of_openings(openings: Sequence[TotalsOpening]) -> dict[str, OpenedTotals]:
    """What opens the sums of the batches' commitments, by name."""
    return {
        name: OpenedTotals(
            amounts=tuple(map(sum, zip(*(opening[name].amounts for opening in openings), strict=True))),
            blinding=sum(opening[name].blinding for opening in openings) % SCALAR_MODULUS,
        )
        for name in TOTALS
    }


def prove_settlement(
    statement: Solvency,
    equity: OpenedTotals,
    reserves: Sequence[int],
    setup: Setup,
    backend: Backend[V, P],
    options: Options | None = None,
    *,
    check: bool = True,
) -> bytes:
    """The proof that reserves and counted debts cover hidden equity. With check off, whatever comes of one they do not.

    reserves: lots by asset number, from 0.
    """
    terms, rows = statement.terms, statement.rows
    prover = Prover(settlement_program(terms, rows), setup, backend)
    market = prover.publish(settlement_vectors(terms, reserves, statement.counted_debts, rows, backend))
    by_value = terms.coverage == "value"
    inputs = Inputs(
        holdings={EQUITY: Holding(equity.amounts, equity.blinding)},
        market=market.columns,
        scalars={"cover_value": cover_value(terms, reserves, statement.counted_debts)} if by_value else {},
    )
    try:
        witness = prover.witness(inputs, check=check)
    except WitnessRangeError:
        raise InsolventError("no proof exists: reserves are less than what is owed") from None
    public = settlement_inputs(statement, market.points, reserves)
    return prove(prover.key, public, witness.assignment, options)
