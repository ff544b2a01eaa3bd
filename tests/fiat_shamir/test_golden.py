"""One fixed proof has, for ever, these challenges."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from Crypto.Hash import keccak
from fiat_shamir.vector import CHALLENGES, PATH, fixed_proof, fixed_statement
from support.backends import fastest_backend

from zkmargin.prover.kernels import load_backend
from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.proof import decode_proof
from zkmargin.verifier.verify import derive_challenges


@cache
def golden() -> dict[str, Any]:
    vector: dict[str, Any] = json.loads(PATH.read_text(encoding="ascii"))
    return vector


def digest(data: bytes) -> bytes:
    return keccak.new(digest_bits=256, data=data).digest()


@pytest.mark.parametrize("name", dict.fromkeys(["reference", fastest_backend().name]))
def test_the_fixed_proof_has_the_golden_bytes_on_every_back_end(name: str) -> None:
    statement = fixed_statement(load_backend(name))
    assert fixed_proof(statement).hex() == golden()["proof"]


def test_the_fixed_proof_has_the_golden_challenges() -> None:
    statement = fixed_statement()
    proof = decode_proof(statement.circuit, bytes.fromhex(golden()["proof"]))
    challenges, binding = derive_challenges(statement.verifying, statement.public, proof)
    assert {name: hex(getattr(challenges, name)) for name in CHALLENGES} == golden()["challenges"]
    assert binding.hex() == golden()["binding"]


def test_the_golden_proof_verifies() -> None:
    fixed_statement().verify(bytes.fromhex(golden()["proof"]))


def test_the_golden_challenges_follow_from_the_bytes_by_the_documented_rules() -> None:
    """The transcript written out once more, from the vector's bytes alone."""
    vector = golden()
    circuit = json.dumps(vector["circuit"], ensure_ascii=True, separators=(",", ":")).encode()
    fixed = bytes.fromhex("".join(vector["fixed"]))
    key_digest = digest(b"zkmargin/vk/v1" + digest(b"zkmargin/circuit/v1" + circuit) + fixed)
    setup_digest = digest(b"zkmargin/srs/v1" + bytes.fromhex(vector["g2_x"]))
    public = bytes.fromhex(vector["context"])
    public += b"".join(int(value, 16).to_bytes(32, "big") for value in vector["scalars"])
    for venues in vector["holdings"]:
        public += len(venues).to_bytes(2, "big") + bytes.fromhex("".join(venues))
    public += bytes.fromhex("".join(vector["market"]))

    proof = bytes.fromhex(vector["proof"])
    state = digest(b"zkmargin/proof/v2" + key_digest + setup_digest + public)
    offset = 0
    drawn: list[str] = []
    # Bytes of each round for this circuit, and how many challenges follow: 4 columns and multiplicities; two
    # helpers and the running sum; the quotient; six evaluations; W; W'.
    for size, challenges in ((5 * 64, 2), (3 * 64, 1), (64, 1), (6 * 32, 1), (64, 1), (64, 0)):
        state = digest(state + proof[offset : offset + size])
        offset += size
        for _ in range(challenges):
            state = digest(state)
            drawn.append(hex(int.from_bytes(state, "big") % SCALAR_MODULUS))
    assert offset == len(proof)
    assert drawn == list(vector["challenges"].values())
    assert state.hex() == vector["binding"]
