"""A log of liabilities digests: one for an exchange and a time, the same for everybody.

Two statements of one time, each over half of the customers and the same wallets, are both valid: each customer finds
themselves in one of them. Whoever keeps a log (an auditor, a regulator) verifies statements, appends their digests and
signs the head; customers compare their digest with the log's. An entry is never changed or taken out: every head that
was ever signed stands in the log and must be that of its first entries. An exchange has one entry for a time, and the
next at least an hour later. Two digests for one exchange and time, each under a signed head, prove equivocation.

A head is signed as Ethereum wallets sign messages (EIP-191):

    zkmargin solvency log
    entries: 2
    root: 0x...
    time: 2026-01-02T09:00:00Z

The root is that of the Merkle tree over the entries. A *receipt* is an entry with its path to a signed head: what a
page can check without the log.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from zkmargin.verifier.documents import Fields, read_document
from zkmargin.verifier.errors import FormatError, ProofRejected
from zkmargin.verifier.ethereum import SIGNATURE_BYTES, KeyRecovery, format_address, recover_signer
from zkmargin.verifier.hexadecimal import decode_hex
from zkmargin.verifier.instants import format_seconds, parse_seconds
from zkmargin.verifier.merkle import GrowingTree, MerkleTree, path_length, root_of_path
from zkmargin.verifier.statements.solvency.reserves import message_digest
from zkmargin.verifier.statements.solvency.terms import check_name, looks_of
from zkmargin.verifier.text import quoted

KIND: Final = "solvency-log"
RECEIPT_KIND: Final = "solvency-receipt"
ENTRY_DOMAIN: Final = b"zkmargin/solvency-log-entry/v1"
MAX_ENTRIES: Final = 1 << 14
APART_SECONDS: Final = 3600
"""An exchange's entries are at least as far apart."""


class EquivocationError(ProofRejected):
    """An exchange has two liabilities digests for one time, or two so close that customers could be told either."""


@dataclass(frozen=True)
class Entry:
    """What an exchange owed at a time, by the digest of a statement that whoever keeps the log has verified."""

    exchange: str
    as_of: int
    liabilities: bytes

    @property
    def encoded(self) -> bytes:
        """The leaf of the tree: the name's length in one byte, the name, the time in 8 bytes, the digest."""
        name = self.exchange.encode("ascii")
        return ENTRY_DOMAIN + bytes([len(name)]) + name + self.as_of.to_bytes(8, "big") + self.liabilities

    def to_json(self) -> dict[str, Any]:
        """The document's fields."""
        liabilities = "0x" + self.liabilities.hex()
        return {"exchange": self.exchange, "as_of": format_seconds(self.as_of), "liabilities": liabilities}


@dataclass(frozen=True)
class Head:
    """A signed state of a log: how many entries, the root over them, when."""

    size: int
    root: bytes
    time: int
    signature: bytes

    def to_json(self) -> dict[str, Any]:
        """The document's fields."""
        root, signature = "0x" + self.root.hex(), "0x" + self.signature.hex()
        return {"size": self.size, "root": root, "time": format_seconds(self.time), "signature": signature}


@dataclass(frozen=True)
class Log:
    """A whole log, its heads from the oldest. Decoded, not yet verified."""

    entries: tuple[Entry, ...]
    heads: tuple[Head, ...]

    def receipt(self, entry: Entry) -> Receipt:
        """The receipt of an entry under the newest head."""
        index = self.entries.index(entry)
        path = MerkleTree([each.encoded for each in self.entries]).path(index)
        return Receipt(entry, index, path, self.heads[-1])


@dataclass(frozen=True)
class Receipt:
    """An entry, its place, and its path to a signed head. Decoded, not yet verified."""

    entry: Entry
    index: int
    path: tuple[bytes, ...]
    head: Head


def head_text(size: int, root: bytes, time: int) -> str:
    """What whoever keeps a log signs."""
    lines = ("zkmargin solvency log", f"entries: {size}", f"root: 0x{root.hex()}", f"time: {format_seconds(time)}")
    return "\n".join(lines)


def verify_head(head: Head, key: bytes, recovery: KeyRecovery | None = None) -> None:
    """Raise ProofRejected unless the key with this address signed the head."""
    digest = message_digest(head_text(head.size, head.root, head.time))
    try:
        signer = recover_signer(digest, head.signature, "log", recovery)
    except FormatError as error:
        raise ProofRejected(f"log: the head of {head.size} entries: {error}") from None
    if signer != key:
        raise ProofRejected(f"log: expected the head of {head.size} entries signed by {format_address(key)}")


def verify_log(log: Log, key: bytes, recovery: KeyRecovery | None = None) -> None:
    """Raise ProofRejected unless the log is whole: every head signed, every older one that of the first entries.

    Raises EquivocationError for an exchange with two entries of one time or within the hour.
    """
    check_entries(log.entries)
    sizes = [head.size for head in log.heads]
    if sizes != sorted(set(sizes)) or sizes[-1:] != [len(log.entries)]:
        raise ProofRejected("log: expected heads of ever more entries, the last of all")
    times = [head.time for head in log.heads]
    if times != sorted(times):
        raise ProofRejected("log: expected heads whose times never go back")
    tree, done = GrowingTree(), 0
    for head in log.heads:
        for entry in log.entries[done : head.size]:
            tree.append(entry.encoded)
        done = head.size
        if head.root != tree.root:
            raise ProofRejected(
                f"log: an entry before the head of {head.size} was changed, or the head is another log's"
            )
        verify_head(head, key, recovery)


