"""A margin statement: whose account, under which policy, on which data, for which gate, until when.

Its hash is the proof's context, so that no proof counts for another chain, gate, account, policy, epoch, venue set or
time than it was made for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from zkmargin.verifier.curve import G1
from zkmargin.verifier.ethereum import NO_ADDRESS, address_word, format_address, struct_hash, word
from zkmargin.verifier.instants import format_seconds
from zkmargin.verifier.keccak import keccak256
from zkmargin.verifier.proof import encode_points
from zkmargin.verifier.statements.attestation import Attestation

EPOCH_DOMAIN: Final = b"zkmargin/epoch/v2"
STATEMENT_TYPE: Final = (
    "MarginStatement(uint256 chainId,address gate,address account,bytes32 policy,bytes32 epoch,uint64 epochTime,"
    "uint64 snapshotTime,uint64 validUntil,bytes32 attestations)"
)


@dataclass(frozen=True)
class Deployment:
    """Which gate on which chain a proof is for; zero and zero for off-chain verification."""

    chain_id: int = 0
    gate: bytes = NO_ADDRESS


OFF_CHAIN: Final = Deployment()


@dataclass(frozen=True)
class MarketTerms:
    """What a verifier needs of an epoch: its universe's id, its time, its data's digest, its columns' commitments.

    data: 32 bytes over everything that the policy was applied to, also what it does not price.
    """

    universe: bytes
    epoch_time: int
    data: bytes
    commitments: tuple[G1, ...]

    @cached_property
    def published(self) -> bytes:
        """The bytes that an oracle publishes: the data's digest, then 64 bytes a commitment."""
        return self.data + encode_points(self.commitments)

    def epoch_id(self, policy: bytes) -> bytes:
        """Return the id of the epoch under a policy's digest; on chain it is the digest that the oracle signs."""
        return keccak256(EPOCH_DOMAIN + self.universe + policy + word(self.epoch_time) + self.published)


@dataclass(frozen=True)
class MarginStatement:
    """What a margin proof states, besides what its attestations say. Times are seconds since 1970."""

    deployment: Deployment
    account: bytes
    policy: bytes
    epoch: bytes
    epoch_time: int
    snapshot_time: int
    valid_until: int

    def context(self, attestations: Sequence[Attestation]) -> bytes:
        """The 32 bytes that the transcript absorbs: this statement and every attestation's content, in order."""
        return struct_hash(
            STATEMENT_TYPE,
            [
                word(self.deployment.chain_id),
                address_word(self.deployment.gate),
                address_word(self.account),
                self.policy,
                self.epoch,
                word(self.epoch_time),
                word(self.snapshot_time),
                word(self.valid_until),
                keccak256(b"".join(attestation.claimed.struct_hash for attestation in attestations)),
            ],
        )


@dataclass(frozen=True)
class MarginProof:
    """A statement, the attestations it rests on (in order of venue id), and the proof's bytes."""

    statement: MarginStatement
    policy_name: str
    attestations: tuple[Attestation, ...]
    proof: bytes

    def __repr__(self) -> str:
        return f"MarginProof({self.policy_name}, {len(self.attestations)} attestations, {len(self.proof)} bytes)"

    def to_json(self) -> dict[str, Any]:
        """The document's fields."""
        s = self.statement
        return {
            "statement": {
                "chain_id": s.deployment.chain_id,
                "gate": format_address(s.deployment.gate),
                "account": format_address(s.account),
                "policy": {"name": self.policy_name, "digest": "0x" + s.policy.hex()},
                "epoch": "0x" + s.epoch.hex(),
                "epoch_time": format_seconds(s.epoch_time),
                "snapshot_time": format_seconds(s.snapshot_time),
                "valid_until": format_seconds(s.valid_until),
            },
            "attestations": [attestation.to_json() for attestation in self.attestations],
            "proof": "0x" + self.proof.hex(),
        }
