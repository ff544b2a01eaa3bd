"""A small market, two venues, accounts with proofs: what the gate's tests need."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from eth_account import Account

from zkmargin.api import margin as api
from zkmargin.chain.client import Client
from zkmargin.chain.contracts import Delays, deploy, publish
from zkmargin.chain.deployment import DeploymentRecord
from zkmargin.chain.submission import epoch_argument, holder_argument, proof_argument, statement_argument
from zkmargin.circuits.markets.instruments import InstrumentSet
from zkmargin.circuits.markets.universe import Universe
from zkmargin.circuits.policies.policy import Policy, load_policy
from zkmargin.circuits.statements.attestation import Opening
from zkmargin.circuits.statements.margin.market import Market
from zkmargin.prover.setup import Setup
from zkmargin.prover.signing import address_of_key
from zkmargin.verifier.statements.attestation import Attestation
from zkmargin.verifier.statements.margin import Deployment, MarginProof

DATA = Path(__file__).parent.parent / "vectors" / "deribit" / "btc-options-2020-05-21.json"
VENUES = {"kestrel": (101).to_bytes(32, "big"), "marlin": (102).to_bytes(32, "big")}
HEARTBEAT = 3600
GRACE = 600


@cache
def data() -> InstrumentSet:
    """Options on one underlying."""
    return api.import_deribit(DATA)


@cache
def setup(rows: int = 4096) -> Setup:
    """A development setup."""
    return api.development_setup(rows)


@dataclass(frozen=True)
class Desk:
    """A policy over a market."""

    policy: Policy
    market: Market
    setup: Setup

    @classmethod
    @cache
    def of(cls, policy: str, rows: int | None = None) -> Desk:
        """A preset, over a universe of its choice or of this many rows."""
        rules = load_policy(policy)
        universe = None if rows is None else Universe.create(data().instruments, rows=rows, scalar_rows=rows // 4)
        return cls(rules, api.build_market(data(), rules, setup(), universe=universe), setup())

    @property
    def time(self) -> int:
        """The epoch's."""
        return self.market.epoch_time

    def later(self, seconds: int) -> Desk:
        """The same prices some time after."""
        from datetime import timedelta  # noqa: PLC0415

        moved = InstrumentSet(as_of=data().as_of + timedelta(seconds=seconds), instruments=data().instruments)
        return replace(self, market=api.build_market(moved, self.policy, self.setup, universe=self.market))

    @cached_property
    def _prover(self) -> Any:
        return api.margin_prover(self.market, self.policy, self.setup)

    def attest(self, account: str, sequence: int = 1, *, cash: str = "3000000") -> list[tuple[Attestation, Opening]]:
        """A solvent account at both venues."""
        books = ({"USD": cash}, {"USD": "100"})
        return [
            api.attest(self.market, book, account=account, venue=name, key=key, setup=self.setup, sequence=sequence)
            for book, (name, key) in zip(books, VENUES.items(), strict=True)
        ]

    def prove(self, target: Deployment, account: str, sequence: int = 1) -> MarginProof:
        """A proof for a gate."""
        pairs = self.attest(account, sequence)
        attestations, openings = [a for a, _ in pairs], [o for _, o in pairs]
        return api.prove_margin(self.market, self.policy, attestations, openings, self.setup, deployment=target)


def account(number: int) -> str:
    """An account's address."""
    return str(Account.from_key((1000 + number).to_bytes(32, "big")).address)


@dataclass(frozen=True)
class Deployed:
    """A desk's contracts on a chain."""

    desk: Desk
    client: Client
    record: DeploymentRecord

    @classmethod
    def on(cls, client: Client, desk: Desk, *, key: bytes, pin: bool = True) -> Deployed:
        """Deploy and publish the desk's epoch."""
        venues = {name: address_of_key(secret) for name, secret in VENUES.items()}
        record = deploy(
            client,
            desk.policy,
            desk.setup,
            "setup.json",
            venues,
            heartbeat_seconds=HEARTBEAT,
            grace_seconds=GRACE,
            delays=Delays(0, 0),
        )
        publish(client, record, desk.market, desk.setup, oracle_key=key, pin=pin)
        return cls(desk, client, record)

    @property
    def gate(self) -> Any:
        """The gate's functions."""
        return self.client.contract("Gate", self.record.gate).functions

    @property
    def registry(self) -> Any:
        """The registry's functions."""
        return self.client.contract("Registry", self.record.registry).functions

    def verifier(self, market: Market) -> bytes:
        """The verifier's address."""
        found = self.client.call(self.registry.verifierOf(self.record.policy.digest, market.universe), "verifier")
        return bytes.fromhex(found[2:])

    def proof(self, margin: MarginProof, market: Market | None = None) -> bytes:
        """Proof and hint."""
        data = market or self.desk.market
        return proof_argument(self.client, self.verifier(data), margin, data.terms)

    def statement(self, margin: MarginProof, market: Market | None = None, *, pinned: bool = True) -> tuple[Any, ...]:
        """The gate's `Statement`."""
        return statement_argument(margin, (market or self.desk.market).terms, pinned=pinned)

    def epoch(self, *, pinned: bool = True) -> tuple[Any, ...]:
        """The gate's `Epoch`."""
        return epoch_argument(self.record.policy.digest, self.desk.market.terms, pinned=pinned)

    @staticmethod
    def holder(margin: MarginProof) -> tuple[Any, ...]:
        """The gate's `Holder`."""
        return holder_argument(margin.statement.account, margin.statement.snapshot_time, margin.attestations)
