"""A solvency statement: the batches' claims and proofs, the settlement over all of them, and what names them.

| file part | content |
|---|---|
| `terms`, `nonce`, `rows`, `setup` | what the epoch is named after |
| `batches` | how many |
| arrays `low`, `high`, `accounts` | uint64 a batch: separators, and how many accounts lie between them |
| arrays `equity`, `debt`, `collateral` | 64 bytes a batch: commitments to totals by asset number |
| array `opened` | 64 bytes a batch: what inclusion files open |
| array `proofs` | one proof a batch, all of one length |
| `totals` | published totals and what opens the sums of those commitments: `Terms.published` says which |
| `settlement` | where equity is hidden, the proof that reserves, and debts where they count, cover it |
| `reserves` | signed by wallets and custodians |

The *liabilities digest* names the epoch and all batches through a Merkle root. It is what customers compare: an
inclusion file that leads to the digest that auditors verified is about the same liabilities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from zkmargin.verifier.curve import G1
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.keccak import keccak256
from zkmargin.verifier.merkle import MerkleTree
from zkmargin.verifier.proof import encode_points
from zkmargin.verifier.statements.solvency.accounts import solvency_epoch_id
from zkmargin.verifier.statements.solvency.reserves import ReserveAttestation
from zkmargin.verifier.statements.solvency.terms import Terms

BATCH_DOMAIN: Final = b"zkmargin/solvency-batch/v1"
LIABILITIES_DOMAIN: Final = b"zkmargin/solvency-liabilities/v2"
SETTLEMENT_DOMAIN: Final = b"zkmargin/solvency-settlement/v2"
MAX_BATCHES: Final = 65535
MAX_TOTAL: Final = (1 << 100) - 1
"""Totals over up to 2^20 batches of 2^20 rows of 60 bits."""


@dataclass(frozen=True)
class BatchStatement:
    """What a batch claims, and its proof."""

    index: int
    low: int
    high: int
    accounts: int
    equity: G1
    debt: G1
    collateral: G1
    batched_opening: G1
    """The commitment to the batched polynomial that customers' inclusion files open."""
    proof: bytes

    @cached_property
    def leaf(self) -> bytes:
        """What the Merkle root is over."""
        numbers = b"".join(value.to_bytes(8, "big") for value in (self.index, self.low, self.high, self.accounts))
        points = (self.equity, self.debt, self.collateral, self.batched_opening)
        return numbers + encode_points(points) + keccak256(self.proof)

    def __repr__(self) -> str:
        return f"BatchStatement({self.index})"


@dataclass(frozen=True)
class OpenedTotals:
    """Totals in lots by asset number, from 0, and the scalar that opens their commitment or a sum of such."""

    amounts: tuple[int, ...]
    blinding: int

    def __repr__(self) -> str:
        """Say nothing of the amounts: a batch's are secret."""
        return f"OpenedTotals({len(self.amounts) - 1} assets)"


@dataclass(frozen=True)
class Solvency:
    """A whole statement. Decoded, not yet verified. Construction raises FormatError for totals of another form."""

    terms: Terms
    nonce: bytes
    setup: bytes
    rows: int
    batches: tuple[BatchStatement, ...]
    reserves: tuple[ReserveAttestation, ...]
    totals: Mapping[str, OpenedTotals]
    settlement: bytes | None

    def __post_init__(self) -> None:
        if tuple(self.totals) != self.terms.published:
            what = ", ".join(self.terms.published) or "none"
            raise FormatError(f"statement: totals: expected what the terms publish, in this order: {what}")
        for name, opened in self.totals.items():
            in_range = all(0 <= amount <= MAX_TOTAL for amount in opened.amounts)
            whole = in_range and 0 <= opened.blinding < SCALAR_MODULUS
            if len(opened.amounts) != len(self.terms.assets) + 1 or not whole:
                raise FormatError(f"statement: totals of {name}: expected one below 2^100 for every asset")

    def __repr__(self) -> str:
        return f"Solvency({self.terms.exchange}, {len(self.batches)} batches, {len(self.reserves)} reserves)"

    @cached_property
    def epoch(self) -> bytes:
        """The epoch's id."""
        return solvency_epoch_id(self.terms.digest, self.setup, self.nonce)

    @cached_property
    def liabilities(self) -> bytes:
        """The liabilities digest."""
        return liabilities_digest(self.epoch, self.rows, len(self.batches), self.tree.root)

    @cached_property
    def tree(self) -> MerkleTree:
        """The tree over all batches."""
        return MerkleTree([batch.leaf for batch in self.batches])

    @property
    def settlement_context(self) -> bytes:
        """What the settlement's proof is bound to."""
        return settlement_context(self.liabilities, self.reserves)

    @property
    def counted_debts(self) -> tuple[int, ...]:
        """Debts that lessen what is owed, in lots by asset number, from 0: none unless the terms count them."""
        count = len(self.terms.assets) + 1
        return self.totals["debt"].amounts if self.terms.count_debts else (0,) * count


def batch_context(epoch: bytes, rows: int, index: int) -> bytes:
    """What a batch's proof is bound to."""
    return keccak256(BATCH_DOMAIN + epoch + rows.to_bytes(8, "big") + index.to_bytes(8, "big"))


def liabilities_digest(epoch: bytes, rows: int, count: int, root: bytes) -> bytes:
    """Names an epoch's liabilities."""
    return keccak256(LIABILITIES_DOMAIN + epoch + rows.to_bytes(8, "big") + count.to_bytes(8, "big") + root)


def settlement_context(liabilities: bytes, reserves: Sequence[ReserveAttestation]) -> bytes:
    """The liabilities, and every signed reserve in order."""
    return keccak256(SETTLEMENT_DOMAIN + liabilities + b"".join(each.digest for each in reserves))


def separators_fault(batches: Sequence[BatchStatement], top: int) -> str | None:
    """Why the batches do not divide all account numbers from 0 to `top` among them; None if they do."""
    expected = 0
    for position, batch in enumerate(batches):
        if (batch.index, batch.low) != (position, expected):
            return f"batch {position}: expected it to begin at the separator where the one before ends"
        if batch.high <= batch.low:
            return f"batch {position}: expected separators that rise"
        expected = batch.high
    return None if batches and expected == top else "expected batches up to the last account number"


def summary(statement: Solvency) -> dict[str, Any]:
    """What is public besides the proofs: counts and names."""
    return {
        "exchange": statement.terms.exchange,
        "epoch": "0x" + statement.epoch.hex(),
        "liabilities": "0x" + statement.liabilities.hex(),
        "batches": len(statement.batches),
        "accounts": sum(batch.accounts for batch in statement.batches),
    }
