"""A venue's revocation: it holds nothing of an account any more, say. Sent once, it counts at every gate.

It takes back the venue's attestations of the account over one universe up to a sequence number. A later one takes the
place of an earlier one, also with a lower number: so a mistake, or what a stolen key has signed, is undone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from zkmargin.verifier.ethereum import address_word, struct_hash, word
from zkmargin.verifier.keccak import keccak256
from zkmargin.verifier.statements.attestation import DOMAIN_SEPARATOR, venue_id

REVOCATION_TYPE: Final = "Revocation(address account,string venue,bytes32 universe,uint64 sequence,uint64 time)"


@dataclass(frozen=True)
class Revocation:
    """What a venue takes back: attestations of `account` (20 bytes) over `universe` (its id) up to `sequence`.

    time: when it was signed, in seconds; a registry takes it up to a minute ahead, and after the venue's last one.
    """

    account: bytes
    venue: str
    universe: bytes
    sequence: int
    time: int

    @property
    def digest(self) -> bytes:
        """What the venue signs (EIP-712, the attestations' domain)."""
        members = [
            address_word(self.account),
            venue_id(self.venue),
            self.universe,
            word(self.sequence),
            word(self.time),
        ]
        return keccak256(b"\x19\x01" + DOMAIN_SEPARATOR + struct_hash(REVOCATION_TYPE, members))
