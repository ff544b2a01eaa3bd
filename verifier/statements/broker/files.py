"""Files of the broker's proof: the list of accounts, and the proof. What is decoded here is not verified yet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from zkmargin.verifier.curve import POINT_BYTES, decode_g1
from zkmargin.verifier.documents import Fields, read_arrays, read_document
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.ethereum import KeyRecovery
from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.hexadecimal import parse_hex
from zkmargin.verifier.instants import parse_seconds
from zkmargin.verifier.statements.book import ACCOUNT_ID_BYTES, Book, BookList, BookTerms
from zkmargin.verifier.statements.broker.backing import Backing, backing_digest
from zkmargin.verifier.statements.broker.circuit import MAX_ACCOUNTS, MAX_COLUMNS, Layout
from zkmargin.verifier.statements.broker.statement import BrokerProof, BrokerStatement
from zkmargin.verifier.statements.margin.files import attestations_from_fields
from zkmargin.verifier.text import is_visible

BOOKS_KIND: Final = "broker-books"
KIND: Final = "broker-proof"
MAX_BOOK_PROOF_BYTES: Final = 1 << 14
MAX_BROKER_PROOF_BYTES: Final = 1 << 20
MAX_NAME_CHARACTERS: Final = 100
_LARGEST: Final = 1 << 28
"""Bound of every number of a layout, before the layout itself is checked."""


def read_books(path: str | Path) -> BookList:
    """Read a list of accounts. Raises FormatError; OSError when it cannot be read."""
    document = read_document(path, BOOKS_KIND)
    fields = Fields(path, document)
    terms = BookTerms(
        fields.hexadecimal("universe", 32), fields.hexadecimal("setup", 32), fields.integer("bits", 1, 62)
    )
    taken = parse_seconds(fields.text("books_time"), f"{path}: field 'books_time'")
    count = fields.integer("accounts", 1, MAX_ACCOUNTS)
    length = fields.integer("proof_bytes", 1, MAX_BOOK_PROOF_BYTES)
    fields.finish("arrays", "arrays_digest")
    shapes = {
        "accounts": ("|u1", (count, ACCOUNT_ID_BYTES)),
        "net": ("|u1", (count, POINT_BYTES)),
        "gross": ("|u1", (count, POINT_BYTES)),
        "proofs": ("|u1", (count, length)),
    }
    arrays = read_arrays(path, document, shapes)
    books = tuple(
        Book(
            arrays["accounts"][k].tobytes(),
            decode_g1(arrays["net"][k].tobytes(), f"{path}: net[{k}]"),
            decode_g1(arrays["gross"][k].tobytes(), f"{path}: gross[{k}]"),
        )
        for k in range(count)
    )
    return BookList(terms, books, tuple(arrays["proofs"][k].tobytes() for k in range(count)), taken)


def read_broker_proof(path: str | Path, recovery: KeyRecovery | None = None) -> BrokerProof:
    """Read a proof's file, attestations' signatures checked. Raises FormatError; OSError when it cannot be read."""
    fields = Fields(path, read_document(path, KIND))
    stated = fields.record("statement")
    policy = stated.record("policy")
    name, digest = policy.text("name"), policy.hexadecimal("digest", 32)
    policy.finish()
    statement = BrokerStatement(
        broker=check_name(stated.text("broker"), f"{path}: field 'broker'"),
        policy=digest,
        epoch=stated.hexadecimal("epoch", 32),
        epoch_time=parse_seconds(stated.text("epoch_time"), f"{path}: field 'epoch_time'"),
        books_time=parse_seconds(stated.text("books_time"), f"{path}: field 'books_time'"),
        accounts=stated.integer("accounts", 1, MAX_ACCOUNTS),
        root=stated.hexadecimal("root", 32),
    )
    stated.finish()
    numbers = fields.record("layout")
    layout = Layout(
        rows=numbers.integer("rows", 1, _LARGEST),
        table_bits=numbers.integer("table_bits", 1, _LARGEST),
        digits=numbers.integer("digits", 1, MAX_COLUMNS),
        groups=numbers.integer("groups", 1, MAX_COLUMNS),
        block=numbers.integer("block", 1, _LARGEST),
        accounts=statement.accounts,
    )
    numbers.finish()
    data = parse_hex(fields.text("proof"), f"{path}: field 'proof'", most=MAX_BROKER_PROOF_BYTES)
    behind = fields.optional_record("backing")
    fields.finish()
    if behind is None:
        return BrokerProof(statement, name, layout, data)
    backing = _backing(behind, f"{path}: backing", recovery)
    return BrokerProof(replace(statement, backing=backing_digest(backing.attestations)), name, layout, data, backing)


def _backing(fields: Fields, where: str, recovery: KeyRecovery | None) -> Backing:
    attestations = attestations_from_fields(fields, where, recovery)
    commitment = decode_g1(fields.hexadecimal("commitment", POINT_BYTES), f"{where}: field 'commitment'")
    response = int.from_bytes(fields.hexadecimal("response", 32), "big")
    fields.finish()
    if response >= SCALAR_MODULUS:
        raise FormatError(f"{where}: field 'response': expected a scalar below r")
    return Backing(attestations, commitment, response)


def check_name(name: str, where: str) -> str:
    """A broker's name: 1 to 100 characters that can be seen. Raises FormatError."""
    if not 1 <= len(name) <= MAX_NAME_CHARACTERS or not all(map(is_visible, name)) or name != name.strip():
        raise FormatError(f"{where}: expected a name of 1 to {MAX_NAME_CHARACTERS} characters that can be seen")
    return name
