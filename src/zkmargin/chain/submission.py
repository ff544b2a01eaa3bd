"""Submitting a proof, and asking the gate about an account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from web3 import Web3

from zkmargin.chain.client import Client
from zkmargin.chain.contracts import check_chain
from zkmargin.chain.deployment import DeploymentRecord
from zkmargin.chain.errors import ChainError
from zkmargin.verifier.contracts.table import encode_public_inputs, hint_for_code, table_holder
from zkmargin.verifier.documents import Fields, read_document
from zkmargin.verifier.errors import ProofRejected
from zkmargin.verifier.ethereum import ADDRESS_BYTES, format_address
from zkmargin.verifier.instants import format_seconds
from zkmargin.verifier.statements.attestation import Attestation, venue_id
from zkmargin.verifier.statements.margin import MarginProof, MarketTerms, public_inputs
from zkmargin.verifier.statements.margin.files import market_terms_from_fields
from zkmargin.verifier.statements.revocation import Revocation

MARKET_KIND: Final = "market"
ANY_AGE: Final = (1 << 256) - 1
STANDINGS: Final = ("none", "granted", "challenged", "failing", "lapsed", "expired", "resigned")
"""By number, as the gate's `Standing`."""


@dataclass(frozen=True)
class Submission:
    """A proof that the gate accepted."""

    transaction: str
    block: int
    gas_used: int
    expires_at: int

    def to_json(self) -> dict[str, Any]:
        """The object that `chain submit --json` prints."""
        return {
            "gas_used": self.gas_used,
            "transaction": self.transaction,
            "block": self.block,
            "expires_at": format_seconds(self.expires_at),
        }


@dataclass(frozen=True)
class Status:
    """What the gate says of an account."""

    adequate: bool
    policy: str
    policy_digest: bytes
    epoch: bytes | None
    epoch_time: int
    snapshot_time: int
    expires_at: int
    cover: int
    state: str
    failing: bool
    revoked: bool
    seconds_to_answer: int | None
    """Of a challenged account: seconds during which it can answer."""

    def to_json(self) -> dict[str, Any]:
        """The object that `chain status --json` prints."""

        def instant(seconds: int | None) -> str | None:
            return format_seconds(seconds) if seconds else None

        return {
            "adequate": self.adequate,
            "policy": {"name": self.policy, "digest": "0x" + self.policy_digest.hex()},
            "epoch": None if self.epoch is None else "0x" + self.epoch.hex(),
            "epoch_time": instant(self.epoch_time),
            "snapshot_time": instant(self.snapshot_time),
            "expires_at": instant(self.expires_at),
            "cover": f"{self.cover / 1_000_000:g}",
            "state": self.state,
            "failing": self.failing,
            "revoked": self.revoked,
            "seconds_to_answer": self.seconds_to_answer,
        }


def read_market_terms(path: str | Path) -> MarketTerms:
    """Of a market file what the gate is told: universe, time, commitments.

    They are checked against each other here, and by the gate against what the oracle published. Raises FormatError.
    """
    return market_terms_from_fields(Fields(path, read_document(path, MARKET_KIND)), str(path))


def epoch_argument(policy: bytes, market: MarketTerms, *, pinned: bool) -> tuple[Any, ...]:
    """The gate's `Epoch`; the commitments of a pinned epoch are on chain already."""
    return (policy, market.universe, market.epoch_time, b"" if pinned else market.published)


def holder_argument(account: bytes, snapshot_time: int, attestations: Sequence[Attestation]) -> tuple[Any, ...]:
    """The gate's `Holder`."""
    entries = [
        (
            venue_id(attestation.claimed.venue),
            attestation.claimed.commitment.x,
            attestation.claimed.commitment.y,
            attestation.claimed.sequence,
            attestation.signature,
        )
        for attestation in attestations
    ]
    return (format_address(account), snapshot_time, entries)


def statement_argument(margin: MarginProof, market: MarketTerms, *, pinned: bool) -> tuple[Any, ...]:
    """The gate's `Statement`."""
    statement = margin.statement
    holder = holder_argument(statement.account, statement.snapshot_time, margin.attestations)
    return (epoch_argument(statement.policy, market, pinned=pinned), holder)


def is_pinned(client: Client, deployment: DeploymentRecord, market: MarketTerms) -> bool:
    """Whether the registry keeps the epoch's commitments: it then answers with an address in place of the digest."""
    registry = client.contract("Registry", deployment.registry).functions
    arguments = (deployment.policy.digest, market.universe, market.epoch_time)
    found = client.call(registry.epochOf(*arguments), "asking for the epoch")
    return 0 < int.from_bytes(found, "big") < 1 << (8 * ADDRESS_BYTES)


