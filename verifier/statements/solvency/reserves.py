"""Reserves: what wallets hold at a block, and what custodians vouch for.

Each attestation is one text, signed as Ethereum wallets sign messages (EIP-191 `personal_sign`), so that a hardware
wallet shows what it signs:

    zkmargin reserves
    exchange: Harbor
    epoch: 0x...
    wallet: eip155:1:0x...
    block: 21000000 0x...
    BTC 12.5
    USDT 1000000

A wallet signs for itself, names its account as CAIP-10 does, in the one spelling of it, and its chain's block of the
terms; a custodian's text has `custodian: NAME 0x...` and `time: ISO` instead, and is signed by the key that the terms
list. A wallet counts once on each chain, and no key is both a wallet and a custodian. All of what a file says is in
the signed text: who holds the wallet's key, nobody has signed, and no file says. The signature proves control of the
key and nothing else: that the wallet held these amounts at that block is for the auditor to look up on the chain, and
a custodian's word is a custodian's word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from zkmargin.verifier.documents import Fields, read_document
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.ethereum import (
    SIGNATURE_BYTES,
    KeyRecovery,
    format_address,
    parse_address,
    recover_signer,
)
from zkmargin.verifier.instants import format_seconds
from zkmargin.verifier.keccak import keccak256
from zkmargin.verifier.statements.solvency.terms import Terms, decimal_fraction
from zkmargin.verifier.text import quoted

KIND: Final = "solvency-reserves"
ATTESTED_LOTS_BITS: Final = 90
"""Bound of the lots of one asset in one attestation: 2^10 attestations stay below the settlement's 2^100."""
MAX_ATTESTATIONS: Final = 1 << 10


class ReservesError(FormatError):
    """Reserves that do not count. The message names the holder and what is wrong."""


@dataclass(frozen=True)
class ReserveStatement:
    """What a holder signs: a wallet on a chain of the terms, or a custodian. amounts: lots by asset number."""

    chain: str | None
    custodian: str | None
    address: bytes
    amounts: tuple[tuple[int, int], ...]

    @property
    def name(self) -> str:
        """A wallet's CAIP-10 account, or a custodian's name."""
        return self.custodian or f"{self.chain}:{format_address(self.address)}"

    def text(self, terms: Terms, epoch: bytes) -> str:
        """The signed text. Raises ReservesError for a chain or custodian that the terms do not have."""
        lines = ["zkmargin reserves", f"exchange: {terms.exchange}", f"epoch: 0x{epoch.hex()}"]
        if self.chain is not None and self.custodian is None:
            chain = next((chain for chain in terms.chains if chain.id == self.chain), None)
            if chain is None:
                raise ReservesError(f"reserves: expected a chain of the terms, got {quoted(self.chain)}")
            lines.append(f"wallet: {self.name}")
            lines.append(f"block: {chain.block} 0x{chain.block_hash.hex()}")
        else:
            known = any((c.name, c.address) == (self.custodian, self.address) for c in terms.custodians)
            if self.chain is not None or not known:
                raise ReservesError(
                    f"reserves of {quoted(self.custodian)}: expected a custodian of the terms with its address"
                )
            lines.append(f"custodian: {self.custodian} {format_address(self.address)}")
            lines.append(f"time: {format_seconds(terms.as_of)}")
        for asset, lots in self.amounts:
            lines.append(f"{terms.assets[asset - 1].id} {terms.format_amount(asset, lots)}")
        return "\n".join(lines)


@dataclass(frozen=True)
class ReserveAttestation:
    """A reserve statement and the holder's signature, checked by `verify_reserves`."""

    claim: ReserveStatement
    text: str
    signature: bytes

    @cached_property
    def digest(self) -> bytes:
        """Names the attestation: text and signature."""
        return keccak256(keccak256(self.text.encode()) + self.signature)

    def to_json(self, terms: Terms) -> dict[str, Any]:
        """The document's fields."""
        return {
            **({"chain": self.claim.chain} if self.claim.chain else {"custodian": self.claim.custodian}),
            "address": format_address(self.claim.address),
            "amounts": {terms.assets[a - 1].id: terms.format_amount(a, lots) for a, lots in self.claim.amounts},
            "signature": "0x" + self.signature.hex(),
        }


