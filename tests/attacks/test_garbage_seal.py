"""The lie: a seal that holds something else than the trade. Told by: an account that will fail.

Gained: where seals are only looked at when an account has failed, its book can then be closed by nobody: the fund takes
over a point that it cannot open. Refused: the risk key opens every seal and compares it with D before it signs the
batch; without its signature nothing clears (`Clearing.sol`; test_nothingClearsThatTheRiskKeyHasNotSigned in
`Clearing.t.sol`).
"""

from __future__ import annotations

import secrets

import pytest
from support.clearing import ACCOUNT, ALICE, CASH, HOUSE, OPTION, RISK, commit, opened, sealed

from zkmargin.clearing.seals import Opening, SealError, open_seal

TRADE = Opening({CASH: -120, OPTION: 3}, 987654321)
D = opened(TRADE)


def read(data: bytes, key: bytes = RISK) -> Opening:
    return open_seal(data, D, house=HOUSE, account=ACCOUNT[ALICE], private_key=key, commit=commit)


def test_the_honest_seal() -> None:
    assert read(sealed(TRADE, D, ALICE)) == TRADE


@pytest.mark.parametrize(
    "garbage",
    [
        Opening({CASH: -120, OPTION: 3}, 987654322),
        Opening({CASH: -120, OPTION: 2}, 987654321),
        Opening({CASH: -120}, 987654321),
        Opening({}, 0),
    ],
)
def test_a_well_formed_seal_of_something_else(garbage: Opening) -> None:
    data = sealed(garbage, D, ALICE)
    # Decrypts and parses: whoever does not compare would sign.
    assert len(data) == len(sealed(TRADE, D, ALICE))
    with pytest.raises(SealError, match="not to the point that was traded"):
        read(data)


def test_noise() -> None:
    data = sealed(TRADE, D, ALICE)
    with pytest.raises(SealError, match="does not open"):
        read(data[:1] + data[1:34] + secrets.token_bytes(len(data) - 34))


def test_a_seal_for_the_account_alone() -> None:
    """The risk key's wrapped key is garbled: the account opens it, the risk key does not, and so does not sign."""
    data = bytearray(sealed(TRADE, D, ALICE))
    data[34:82] = secrets.token_bytes(48)
    with pytest.raises(SealError, match="does not open"):
        read(bytes(data))
