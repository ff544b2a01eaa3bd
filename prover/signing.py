"""Sign: everything of the project that takes a private key of Ethereum.

libsecp256k1 signs, through coincurve: constant in time, nonces by RFC 6979, s in the lower half of the order.
"""

from __future__ import annotations

from zkmargin.prover.recovery import key_recovery
from zkmargin.verifier.ethereum import ADDRESS_BYTES, recover_signer
from zkmargin.verifier.keccak import keccak256
from zkmargin.verifier.statements.attestation import Attestation, AttestationData
from zkmargin.verifier.statements.revocation import Revocation
from zkmargin.verifier.statements.solvency.log import Head, head_text
from zkmargin.verifier.statements.solvency.reserves import (
    ReserveAttestation,
    ReserveStatement,
    check_signature,
    message_digest,
)
from zkmargin.verifier.statements.solvency.terms import Terms


def sign_digest(digest: bytes, private_key: bytes) -> bytes:
    """Return r || s || v of a deterministic (RFC 6979), low-s signature, v being 27 or 28."""
    from coincurve import PrivateKey  # noqa: PLC0415 - only where something is signed

    signature = PrivateKey(private_key).sign_recoverable(digest, hasher=None)
    return signature[:64] + bytes([27 + signature[64]])


def address_of_key(private_key: bytes) -> bytes:
    """Return the address of a private key."""
    from coincurve import PrivateKey  # noqa: PLC0415

    return keccak256(PrivateKey(private_key).public_key.format(compressed=False)[1:])[-ADDRESS_BYTES:]


def sign_attestation(claimed: AttestationData, private_key: bytes) -> Attestation:
    """Sign an attestation as the venue whose key this is."""
    signature = sign_digest(claimed.digest, private_key)
    return Attestation(claimed, recover_signer(claimed.digest, signature, "signature", key_recovery()), signature)


def sign_revocation(revocation: Revocation, private_key: bytes) -> bytes:
    """Sign as the venue what it takes back."""
    return sign_digest(revocation.digest, private_key)


def sign_head(size: int, root: bytes, time: int, private_key: bytes) -> Head:
    """Sign the head of a log of solvency statements as whoever keeps it."""
    return Head(size, root, time, sign_digest(message_digest(head_text(size, root, time)), private_key))


def sign_reserves(claim: ReserveStatement, terms: Terms, epoch: bytes, private_key: bytes) -> ReserveAttestation:
    """Sign reserves as their holder. Raises ReservesError when the key is not theirs."""
    text = claim.text(terms, epoch)
    attestation = ReserveAttestation(claim, text, sign_digest(message_digest(text), private_key))
    check_signature(attestation, key_recovery())
    return attestation
