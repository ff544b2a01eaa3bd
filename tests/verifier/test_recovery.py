"""Recovered signers against eth_keys, and what nobody has signed."""

from __future__ import annotations

import random

import pytest
from eth_keys import keys
from eth_keys.exceptions import BadSignature, ValidationError

from zkmargin.prover.signing import sign_digest
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.ethereum import CURVE_ORDER, recover_signer

FIELD = 2**256 - 2**32 - 977
GENERATOR_X = 0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798
"""Its y is even."""


def signature(r: int, s: int, *, odd: bool) -> bytes:
    return r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([27 + odd])


def recovered(digest: bytes, r: int, s: int, *, odd: bool) -> bytes | None:
    try:
        return recover_signer(digest, signature(r, s, odd=odd), "here")
    except FormatError:
        return None


def expected(digest: bytes, r: int, s: int, *, odd: bool) -> bytes | None:
    try:
        key = keys.Signature(vrs=(int(odd), r, s)).recover_public_key_from_msg_hash(digest)
    except (BadSignature, ValidationError):
        return None
    return key.to_canonical_address()


@pytest.mark.parametrize("seed", range(20))
def test_signatures(seed: int) -> None:
    draw = random.Random(seed)
    digest, private = draw.randbytes(32), draw.randbytes(32)
    signed = sign_digest(digest, private)
    address = keys.PrivateKey(private).public_key.to_canonical_address()
    assert recover_signer(digest, signed, "here") == address
    assert recover_signer(draw.randbytes(32), signed, "here") != address


@pytest.mark.parametrize("seed", range(20))
def test_any_numbers(seed: int) -> None:
    # Half of all r are no point's x.
    draw = random.Random(seed)
    digest, r, s = draw.randbytes(32), draw.randrange(1, CURVE_ORDER), draw.randrange(1, CURVE_ORDER // 2)
    for odd in (False, True):
        assert recovered(digest, r, s, odd=odd) == expected(digest, r, s, odd=odd)


def test_edges() -> None:
    for value in (0, 1, 2, CURVE_ORDER - 1, CURVE_ORDER, CURVE_ORDER + 1, 2**256 - 1):
        digest = value.to_bytes(32, "big")
        # R is the generator or its negative, so that sums with it double or cancel.
        for s in (1, 2, CURVE_ORDER // 2):
            for odd in (False, True):
                assert recovered(digest, GENERATOR_X, s, odd=odd) == expected(digest, GENERATOR_X, s, odd=odd)
        for r in (1, 2, 3, 4, 5, CURVE_ORDER - 1, CURVE_ORDER - 2):
            assert recovered(digest, r, 7, odd=True) == expected(digest, r, 7, odd=True)


def test_what_leads_to_infinity_is_nobodys() -> None:
    # s R = z G, so that the key would be zero.
    assert recovered((1).to_bytes(32, "big"), GENERATOR_X, 1, odd=False) is None


def test_an_x_without_a_point_is_nobodys() -> None:
    r = next(r for r in range(1, 20) if pow(r**3 + 7, (FIELD - 1) // 2, FIELD) != 1)
    assert recovered(bytes(32), r, 1, odd=False) is None
