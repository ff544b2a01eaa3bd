"""What an account's owner checks: that their book stands in a broker's list, in full and under their own id.

The file says which lots the broker counted and opens C to them; a Merkle path leads from the pair's id to the root that
the broker's statement binds. The id is a hash of the owner's identifier and a salt, and
whoever checks types the identifier: no two owners share an account.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from zkmargin.verifier.curve import decode_g1, encode_g1
from zkmargin.verifier.documents import Fields, read_document
from zkmargin.verifier.errors import FormatError, ProofRejected
from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.keccak import keccak256
from zkmargin.verifier.merkle import path_length, root_of_path
from zkmargin.verifier.statements.book import Book, BookTerms
from zkmargin.verifier.statements.broker.circuit import MAX_ACCOUNTS
from zkmargin.verifier.statements.solvency.accounts import customer_bytes

KIND: Final = "broker-inclusion"
SALT_BYTES: Final = 32
_ACCOUNT: Final = b"zkmargin/broker-account/v1"
_SALT: Final = b"zkmargin/broker-salt/v1"
_MAX_ROWS: Final = 1 << 20
"""Rows that a file may ask memory for before anything of it is checked."""


def salt_of(master: bytes, owner: str) -> bytes:
    """An owner's salt, from the broker's secret: unpredictable to everybody else, the same in every list."""
    return keccak256(_SALT + master + keccak256(owner_bytes(owner, "owner")))


def account_id(owner: str, salt: bytes) -> bytes:
    """The 32-byte id of an owner's account."""
    return keccak256(_ACCOUNT + salt + keccak256(owner_bytes(owner, "owner")))


def owner_bytes(owner: str, where: str) -> bytes:
    """An owner's identifier, in its one spelling: what owners know themselves by and no broker chooses.

    Raises FormatError, which quotes nothing of it.
    """
    return customer_bytes(owner, where)


@dataclass(frozen=True, eq=False)
class BrokerInclusion:
    """An owner's file. Secret. lots: (rows,) int64; blinding: of C; path: siblings from the leaf at `index` up."""

    owner: str
    salt: bytes
    terms: BookTerms
    book: Book
    lots: NDArray[np.int64]
    blinding: int
    index: int
    accounts: int
    path: tuple[bytes, ...]

    def __repr__(self) -> str:
        return f"BrokerInclusion(index={self.index}, accounts={self.accounts})"

    def check(self, root: bytes, accounts: int) -> None:
        """Raise ProofRejected unless the pair stands under the root, under the owner's own id.

        That C opens to the lots is for the caller to check, who has the setup's points.
        """
        if self.book.account != account_id(self.owner, self.salt):
            raise ProofRejected("the account's id is not the owner's")
        if self.accounts != accounts or len(self.path) != path_length(accounts):
            raise ProofRejected("another number of accounts")
        if root_of_path(self.book.pair_id(self.terms), self.index, self.path) != root:
            raise ProofRejected("the account is not in the list")

    def to_json(self) -> dict[str, Any]:
        """The document's fields."""
        held = np.flatnonzero(self.lots)
        return {
            "owner": self.owner,
            "salt": "0x" + self.salt.hex(),
            "universe": "0x" + self.terms.universe.hex(),
            "setup": "0x" + self.terms.setup.hex(),
            "bits": self.terms.bits,
            "net": "0x" + encode_g1(self.book.net).hex(),
            "gross": "0x" + encode_g1(self.book.gross).hex(),
            "blinding": "0x" + self.blinding.to_bytes(32, "big").hex(),
            "rows": len(self.lots),
            "lots": [[int(row), int(self.lots[row])] for row in held],
            "index": self.index,
            "accounts": self.accounts,
            "path": ["0x" + sibling.hex() for sibling in self.path],
        }


def read_broker_inclusion(path: str | Path) -> BrokerInclusion:
    """Read an owner's file; nothing is checked yet. Raises FormatError, never quoting a holding; OSError."""
    fields = Fields(path, read_document(path, KIND), secret=True)
    owner = fields.text("owner")
    owner_bytes(owner, f"{path}: field 'owner'")
    salt = fields.hexadecimal("salt", SALT_BYTES)
    terms = BookTerms(
        fields.hexadecimal("universe", 32), fields.hexadecimal("setup", 32), fields.integer("bits", 1, 62)
    )
    net, gross = (decode_g1(fields.hexadecimal(name, 64), f"{path}: field {name!r}") for name in ("net", "gross"))
    blinding = int.from_bytes(fields.hexadecimal("blinding", 32), "big")
    if blinding >= SCALAR_MODULUS:
        raise FormatError(f"{path}: field 'blinding': expected a scalar below r")
    rows = fields.integer("rows", 2, _MAX_ROWS)
    lots = np.zeros(rows, dtype=np.int64)
    previous = -1
    for entry in fields.array("lots"):
        if not isinstance(entry, list) or [type(item) for item in entry] != [int, int]:
            raise FormatError(f"{path}: field 'lots': expected pairs of row and lots")
        row, amount = entry
        if not previous < row < rows or amount == 0 or abs(amount) >= 1 << terms.bits:
            raise FormatError(f"{path}: field 'lots': expected increasing rows and non-zero lots within the bits")
        lots[row] = amount
        previous = row
    accounts = fields.integer("accounts", 1, MAX_ACCOUNTS)
    index = fields.integer("index", 0, accounts - 1)
    siblings = fields.array("path")
    named = Fields(f"{path}: path", {str(k): sibling for k, sibling in enumerate(siblings)}, secret=True)
    steps = tuple(named.hexadecimal(str(k), 32) for k in range(len(siblings)))
    fields.finish()
    book = Book(account_id(owner, salt), net, gross)
    return BrokerInclusion(owner, salt, terms, book, lots, blinding, index, accounts, steps)
