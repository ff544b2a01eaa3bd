"""What the broker's proof states: whose accounts, under which policy, on which epoch's data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from zkmargin.verifier.instants import format_seconds
from zkmargin.verifier.keccak import keccak256
from zkmargin.verifier.merkle import MerkleTree
from zkmargin.verifier.statements.book import BookList
from zkmargin.verifier.statements.broker.circuit import Layout

STATEMENT_DOMAIN: Final = b"zkmargin/broker-statement/v1"


def accounts_root(books: BookList) -> bytes:
    """The Merkle root over the pair ids in order: with the number of accounts, it names the list."""
    return MerkleTree(books.pair_ids).root


@dataclass(frozen=True)
class BrokerStatement:
    """accounts: how many; root: of their pair ids; epoch: the market's id under the policy. Times: since 1970."""

    broker: str
    policy: bytes
    epoch: bytes
    epoch_time: int
    accounts: int
    root: bytes

    @property
    def context(self) -> bytes:
        """The 32 bytes that the transcript absorbs."""
        numbers = self.epoch_time.to_bytes(8, "big") + self.accounts.to_bytes(8, "big")
        named = keccak256(self.broker.encode())
        return keccak256(STATEMENT_DOMAIN + named + self.policy + self.epoch + numbers + self.root)

    def to_json(self) -> dict[str, Any]:
        """The document's fields."""
        return {
            "broker": self.broker,
            "policy": "0x" + self.policy.hex(),
            "epoch": "0x" + self.epoch.hex(),
            "epoch_time": format_seconds(self.epoch_time),
            "accounts": self.accounts,
            "root": "0x" + self.root.hex(),
        }


@dataclass(frozen=True)
class BrokerProof:
    """A statement, how its accounts lie in rows, and the proof's bytes."""

    statement: BrokerStatement
    policy_name: str
    layout: Layout
    proof: bytes

    def __repr__(self) -> str:
        return f"BrokerProof({self.policy_name}, {self.statement.accounts} accounts, {len(self.proof)} bytes)"
