"""The lie: none; a failing account reblinds its book, and keeps what it added to itself. Told by: who is about to fail.

Gained: with one point an account, the book that is taken over opens to nobody: the fund can never prove again, and the
account sells what it knows. A stranger who may add to the point does the same to anyone. Refused: reblindings go to a
second point, which a take-over drops; the first opens with what the risk key has seen. The contracts:
`verifier/contracts/test/Clearing.t.sol`, test_anEstateIsItsOwnUntilTheFundProves and test_aStrangerCannotReblind.
"""

from __future__ import annotations

from support.clearing import ALICE, BOB, CASH, HOUSE, OPTION, RISK, base, commit, opened, plus, sealed, times

from zkmargin.clearing.seals import Opening, open_seal
from zkmargin.verifier.statements.clearing import Book

DEPOSIT = Opening({CASH: 1000}, 0)
TRADE = Opening({CASH: -120, OPTION: 3}, 987654321)
SECRET = 424242
"""The rho that Alice adds and tells nobody."""


def known_to_the_risk_key() -> Opening:
    """Deposits are public, and the seal of the trade opens."""
    d = opened(TRADE)
    account = bytes(19) + b"\xa1"
    trade = open_seal(sealed(TRADE, d, ALICE), d, house=HOUSE, account=account, private_key=RISK, commit=commit)
    return DEPOSIT + trade


def test_with_one_point_nobody_can_open_the_book() -> None:
    point = plus(opened(DEPOSIT), opened(TRADE), times(base(), SECRET))
    assert opened(known_to_the_risk_key()) != point


def test_with_two_the_estate_opens() -> None:
    book = Book(plus(opened(DEPOSIT), opened(TRADE)), plus(base(), times(base(), SECRET)), bytes(32))
    estate = book.c
    assert opened(known_to_the_risk_key()) == estate
    assert dict(known_to_the_risk_key().lots) == {CASH: 880, OPTION: 3}


def test_the_sum_of_first_points_is_the_collateral_whatever_is_reblinded() -> None:
    other = opened(-TRADE)
    alice = plus(opened(DEPOSIT), opened(TRADE))
    bob = plus(commit({CASH: 500}, 0), other)
    assert plus(alice, bob) == commit({CASH: 1500}, 0)
    assert ALICE != BOB
