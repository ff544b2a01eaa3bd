"""Keep a log of liabilities digests, and compare what it says, in the Python API."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zkmargin.api.arguments import Instant, PathLike, address_of, check_outputs, loaded, path_of, seconds_of
from zkmargin.api.key_files import read_signing_key
from zkmargin.api.solvency_verification import verify_solvency
from zkmargin.circuits.statements.solvency.files import write_log, write_receipt
from zkmargin.prover.recovery import key_recovery
from zkmargin.prover.setup import Setup
from zkmargin.prover.signing import address_of_key, sign_head
from zkmargin.verifier.errors import ArgumentError
from zkmargin.verifier.statements.solvency.log import (
    Entry,
    Log,
    Receipt,
    check_entries,
    is_equivocation,
    read_log,
    read_receipt,
    root_of,
    verify_log,
    verify_receipt,
)
from zkmargin.verifier.statements.solvency.statement import Solvency

__all__ = ["Comparison", "append_to_log", "compare_receipts", "make_receipt"]


def append_to_log(
    log: PathLike,
    statement: PathLike | Solvency,
    setup: PathLike | Setup,
    *,
    key: PathLike | bytes,
    at: Instant | None = None,
) -> Log:
    """Verify a statement, append its digest to the log, and sign the new head; begin the log where there is none.

    key: of whoever keeps the log, a file or its 32 bytes. at: the head's time; now, where none is given. A digest that
    is there already changes nothing.

    Raises ProofRejected when the statement or the log is not valid, EquivocationError when the exchange has another
    digest for that time, or one within the hour.
    """
    path = Path(path_of(log, "log"))
    check_outputs({"log": path}, inputs={"statement": statement, "setup": setup, "key": key}, force=True)
    private = key if isinstance(key, bytes) else read_signing_key(path_of(key, "key", "its 32 bytes"))
    now = int(time.time()) if at is None else seconds_of(at, "at")
    old = read_log(path) if path.exists() else Log((), ())
    if old.entries:
        verify_log(old, address_of_key(private), key_recovery())
        if now < old.heads[-1].time:
            raise ArgumentError("at", "expected a time that is not before the last head's")
    verified = verify_solvency(statement, setup).statement
    entry = Entry(verified.terms.exchange, verified.terms.as_of, verified.liabilities)
    if entry in old.entries:
        return old
    entries = (*old.entries, entry)
    check_entries(entries)
    new = Log(entries, (*old.heads, sign_head(len(entries), root_of(entries), now, private)))
    write_log(path, new)
    return new


def make_receipt(
    log: PathLike | Log, statement: PathLike | Solvency, setup: PathLike | Setup, *, out: PathLike | None = None
) -> Receipt:
    """Make the receipt of a statement that verifies and is in the log. Raises ProofRejected, ArgumentError."""
    check_outputs({"out": out}, inputs={"log": log, "statement": statement, "setup": setup})
    kept = loaded(log, Log, read_log, "log")
    verified = verify_solvency(statement, setup).statement
    entry = Entry(verified.terms.exchange, verified.terms.as_of, verified.liabilities)
    if entry not in kept.entries:
        raise ArgumentError("log", "expected a log that has this statement's digest; append it first")
    receipt = kept.receipt(entry)
    if out is not None:
        write_receipt(out, receipt)
    return receipt


@dataclass(frozen=True)
class Comparison:
    """Two entries that signed heads vouch for."""

    one: Entry
    other: Entry

    @property
    def equivocation(self) -> bool:
        """Whether they say two things of one exchange and time."""
        return is_equivocation(self.one, self.other)

    def to_json(self) -> dict[str, Any]:
        """Return the object that `solvency log compare --json` prints."""
        return {"equivocation": self.equivocation, "entries": [self.one.to_json(), self.other.to_json()]}


def compare_receipts(
    one: PathLike | Receipt,
    other: PathLike | Receipt,
    *,
    log_key: str | bytes,
    other_log_key: str | bytes | None = None,
) -> Comparison:
    """Compare two receipts, of one log or of two: two digests of one exchange and time are proof of equivocation.

    Raises ProofRejected when a receipt does not verify under its log's key, an address.
    """
    keys = [address_of(key, "log_key") for key in (log_key, other_log_key or log_key)]
    receipts = [loaded(each, Receipt, read_receipt, name) for each, name in ((one, "one"), (other, "other"))]
    found = [verify_receipt(each, key, key_recovery()) for each, key in zip(receipts, keys, strict=True)]
    return Comparison(*found)
