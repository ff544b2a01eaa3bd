"""Attestation at a venue, and the opening that the client takes home.

The venue commits to the client's lots in the universe's rows with fresh randomness, signs the commitment, and hands the
opening over: in a file of mode 0600, or encrypted to the client's key (HPKE, RFC 9180).
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from zkmargin.circuits.markets.positions import Positions
from zkmargin.circuits.markets.units import QUANTITY_BITS
from zkmargin.prover.commitments import weighted_sum
from zkmargin.prover.kernels.interface import Backend, P, V
from zkmargin.prover.setup import Setup
from zkmargin.prover.signing import sign_attestation
from zkmargin.prover.writing import write_document
from zkmargin.verifier.curve import G1, decode_g1, encode_g1
from zkmargin.verifier.documents import MAX_DOCUMENT_BYTES, Fields, parse_object, read_document
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.ethereum import format_address, parse_address
from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.statements.attestation import KIND, Attestation, AttestationData, check_venue
from zkmargin.verifier.text import decode_text, read_bounded

if TYPE_CHECKING:
    from Crypto.PublicKey.ECC import EccKey

OPENING_KIND: Final = "opening"
SEALED_KIND: Final = "sealed-opening"
MAX_KEY_FILE_BYTES: Final = 1 << 16
SEAL_INFO: Final = b"zkmargin/opening/v1"


class OpeningError(FormatError):
    """An opening does not belong to its attestation. The message never says what it holds."""


@dataclass(frozen=True, eq=False)
class Opening:
    """What opens an attestation's commitment: lots by row, and the blinding scalar rho. Secret."""

    venue: str
    account: bytes
    universe: bytes
    commitment: G1
    lots: NDArray[np.int64]
    blinding: int

    def __repr__(self) -> str:
        return f"Opening(venue={self.venue}, rows={len(self.lots)})"


def attest(
    positions: Positions,
    *,
    universe: bytes,
    account: bytes,
    venue: str,
    private_key: bytes,
    snapshot_time: int,
    sequence: int,
    setup: Setup,
    backend: Backend[V, P],
) -> tuple[Attestation, Opening]:
    """Commit and sign. `universe` is the id of the universe that the positions are over.

    The blinding scalar is fresh from the operating system every time: two attestations with one rho would show whoever
    sees both what was traded between them.
    """
    check_venue(venue, "venue")
    blinding = secrets.randbelow(SCALAR_MODULUS)
    commitment = commit_lots(setup, backend, positions.lots, blinding)
    claimed = AttestationData(account, venue, universe, commitment, snapshot_time, sequence)
    return sign_attestation(claimed, private_key), Opening(
        venue, account, universe, commitment, positions.lots, blinding
    )


def commit_lots(setup: Setup, backend: Backend[V, P], lots: NDArray[np.int64], blinding: int) -> G1:
    """sum_i lots_i [L_i(x)] + rho [x^n - 1]."""
    vector = backend.vector_from_int64(np.ascontiguousarray(lots, dtype=np.int64))
    return backend.msm(setup.lagrange(backend, len(lots)), [vector], [[blinding]])[0]


def check_openings(
    attestations: Sequence[Attestation], openings: Sequence[Opening], setup: Setup, backend: Backend[V, P], rows: int
) -> None:
    """Raise OpeningError unless every opening opens its attestation's commitment, in the same order."""
    if len(attestations) != len(openings):
        raise OpeningError(f"openings: expected one for each of {len(attestations)} attestations, got {len(openings)}")
    for attestation, opening in zip(attestations, openings, strict=True):
        claimed = attestation.claimed
        mine = (opening.venue, opening.account, opening.universe, opening.commitment)
        if mine != (claimed.venue, claimed.account, claimed.universe, claimed.commitment) or len(opening.lots) != rows:
            raise OpeningError(
                f"opening of {opening.venue}: expected the one handed out with the attestation of {claimed.venue}, got "
                "another; give openings in the order of the attestations"
            )
    # One multi-scalar multiplication for all: the netted lots must open the sum of the commitments.
    books = [backend.vector_from_int64(np.ascontiguousarray(opening.lots, dtype=np.int64)) for opening in openings]
    netted = backend.linear_combination([backend.constant(0, rows), *books], [1] * (1 + len(books)))
    blinding = sum(opening.blinding for opening in openings) % SCALAR_MODULUS
    opened = backend.msm(setup.lagrange(backend, rows), [netted], [[blinding]])[0]
    if opened == weighted_sum(backend, [opening.commitment for opening in openings], [1] * len(openings)):
        return
    for opening in openings:
        if commit_lots(setup, backend, opening.lots, opening.blinding) != opening.commitment:
            raise OpeningError(f"opening of {opening.venue}: it does not open the attested commitment; it was altered")
    raise OpeningError("openings: their sum does not open the sum of the commitments")


# -- files ------------------------------------------------------------------------------------------------------------