def proof_argument(client: Client, verifier: bytes, margin: MarginProof, market: MarketTerms) -> bytes:
    """The proof and its inversion hint, computed from the code of the verifier that will check it."""
    code = client.require_code(verifier, "verifier")
    holder = table_holder(code)
    if holder is not None:
        code = client.require_code(holder, "verifier's table")
    inputs, points = encode_public_inputs(public_inputs(margin.statement, margin.attestations, market))
    try:
        hint = hint_for_code(code, inputs, points, margin.proof)
    except ZeroDivisionError:
        raise ProofRejected("a degenerate challenge; prove again") from None
    return margin.proof + hint.to_bytes(32, "big")


def submit(client: Client, deployment: DeploymentRecord, margin: MarginProof, market: MarketTerms) -> Submission:
    """Verify a proof on chain and open the gate for its account. Raises ProofRefused, or ChainError saying why not."""
    check_chain(client, deployment)
    statement = margin.statement
    if statement.deployment != deployment.target:
        bound = statement.deployment
        raise ChainError(
            f"proof: expected one for gate {format_address(deployment.gate)} on chain {deployment.chain_id}, got one "
            f"for gate {format_address(bound.gate)} on chain {bound.chain_id}; prove again with --deployment"
        )
    if market.epoch_id(statement.policy) != statement.epoch:
        raise ChainError("--market: expected the market of the proof's epoch, got another")
    registry = client.contract("Registry", deployment.registry)
    gate = client.contract("Gate", deployment.gate)
    named = client.call(registry.functions.verifierOf(statement.policy, market.universe), "asking for the verifier")
    verifier = bytes.fromhex(named[2:])
    if not any(verifier):
        raise ChainError(
            "--market: expected a universe that the registry has a verifier for; run `zkmargin chain publish` first"
        )
    proof = proof_argument(client, verifier, margin, market)
    argument = statement_argument(margin, market, pinned=is_pinned(client, deployment, market))
    receipt = client.send(gate.functions.submit(proof, argument), "submitting the proof")
    return Submission(
        transaction=receipt["transactionHash"].to_0x_hex(),
        block=receipt["blockNumber"],
        gas_used=receipt["gasUsed"],
        expires_at=statement.valid_until,
    )


def status(client: Client, deployment: DeploymentRecord, account: bytes, *, max_age: int = ANY_AGE) -> Status:
    """What the gate says of an account under the deployment's policy. Raises ChainError."""
    check_chain(client, deployment)
    gate = client.contract("Gate", deployment.gate).functions
    registry = client.contract("Registry", deployment.registry).functions
    holder, policy = format_address(account), deployment.policy.digest
    record = client.call(gate.recordOf(holder, policy), "asking the gate")
    epoch_time, snapshot_time, expires_at, state = record[:4]
    standing = STANDINGS[client.call(gate.standingOf(holder, policy), "asking the gate")]
    challenges = client.contract("Challenges", challenges_of(client, deployment)).functions
    _, answerable, grace = client.call(challenges.challengeOf(holder, policy), "asking for the challenge")
    cover = client.call(registry.termsOf(policy), "asking for the policy's terms")[0]
    return Status(
        adequate=client.call(gate.isAdequate(holder, policy, max_age), "asking the gate"),
        policy=deployment.policy.name,
        policy_digest=policy,
        epoch=_epoch(client, deployment, account, epoch_time) if state else None,
        epoch_time=epoch_time,
        snapshot_time=snapshot_time,
        expires_at=expires_at,
        cover=cover,
        state=standing,
        failing=standing == "failing",
        revoked=client.call(gate.isRevoked(holder, policy), "asking the gate"),
        seconds_to_answer=max(0, grace - answerable) if standing == "challenged" else None,
    )


def send_revocation(client: Client, deployment: DeploymentRecord, revocation: Revocation, signature: bytes) -> Any:
    """Bring what a venue takes back to the registry; returns the receipt. Raises ChainError."""
    check_chain(client, deployment)
    registry = client.contract("Registry", deployment.registry).functions
    arguments = (
        format_address(revocation.account),
        venue_id(revocation.venue),
        revocation.universe,
        revocation.sequence,
        revocation.time,
        signature,
    )
    return client.send(registry.revoke(*arguments), "revoking")


def challenges_of(client: Client, deployment: DeploymentRecord) -> bytes:
    """The address of the gate's challenges."""
    gate = client.contract("Gate", deployment.gate).functions
    return bytes.fromhex(client.call(gate.challenges(), "asking for the challenges")[2:])


def _epoch(client: Client, deployment: DeploymentRecord, account: bytes, epoch_time: int) -> bytes | None:
    """The digest of the record's epoch, from the gate's latest event about the account."""
    event = client.contract("Gate", deployment.gate).events.Granted
    with client.speaking("asking for the gate's events"):
        found = event.get_logs(
            from_block=deployment.block,
            argument_filters={"account": Web3.to_checksum_address(account), "policy": deployment.policy.digest},
        )
    digests = [bytes(log["args"]["epoch"]) for log in found if log["args"]["epochTime"] == epoch_time]
    return digests[-1] if digests else None
