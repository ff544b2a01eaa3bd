"""The lie: a trade at any price, between two accounts of one person. Told by: both of them, who sign.

Gained: where a trade needs signatures now and proofs only within a grace period, one account gets 10^6 dollars that the
other never had. The first withdraws the collateral of everybody else under a true proof, the second fails with nothing.
Points that add up to nothing say only that no money was made, not that anyone has it. Refused: every account of a group
proves its book adequate with the trade in it, before anything moves (`Clearing.sol`;
test_aTradeWithoutAProofOfBothSidesIsRefused in `Clearing.t.sol`).
"""

from __future__ import annotations

import pytest
from support.clearing import CASH, commit, plus
from support.desk import Desk, preset_desk

from zkmargin.circuits.statements.margin.prover import InadequateError
from zkmargin.clearing.seals import Opening
from zkmargin.verifier.curve import INFINITY
from zkmargin.verifier.errors import ProofRejected

GAIN = 10**6
DEPOSIT = 500


@pytest.fixture(scope="module")
def desk() -> Desk:
    return preset_desk("paradex")


def test_the_points_of_the_trade_cancel() -> None:
    side = Opening({CASH: GAIN}, 987654321)
    other = -side
    assert plus(commit(side.lots, side.blinding), commit(other.lots, other.blinding)) == INFINITY


def test_who_gains_has_a_true_proof_of_what_was_never_there(desk: Desk) -> None:
    desk.verify(desk.prove([{"USD": str(DEPOSIT + GAIN)}]))


def test_who_loses_has_none(desk: Desk) -> None:
    book = [{"USD": str(DEPOSIT - GAIN)}]
    with pytest.raises(InadequateError):
        desk.prove(book)
    with pytest.raises(ProofRejected):
        desk.verify(desk.forge(book))
