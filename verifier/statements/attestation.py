"""A venue's attestation: a signed fact about an account's holdings, good for any gate on any chain.

The venue signs, as EIP-712 typed data in the domain {name: "zkmargin", version: "1"} (no chain, no contract: those are
bound by the proof), that `account` holds at `venue` what `commitment` commits to, over the rows of `universe`, at
`snapshotTime`. A higher `sequence` supersedes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Final

from zkmargin.verifier.curve import G1, decode_g1, encode_g1
from zkmargin.verifier.documents import Fields, read_document
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.ethereum import (
    SIGNATURE_BYTES,
    KeyRecovery,
    address_word,
    format_address,
    parse_address,
    recover_signer,
    struct_hash,
    word,
)
from zkmargin.verifier.instants import format_seconds, parse_seconds
from zkmargin.verifier.keccak import keccak256
from zkmargin.verifier.srs import SetupKey

KIND: Final = "attestation"
UNIVERSE_ID_DOMAIN: Final = b"zkmargin/universe-id/v1"
ATTESTATION_TYPE: Final = (
    "Attestation(address account,string venue,bytes32 universe,uint256 commitmentX,uint256 commitmentY,"
    "uint64 snapshotTime,uint64 sequence)"
)
DOMAIN_SEPARATOR: Final = struct_hash(
    "EIP712Domain(string name,string version)", [keccak256(b"zkmargin"), keccak256(b"1")]
)
MAX_SEQUENCE: Final = (1 << 64) - 1
_VENUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")


def universe_id(universe_digest: bytes, setup: SetupKey) -> bytes:
    """What a venue signs: the rows and their instruments, and the setup that the commitment is under."""
    return keccak256(UNIVERSE_ID_DOMAIN + universe_digest + setup.digest)


@lru_cache(maxsize=1024)
def venue_id(name: str) -> bytes:
    """keccak256 of a venue's name: its key in registries, and the order of venues in a statement."""
    return keccak256(name.encode())


def check_venue(name: object, where: str) -> str:
    """A venue's name: 1 to 32 letters, digits, '.', '_' or '-', a letter or digit first. Raises FormatError."""
    if not isinstance(name, str) or not _VENUE.fullmatch(name):
        raise FormatError(f"{where}: expected a venue's name, 1 to 32 letters, digits, '.', '_' or '-'")
    return name


@dataclass(frozen=True)
class Attestor:
    """Whom a verifier trusts: an address, for one venue or, without a venue, for whichever it signs."""

    address: bytes
    venue: str | None = None


def parse_attestor(text: str, where: str) -> Attestor:
    """An attestor from "0x.." or "VENUE=0x..". Raises FormatError."""
    venue, separator, address = text.rpartition("=")
    if not separator:
        return Attestor(parse_address(text, where))
    return Attestor(parse_address(address, where), check_venue(venue, where))


@dataclass(frozen=True)
class AttestationData:
    """What a venue signs."""

    account: bytes
    venue: str
    universe: bytes
    commitment: G1
    snapshot_time: int
    sequence: int

    @cached_property
    def struct_hash(self) -> bytes:
        """EIP-712 hashStruct."""
        return struct_hash(
            ATTESTATION_TYPE,
            [
                address_word(self.account),
                venue_id(self.venue),
                self.universe,
                word(self.commitment.x),
                word(self.commitment.y),
                word(self.snapshot_time),
                word(self.sequence),
            ],
        )

    @property
    def digest(self) -> bytes:
        """What the signature is over."""
        return keccak256(b"\x19\x01" + DOMAIN_SEPARATOR + self.struct_hash)


@dataclass(frozen=True)
class Attestation:
    """A claim, who signed it (recovered from the signature, never taken on trust), and the signature."""

    claimed: AttestationData
    attestor: bytes
    signature: bytes

    def __repr__(self) -> str:
        return f"Attestation({self.claimed.venue}, 0x{self.claimed.account.hex()}, {self.claimed.sequence})"

    def to_json(self) -> dict[str, Any]:
        """The document's fields."""
        claimed = self.claimed
        return {
            "attestor": format_address(self.attestor),
            "venue": claimed.venue,
            "account": format_address(claimed.account),
            "universe": "0x" + claimed.universe.hex(),
            "commitment": "0x" + encode_g1(claimed.commitment).hex(),
            "snapshot_time": format_seconds(claimed.snapshot_time),
            "sequence": claimed.sequence,
            "signature": "0x" + self.signature.hex(),
        }


def attestation_from_fields(fields: Fields, where: str, recovery: KeyRecovery | None = None) -> Attestation:
    """Check a document's fields and the signature. Raises FormatError naming the field."""
    claimed = AttestationData(
        account=parse_address(fields.text("account"), f"{where}: field 'account'"),
        venue=check_venue(fields.text("venue"), f"{where}: field 'venue'"),
        universe=fields.hexadecimal("universe", 32),
        commitment=decode_g1(fields.hexadecimal("commitment", 64), f"{where}: field 'commitment'"),
        snapshot_time=parse_seconds(fields.text("snapshot_time"), f"{where}: field 'snapshot_time'"),
        sequence=fields.integer("sequence", 0, MAX_SEQUENCE),
    )
    signature = fields.hexadecimal("signature", SIGNATURE_BYTES)
    attestor = parse_address(fields.text("attestor"), f"{where}: field 'attestor'")
    fields.finish()
    signer = recover_signer(claimed.digest, signature, f"{where}: field 'signature'", recovery)
    if signer != attestor:
        raise FormatError(
            f"{where}: field 'signature': expected {format_address(attestor)} to have signed this attestation, got a "
            "signature over other content or by another key"
        )
    return Attestation(claimed, attestor, signature)


def read_attestation(path: str | Path, recovery: KeyRecovery | None = None) -> Attestation:
    """Read an attestation's file and check its signature. Raises FormatError; OSError when it cannot be read."""
    return attestation_from_fields(Fields(path, read_document(path, KIND)), str(path), recovery)
