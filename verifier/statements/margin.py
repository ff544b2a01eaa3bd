"""The file of a margin proof, and everything that must hold of it besides the argument itself."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from zkmargin.verifier.curve import G1, GroupEngine
from zkmargin.verifier.documents import Fields, read_document, write_document
from zkmargin.verifier.errors import FormatError, ProofRejected
from zkmargin.verifier.ethereum import format_address, parse_address
from zkmargin.verifier.instants import format_seconds, parse_seconds
from zkmargin.verifier.proof import PublicInputs
from zkmargin.verifier.statements.attestation import Attestation, Attestor, attestation_from_fields, venue_id
from zkmargin.verifier.statements.margin_statement import Deployment, MarginStatement, epoch_id
from zkmargin.verifier.statements.trust import MAX_VENUES, check_attestors
from zkmargin.verifier.verify import VerifyingKey, verify

KIND: Final = "proof"
MAX_PROOF_BYTES: Final = 1 << 16


class StatementError(FormatError):
    """Attestations, market and policy do not go together. The message says which rule is broken."""


@dataclass(frozen=True)
class PolicyTerms:
    """What a policy says of attestations and time.

    venues: empty when whoever verifies decides who must attest. attestors: the keys that the policy binds its venues
    to, empty when it names none.
    """

    digest: bytes
    name: str
    venues: tuple[str, ...]
    max_attestation_age_seconds: int
    validity_seconds: int
    attestors: tuple[Attestor, ...] = ()


@dataclass(frozen=True)
class MarketTerms:
    """What a verifier needs of an epoch: its universe's id, its time, its public columns' commitments."""

    universe: bytes
    epoch_time: int
    commitments: tuple[G1, ...]


@dataclass(frozen=True)
class MarginProof:
    """A statement, the attestations it rests on (in order of venue id), and the proof's bytes."""

    statement: MarginStatement
    policy_name: str
    attestations: tuple[Attestation, ...]
    proof: bytes

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


def make_statement(
    attestations: Collection[Attestation], policy: PolicyTerms, market: MarketTerms, deployment: Deployment
) -> tuple[MarginStatement, tuple[Attestation, ...]]:
    """The one statement that attestations, policy and epoch determine, and the attestations in their order.

    Raises StatementError when they do not go together.
    """
    ordered = tuple(sorted(attestations, key=lambda a: venue_id(a.claimed.venue)))
    check_attestations(ordered, policy, market)
    first = ordered[0].claimed
    statement = MarginStatement(
        deployment=deployment,
        account=first.account,
        policy=policy.digest,
        epoch=epoch_id(market.universe, policy.digest, market.epoch_time, market.commitments),
        epoch_time=market.epoch_time,
        snapshot_time=first.snapshot_time,
        valid_until=market.epoch_time + policy.validity_seconds,
    )
    return statement, ordered


def check_attestations(attestations: tuple[Attestation, ...], policy: PolicyTerms, market: MarketTerms) -> None:
    """The rules that make omission, double counting, staleness and mixing impossible. Raises StatementError."""
    if not 1 <= len(attestations) <= MAX_VENUES:
        raise StatementError(f"attestations: expected 1 to {MAX_VENUES}, got {len(attestations)}")
    venues = [attestation.claimed.venue for attestation in attestations]
    if len(set(venues)) != len(venues):
        repeated = next(name for name in venues if venues.count(name) > 1)
        raise StatementError(f"attestations: expected one of each venue, got two of {repeated}")
    if policy.venues and set(venues) != set(policy.venues):
        missing = sorted(set(policy.venues) - set(venues))
        problem = (
            f"{missing[0]} is missing" if missing else f"{sorted(set(venues) - set(policy.venues))[0]} is not listed"
        )
        raise StatementError(
            f"attestations: expected exactly the policy's venues {', '.join(sorted(policy.venues))}, but {problem}; a "
            "venue where the account holds nothing attests to zero"
        )
    first = attestations[0].claimed
    for attestation in attestations:
        claimed = attestation.claimed
        if claimed.account != first.account:
            raise StatementError(
                f"attestation of {claimed.venue}: field 'account': expected {format_address(first.account)} as in the "
                f"others, got {format_address(claimed.account)}"
            )
        if claimed.universe != market.universe:
            raise StatementError(
                f"attestation of {claimed.venue}: field 'universe': expected the market's 0x{market.universe.hex()}, "
                f"got 0x{claimed.universe.hex()}: another universe or another setup"
            )
        if claimed.snapshot_time != first.snapshot_time:
            raise StatementError(
                f"attestation of {claimed.venue}: field 'snapshot_time': expected {format_seconds(first.snapshot_time)}"
                f" as in the others, got {format_seconds(claimed.snapshot_time)}: what moved between could count twice"
            )
    age = market.epoch_time - first.snapshot_time
    if age < 0:
        raise StatementError(
            f"attestations: field 'snapshot_time': expected no later than the market's "
            f"{format_seconds(market.epoch_time)}, got {format_seconds(first.snapshot_time)}"
        )
    if age > policy.max_attestation_age_seconds:
        raise StatementError(
            f"attestations: field 'snapshot_time': expected at most {policy.max_attestation_age_seconds} s before the "
            f"market's {format_seconds(market.epoch_time)}, got {format_seconds(first.snapshot_time)}: stale"
        )


