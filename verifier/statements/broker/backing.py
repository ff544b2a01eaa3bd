"""What stands behind a list: its books net to what the broker itself holds at venues that attest to it.

Without it all accounts may be adequate in books that nobody owes: a broker could list any books at all. With C_k the
accounts' commitments and B_v those that venues signed for the broker's own account, over the same rows,

    D = sum_k C_k - sum_v B_v = delta [Z],        Z = X^n - 1,

exactly when both hold the same lots on every row. The proof is Schnorr's, of delta for the base [Z], made
non-interactive: R = k [Z], c = H(statement, D, R), s = k + c delta, and s [Z] = R + c D. It shows nothing but that.

Each lot of an account is below 2^bits, so that a sum over accounts stays far below r: equal residues are equal lots.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from zkmargin.verifier.curve import G1, INFINITY, GroupEngine, encode_g1
from zkmargin.verifier.errors import ProofRejected
from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.keccak import keccak256
from zkmargin.verifier.statements.attestation import Attestation, venue_id
from zkmargin.verifier.statements.book import BookList

BACKING_DOMAIN: Final = b"zkmargin/broker-backing/v1"
NO_BACKING: Final = bytes(32)
"""The digest in a statement that names no position behind its books."""


@dataclass(frozen=True)
class Backing:
    """The broker's own attestations, in the order of venue ids, and Schnorr's R and s."""

    attestations: tuple[Attestation, ...]
    commitment: G1
    response: int

    def to_json(self) -> dict[str, Any]:
        """The document's fields."""
        return {
            "attestations": [attestation.to_json() for attestation in self.attestations],
            "commitment": "0x" + encode_g1(self.commitment).hex(),
            "response": "0x" + self.response.to_bytes(32, "big").hex(),
        }


def backing_digest(attestations: tuple[Attestation, ...]) -> bytes:
    """What a statement binds: everything that the venues signed, in order."""
    return keccak256(BACKING_DOMAIN + b"".join(each.claimed.struct_hash for each in attestations))


def check_attestations(attestations: tuple[Attestation, ...], books: BookList) -> None:
    """Refuse attestations of several accounts or one venue twice, or over other rows or of another time than the books.

    Raises ProofRejected.
    """
    ids = [venue_id(attestation.claimed.venue) for attestation in attestations]
    if not ids or any(left >= right for left, right in pairwise(ids)):
        raise ProofRejected("the position behind the books: expected each venue once, in order")
    if len({attestation.claimed.account for attestation in attestations}) > 1:
        raise ProofRejected("the position behind the books is of several accounts")
    for attestation in attestations:
        if attestation.claimed.universe != books.terms.universe:
            raise ProofRejected("the position behind the books is over another universe")
        if attestation.claimed.snapshot_time != books.time:
            raise ProofRejected("the position behind the books is of another time")


def challenge(context: bytes, difference: G1, commitment: G1) -> int:
    """c: it binds the statement, whose root and digest name all points that the difference is made of."""
    points = encode_g1(difference) + encode_g1(commitment)
    return int.from_bytes(keccak256(BACKING_DOMAIN + context + points), "big") % SCALAR_MODULUS


def difference_of(books: BookList, attestations: tuple[Attestation, ...], engine: GroupEngine) -> G1:
    """D = sum_k C_k - sum_v B_v."""
    points = [book.net for book in books.books] + [attestation.claimed.commitment for attestation in attestations]
    return engine.combine(points, [1] * len(books.books) + [-1] * len(attestations))


def verify_backing(backing: Backing, context: bytes, books: BookList, vanishing: G1, engine: GroupEngine) -> None:
    """Return if the books net to what the venues attest. vanishing: [Z] of the universe's rows.

    Whose signatures count is for the caller to check (`trust.check_attestors`). Raises ProofRejected.
    """
    check_attestations(backing.attestations, books)
    difference = difference_of(books, backing.attestations, engine)
    c = challenge(context, difference, backing.commitment)
    if engine.combine([vanishing, backing.commitment, difference], [backing.response, -1, -c]) != INFINITY:
        raise ProofRejected("the books do not net to the position behind them")
