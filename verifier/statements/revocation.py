"""A venue's revocation: it holds nothing of an account any more. Voids its attestations at every gate that sees it."""

from __future__ import annotations

from typing import Final

from zkmargin.verifier.ethereum import address_word, struct_hash, word
from zkmargin.verifier.keccak import keccak256
from zkmargin.verifier.statements.attestation import DOMAIN_SEPARATOR

REVOCATION_TYPE: Final = "Closure(address account,string venue,uint64 sequence)"


def revocation_digest(account: bytes, venue: str, sequence: int) -> bytes:
    """Return what a venue signs (EIP-712, the attestations' domain) to void its attestations up to `sequence`."""
    hashed = struct_hash(REVOCATION_TYPE, [address_word(account), keccak256(venue.encode()), word(sequence)])
    return keccak256(b"\x19\x01" + DOMAIN_SEPARATOR + hashed)
