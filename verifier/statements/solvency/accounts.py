"""What names a customer's rows: a number that puts them in order, and a record that binds their balances.

The *identifier* is what customers know themselves by and no exchange chooses: an e-mail address, a telephone number,
the number of an identity document, as the terms say. Whoever checks a file types their own, and it must be the file's:
one row shown to two customers is refused by one of them. It has one spelling, in printable ASCII without capital
letters.

The *account number* is 60 bits of a hash of the epoch and the identifier. Numbers rise strictly from customer to
customer through all batches, so that customers are shuffled anew each epoch, nobody stands twice, and the order says
nothing: whoever knows one can compute its number, but no number is ever published, only separators between batches.

The *record* is 253 bits of a hash of the epoch, the identifier, a salt and all of their rows. It stands in the first
of their rows. Two customers with equal balances have different records, so that no row can serve both; and false
balances cannot be opened: they would need a record that is their own hash and yet fits the one batched polynomial.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.keccak import keccak256

ACCOUNT_BITS: Final = 60
RESERVED: Final = 1 << 24
"""Account numbers at the top that no customer has: empty rows at the end of the last batch take them."""
SALT_BYTES: Final = 16
MAX_CUSTOMER_BYTES: Final = 256
CUSTOMER_PATTERN: Final = r"[!-@\[-~]+(?: [!-@\[-~]+)*"
"""An identifier: printable ASCII without capital letters, single spaces inside."""
IDENTIFIERS: Final[Mapping[str, tuple[str, str]]] = {
    "email": ("e-mail address", r"[!-?\[-~]{1,64}@[a-z0-9-]+(?:\.[a-z0-9-]+)+"),
    "phone": ("telephone number", r"\+[1-9][0-9]{6,14}"),
    "document": ("number of an identity document", CUSTOMER_PATTERN),
}
"""Kinds of identifiers: how a page names one, and its form."""
_SMALL: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_EPOCH: Final = b"zkmargin/solvency-epoch/v1"
_ACCOUNT: Final = b"zkmargin/solvency-account/v1"
_RECORD: Final = b"zkmargin/solvency-record/v1"
_SALT: Final = b"zkmargin/solvency-salt/v1"


class Row(NamedTuple):
    """One row of a customer: lots that are free, pledged and owed in one row of the terms' table, numbered `line`."""

    line: int
    free: int
    collateral: int
    debt: int


def solvency_epoch_id(terms: bytes, setup: bytes, nonce: bytes) -> bytes:
    """Return an epoch's id, from terms, setup, and a nonce that the exchange draws when it takes the balances."""
    return keccak256(_EPOCH + terms + setup + nonce)


def customer_bytes(customer: str, where: str, kind: str = "document") -> bytes:
    """Encode an identifier of this kind, in its one spelling. Raises FormatError, which quotes nothing of it."""
    name, form = IDENTIFIERS[kind]
    spelled = re.fullmatch(CUSTOMER_PATTERN, customer) and re.fullmatch(form, customer)
    if not spelled or len(customer) > MAX_CUSTOMER_BYTES:
        raise FormatError(
            f"{where}: expected a customer's {name}, of 1 to {MAX_CUSTOMER_BYTES} printable ASCII characters without "
            "capital letters"
        )
    return customer.encode("ascii")


def as_identifier(typed: str) -> str:
    """What somebody typed, in the spelling of identifiers: no space around it, small letters."""
    return typed.strip(" \t\r\n").translate(_SMALL)


def account_number(epoch: bytes, customer: bytes) -> int:
    """The customer's number in this epoch, in [0, 2^60)."""
    return int.from_bytes(keccak256(_ACCOUNT + epoch + customer)[:8], "big") >> (64 - ACCOUNT_BITS)


def record(epoch: bytes, customer: bytes, salt: bytes, rows: Sequence[Row]) -> int:
    """The record in the customer's first row, in [0, 2^253)."""
    return record_of_digest(keccak256(record_prefix(epoch) + keccak256(customer) + salt + encode_rows(rows)))


def record_prefix(epoch: bytes) -> bytes:
    """What every record's message begins with."""
    return _RECORD + epoch


def record_of_digest(digest: bytes) -> int:
    """The record whose message has this digest."""
    return int.from_bytes(digest, "big") >> 3


def encode_rows(rows: Iterable[Row]) -> bytes:
    """28 bytes a row, big-endian: line, free, collateral, debt."""
    return b"".join(
        row.line.to_bytes(4, "big")
        + row.free.to_bytes(8, "big")
        + row.collateral.to_bytes(8, "big")
        + row.debt.to_bytes(8, "big")
        for row in rows
    )


def salt_of(master: bytes, customer: bytes) -> bytes:
    """A customer's salt, from the epoch's secret master key: unpredictable to everybody else, and never stored."""
    return keccak256(salt_prefix(master) + keccak256(customer))[:SALT_BYTES]


def salt_prefix(master: bytes) -> bytes:
    """What every salt's message begins with. Secret."""
    return _SALT + master
