"""What names a customer's rows: a number that puts them in order, and a record that binds their balances.

The *account number* is 60 bits of a hash of the epoch and the customer's id. Numbers rise strictly from customer to
customer through all batches, so that customers are shuffled anew each epoch, nobody stands twice, and the order says
nothing: whoever knows an id can compute its number, but no number is ever published, only separators between batches.

The *record* is 253 bits of a hash of the epoch, the customer's id, a salt and all of their rows. It stands in the first
of their rows. Two customers with equal balances have different records, so that no row can serve both; and false
balances cannot be opened: they would need a record that is their own hash and yet fits the one batched polynomial.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.keccak import keccak256

ACCOUNT_BITS: Final = 60
RESERVED: Final = 1 << 24
"""Account numbers at the top that no customer has: empty rows at the end of the last batch take them."""
SALT_BYTES: Final = 16
MAX_CUSTOMER_BYTES: Final = 256
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


def customer_bytes(customer: str, where: str) -> bytes:
    """A customer's id in UTF-8: 1 to 256 bytes. Raises FormatError."""
    data = customer.encode("utf-8", errors="surrogatepass")
    if not 1 <= len(data) <= MAX_CUSTOMER_BYTES:
        raise FormatError(f"{where}: expected a customer id of 1 to {MAX_CUSTOMER_BYTES} bytes, got {len(data)}")
    return data


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
