"""Signing against eth_keys, byte for byte, and against the verifier's recovery."""

import random

import pytest
from eth_keys import keys

from zkmargin.prover.signing import address_of_key, sign_digest
from zkmargin.verifier.ethereum import CURVE_ORDER, recover_signer


@pytest.mark.parametrize("seed", range(20))
def test_signatures_and_addresses_are_those_of_another_library(seed: int) -> None:
    draw = random.Random(seed)
    digest, private = draw.randbytes(32), draw.randbytes(32)
    key = keys.PrivateKey(private)
    v, r, s = key.sign_msg_hash(digest).vrs
    signature = sign_digest(digest, private)
    assert signature == r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([27 + v])
    assert address_of_key(private) == key.public_key.to_canonical_address() == recover_signer(digest, signature, "here")


@pytest.mark.parametrize("scalar", [1, CURVE_ORDER - 1])
def test_the_first_and_the_last_key_sign(scalar: int) -> None:
    private = scalar.to_bytes(32, "big")
    assert recover_signer(bytes(32), sign_digest(bytes(32), private), "here") == address_of_key(private)


@pytest.mark.parametrize("scalar", [0, CURVE_ORDER, 2**256 - 1])
def test_what_is_no_key_is_refused_unquoted(scalar: int) -> None:
    private = scalar.to_bytes(32, "big")
    for use in (address_of_key, lambda key: sign_digest(bytes(32), key)):
        with pytest.raises(ValueError, match="Secret scalar") as caught:
            use(private)
        assert private.hex() not in str(caught.value)
