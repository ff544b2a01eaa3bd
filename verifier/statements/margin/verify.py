"""Verification of a margin proof: everything that must hold of it, the argument last."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from zkmargin.verifier.curve import GroupEngine
from zkmargin.verifier.errors import FormatError, ProofRejected
from zkmargin.verifier.ethereum import format_address
from zkmargin.verifier.instants import format_seconds
from zkmargin.verifier.proof import PublicInputs
from zkmargin.verifier.statements.attestation import Attestation, Attestor, venue_id
from zkmargin.verifier.statements.margin.statement import Deployment, MarginProof, MarginStatement, MarketTerms
from zkmargin.verifier.statements.trust import MAX_VENUES, check_attestors
from zkmargin.verifier.verify import BatchItem, VerifyingKey, verify, verify_batch


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


def make_statement(
    attestations: Collection[Attestation], policy: PolicyTerms, market: MarketTerms, deployment: Deployment
) -> tuple[MarginStatement, tuple[Attestation, ...]]:
    """Return the one statement that attestations, policy and epoch determine, and the attestations in their order.

    Raises StatementError when they do not go together.
    """
    ordered = tuple(sorted(attestations, key=lambda a: venue_id(a.claimed.venue)))
    check_attestations(ordered, policy, universe=market.universe, epoch_time=market.epoch_time)
    first = ordered[0].claimed
    statement = MarginStatement(
        deployment=deployment,
        account=first.account,
        policy=policy.digest,
        epoch=market.epoch_id(policy.digest),
        epoch_time=market.epoch_time,
        snapshot_time=first.snapshot_time,
        valid_until=market.epoch_time + policy.validity_seconds,
    )
    return statement, ordered


def check_attestations(
    attestations: tuple[Attestation, ...], policy: PolicyTerms, *, universe: bytes, epoch_time: int
) -> None:
    """Check the rules that exclude omission, double counting, staleness and mixing. Raises StatementError."""
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
        if claimed.universe != universe:
            raise StatementError(
                f"attestation of {claimed.venue}: field 'universe': expected the market's 0x{universe.hex()}, "
                f"got 0x{claimed.universe.hex()}: another universe or another setup"
            )
        if claimed.snapshot_time != first.snapshot_time:
            raise StatementError(
                f"attestation of {claimed.venue}: field 'snapshot_time': expected {format_seconds(first.snapshot_time)}"
                f" as in the others, got {format_seconds(claimed.snapshot_time)}: what moved between could count twice"
            )
    age = epoch_time - first.snapshot_time
    if age < 0:
        raise StatementError(
            f"attestations: field 'snapshot_time': expected no later than the market's "
            f"{format_seconds(epoch_time)}, got {format_seconds(first.snapshot_time)}"
        )
    if age > policy.max_attestation_age_seconds:
        raise StatementError(
            f"attestations: field 'snapshot_time': expected at most {policy.max_attestation_age_seconds} s before the "
            f"market's {format_seconds(epoch_time)}, got {format_seconds(first.snapshot_time)}: stale"
        )


def public_inputs(
    statement: MarginStatement, attestations: tuple[Attestation, ...], market: MarketTerms
) -> PublicInputs:
    """Return what the argument is about: one holding column, committed to by the sum of the venues' commitments."""
    venues = tuple(attestation.claimed.commitment for attestation in attestations)
    return PublicInputs(statement.context(attestations), (), (venues,), market.commitments)


def verify_margin(
    margin: MarginProof,
    *,
    key: VerifyingKey,
    policy: PolicyTerms,
    market: MarketTerms,
    attestors: Collection[bytes | Attestor] = (),
    at: int,
    engine: GroupEngine | None = None,
) -> None:
    """Verify that the proof is valid at time `at` (seconds since 1970). Raises ProofRejected or FormatError if not.

    attestors: when given, exactly these must have signed, a missing one being an omitted venue; so must those of the
    policy.
    """
    verify(key, _checked_inputs(margin, policy, market, attestors, at), margin.proof, engine)


def verify_margins(
    margins: Sequence[MarginProof],
    *,
    key: VerifyingKey,
    policy: PolicyTerms,
    market: MarketTerms,
    attestors: Collection[bytes | Attestor] = (),
    at: int,
    engine: GroupEngine | None = None,
) -> list[ProofRejected | FormatError | None]:
    """Verify proofs of one policy and market, by one pairing check when all are valid.

    Returns for each proof what `verify_margin` would raise, None for a valid one.
    """
    verdicts: list[ProofRejected | FormatError | None] = []
    items: list[BatchItem] = []
    for margin in margins:
        try:
            items.append(BatchItem(key, _checked_inputs(margin, policy, market, attestors, at), margin.proof))
        except (ProofRejected, FormatError) as error:
            verdicts.append(error)
        else:
            verdicts.append(None)
    argued = iter(verify_batch(items, engine) if items else ())
    return [next(argued) if verdict is None else verdict for verdict in verdicts]


def _checked_inputs(
    margin: MarginProof, policy: PolicyTerms, market: MarketTerms, attestors: Collection[bytes | Attestor], at: int
) -> PublicInputs:
    """Check all but the argument, and return what that is about. Raises ProofRejected or FormatError."""
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
    return public_inputs(statement, margin.attestations, market)
