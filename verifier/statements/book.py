"""The book of one account: a pair of commitments, to what is held and to its magnitude, and the proof of their ranges.

C commits to the lots q, one a row of a universe, A to |q|. The proof says, of every row of the universe's instruments,
|q| < 2^bits, and of every other row q = 0. It depends on no market, so one serves every epoch until the book changes.
Both commitments enter later proofs linearly, and no row of either is ever shown.

The *pair's id* names account, universe, setup, bits, C and A together. Later proofs take pairs by their ids, never C
and A apart: |q| of one account's book would otherwise serve another's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

from zkmargin.verifier.curve import G1, GroupEngine, encode_g1
from zkmargin.verifier.errors import FormatError, ProofRejected
from zkmargin.verifier.keccak import keccak256
from zkmargin.verifier.merkle import MerkleTree
from zkmargin.verifier.proof import PublicInputs
from zkmargin.verifier.verify import BatchItem, VerifyingKey, verify_batch

PAIR_DOMAIN: Final = b"zkmargin/book-pair/v1"
ACCOUNT_ID_BYTES: Final = 32


@dataclass(frozen=True)
class BookTerms:
    """What every pair of a list shares: the universe's id (it names the setup too), the setup, bits of a quantity."""

    universe: bytes
    setup: bytes
    bits: int


@dataclass(frozen=True)
class Book:
    """One account's pair. account: its 32-byte id."""

    account: bytes
    net: G1
    gross: G1

    def pair_id(self, terms: BookTerms) -> bytes:
        """keccak256(domain || account || universe || setup || bits in two bytes || C || A)."""
        points = encode_g1(self.net) + encode_g1(self.gross)
        named = self.account + terms.universe + terms.setup + terms.bits.to_bytes(2, "big")
        return keccak256(PAIR_DOMAIN + named + points)

    def public(self, terms: BookTerms) -> PublicInputs:
        """The public inputs of the pair's proof; the pair's id is the context."""
        return PublicInputs(self.pair_id(terms), (), ((self.net,), (self.gross,)), ())


@dataclass(frozen=True)
class BookList:
    """The pairs of many accounts, account ids strictly rising, and the proof of each. Checked when it is made.

    time: when the books were taken, as their owner says, in seconds since 1970.
    """

    terms: BookTerms
    books: tuple[Book, ...]
    proofs: tuple[bytes, ...]
    time: int

    def __post_init__(self) -> None:
        ids = [book.account for book in self.books]
        if not ids or len(self.proofs) != len(ids):
            raise FormatError(f"books: expected at least one, and a proof each, got {len(ids)} and {len(self.proofs)}")
        if any(len(account) != ACCOUNT_ID_BYTES for account in ids):
            raise FormatError(f"books: expected account ids of {ACCOUNT_ID_BYTES} bytes")
        wrong = next((k for k in range(1, len(ids)) if ids[k - 1] >= ids[k]), None)
        if wrong is not None:
            raise FormatError(f"books[{wrong}]: expected account ids that rise strictly: each account stands once")

    @cached_property
    def pair_ids(self) -> tuple[bytes, ...]:
        """The id of every pair, in order."""
        return tuple(book.pair_id(self.terms) for book in self.books)

    @cached_property
    def root(self) -> bytes:
        """The Merkle root over the pair ids in order: with the number of accounts, it names the list."""
        return MerkleTree(self.pair_ids).root

    def __repr__(self) -> str:
        return f"BookList({len(self.books)} accounts)"


def verify_books(
    books: BookList, key: VerifyingKey, engine: GroupEngine | None = None, *, known: frozenset[bytes] = frozenset()
) -> None:
    """Verify the proof of every pair whose id is not in `known`, which are those that were verified before.

    `key` is that of the book's program for the list's universe, setup and bits. Raises ProofRejected with the reason,
    FormatError naming the book whose proof is malformed.
    """
    if key.setup.digest != books.terms.setup:
        raise FormatError("books: expected pairs under the setup of the verifying key, got another's")
    fresh = [k for k, pair in enumerate(books.pair_ids) if pair not in known]
    items = [BatchItem(key, books.books[k].public(books.terms), books.proofs[k]) for k in fresh]
    for k, verdict in zip(fresh, verify_batch(items, engine), strict=True):
        if isinstance(verdict, FormatError):
            raise FormatError(f"books[{k}]: {verdict}")
        if verdict is not None:
            raise ProofRejected("a book's proof")
