"""Verify margin proofs in the Python API: nothing here loads what proves.

Every argument that is a file on the command line may here be a path or the object that the file holds. A rejected proof
raises `ProofRejected`, bad input `FormatError` and its kin.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from zkmargin.api.arguments import (
    Instant,
    PathLike,
    attestors_of,
    kind_of,
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
from zkmargin.verifier.errors import ArgumentError, FormatError, ProofRejected
from zkmargin.verifier.ethereum import format_address
from zkmargin.verifier.instants import format_seconds
from zkmargin.verifier.statements import margin as statements
from zkmargin.verifier.statements.attestation import Attestor
from zkmargin.verifier.statements.margin import MarginProof, StatementError, read_margin_proof
from zkmargin.verifier.verify import VerifyingKey

__all__ = ["Verdict", "verify", "verify_many", "verify_margin"]

BATCH_PROOFS: Final = 64
"""Proofs that share a pairing check in `verify_many`."""


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
    margin = loaded_signed(proof, MarginProof, read_margin_proof, "proof")
    verdict = _Verifier.of(market, policy, setup, attestors, at, report).verdicts([margin])[0]
    if isinstance(verdict, FormatError):
        raise verdict
    return verdict


def verify_many(
    proofs: Sequence[PathLike | MarginProof],
    market: PathLike | Market,
    policy: PathLike | Policy,
    setup: PathLike | Setup,
    *,
    attestors: Collection[str | bytes] = (),
    at: Instant | None = None,
    report: Report = silent,
) -> list[Verdict | FormatError | OSError]:
    """Verify margin proofs of one market and policy at a given time, far faster than one by one.

    Market, policy, setup and key are loaded once, and batches of 64 proofs take one pairing check each. Returns for
    each proof, in order, its verdict, or what `verify` would raise for a proof that is malformed, does not fit the
    market and policy, or cannot be read. Raises FormatError for any other bad input.
    """
    if not isinstance(proofs, list | tuple):
        raise ArgumentError("proofs", f"expected a list of margin proofs, got {kind_of(proofs)}")
    verifier = _Verifier.of(market, policy, setup, attestors, at, report)
    results: list[Verdict | FormatError | OSError] = []
    for start in range(0, len(proofs), BATCH_PROOFS):
        report("verifying", start, len(proofs))
        read = [_read(proof) for proof in proofs[start : start + BATCH_PROOFS]]
        verdicts = iter(verifier.verdicts([margin for margin in read if isinstance(margin, MarginProof)]))
        results += [next(verdicts) if isinstance(margin, MarginProof) else margin for margin in read]
    return results


@dataclass(frozen=True)
class _Verifier:
    """What all proofs of one market and policy are verified with."""

    policy: Policy
    setup: Setup
    market: Market
    key: VerifyingKey
    attestors: Collection[bytes | Attestor]
    time: int

    @classmethod
    def of(
        cls,
        market: PathLike | Market,
        policy: PathLike | Policy,
        setup: PathLike | Setup,
        attestors: Collection[str | bytes],
        at: Instant | None,
        report: Report,
    ) -> _Verifier:
        """Load and check the arguments of `verify`. Raises FormatError."""
        time = int(datetime.now(UTC).timestamp()) if at is None else seconds_of(at, "at")
        trusted = attestors_of(attestors)
        rules = loaded(policy, Policy, load_policy, "policy")
        report("reading", 0, 0)
        source = loaded(setup, Setup, load_setup, "setup")
        backend = load_backend()
        epoch = loaded_market(market, rules, source, backend)
        report("verifying", 0, 0)
        return cls(rules, source, epoch, margin_verifying_key(rules, epoch, source, backend), trusted, time)

    def verdicts(self, margins: Sequence[MarginProof]) -> list[Verdict | StatementError]:
        """Return a verdict a proof, or the error of one that does not fit the market and policy."""
        found = statements.verify_margins(
            margins,
            key=self.key,
            policy=self.market.policy,
            market=self.market.terms,
            attestors=self.attestors,
            at=self.time,
            engine=verifying_engine(),
        )
        return [
            error if isinstance(error, StatementError) else self._verdict(margin, error)
            for margin, error in zip(margins, found, strict=True)
        ]

    def _verdict(self, margin: MarginProof, error: ProofRejected | FormatError | None) -> Verdict:
        reason = None if error is None else error.reason if isinstance(error, ProofRejected) else f"malformed: {error}"
        return Verdict(
            valid=reason is None,
            reason=reason,
            account=format_address(margin.statement.account),
            policy=self.policy.name,
            epoch="0x" + margin.statement.epoch.hex(),
            attestors=tuple(format_address(each.attestor) for each in margin.attestations),
            valid_until=format_seconds(margin.statement.valid_until),
            unsafe_setup=self.setup.unsafe,
        )


def _read(proof: PathLike | MarginProof) -> MarginProof | FormatError | OSError:
    try:
        return loaded_signed(proof, MarginProof, read_margin_proof, "proofs")
    except (FormatError, OSError) as error:
        return error
