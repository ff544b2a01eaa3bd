"""Recovered keys against eth_keys, and what has no key at all."""

from __future__ import annotations

import random

import pytest
from eth_keys import keys
from eth_keys.exceptions import BadSignature, ValidationError

from zkmargin.verifier.secp256k1 import FIELD, GENERATOR, ORDER, recover_public_key

X, Y = GENERATOR


def expected(digest: bytes, r: int, s: int, *, odd: bool) -> tuple[int, int] | None:
    try:
        key = keys.Signature(vrs=(int(odd), r, s)).recover_public_key_from_msg_hash(digest)
    except (BadSignature, ValidationError):
        return None
    data = key.to_bytes()
    return int.from_bytes(data[:32], "big"), int.from_bytes(data[32:], "big")


@pytest.mark.parametrize("seed", range(40))
def test_signatures(seed: int) -> None:
    draw = random.Random(seed)
    digest, private = draw.randbytes(32), keys.PrivateKey(draw.randbytes(32))
    v, r, s = private.sign_msg_hash(digest).vrs
    key = recover_public_key(digest, r, s, odd=bool(v))
    assert key is not None
    assert key[0].to_bytes(32, "big") + key[1].to_bytes(32, "big") == private.public_key.to_bytes()
    for odd in (False, True):
        assert recover_public_key(digest, r, ORDER - s, odd=odd) == expected(digest, r, ORDER - s, odd=odd)
        assert recover_public_key(draw.randbytes(32), r, s, odd=odd) != key


@pytest.mark.parametrize("seed", range(40))
def test_any_numbers(seed: int) -> None:
    # Half of all r are no point's x.
    draw = random.Random(seed)
    digest, r, s, odd = draw.randbytes(32), draw.randrange(1, ORDER), draw.randrange(1, ORDER), draw.random() < 0.5
    assert recover_public_key(digest, r, s, odd=odd) == expected(digest, r, s, odd=odd)


def test_edges() -> None:
    odd = bool(Y % 2)
    ends = [0, 1, 2, ORDER - 1, ORDER, ORDER + 1, 2**256 - 1]
    for digest in [value.to_bytes(32, "big") for value in ends]:
        # R is the generator or its negative, so that sums with it double or cancel.
        for s in (1, 2, ORDER - 2, ORDER - 1):
            for parity in (odd, not odd):
                assert recover_public_key(digest, X, s, odd=parity) == expected(digest, X, s, odd=parity)
        for r in (1, 2, 3, 4, 5, ORDER - 1, ORDER - 2):
            assert recover_public_key(digest, r, 7, odd=True) == expected(digest, r, 7, odd=True)


def test_infinity_is_no_key() -> None:
    # s R = hashed G, so that r key = 0.
    one = (1).to_bytes(32, "big")
    assert recover_public_key(one, X, 1, odd=bool(Y % 2)) is None
    assert recover_public_key(one, X, ORDER - 1, odd=not Y % 2) is None


def test_an_x_without_a_point_has_no_key() -> None:
    r = next(r for r in range(1, 20) if pow(r**3 + 7, (FIELD - 1) // 2, FIELD) != 1)
    assert recover_public_key(bytes(32), r, 1, odd=False) is None
