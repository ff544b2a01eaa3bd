"""Recovery by libsecp256k1 gives the pure-Python verifier's verdict on every input, message included."""

from __future__ import annotations

import builtins
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zkmargin.prover.recovery import key_recovery
from zkmargin.prover.signing import address_of_key, sign_digest
from zkmargin.verifier import ethereum
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.ethereum import CURVE_ORDER, KeyRecovery, recover_signer

FIELD = 2**256 - 2**32 - 977
GENERATOR_X = 0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798
EDGES = (
    *(0, 1, 2, 3, GENERATOR_X, CURVE_ORDER // 2, CURVE_ORDER // 2 + 1),
    *(CURVE_ORDER - 1, CURVE_ORDER, CURVE_ORDER + 1, FIELD - 1, FIELD, FIELD + 1, 2**256 - 1),
)
BYTES = st.one_of(st.binary(min_size=32, max_size=32), st.sampled_from([edge.to_bytes(32, "big") for edge in EDGES]))
RECOVERY_BYTES = st.one_of(st.sampled_from([27, 28]), st.integers(0, 255))


def verdict(digest: bytes, signature: bytes, recovery: KeyRecovery | None) -> bytes | str:
    try:
        return recover_signer(digest, signature, "here", recovery)
    except FormatError as error:
        return str(error)


def agree(digest: bytes, signature: bytes) -> bytes | str:
    found = verdict(digest, signature, key_recovery())
    assert found == verdict(digest, signature, None), (digest.hex(), signature.hex())
    return found


@pytest.fixture(autouse=True)
def native() -> None:
    assert key_recovery() is not ethereum.recover_key


@settings(max_examples=150, deadline=None)
@given(digest=BYTES, r=BYTES, s=BYTES, v=RECOVERY_BYTES)
def test_any_bytes(digest: bytes, r: bytes, s: bytes, v: int) -> None:
    agree(digest, r + s + bytes([v]))


@settings(max_examples=40, deadline=None)
@given(digest=BYTES, private=st.integers(1, CURVE_ORDER - 1), seed=st.integers(0, 2**32))
def test_signatures_and_their_mutations(digest: bytes, private: int, seed: int) -> None:
    key = private.to_bytes(32, "big")
    signature = sign_digest(digest, key)
    assert agree(digest, signature) == address_of_key(key)
    assert agree(digest, signature[:64] + bytes([55 - signature[64]])) != address_of_key(key)
    draw = random.Random(seed)
    changed = bytearray(signature)
    changed[draw.randrange(65)] ^= 1 << draw.randrange(8)
    assert agree(digest, bytes(changed)) != address_of_key(key)
    high = (CURVE_ORDER - int.from_bytes(signature[32:64], "big")).to_bytes(32, "big")
    assert "high-s" in str(agree(digest, signature[:32] + high + bytes([55 - signature[64]])))


def edge_signatures() -> Iterator[tuple[bytes, bytes]]:
    draw = random.Random(7)
    for r in EDGES:
        for s in (0, 1, 7, CURVE_ORDER // 2, CURVE_ORDER // 2 + 1, CURVE_ORDER, 2**256 - 1):
            for v in (26, 27, 28, 29):
                yield draw.choice(EDGES).to_bytes(32, "big"), r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([v])


def test_edges() -> None:
    for digest, signature in edge_signatures():
        agree(digest, signature)


def test_the_key_at_infinity_is_nobodys() -> None:
    # s R = z G, so that the key would be zero; and its neighbours, where the sum is a doubling or another key.
    for scale in (1, 2, 3):
        for z in (scale, CURVE_ORDER - scale, scale + 1):
            for v in (27, 28):
                signature = GENERATOR_X.to_bytes(32, "big") + scale.to_bytes(32, "big") + bytes([v])
                agree(z.to_bytes(32, "big"), signature)
    infinite = GENERATOR_X.to_bytes(32, "big") + (1).to_bytes(32, "big") + bytes([27])
    assert agree((1).to_bytes(32, "big"), infinite) == "here: expected a valid signature"


def test_an_r_that_is_no_x_and_an_x_beyond_the_order() -> None:
    # The curve has points with x in [n, p); Ethereum's recovery byte cannot name them, and r = x - n names another.
    lost = next(x for x in range(CURVE_ORDER, FIELD) if pow(x**3 + 7, (FIELD - 1) // 2, FIELD) == 1)
    missing = next(x for x in range(1, 50) if pow(x**3 + 7, (FIELD - 1) // 2, FIELD) != 1)
    for r in (lost, lost - CURVE_ORDER, missing):
        for v in (27, 28, 29, 30):
            agree(bytes(range(32)), r.to_bytes(32, "big") + (9).to_bytes(32, "big") + bytes([v]))
    assert agree(bytes(32), missing.to_bytes(32, "big") + (9).to_bytes(32, "big") + b"\x1b") == (
        "here: expected a valid signature"
    )


@pytest.mark.parametrize("length", [0, 1, 64, 66, 130])
def test_lengths(length: int) -> None:
    assert agree(bytes(32), bytes(length)) == f"here: expected 65 bytes, got {length}"


def test_without_coincurve_the_verifier_recovers(monkeypatch: pytest.MonkeyPatch) -> None:
    load = builtins.__import__

    def refuse(name: str, *arguments: Any, **options: Any) -> Any:
        if name.split(".", maxsplit=1)[0] == "coincurve":
            raise ImportError(name)
        return load(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", refuse)
    assert key_recovery.__wrapped__() is ethereum.recover_key
