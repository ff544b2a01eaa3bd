"""Verify margin proofs in the Python API: nothing here loads what proves.

Every argument that is a file on the command line may here be a path or the object that the file holds. A rejected proof
raises `ProofRejected`, bad input `FormatError` and its kin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from zkmargin.api.arguments import (
    Instant,
    PathLike,
    kind_of,
    loaded,
    loaded_market,
    loaded_signed,
    seconds_of,
)
from zkmargin.api.trusting import Attestors, Trusted, setup_line, trusted, venue_lines, verdict_word
from zkmargin.circuits.markets.units import format_decimal
from zkmargin.circuits.policies.policy import Policy, load_policy
from zkmargin.circuits.statements.margin.market import Market
from zkmargin.circuits.statements.margin.verification import margin_verifying_key
from zkmargin.prover.kernels import load_backend, verifying_engine
from zkmargin.prover.setup import Setup, load_setup
from zkmargin.prover.setup.progress import Report, silent
from zkmargin.verifier.errors import ArgumentError, FormatError, ProofRejected
from zkmargin.verifier.ethereum import format_address
from zkmargin.verifier.instants import format_seconds
from zkmargin.verifier.statements import margin as statements
from zkmargin.verifier.statements.margin import MarginProof, StatementError, read_margin_proof
from zkmargin.verifier.statements.trust import Trust
from zkmargin.verifier.verify import VerifyingKey

__all__ = ["Verdict", "verify", "verify_many", "verify_margin"]

BATCH_PROOFS: Final = 64
"""Proofs that share a pairing check in `verify_many`."""


@dataclass(frozen=True, repr=False)
class Verdict:
    """What a proof was found to say, under what, and on whose word. `reason` is None when it is valid.

    authenticated: whether keys that were given beforehand, one for every venue, signed the attestations; without that
    anybody may have. unsafe_setup: whether nobody vouches for the setup's secret. attestors: who signed, by venue.
    Digests and ids are 0x and hexadecimal digits; times are ISO-8601; chain 0 and gate 0x0 mean no gate.
    """

    valid: bool
    authenticated: bool
    unsafe_setup: bool
    reason: str | None
    account: str
    policy: str
    policy_digest: str
    setup_digest: str
    ceremony: str | None
    universe: str
    epoch: str
    attestors: Mapping[str, str]
    snapshot_time: str
    sequences: Mapping[str, int]
    cover: str
    chain_id: int
    gate: str
    verified_at: str
    valid_until: str

    def __repr__(self) -> str:
        said = "valid" if self.valid else f"rejected: {self.reason}"
        marks = "" if self.authenticated else ", UNAUTHENTICATED"
        return f"Verdict({self.account}, {self.policy}, {said}{marks}{', UNSAFE setup' if self.unsafe_setup else ''})"

    def require(self) -> Verdict:
        """Return the verdict when it is valid. Raises ProofRejected."""
        if self.reason is not None:
            raise ProofRejected(self.reason)
        return self

    def to_json(self) -> dict[str, Any]:
        """Return the object that `verify --json` prints."""
        return {**vars(self), "attestors": dict(self.attestors), "sequences": dict(self.sequences)}

    def to_table(self) -> dict[str, str]:
        """Return what `verify` prints, by name."""
        return {
            "verdict": verdict_word(self.valid, self.authenticated),
            "account": self.account,
            "policy": f"{self.policy} {self.policy_digest}, cover {self.cover}",
            "setup": setup_line(self.setup_digest, self.ceremony, unsafe=self.unsafe_setup),
            "universe": self.universe,
            "epoch": self.epoch,
            "venues": venue_lines(self.attestors, self.sequences),
            "snapshot": self.snapshot_time,
            "for": f"gate {self.gate} on chain {self.chain_id}" if self.chain_id else "no gate: off chain",
            "verified at": self.verified_at,
            "valid until": self.valid_until,
        }


def verify(
    proof: PathLike | MarginProof,
    market: PathLike | Market,
    policy: PathLike | Policy,
    setup: PathLike | Setup,
    *,
    attestors: Attestors = (),
    trust: PathLike | Trust | None = None,
    any_attestor: bool = False,
    require_setup: str | None = None,
    at: Instant | None = None,
    report: Report = silent,
) -> Verdict:
    """Verify a margin proof at a given time; raise ProofRejected unless it is valid, FormatError for bad input.

    Whose signatures count must be said, unless the policy binds its venues to keys: by `trust`, a trust file; or by
    `attestors`, of whom exactly these must have signed, each for one venue; or by `any_attestor`, and then the verdict
    is not `authenticated`. require_setup: the digest that the setup must have, or "ceremony". at: the time of
    verification, by default the trust file's, else now.
    """
    return verify_margin(
        proof,
        market,
        policy,
        setup,
        attestors=attestors,
        trust=trust,
        any_attestor=any_attestor,
        require_setup=require_setup,
        at=at,
        report=report,
    ).require()


def verify_margin(
    proof: PathLike | MarginProof,
    market: PathLike | Market,
    policy: PathLike | Policy,
    setup: PathLike | Setup,
    *,
    attestors: Attestors = (),
    trust: PathLike | Trust | None = None,
    any_attestor: bool = False,
    require_setup: str | None = None,
    at: Instant | None = None,
    report: Report = silent,
) -> Verdict:
    """Verify as `verify` does and return the verdict, also a rejection. Raises FormatError for bad input only."""
    margin = loaded_signed(proof, MarginProof, read_margin_proof, "proof")
    verifier = _Verifier.of(
        market,
        policy,
        setup,
        at,
        report,
        attestors=attestors,
        trust=trust,
        any_attestor=any_attestor,
        require_setup=require_setup,
    )
    verdict = verifier.verdicts([margin])[0]
    if isinstance(verdict, FormatError):
        raise verdict
    return verdict


def verify_many(
    proofs: Sequence[PathLike | MarginProof],
    market: PathLike | Market,
    policy: PathLike | Policy,
    setup: PathLike | Setup,
    *,
    attestors: Attestors = (),
    trust: PathLike | Trust | None = None,
    any_attestor: bool = False,
    require_setup: str | None = None,
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
    verifier = _Verifier.of(
        market,
        policy,
        setup,
        at,
        report,
        attestors=attestors,
        trust=trust,
        any_attestor=any_attestor,
        require_setup=require_setup,
    )
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
    trusting: Trusted
    time: int

    @classmethod
    def of(
        cls,
        market: PathLike | Market,
        policy: PathLike | Policy,
        setup: PathLike | Setup,
        at: Instant | None,
        report: Report,
        **trust: Any,
    ) -> _Verifier:
        """Load and check the arguments of `verify`; `trust` are those of `trusted`. Raises FormatError."""
        given = None if at is None else seconds_of(at, "at")
        rules = loaded(policy, Policy, load_policy, "policy")
        report("reading", 0, 0)
        source = loaded(setup, Setup, load_setup, "setup")
        trusting = trusted(source, of_policy=rules.attestors, **trust)
        time = trusting.at if given is None else given
        time = int(datetime.now(UTC).timestamp()) if time is None else time
        backend = load_backend()
        epoch = loaded_market(market, rules, source, backend)
        report("verifying", 0, 0)
        return cls(rules, source, epoch, margin_verifying_key(rules, epoch, source, backend), trusting, time)

    def verdicts(self, margins: Sequence[MarginProof]) -> list[Verdict | StatementError]:
        """Return a verdict a proof, or the error of one that does not fit the market and policy."""
        found = statements.verify_margins(
            margins,
            key=self.key,
            policy=self.market.policy,
            market=self.market.terms,
            attestors=self.trusting.attestors,
            at=self.time,
            engine=verifying_engine(),
        )
        return [
            error if isinstance(error, StatementError) else self._verdict(margin, error)
            for margin, error in zip(margins, found, strict=True)
        ]

    def _verdict(self, margin: MarginProof, error: ProofRejected | FormatError | None) -> Verdict:
        reason = None if error is None else error.reason if isinstance(error, ProofRejected) else f"malformed: {error}"
        statement = margin.statement
        return Verdict(
            valid=reason is None,
            authenticated=self.trusting.authenticates(margin.attestations),
            unsafe_setup=self.trusting.unsafe(self.setup),
            reason=reason,
            account=format_address(statement.account),
            policy=self.policy.name,
            policy_digest="0x" + self.policy.digest.hex(),
            setup_digest="0x" + self.setup.digest.hex(),
            ceremony=self.setup.ceremony,
            universe="0x" + self.market.universe.hex(),
            epoch="0x" + statement.epoch.hex(),
            attestors={each.claimed.venue: format_address(each.attestor) for each in margin.attestations},
            snapshot_time=format_seconds(statement.snapshot_time),
            sequences={each.claimed.venue: each.claimed.sequence for each in margin.attestations},
            cover=format_decimal(self.policy.cover),
            chain_id=statement.deployment.chain_id,
            gate=format_address(statement.deployment.gate),
            verified_at=format_seconds(self.time),
            valid_until=format_seconds(statement.valid_until),
        )


def _read(proof: PathLike | MarginProof) -> MarginProof | FormatError | OSError:
    try:
        return loaded_signed(proof, MarginProof, read_margin_proof, "proofs")
    except (FormatError, OSError) as error:
        return error
