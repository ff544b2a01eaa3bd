"""Verify disclosures in the Python API: nothing here loads what proves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from zkmargin.api.arguments import PathLike, loaded, loaded_epoch, loaded_market, loaded_signed
from zkmargin.api.trusting import Attestors, Trusted, setup_line, trusted, venue_lines, verdict_word
from zkmargin.circuits.markets.units import format_decimal
from zkmargin.circuits.policies.policy import Policy, load_policy
from zkmargin.circuits.statements.disclosure import verification as disclosures
from zkmargin.circuits.statements.disclosure.circuit import DisclosureError, Exposure
from zkmargin.circuits.statements.margin.market import Market
from zkmargin.prover.kernels import load_backend, verifying_engine
from zkmargin.prover.setup import Setup, load_setup
from zkmargin.prover.setup.progress import Report, silent
from zkmargin.verifier.errors import FormatError, ProofRejected
from zkmargin.verifier.ethereum import format_address
from zkmargin.verifier.instants import format_seconds
from zkmargin.verifier.statements.disclosure import Disclosure, read_disclosure
from zkmargin.verifier.statements.margin import StatementError
from zkmargin.verifier.statements.trust import Trust, check_attestors

__all__ = ["Disclosed", "check_disclosure", "disclosed", "verify_disclosure"]


@dataclass(frozen=True)
class Disclosed:
    """What a disclosure says, and whether it was found to be true. `reason` is None when it was."""

    valid: bool
    authenticated: bool
    unsafe_setup: bool
    reason: str | None
    exposure: str
    amount: str
    unit: str
    account: str
    auditor: str
    purpose: str
    setup_digest: str
    ceremony: str | None
    universe: str
    venues: tuple[str, ...]
    attestors: Mapping[str, str]
    snapshot_time: str
    sequences: Mapping[str, int]
    epoch: str
    epoch_time: str

    def require(self) -> Disclosed:
        """Return this when the disclosure is true. Raises ProofRejected."""
        if self.reason is not None:
            raise ProofRejected(self.reason)
        return self

    def to_json(self) -> dict[str, Any]:
        """Return the object that `disclose --json` and `check-disclosure --json` print."""
        return {
            **vars(self),
            "venues": list(self.venues),
            "attestors": dict(self.attestors),
            "sequences": dict(self.sequences),
        }

    def to_table(self) -> dict[str, str]:
        """Return what `disclose` and `check-disclosure` print, by name."""
        return {
            "verdict": verdict_word(self.valid, self.authenticated, word="true"),
            "discloses": f"{self.exposure} = {self.amount} {self.unit}",
            "account": self.account,
            "setup": setup_line(self.setup_digest, self.ceremony, unsafe=self.unsafe_setup),
            "venues": venue_lines(self.attestors, self.sequences),
            "auditor": self.auditor,
            "purpose": self.purpose,
            "snapshot": self.snapshot_time,
            "prices of": f"{self.epoch_time}, epoch {self.epoch}",
        }


def check_disclosure(
    disclosure: PathLike | Disclosure,
    market: PathLike | Market,
    setup: PathLike | Setup,
    *,
    policy: PathLike | Policy | None = None,
    auditor: str | None = None,
    attestors: Attestors = (),
    trust: PathLike | Trust | None = None,
    any_attestor: bool = False,
    require_setup: str | None = None,
    report: Report = silent,
) -> Disclosed:
    """Verify a disclosure; raise ProofRejected unless it is true, FormatError for bad input.

    policy: when given, the market must be that of this policy, its columns and commitments recomputed. auditor: when
    given, the disclosure must be addressed to it. Other arguments are those of `verify`.
    """
    return verify_disclosure(
        disclosure,
        market,
        setup,
        policy=policy,
        auditor=auditor,
        attestors=attestors,
        trust=trust,
        any_attestor=any_attestor,
        require_setup=require_setup,
        report=report,
    ).require()


def verify_disclosure(
    disclosure: PathLike | Disclosure,
    market: PathLike | Market,
    setup: PathLike | Setup,
    *,
    policy: PathLike | Policy | None = None,
    auditor: str | None = None,
    attestors: Attestors = (),
    trust: PathLike | Trust | None = None,
    any_attestor: bool = False,
    require_setup: str | None = None,
    report: Report = silent,
) -> Disclosed:
    """Verify as `check_disclosure` does and return what was found, also a rejection. Raises FormatError."""
    given = loaded_signed(disclosure, Disclosure, read_disclosure, "disclosure")
    report("reading", 0, 0)
    source = loaded(setup, Setup, load_setup, "setup")
    rules = None if policy is None else loaded(policy, Policy, load_policy, "policy")
    trusting = trusted(
        source,
        attestors=attestors,
        trust=trust,
        any_attestor=any_attestor,
        require_setup=require_setup,
        of_policy=() if rules is None else rules.attestors,
    )
    if rules is not None:
        market = loaded_market(market, rules, source, load_backend())
    named = loaded_epoch(market, source)
    report("verifying", 0, 0)
    reason = None
    if auditor is not None and given.auditor != auditor:
        reason = "the disclosure is addressed to another auditor"
    else:
        try:
            check_attestors(given.attestations, trusting.of_policy)
            disclosures.verify_disclosure_in_epoch(
                given,
                epoch=named.epoch,
                universe=named.universe,
                epoch_id=named.id,
                setup=source,
                backend=load_backend(),
                attestors=trusting.attestors,
                engine=verifying_engine(),
            )
        except ProofRejected as error:
            reason = error.reason
        except (StatementError, DisclosureError):
            raise
        except FormatError as error:
            # All that is left to be malformed is the argument itself.
            reason = f"malformed: {error}"
    return disclosed(given, reason=reason, setup=source, trusting=trusting)


def disclosed(disclosure: Disclosure, *, reason: str | None, setup: Setup, trusting: Trusted) -> Disclosed:
    """Return what a disclosure says, for printing."""
    exposure = Exposure(disclosure.exposure, disclosure.subject)
    return Disclosed(
        valid=reason is None,
        authenticated=trusting.authenticates(disclosure.attestations),
        unsafe_setup=trusting.unsafe(setup),
        reason=reason,
        exposure=str(exposure),
        amount=format_decimal(Decimal(disclosure.units).scaleb(-disclosure.scale)),
        unit=exposure.unit(),
        account=format_address(disclosure.account),
        auditor=disclosure.auditor,
        purpose=disclosure.purpose,
        setup_digest="0x" + setup.digest.hex(),
        ceremony=setup.ceremony,
        universe="0x" + disclosure.universe.hex(),
        venues=tuple(each.claimed.venue for each in disclosure.attestations),
        attestors={each.claimed.venue: format_address(each.attestor) for each in disclosure.attestations},
        snapshot_time=format_seconds(disclosure.snapshot_time),
        sequences={each.claimed.venue: each.claimed.sequence for each in disclosure.attestations},
        epoch="0x" + disclosure.epoch.hex(),
        epoch_time=format_seconds(disclosure.epoch_time),
    )
