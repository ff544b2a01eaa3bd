"""Who must have signed: exactly the given attestors, each for its venue if one is named."""

from __future__ import annotations

import pytest

from zkmargin.prover.signing import address_of_key, sign_attestation
from zkmargin.verifier.curve import G1_GENERATOR
from zkmargin.verifier.errors import FormatError, ProofRejected
from zkmargin.verifier.ethereum import format_address
from zkmargin.verifier.statements.attestation import Attestation, AttestationData, Attestor, parse_attestor
from zkmargin.verifier.statements.trust import TrustError, check_attestors

KEYS = [bytes([n]) * 32 for n in (1, 2, 3)]
A, B, C = (address_of_key(key) for key in KEYS)


def attested(venue: str, key: bytes) -> Attestation:
    return sign_attestation(AttestationData(bytes(20), venue, bytes(32), G1_GENERATOR, 0, 0), key)


BOTH = [attested("left", KEYS[0]), attested("right", KEYS[1])]


def test_anybody_may_have_signed_when_nobody_is_named() -> None:
    check_attestors(BOTH, [])


@pytest.mark.parametrize(
    "trusted",
    [
        [A, B],
        [B, A],
        [Attestor(A), Attestor(B)],
        [Attestor(A, "left"), Attestor(B, "right")],
        [Attestor(A, "left"), B],
    ],
)
def test_exactly_the_attestors(trusted: list[bytes | Attestor]) -> None:
    check_attestors(BOTH, trusted)


@pytest.mark.parametrize(
    ("trusted", "says"),
    [
        ([A], "signed the attestation of right and is not a trusted attestor"),
        ([A, B, C], f"{format_address(C)} has not attested"),
        ([Attestor(A, "right"), Attestor(B, "left")], "not a trusted attestor"),
        ([Attestor(A, "left"), Attestor(B, "left")], "signed the attestation of right"),
        ([Attestor(A, "left"), Attestor(B, "right"), Attestor(C, "third")], "of third has not attested"),
    ],
)
def test_anybody_else_or_anybody_missing(trusted: list[bytes | Attestor], says: str) -> None:
    with pytest.raises(ProofRejected, match=says):
        check_attestors(BOTH, trusted)


def test_one_venue_cannot_sign_under_another_name() -> None:
    twice = [attested("left", KEYS[0]), attested("right", KEYS[0])]
    for trusted in ([A], [Attestor(A)]):
        with pytest.raises(ProofRejected, match="the attestations of left and right: a key stands for one venue"):
            check_attestors(twice, trusted)
    with pytest.raises(TrustError, match="what one key signs is one venue's word"):
        check_attestors(twice, [Attestor(A, "left"), Attestor(A, "right")])
    with pytest.raises(ProofRejected, match="right"):
        check_attestors(twice, [Attestor(A, "left")])


def test_text() -> None:
    assert parse_attestor(format_address(A), "x") == Attestor(A)
    assert parse_attestor(f"left={format_address(A)}", "x") == Attestor(A, "left")
    for wrong in ("", "left=", "=0x", "le ft=" + format_address(A), format_address(A)[:-1]):
        with pytest.raises(FormatError, match=r"^x: expected"):
            parse_attestor(wrong, "x")
