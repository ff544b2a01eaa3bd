"""Verify margin proofs in the Python API: nothing here loads what proves.

Every argument that is a file on the command line may here be a path or the object that the file holds. A rejected proof
raises `ProofRejected`, bad input `FormatError` and its kin.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from zkmargin.api.arguments import (
    Instant,
    PathLike,
    attestors_of,
    loaded,
    loaded_market,
    loaded_signed,
    seconds_of,
    verifying_engine,
)
from zkmargin.circuits.policies.policy import Policy, load_policy
from zkmargin.circuits.statements.margin.market import Market
from zkmargin.circuits.statements.margin.verification import margin_verifying_key
from zkmargin.prover.kernels import load_backend
from zkmargin.prover.setup import Setup, load_setup
from zkmargin.prover.setup.progress import Report, silent
from zkmargin.verifier.errors import FormatError, ProofRejected
from zkmargin.verifier.ethereum import format_address
from zkmargin.verifier.instants import format_seconds
from zkmargin.verifier.statements import margin as statements
from zkmargin.verifier.statements.margin import MarginProof, StatementError, read_margin_proof

__all__ = ["Verdict", "verify", "verify_margin"]


@dataclass(frozen=True)
class Verdict:
    """What a proof was found to say. `reason` is None when it is valid."""

    valid: bool
    reason: str | None
    account: str
    policy: str
    epoch: str
    attestors: tuple[str, ...]
    valid_until: str
    unsafe_setup: bool

    def require(self) -> Verdict:
        """Return the verdict when it is valid. Raises ProofRejected."""
        if self.reason is not None:
            raise ProofRejected(self.reason)
        return self

    def to_json(self) -> dict[str, Any]:
        """Return the object that `verify --json` prints."""
        return {**vars(self), "attestors": list(self.attestors)}

    def to_table(self) -> dict[str, str]:
        """Return what `verify` prints, by name."""
        return {
            "verdict": "valid" if self.valid else "REJECTED",
            "account": self.account,
            "policy": self.policy,
            "epoch": self.epoch,
            "attestors": ", ".join(self.attestors),
            "valid until": self.valid_until,
        }


def verify(
    proof: PathLike | MarginProof,
    market: PathLike | Market,
    policy: PathLike | Policy,
    setup: PathLike | Setup,
    *,
    attestors: Collection[str | bytes] = (),
    at: Instant | None = None,
    report: Report = silent,
) -> Verdict:
    """Verify a margin proof at a given time; raise ProofRejected unless it is valid, FormatError for bad input.

    attestors: when given, exactly these addresses must have signed; without them, and without venues in the policy,
    the caller must compare the verdict's `attestors`. at: the time of verification, by default now.
    """
    return verify_margin(proof, market, policy, setup, attestors=attestors, at=at, report=report).require()


def verify_margin(
    proof: PathLike | MarginProof,
    market: PathLike | Market,
    policy: PathLike | Policy,
    setup: PathLike | Setup,
    *,
    attestors: Collection[str | bytes] = (),
    at: Instant | None = None,
    report: Report = silent,
) -> Verdict:
    """Verify as `verify` does and return the verdict, also a rejection. Raises FormatError for bad input only."""
    time = int(datetime.now(UTC).timestamp()) if at is None else seconds_of(at, "at")
    trusted = attestors_of(attestors)
    margin = loaded_signed(proof, MarginProof, read_margin_proof, "proof")
    rules = loaded(policy, Policy, load_policy, "policy")
    report("reading", 0, 0)
    source = loaded(setup, Setup, load_setup, "setup")
    backend = load_backend()
    epoch = loaded_market(market, rules, source, backend)
    report("verifying", 0, 0)
    key = margin_verifying_key(rules, epoch, source, backend)
    reason = None
    try:
        statements.verify_margin(
            margin,
            key=key,
            policy=epoch.policy,
            market=epoch.terms,
            attestors=trusted,
            at=time,
            engine=verifying_engine(),
        )
    except ProofRejected as error:
        reason = error.reason
    except StatementError:
        raise
    except FormatError as error:
        # All that is left to be malformed is the argument itself.
        reason = f"malformed: {error}"
    return Verdict(
        valid=reason is None,
        reason=reason,
        account=format_address(margin.statement.account),
        policy=rules.name,
        epoch="0x" + margin.statement.epoch.hex(),
        attestors=tuple(format_address(each.attestor) for each in margin.attestations),
        valid_until=format_seconds(margin.statement.valid_until),
        unsafe_setup=source.unsafe,
    )
