"""The lie: somebody else's proof that R is a blinding, or one's own from before. Told by: whoever has seen it.

Gained: where the challenge is over R and the commitment alone, a proof counts for every account with an equal point,
and again for the same: books move without their owners. And where nothing is proven at all, R may hold lots. Refused:
the challenge is over chain, house, account, number of checkpoints and the book. The contract computes the same:
`Ledger.reblindingChallenge`; test_aReblindingsProofIsOfOneAccountAndOneMoment in `Clearing.t.sol`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.backends import fastest_engine
from support.clearing import ACCOUNT, ALICE, BOB, CASH, HOUSE, base, commit, empty, plus, times

from zkmargin.verifier.curve import G1, INFINITY
from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.keccak import keccak256
from zkmargin.verifier.proof import encode_points
from zkmargin.verifier.statements.clearing import verify_reblinding
from zkmargin.verifier.statements.clearing.books import reblinding_challenge

BOOK = replace(empty(), c=commit({CASH: 1000}, 0))
RHO, NONCE, COUNT = 31337, 999, 3
R, A = times(base(), RHO), times(base(), NONCE)


def weakened(r: G1, commitment: G1, response: int) -> bool:
    """Schnorr's proof with a challenge that says nothing of where it counts."""
    challenge = int.from_bytes(keccak256(encode_points([r, commitment])), "big") % SCALAR_MODULUS
    return times(base(), response) == plus(commitment, times(r, challenge))


def response(r: G1 = R, rho: int = RHO) -> int:
    challenge = reblinding_challenge(HOUSE, ACCOUNT[ALICE], BOOK, COUNT, r, A)
    return (NONCE + challenge * rho) % SCALAR_MODULUS


def accepted(**changes: Any) -> bool:
    options: dict[str, Any] = {
        "house": HOUSE,
        "account": ACCOUNT[ALICE],
        "book": BOOK,
        "count": COUNT,
        "r": R,
        "commitment": A,
        "response": response(),
        **changes,
    }
    return verify_reblinding(**options, blinding_base=base(), engine=fastest_engine())


def test_without_a_place_a_proof_counts_everywhere() -> None:
    challenge = int.from_bytes(keccak256(encode_points([R, A])), "big") % SCALAR_MODULUS
    assert weakened(R, A, (NONCE + challenge * RHO) % SCALAR_MODULUS)


def test_it_counts_where_it_was_made() -> None:
    assert accepted()


@pytest.mark.parametrize(
    "changes",
    [
        {"account": ACCOUNT[BOB]},
        {"count": COUNT + 1},
        {"house": replace(HOUSE, chain_id=5)},
        {"house": replace(HOUSE, ledger=bytes(20))},
        {"book": replace(BOOK, c=commit({CASH: 999}, 0))},
        {"book": replace(BOOK, b=plus(BOOK.b, R))},
        {"book": replace(BOOK, universe=bytes(32))},
        {"response": response() + SCALAR_MODULUS},
        {"r": INFINITY, "commitment": A, "response": NONCE},
        {"commitment": G1(1, 1)},
    ],
)
def test_and_nowhere_else(changes: dict[str, Any]) -> None:
    assert not accepted(**changes)


def test_a_blinding_holds_no_lots() -> None:
    """R with a lot of cash in it: whoever proves it knows its logarithm to [Z], which would be tau."""
    greedy = plus(R, commit({CASH: 1}, 0))
    assert not accepted(r=greedy, response=response(greedy))