def write_attestation(path: str | Path, attestation: Attestation) -> None:
    """Write an attestation's file, whole or not at all."""
    write_document(path, KIND, attestation.to_json())


def write_opening(path: str | Path, opening: Opening, *, recipient: EccKey | None = None, replace: bool = True) -> None:
    """Write an opening with mode 0600, sealed to `recipient`'s X25519 public key when one is given.

    Raises FileExistsError when there is a file that is not to be replaced.
    """
    fields = _to_json(opening)
    if recipient is None:
        write_document(path, OPENING_KIND, fields, secret=True, replace=replace)
        return
    from Crypto.Protocol import HPKE  # noqa: PLC0415 - slow to load, and most openings are not sealed

    sender = HPKE.new(receiver_key=recipient, aead_id=HPKE.AEAD.AES256_GCM, info=SEAL_INFO)
    sealed = sender.seal(json.dumps(fields).encode())
    write_document(
        path,
        SEALED_KIND,
        {"venue": opening.venue, "encapsulated": "0x" + sender.enc.hex(), "sealed": "0x" + sealed.hex()},
        secret=True,
        replace=replace,
    )


def read_opening(path: str | Path, *, identity: EccKey | None = None) -> Opening:
    """Read an opening, unsealing it with `identity`, an X25519 private key, when one is given.

    Raises FormatError, never quoting what is inside; OSError when the file cannot be read.
    """
    if identity is None:
        return _from_fields(Fields(path, read_document(path, OPENING_KIND), secret=True), str(path))
    from Crypto.Protocol import HPKE  # noqa: PLC0415

    fields = Fields(path, read_document(path, SEALED_KIND), secret=True)
    check_venue(fields.text("venue"), f"{path}: field 'venue'")
    encapsulated, sealed = fields.data("encapsulated", MAX_KEY_FILE_BYTES), fields.data("sealed", MAX_DOCUMENT_BYTES)
    fields.finish()
    try:
        receiver = HPKE.new(receiver_key=identity, aead_id=HPKE.AEAD.AES256_GCM, enc=encapsulated, info=SEAL_INFO)
        opened = receiver.unseal(sealed)
    except (ValueError, TypeError):
        raise OpeningError(
            f"{path}: expected an opening sealed to the given key, got another or an altered one"
        ) from None
    return _from_fields(Fields(path, parse_object(opened, path), secret=True), str(path))


def read_recipient(path: str | Path, *, private: bool) -> EccKey:
    """An X25519 key from a PEM file. Raises FormatError."""
    from Crypto.PublicKey import ECC  # noqa: PLC0415

    text = decode_text(read_bounded(path, MAX_KEY_FILE_BYTES), path)
    try:
        key = ECC.import_key(text)
    except (ValueError, IndexError, TypeError):
        raise FormatError(f"{path}: expected an X25519 key in PEM") from None
    if key.curve != "Curve25519" or key.has_private() != private:
        raise FormatError(
            f"{path}: expected an X25519 {'private' if private else 'public'} key in PEM, got another key"
        )
    return key


def _to_json(opening: Opening) -> dict[str, Any]:
    held = np.flatnonzero(opening.lots)
    return {
        "venue": opening.venue,
        "account": format_address(opening.account),
        "universe": "0x" + opening.universe.hex(),
        "commitment": "0x" + encode_g1(opening.commitment).hex(),
        "blinding": "0x" + opening.blinding.to_bytes(32, "big").hex(),
        "rows": len(opening.lots),
        "lots": [[int(row), int(opening.lots[row])] for row in held],
    }


def _from_fields(fields: Fields, where: str) -> Opening:
    rows = fields.integer("rows", 2, 1 << 28)
    blinding = int.from_bytes(fields.hexadecimal("blinding", 32), "big")
    if blinding >= SCALAR_MODULUS:
        raise OpeningError(f"{where}: field 'blinding': expected a scalar below r")
    lots = np.zeros(rows, dtype=np.int64)
    previous = -1
    for entry in fields.array("lots"):
        if not isinstance(entry, list) or [type(item) for item in entry] != [int, int]:
            raise OpeningError(f"{where}: field 'lots': expected pairs of row and lots")
        row, amount = entry
        if not previous < row < rows or amount == 0 or abs(amount) >= 1 << QUANTITY_BITS:
            raise OpeningError(
                f"{where}: field 'lots': expected increasing rows and non-zero lots below 2^{QUANTITY_BITS}"
            )
        lots[row] = amount
        previous = row
    opening = Opening(
        venue=check_venue(fields.text("venue"), f"{where}: field 'venue'"),
        account=parse_address(fields.text("account"), f"{where}: field 'account'"),
        universe=fields.hexadecimal("universe", 32),
        commitment=decode_g1(fields.hexadecimal("commitment", 64), f"{where}: field 'commitment'"),
        lots=lots,
        blinding=blinding,
    )
    fields.finish()
    return opening
