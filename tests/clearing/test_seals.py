"""Seals: who opens them, what they are bound to, and what a garbled one says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from support.backends import fastest_engine

from zkmargin.clearing.seals import STEP, Opening, SealError, open_seal, public_key, seal, trade_blinding
from zkmargin.verifier.curve import G1, G1_GENERATOR
from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.statements.clearing import House

RISK, ALICE, BOB = ((number).to_bytes(32, "big") for number in (11, 12, 13))
ACCOUNT = bytes(19) + b"\xa1"
HOUSE = House(1, bytes(19) + b"\1", bytes(19) + b"\2", bytes(19) + b"\3", bytes(19) + b"\4")
TRADE = Opening({0: -120, 7: 3}, 987654321)


def commit(lots: Mapping[int, int], blinding: int) -> G1:
    """Like a commitment, to an auditor who knows the rows' logarithms."""
    logarithm = sum((1000 + row) ** 3 * quantity for row, quantity in lots.items()) + 77 * blinding
    return fastest_engine().combine([G1_GENERATOR], [logarithm % SCALAR_MODULUS])


D = commit(TRADE.lots, TRADE.blinding)


def sealed(opening: Opening = TRADE, d: G1 = D) -> bytes:
    return seal(opening, d, house=HOUSE, account=ACCOUNT, risk=public_key(RISK), own=public_key(ALICE))


def opened(data: bytes, key: bytes = ALICE, d: G1 = D, house: House = HOUSE, account: bytes = ACCOUNT) -> Opening:
    return open_seal(data, d, house=house, account=account, private_key=key, commit=commit)


def test_the_risk_key_and_the_account_open_it_and_nobody_else() -> None:
    data = sealed()
    assert opened(data) == opened(data, RISK) == TRADE
    with pytest.raises(SealError, match="does not open with this key"):
        opened(data, BOB)


def test_it_is_bound_to_house_account_and_trade() -> None:
    data = sealed()
    for changes in (
        {"house": replace(HOUSE, ledger=bytes(20))},
        {"house": replace(HOUSE, chain_id=5)},
        {"account": bytes(20)},
        {"d": commit({0: 1}, 1)},
    ):
        with pytest.raises(SealError, match="does not open with this key, or is of another"):
            opened(data, **changes)  # type: ignore[arg-type]


def test_garbage_that_opens_is_refused() -> None:
    """Sealed properly for both keys, to something that D does not commit to: the risk key must not sign."""
    garbage = Opening({0: -119, 7: 3}, TRADE.blinding)
    with pytest.raises(SealError, match="not to the point that was traded"):
        opened(sealed(garbage), RISK)


@pytest.mark.parametrize("place", [0, 5, 40, 100, 140, -1])
def test_no_byte_can_be_changed(place: int) -> None:
    data = bytearray(sealed())
    data[place] ^= 1
    # A wrapped key that is not for this receiver may be garbled: the other still opens it, and it authenticates all.
    with pytest.raises(SealError):
        opened(bytes(data))
    with pytest.raises(SealError):
        opened(bytes(data), RISK)


def test_its_length_says_little() -> None:
    few, many = Opening({0: 1}, 5), Opening({row: -(row + 1) for row in range(18)}, 5)
    assert len(sealed(few, commit(few.lots, 5))) == len(sealed(many, commit(many.lots, 5)))
    most = Opening(dict.fromkeys(range(39), 1), 5)
    data = sealed(most, commit(most.lots, 5))
    assert opened(data, d=commit(most.lots, 5)) == most
    assert len(data) == len(sealed()) + STEP
    assert len(data) <= 660
    for cut in (0, 1, 100, len(data) - 1, len(data) - STEP - 1):
        with pytest.raises(SealError):
            opened(data[:cut], d=commit(most.lots, 5))


def test_secrets_are_in_no_repr() -> None:
    assert repr(TRADE) == "Opening(...)"


def test_two_sides_agree_on_a_blinding_unsent() -> None:
    nonces = (b"alice's", b"bob's")
    here = trade_blinding(ALICE, public_key(BOB), nonces)
    assert here == trade_blinding(BOB, public_key(ALICE), nonces)
    assert here != trade_blinding(ALICE, public_key(BOB), (b"alice's", b"bob's next"))
    assert here != trade_blinding(ALICE, public_key(RISK), nonces)


def test_openings_add_up_like_their_points() -> None:
    other = Opening({0: 120, 9: 5}, SCALAR_MODULUS - 3)
    total = TRADE + other
    assert dict(total.lots) == {7: 3, 9: 5}
    engine = fastest_engine()
    d = commit(other.lots, other.blinding)
    assert commit(total.lots, total.blinding) == engine.combine([D, d], [1, 1])
    opposite = -TRADE
    assert commit(opposite.lots, opposite.blinding) == engine.combine([D], [SCALAR_MODULUS - 1])
