"""Books: an account's two points, the hash of them that the ledger keeps, and the proof of a reblinding.

The first point C is what deposits, withdrawals, trades and sweeps add up to; the second, B, is the account's own
blindings alone, from [Z] on. Every proof is on C + B. So a take-over can drop B, and what is left is known to the risk
key; and no one but the account can move B.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from zkmargin.verifier.curve import G1, INFINITY, GroupEngine, check_g1
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.ethereum import address_word, word
from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.keccak import keccak256
from zkmargin.verifier.statements.clearing.house import House

STATE_BITS: Final = 208
REBLINDING_TAG: Final = b"zkmargin/reblinding/v1"


@dataclass(frozen=True)
class Book:
    """An account's points over a universe's rows."""

    c: G1
    b: G1
    universe: bytes

    @property
    def state(self) -> int:
        """The hash that the ledger keeps, cut to 208 bits."""
        hashed = keccak256(_words(self.c) + _words(self.b) + self.universe)
        return int.from_bytes(hashed, "big") & ((1 << STATE_BITS) - 1)

    def point(self, engine: GroupEngine) -> G1:
        """C + B: what the account's proofs are about."""
        return engine.combine([self.c, self.b], [1, 1])


def empty_book(blinding_base: G1, universe: bytes) -> Book:
    """The book of an account that has none: nothing, under blinding one."""
    return Book(INFINITY, blinding_base, universe)


def reblinding_challenge(house: House, account: bytes, book: Book, count: int, r: G1, commitment: G1) -> int:
    """The challenge of a reblinding's proof, of this account's book at this moment. count: its checkpoints so far."""
    tag = REBLINDING_TAG.ljust(32, b"\0")
    head = [word(10 * 32), word(house.chain_id), address_word(house.ledger), address_word(account)]
    tail = [word(count), word(book.state), _words(r), _words(commitment)]
    return int.from_bytes(keccak256(b"".join([*head, *tail, word(len(REBLINDING_TAG)), tag])), "big") % SCALAR_MODULUS


def verify_reblinding(
    house: House,
    account: bytes,
    book: Book,
    count: int,
    r: G1,
    commitment: G1,
    response: int,
    *,
    blinding_base: G1,
    engine: GroupEngine,
) -> bool:
    """Whether (commitment, response) proves knowledge of rho with r = rho [Z]: Schnorr's proof for base [Z]."""
    try:
        check_g1(*r, "reblinding", allow_infinity=False)
        check_g1(*commitment, "reblinding", allow_infinity=True)
    except FormatError:
        return False
    if not 0 <= response < SCALAR_MODULUS:
        return False
    challenge = reblinding_challenge(house, account, book, count, r, commitment)
    left = engine.combine([blinding_base], [response])
    return left == engine.combine([commitment, r], [1, challenge])


def _words(point: G1) -> bytes:
    return word(point.x) + word(point.y)
