"""A disclosure: one number about an account's holdings, opened to one auditor for one purpose, and nothing else.

The number is a public linear function of what the venues' commitments hold: one instrument's quantity, or an exposure
(sum of a public weight times the quantities or their magnitudes). The proof is of the same kind as a margin proof; its
context binds account, auditor, purpose, epoch and attestations, so that it cannot be passed off as made for another.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from zkmargin.verifier.curve import G1, GroupEngine
from zkmargin.verifier.documents import Fields, read_arrays, read_document
from zkmargin.verifier.errors import FormatError, ProofRejected
from zkmargin.verifier.ethereum import KeyRecovery, address_word, format_address, parse_address, struct_hash, word
from zkmargin.verifier.hexadecimal import parse_hex
from zkmargin.verifier.instants import format_seconds, parse_seconds
from zkmargin.verifier.keccak import keccak256
from zkmargin.verifier.proof import PublicInputs
from zkmargin.verifier.statements.attestation import Attestation, Attestor, venue_id
from zkmargin.verifier.statements.margin import (
    PolicyTerms,
    check_attestations,
)
from zkmargin.verifier.statements.margin.files import MAX_ACCOUNT_PROOF_BYTES, attestations_from_fields
from zkmargin.verifier.statements.trust import check_attestors
from zkmargin.verifier.text import is_visible
from zkmargin.verifier.verify import VerifyingKey, verify

KIND: Final = "disclosure"
EXPOSURES: Final = ("quantity", "value", "gross-notional", "delta")
WEIGHTS: Final = "weights"
AMOUNT_BITS: Final = 144
"""Bound of a disclosed amount: 2^20 rows, quantities below 2^60, weights below 2^62."""
MAX_SCALE: Final = 18
MAX_ROWS: Final = 1 << 20
DISCLOSURE_TYPE: Final = (
    "Disclosure(address account,string auditor,string purpose,string exposure,string subject,uint256 scale,"
    "bytes32 universe,uint64 epochTime,uint64 snapshotTime,bytes32 attestations)"
)
MAX_TEXT: Final = 200
_UNITS: Final = re.compile(r"0|-?[1-9][0-9]{0,43}")
_ANY_AGE: Final = PolicyTerms(bytes(32), "", (), 1 << 62, 1)
"""The rules of a disclosure's attestations: those of a margin statement without a policy's list and limits."""


@dataclass(frozen=True)
class Disclosure:
    """What is disclosed, to whom and why, and the proof.

    exposure: one of `EXPOSURES`. subject: the instrument, or the underlying of a delta, else "". The amount is units *
    10^-scale. weights: (rows,) int64, the public weights of an exposure; None for a quantity.
    """

    account: bytes
    auditor: str
    purpose: str
    exposure: str
    subject: str
    units: int
    scale: int
    universe: bytes
    epoch_time: int
    snapshot_time: int
    attestations: tuple[Attestation, ...]
    weights: NDArray[np.int64] | None
    proof: bytes

    def __repr__(self) -> str:
        return f"Disclosure({self.exposure}, {len(self.attestations)} attestations, {len(self.proof)} bytes)"

    @property
    def context(self) -> bytes:
        """The 32 bytes that the transcript absorbs, beside the amount and the weights' commitment."""
        return struct_hash(
            DISCLOSURE_TYPE,
            [
                address_word(self.account),
                *(keccak256(text.encode()) for text in (self.auditor, self.purpose, self.exposure, self.subject)),
                word(self.scale),
                self.universe,
                word(self.epoch_time),
                word(self.snapshot_time),
                keccak256(b"".join(attestation.claimed.struct_hash for attestation in self.attestations)),
            ],
        )

    def public_inputs(self, weights: tuple[G1, ...]) -> PublicInputs:
        """What the argument is about: the amount as two scalars of which one is zero, the commitments, the weights."""
        scalars = (max(self.units, 0), max(-self.units, 0))
        venues = tuple(attestation.claimed.commitment for attestation in self.attestations)
        return PublicInputs(self.context, scalars, (venues,), weights)

    def to_json(self) -> dict[str, Any]:
        """The document's fields."""
        return {
            "account": format_address(self.account),
            "auditor": self.auditor,
            "purpose": self.purpose,
            "exposure": self.exposure,
            "subject": self.subject,
            "units": str(self.units),
            "scale": self.scale,
            "universe": "0x" + self.universe.hex(),
            "epoch_time": format_seconds(self.epoch_time),
            "snapshot_time": format_seconds(self.snapshot_time),
            "rows": 0 if self.weights is None else len(self.weights),
            "attestations": [attestation.to_json() for attestation in self.attestations],
            "proof": "0x" + self.proof.hex(),
        }