def public_inputs(
    statement: MarginStatement, attestations: tuple[Attestation, ...], market: MarketTerms
) -> PublicInputs:
    """What the argument is about: one holding column, committed to by the sum of the venues' commitments."""
    venues = tuple(attestation.claimed.commitment for attestation in attestations)
    return PublicInputs(statement.context(attestations), (), (venues,), market.commitments)


def verify_margin_proof(
    margin: MarginProof,
    *,
    key: VerifyingKey,
    policy: PolicyTerms,
    market: MarketTerms,
    attestors: Collection[bytes | Attestor] = (),
    at: int,
    engine: GroupEngine | None = None,
) -> None:
    """Return if the proof is valid at time `at` (seconds since 1970); raise ProofRejected or FormatError if not.

    attestors: when given, exactly these must have signed, a missing one being an omitted venue; so must those of the
    policy.
    """
    statement = margin.statement
    expected, ordered = make_statement(margin.attestations, policy, market, statement.deployment)
    if ordered != margin.attestations:
        raise StatementError("attestations: expected them in order of venue id")
    for name, field in (
        ("account", "account"),
        ("policy", "policy"),
        ("epoch", "market epoch"),
        ("epoch_time", "market epoch's time"),
        ("snapshot_time", "snapshot time"),
        ("valid_until", "expiry"),
    ):
        if getattr(statement, name) != getattr(expected, name):
            raise ProofRejected(f"the statement's {field} is not that of the given policy, market and attestations")
    if margin.policy_name != policy.name:
        raise StatementError(
            f"field 'statement.policy.name': expected {policy.name!r}, as the given policy is called, got "
            f"{margin.policy_name[:64]!r}"
        )
    check_attestors(margin.attestations, policy.attestors)
    check_attestors(margin.attestations, attestors)
    if at < statement.epoch_time:
        raise ProofRejected(f"not valid before {format_seconds(statement.epoch_time)}")
    if at > statement.valid_until:
        raise ProofRejected(f"expired at {format_seconds(statement.valid_until)}")
    verify(key, public_inputs(statement, margin.attestations, market), margin.proof, engine)


def read_margin_proof(path: str | Path) -> MarginProof:
    """A proof's file; attestations' signatures are checked. Raises FormatError; OSError when it cannot be read."""
    where = str(path)
    fields = Fields(path, read_document(path, KIND))
    record = fields.record("statement")
    policy = record.record("policy")
    name = policy.text("name")
    statement = MarginStatement(
        deployment=Deployment(
            record.integer("chain_id", 0, (1 << 256) - 1),
            parse_address(record.text("gate"), f"{where}: field 'gate'"),
        ),
        account=parse_address(record.text("account"), f"{where}: field 'account'"),
        policy=policy.hexadecimal("digest", 32),
        epoch=record.hexadecimal("epoch", 32),
        epoch_time=parse_seconds(record.text("epoch_time"), f"{where}: field 'epoch_time'"),
        snapshot_time=parse_seconds(record.text("snapshot_time"), f"{where}: field 'snapshot_time'"),
        valid_until=parse_seconds(record.text("valid_until"), f"{where}: field 'valid_until'"),
    )
    policy.finish()
    record.finish()
    listed = fields.array("attestations")
    if not 1 <= len(listed) <= MAX_VENUES or not all(isinstance(item, dict) for item in listed):
        raise FormatError(f"{where}: field 'attestations': expected 1 to {MAX_VENUES} objects")
    attestations = tuple(
        attestation_from_fields(Fields(f"{where}: attestations[{i}]", item), f"{where}: attestations[{i}]")
        for i, item in enumerate(listed)
    )
    text = fields.text("proof")
    fields.finish()
    return MarginProof(statement, name, attestations, parse_proof_bytes(text, f"{where}: field 'proof'"))


def write_margin_proof(path: str | Path, margin: MarginProof) -> None:
    """Write a proof's file, whole or not at all."""
    write_document(path, KIND, margin.to_json())


def parse_proof_bytes(text: str, where: str) -> bytes:
    """A proof's bytes from hexadecimal. Raises FormatError."""
    digits = text[2:] if text.startswith("0x") else "?"
    if len(digits) % 2 or len(digits) > 2 * MAX_PROOF_BYTES or set(digits) - set("0123456789abcdef"):
        raise FormatError(f"{where}: expected 0x and lower-case hexadecimal digits, at most {MAX_PROOF_BYTES} bytes")
    return bytes.fromhex(digits)
