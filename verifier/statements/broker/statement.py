"""What the broker's proof states: whose accounts, under which policy, on which epoch's data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from zkmargin.verifier.instants import format_seconds
from zkmargin.verifier.keccak import keccak256
from zkmargin.verifier.statements.broker.backing import NO_BACKING, Backing
from zkmargin.verifier.statements.broker.circuit import Layout

STATEMENT_DOMAIN: Final = b"zkmargin/broker-statement/v1"


@dataclass(frozen=True)
class BrokerStatement:
    """What is stated. Times are seconds since 1970.

    epoch: the market's id under the policy; books_time: when the books were taken, as the broker says; accounts: how
    many; root: of their pair ids; backing: names the position behind the books, if the statement is about one.
    """

    broker: str
    policy: bytes
    epoch: bytes
    epoch_time: int
    books_time: int
    accounts: int
    root: bytes
    backing: bytes = NO_BACKING

    @property
    def context(self) -> bytes:
        """The 32 bytes that the transcript absorbs."""
        numbers = b"".join(number.to_bytes(8, "big") for number in (self.epoch_time, self.books_time, self.accounts))
        named = keccak256(self.broker.encode())
        return keccak256(STATEMENT_DOMAIN + named + self.policy + self.epoch + numbers + self.root + self.backing)

    def to_json(self) -> dict[str, Any]:
        """The document's fields."""
        return {
            "broker": self.broker,
            "policy": "0x" + self.policy.hex(),
            "epoch": "0x" + self.epoch.hex(),
            "epoch_time": format_seconds(self.epoch_time),
            "books_time": format_seconds(self.books_time),
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
    backing: Backing | None = None

    def __repr__(self) -> str:
        return f"BrokerProof({self.policy_name}, {self.statement.accounts} accounts, {len(self.proof)} bytes)"