def order_attestations(
    attestations: Collection[Attestation], universe: bytes, epoch_time: int
) -> tuple[Attestation, ...]:
    """The attestations in order of venue id. Raises StatementError unless they go together and with the epoch."""
    ordered = tuple(sorted(attestations, key=lambda attestation: venue_id(attestation.claimed.venue)))
    check_attestations(ordered, _ANY_AGE, universe=universe, epoch_time=epoch_time)
    return ordered


def verify_disclosure(
    disclosure: Disclosure,
    *,
    key: VerifyingKey,
    universe: bytes,
    epoch_time: int,
    weights: tuple[G1, ...],
    attestors: Collection[bytes | Attestor] = (),
    engine: GroupEngine | None = None,
) -> None:
    """Verify that the disclosure is true. Raises ProofRejected or FormatError if not.

    key, universe, epoch_time and weights (their commitment; none for a quantity) are the caller's own, of an epoch that
    it trusts; that the disclosure's weights are what its exposure means is for the caller to check.
    """
    ordered = order_attestations(disclosure.attestations, universe, epoch_time)
    if ordered != disclosure.attestations:
        raise FormatError("attestations: expected them in order of venue id")
    first = ordered[0].claimed
    for name, stated, expected in (
        ("account", disclosure.account, first.account),
        ("universe", disclosure.universe, universe),
        ("market epoch's time", disclosure.epoch_time, epoch_time),
        ("snapshot time", disclosure.snapshot_time, first.snapshot_time),
    ):
        if stated != expected:
            raise ProofRejected(f"the disclosure's {name} is not that of the given market and attestations")
    check_attestors(ordered, attestors)
    verify(key, disclosure.public_inputs(weights), disclosure.proof, engine)


def check_text(text: str, where: str) -> str:
    """An auditor's name or a purpose: 1 to 200 characters that show, none at the ends a space. Raises FormatError."""
    if not 1 <= len(text) <= MAX_TEXT or not all(map(is_visible, text)) or text != text.strip():
        raise FormatError(
            f"{where}: expected 1 to {MAX_TEXT} printable characters, none that cannot be seen, no space at the ends"
        )
    return text


def read_disclosure(path: str | Path, recovery: KeyRecovery | None = None) -> Disclosure:
    """Read a disclosure's file, attestations' signatures checked. Raises FormatError; OSError if it cannot be read."""
    where, document = str(path), read_document(path, KIND)
    fields = Fields(path, document)
    exposure = fields.text("exposure")
    if exposure not in EXPOSURES:
        raise FormatError(f"{where}: field 'exposure': expected one of {', '.join(EXPOSURES)}, got {exposure[:40]!r}")
    units = fields.text("units")
    if not _UNITS.fullmatch(units) or abs(int(units)) >= 1 << AMOUNT_BITS:
        raise FormatError(f"{where}: field 'units': expected a decimal integer below 2^{AMOUNT_BITS} in magnitude")
    rows = fields.integer("rows", 0, MAX_ROWS)
    if (rows == 0) != (exposure == "quantity"):
        raise FormatError(f"{where}: field 'rows': expected 0 for a quantity, and the weights' number for an exposure")
    weights = read_arrays(path, document, {WEIGHTS: ("<i8", (rows,))})[WEIGHTS] if rows else None
    subject = fields.text("subject")
    disclosure = Disclosure(
        account=parse_address(fields.text("account"), f"{where}: field 'account'"),
        auditor=check_text(fields.text("auditor"), f"{where}: field 'auditor'"),
        purpose=check_text(fields.text("purpose"), f"{where}: field 'purpose'"),
        exposure=exposure,
        subject=check_text(subject, f"{where}: field 'subject'") if subject else "",
        units=int(units),
        scale=fields.integer("scale", 0, MAX_SCALE),
        universe=fields.hexadecimal("universe", 32),
        epoch_time=parse_seconds(fields.text("epoch_time"), f"{where}: field 'epoch_time'"),
        snapshot_time=parse_seconds(fields.text("snapshot_time"), f"{where}: field 'snapshot_time'"),
        attestations=attestations_from_fields(fields, where, recovery),
        weights=weights,
        proof=parse_hex(fields.text("proof"), f"{where}: field 'proof'", most=MAX_ACCOUNT_PROOF_BYTES),
    )
    fields.finish(*(("arrays", "arrays_digest") if rows else ()))
    return disclosure