def message_digest(text: str) -> bytes:
    """EIP-191: what `personal_sign` signs."""
    data = text.encode()
    return keccak256(b"\x19Ethereum Signed Message:\n" + str(len(data)).encode() + data)


def claim_of(
    chain: str | None, custodian: str | None, address: bytes, amounts: Mapping[str, object], terms: Terms
) -> ReserveStatement:
    """A claim from amounts in words, of a wallet on a chain or a custodian. Raises ReservesError naming the asset."""
    found = []
    for name, amount in amounts.items():
        where = f"reserves: {quoted(name)}"
        if name not in terms.numbers:
            raise ReservesError(f"{where}: expected an asset of the terms")
        number = terms.numbers[name]
        lots: Fraction = decimal_fraction(amount, where) * 10 ** terms.assets[number - 1].decimals
        if lots.denominator != 1 or not 0 < lots < 1 << ATTESTED_LOTS_BITS:
            raise ReservesError(
                f"{where}: expected an amount above zero with at most {terms.assets[number - 1].decimals} decimals"
            )
        found.append((number, int(lots)))
    if not found:
        raise ReservesError("reserves: expected at least one asset")
    return ReserveStatement(chain, custodian, address, tuple(sorted(found)))


def verify_reserves(
    attestations: Sequence[ReserveAttestation], terms: Terms, epoch: bytes, recovery: KeyRecovery | None = None
) -> list[int]:
    """Verify every attestation and return lots by asset number, from 0, added up.

    Raises ReservesError for a wrong signature, holder or text.
    """
    if len(attestations) > MAX_ATTESTATIONS:
        raise ReservesError(f"reserves: expected at most {MAX_ATTESTATIONS} attestations, got {len(attestations)}")
    totals = [0] * (len(terms.assets) + 1)
    chains_of: dict[bytes, list[str | None]] = {}
    for attestation in attestations:
        claim = attestation.claim
        if attestation.text != claim.text(terms, epoch):
            raise ReservesError(
                f"reserves of {claim.name}: expected a text about epoch 0x{epoch.hex()} and the block of the terms"
            )
        check_signature(attestation, recovery)
        others = chains_of.setdefault(claim.address, [])
        if claim.chain in others or (others and None in (claim.chain, *others)):
            raise ReservesError(
                f"reserves of {claim.name}: expected each address once: as a wallet once a chain, or as one custodian"
            )
        others.append(claim.chain)
        for asset, lots in claim.amounts:
            totals[asset] += lots
    return totals


def reserves_from_fields(fields: Fields, terms: Terms, epoch: bytes, where: str) -> ReserveAttestation:
    """Decode an attestation of reserves; `verify_reserves` checks its signature."""
    chain, custodian = (fields.text(name) if name in fields.names else None for name in ("chain", "custodian"))
    if (chain is None) == (custodian is None):
        raise ReservesError(f"{where}: expected either 'chain', of a wallet, or 'custodian'")
    address = parse_address(fields.text("address"), f"{where}: field 'address'")
    amounts = fields.raw("amounts")
    if not isinstance(amounts, dict):
        raise ReservesError(f"{where}: field 'amounts': expected an object of amounts by asset")
    claim = claim_of(chain, custodian, address, amounts, terms)
    signature = fields.hexadecimal("signature", SIGNATURE_BYTES)
    fields.finish()
    return ReserveAttestation(claim, claim.text(terms, epoch), signature)


def read_reserves(
    path: str | Path, terms: Terms, epoch: bytes, recovery: KeyRecovery | None = None
) -> ReserveAttestation:
    """Read an attestation's file and check its signature. Raises FormatError; OSError when it cannot be read."""
    attestation = reserves_from_fields(Fields(path, read_document(path, KIND)), terms, epoch, str(path))
    verify_reserves([attestation], terms, epoch, recovery)
    return attestation


def check_signature(attestation: ReserveAttestation, recovery: KeyRecovery | None = None) -> None:
    """Raise ReservesError unless the holder signed the text."""
    claim = attestation.claim
    where = f"reserves of {claim.name}"
    signer = recover_signer(message_digest(attestation.text), attestation.signature, where, recovery)
    if signer != claim.address:
        raise ReservesError(
            f"{where}: expected {format_address(claim.address)} to have signed for this epoch and block, got a "
            "signature over another text or by another key"
        )