def verify_receipt(receipt: Receipt, key: bytes, recovery: KeyRecovery | None = None) -> Entry:
    """Return the entry of a receipt under a head that this key signed. Raises ProofRejected."""
    size = receipt.head.size
    if not 0 <= receipt.index < size or len(receipt.path) != path_length(size):
        raise ProofRejected("receipt: expected an entry of the head's log")
    if root_of_path(receipt.entry.encoded, receipt.index, receipt.path) != receipt.head.root:
        raise ProofRejected("receipt: the entry is not in the head's log")
    verify_head(receipt.head, key, recovery)
    return receipt.entry


def root_of(entries: Sequence[Entry]) -> bytes:
    """The root over the entries."""
    return MerkleTree([entry.encoded for entry in entries]).root


def find_entry(log: Log, exchange: str, as_of: int) -> Entry:
    """The entry of an exchange at a time, of a log that was verified. Raises ProofRejected when there is none."""
    for entry in log.entries:
        if (entry.exchange, entry.as_of) == (exchange, as_of):
            return entry
    raise ProofRejected(f"the log has no statement of {quoted(exchange)} as of {format_seconds(as_of)}")


def check_entries(entries: Sequence[Entry]) -> None:
    """Raise EquivocationError for an entry that contradicts one before it, or is told apart from it by no customer."""
    digests: dict[tuple[str, int], bytes] = {}
    last: dict[str, Entry] = {}
    for entry in entries:
        where = f"log: {quoted(entry.exchange)} as of {format_seconds(entry.as_of)}"
        if digests.setdefault((entry.exchange, entry.as_of), entry.liabilities) != entry.liabilities:
            raise EquivocationError(f"{where}: another liabilities digest is in the log")
        for look in looks_of(entry.exchange):
            other = last.get(look)
            if other is not None and other.exchange != entry.exchange:
                raise EquivocationError(f"{where}: a name that looks like {quoted(other.exchange)}")
            if other is not None and entry.as_of < other.as_of + APART_SECONDS:
                raise EquivocationError(f"{where}: expected a time at least an hour after its last")
        last |= dict.fromkeys(looks_of(entry.exchange), entry)


def is_equivocation(one: Entry, other: Entry) -> bool:
    """Whether two entries say two things of one exchange and time."""
    same = (one.exchange, one.as_of) == (other.exchange, other.as_of)
    return same and one.liabilities != other.liabilities


# -- files -------------------------------------------------------------------------------------------------------------


def log_to_json(log: Log) -> dict[str, Any]:
    """The document's fields."""
    return {
        "entries": [entry.to_json() for entry in log.entries],
        "heads": [head.to_json() for head in log.heads],
    }


def receipt_to_json(receipt: Receipt) -> dict[str, Any]:
    """The document's fields."""
    return {
        "entry": receipt.entry.to_json(),
        "index": receipt.index,
        "path": ["0x" + node.hex() for node in receipt.path],
        "head": receipt.head.to_json(),
    }


def read_log(path: str | Path) -> Log:
    """Read a log; nothing is verified yet. Raises FormatError; OSError when it cannot be read."""
    fields = Fields(path, read_document(path, KIND))
    entries = [_entry(each) for each in _records(fields, path, "entries")]
    heads = [_head(each) for each in _records(fields, path, "heads")]
    fields.finish()
    return Log(tuple(entries), tuple(heads))


def read_receipt(path: str | Path) -> Receipt:
    """Read a receipt; nothing is verified yet. Raises FormatError; OSError when it cannot be read."""
    fields = Fields(path, read_document(path, RECEIPT_KIND))
    nodes = [decode_hex(node, 32, 32) for node in fields.array("path")]
    whole = tuple(node for node in nodes if node is not None)
    if len(whole) != len(nodes):
        fields.refuse("path", "hashes")
    index = fields.integer("index", 0, MAX_ENTRIES)
    receipt = Receipt(_entry(fields.record("entry")), index, whole, _head(fields.record("head")))
    fields.finish()
    return receipt


def _records(fields: Fields, path: str | Path, name: str) -> list[Fields]:
    values = fields.array(name)
    if not 1 <= len(values) <= MAX_ENTRIES or not all(isinstance(value, dict) for value in values):
        fields.refuse(name, f"1 to {MAX_ENTRIES} objects")
    return [Fields(f"{path}: {name}[{position}]", value) for position, value in enumerate(values)]


def _entry(fields: Fields) -> Entry:
    exchange = fields.text("exchange")
    check_name("entry: exchange", exchange)
    as_of = _seconds(fields, "as_of")
    entry = Entry(exchange, as_of, fields.hexadecimal("liabilities", 32))
    fields.finish()
    return entry


def _seconds(fields: Fields, name: str) -> int:
    """A whole second in its one spelling: it is signed."""
    text = fields.text(name)
    seconds = parse_seconds(text, f"field {name!r}")
    if format_seconds(seconds) != text:
        fields.refuse(name, "a whole second in UTC, such as 2026-01-02T08:00:00Z")
    return seconds


def _head(fields: Fields) -> Head:
    size, root = fields.integer("size", 1, MAX_ENTRIES), fields.hexadecimal("root", 32)
    time = _seconds(fields, "time")
    head = Head(size, root, time, fields.hexadecimal("signature", SIGNATURE_BYTES))
    fields.finish()
    return head
