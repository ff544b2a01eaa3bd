"""Write the files of the broker's proof, and keep what opens its books: secret, mode 0600.

The rooms of `zkmargin.verifier.statements.broker` read what is public.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from zkmargin.circuits.statements.broker.prover import OpenBooks
from zkmargin.prover.writing import write_document
from zkmargin.verifier.curve import encode_g1
from zkmargin.verifier.documents import Fields, read_arrays, read_document
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.instants import format_seconds
from zkmargin.verifier.statements.book import BookList
from zkmargin.verifier.statements.broker import files, inclusion
from zkmargin.verifier.statements.broker.circuit import MAX_ACCOUNTS
from zkmargin.verifier.statements.broker.inclusion import SALT_BYTES, BrokerInclusion, account_id, salt_of
from zkmargin.verifier.statements.broker.statement import BrokerProof

OPENINGS_KIND: Final = "broker-openings"
_MAX_ROWS: Final = 1 << 27
_MAX_ENTRIES: Final = 1 << 36


@dataclass(frozen=True, eq=False)
class BrokerSecrets:
    """What a broker keeps of a list: the secret behind all salts, owners in the list's order, and what opens pairs."""

    master: bytes
    owners: tuple[str, ...]
    opening: OpenBooks

    def __repr__(self) -> str:
        return f"BrokerSecrets({len(self.owners)} accounts)"

    def account(self, position: int) -> bytes:
        """The id of the account at a position of the list."""
        owner = self.owners[position]
        return account_id(owner, salt_of(self.master, owner))


def write_books(path: str | Path, books: BookList) -> None:
    """Write a list of accounts, whole or not at all."""
    arrays = {
        "accounts": _bytes([book.account for book in books.books]),
        "net": _bytes([encode_g1(book.net) for book in books.books]),
        "gross": _bytes([encode_g1(book.gross) for book in books.books]),
        "proofs": _bytes(list(books.proofs)),
    }
    fields = {
        "universe": "0x" + books.terms.universe.hex(),
        "setup": "0x" + books.terms.setup.hex(),
        "bits": books.terms.bits,
        "books_time": format_seconds(books.time),
        "accounts": len(books.books),
        "proof_bytes": len(books.proofs[0]),
    }
    write_document(path, files.BOOKS_KIND, fields, arrays=arrays)


def write_broker_proof(path: str | Path, proof: BrokerProof) -> None:
    """Write a proof's file, whole or not at all."""
    stated = proof.statement.to_json()
    layout = proof.layout
    fields = {
        "statement": {**stated, "policy": {"name": proof.policy_name, "digest": stated["policy"]}},
        "layout": {
            "rows": layout.rows,
            "table_bits": layout.table_bits,
            "digits": layout.digits,
            "groups": layout.groups,
            "block": layout.block,
        },
        "proof": "0x" + proof.proof.hex(),
        "backing": None if proof.backing is None else proof.backing.to_json(),
    }
    write_document(path, files.KIND, fields)


def write_broker_inclusion(path: str | Path, made: BrokerInclusion) -> None:
    """Write an owner's file with mode 0600, whole or not at all."""
    write_document(path, inclusion.KIND, made.to_json(), secret=True)


def write_secrets(path: str | Path, secrets: BrokerSecrets, *, replace: bool = True) -> None:
    """Write what opens a list's pairs, mode 0600, its arrays too. Of the lots those are written that are not zero."""
    lots = secrets.opening.lots
    held = [np.flatnonzero(book) for book in lots]
    starts = np.cumsum([0, *(len(rows) for rows in held)])
    arrays = {
        "starts": starts.astype("<i8"),
        "rows": np.concatenate(held).astype("<i8"),
        "lots": np.concatenate([book[rows] for book, rows in zip(lots, held, strict=True)]).astype("<i8"),
        "net_blinding": _scalars(secrets.opening.net_blinding),
        "gross_blinding": _scalars(secrets.opening.gross_blinding),
    }
    fields = {
        "master": "0x" + secrets.master.hex(),
        "owners": list(secrets.owners),
        "rows": lots.shape[1],
        "entries": int(starts[-1]),
    }
    write_document(path, OPENINGS_KIND, fields, arrays=arrays, secret=True, replace=replace)


def read_secrets(path: str | Path) -> BrokerSecrets:
    """Read what opens a list's pairs. Raises FormatError, never quoting what is inside; OSError."""
    document = read_document(path, OPENINGS_KIND)
    fields = Fields(path, document, secret=True)
    master, owners = fields.hexadecimal("master", SALT_BYTES), fields.array("owners")
    rows, entries = fields.integer("rows", 2, _MAX_ROWS), fields.integer("entries", 0, _MAX_ENTRIES)
    fields.finish("arrays", "arrays_digest")
    if not 1 <= len(owners) <= MAX_ACCOUNTS or not all(isinstance(owner, str) for owner in owners):
        raise FormatError(f"{path}: field 'owners': expected at least one name")
    count = len(owners)
    shapes = {
        "starts": ("<i8", (count + 1,)),
        "rows": ("<i8", (entries,)),
        "lots": ("<i8", (entries,)),
        "net_blinding": ("|u1", (count, 32)),
        "gross_blinding": ("|u1", (count, 32)),
    }
    arrays = read_arrays(path, document, shapes)
    starts, held = arrays["starts"], arrays["rows"]
    if starts[0] != 0 or starts[-1] != entries or np.any(np.diff(starts) < 0):
        raise FormatError(f"{path}: array 'starts': expected positions that rise to the number of entries")
    if entries and not 0 <= int(held.min()) <= int(held.max()) < rows:
        raise FormatError(f"{path}: array 'rows': expected rows below {rows}")
    lots = np.zeros((count, rows), dtype=np.int64)
    lots[np.repeat(np.arange(count), np.diff(starts)), held] = arrays["lots"]
    blinding = [_read_scalars(arrays[f"{name}_blinding"], path) for name in ("net", "gross")]
    return BrokerSecrets(master, tuple(owners), OpenBooks(lots, *blinding))


def _bytes(rows: list[bytes]) -> NDArray[np.uint8]:
    if len({len(row) for row in rows}) > 1:
        raise FormatError("books: expected proofs of one length")
    return np.frombuffer(b"".join(rows), dtype="|u1").reshape(len(rows), len(rows[0]))


def _scalars(values: Any) -> NDArray[np.uint8]:
    return _bytes([value.to_bytes(32, "big") for value in values])


def _read_scalars(rows: NDArray[np.uint8], path: str | Path) -> list[int]:
    values = [int.from_bytes(row.tobytes(), "big") for row in rows]
    if max(values) >= SCALAR_MODULUS:
        raise FormatError(f"{path}: expected blinding scalars below r")
    return values
