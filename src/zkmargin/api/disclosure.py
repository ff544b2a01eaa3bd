"""Disclosure in the Python API: one number about an account's holdings, to one auditor, for one purpose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from zkmargin.api.arguments import PathLike, loaded, private_key
from zkmargin.api.destinations import check_destinations
from zkmargin.api.margin import check_pairs
from zkmargin.api.trusting import Attestors, Trusted, trusted
from zkmargin.circuits.markets.epoch import MarketEpoch
from zkmargin.circuits.markets.units import format_decimal
from zkmargin.circuits.policies.policy import Policy, load_policy
from zkmargin.circuits.statements.attestation import Opening, read_opening
from zkmargin.circuits.statements.disclosure import prover as disclosing
from zkmargin.circuits.statements.disclosure.prover import DisclosureError, Exposure
from zkmargin.circuits.statements.margin.market import Market, read_market, read_universe_of_market
from zkmargin.prover.kernels import load_backend, verifying_engine
from zkmargin.prover.prove import Options
from zkmargin.prover.setup import Setup, load_setup
from zkmargin.prover.setup.progress import Report, silent
from zkmargin.verifier.errors import FormatError, ProofRejected
from zkmargin.verifier.ethereum import format_address
from zkmargin.verifier.instants import format_seconds
from zkmargin.verifier.statements.attestation import Attestation, read_attestation, universe_id
from zkmargin.verifier.statements.disclosure import Disclosure, read_disclosure, write_disclosure
from zkmargin.verifier.statements.margin import StatementError
from zkmargin.verifier.statements.trust import Trust, check_attestors

if TYPE_CHECKING:
    from Crypto.PublicKey.ECC import EccKey

__all__ = ["Disclosed", "check_disclosure", "disclose", "disclosed", "judge_disclosure"]


def disclose(
    market: PathLike | Market,
    exposure: str,
    attestations: Sequence[PathLike | Attestation],
    secrets: Sequence[PathLike | Opening],
    setup: PathLike | Setup,
    *,
    auditor: str,
    purpose: str,
    identity: PathLike | EccKey | None = None,
    out: PathLike | None = None,
    report: Report = silent,
) -> Disclosure:
    """Open one number about what the attestations hold together, and nothing else; of one alone it is that venue's.

    exposure: `quantity:INSTRUMENT`, `delta:UNDERLYING`, `value` or `gross-notional`, at the market's prices. auditor
    and purpose, free text or an address, are bound into the proof. Other arguments are as for `prove_margin`.

    Raises DisclosureError, StatementError or OpeningError when the inputs do not go together.
    """
    check_destinations(("--out", out), arrays=True)
    check_pairs(len(attestations), len(secrets))
    what = Exposure.parse(exposure)
    report("reading", 0, 0)
    private = private_key(identity)
    attested = [loaded(each, Attestation, read_attestation) for each in attestations]
    openings = [each if isinstance(each, Opening) else read_opening(each, identity=private) for each in secrets]
    source = loaded(setup, Setup, load_setup)
    epoch, universe = _epoch(market, source)
    disclosure = disclosing.disclose(
        what,
        attested,
        openings,
        epoch=epoch,
        universe=universe,
        auditor=auditor,
        purpose=purpose,
        setup=source,
        backend=load_backend(),
        options=Options(progress=lambda name, fraction: report(f"proving: {name}", round(100 * fraction), 100)),
    )
    if out is not None:
        write_disclosure(out, disclosure)
    return disclosure


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
    epoch_time: str

    def to_json(self) -> dict[str, Any]:
        """The object that `disclose --json` and `check-disclosure --json` print."""
        return {
            **vars(self),
            "venues": list(self.venues),
            "attestors": dict(self.attestors),
            "sequences": dict(self.sequences),
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
    """Return what a true disclosure says; raise ProofRejected for any other, FormatError for bad input.

    policy: when given, the market must be that of this policy, its columns and commitments recomputed. auditor: when
    given, the disclosure must be addressed to it. Other arguments are as for `verify`.
    """
    found = judge_disclosure(
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
    )
    if found.reason is not None:
        raise ProofRejected(found.reason)
    return found


def judge_disclosure(
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
    """`check_disclosure`, with a rejection as a result too. Raises FormatError for bad input only."""
    given = loaded(disclosure, Disclosure, read_disclosure)
    rules = None if policy is None else loaded(policy, Policy, load_policy)
    report("reading", 0, 0)
    source = loaded(setup, Setup, load_setup)
    trusting = trusted(
        source,
        attestors=attestors,
        trust=trust,
        any_attestor=any_attestor,
        require_setup=require_setup,
        of_policy=() if rules is None else rules.attestors,
    )
    if rules is not None and not isinstance(market, Market):
        market = read_market(market, rules, source, load_backend())
    epoch, universe = _epoch(market, source)
    report("verifying", 0, 0)
    reason = None
    if auditor is not None and given.auditor != auditor:
        reason = "the disclosure is addressed to another auditor"
    else:
        try:
            check_attestors(given.attestations, trusting.of_policy)
            disclosing.check_disclosure(
                given,
                epoch=epoch,
                universe=universe,
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
    """What a disclosure says, for printing."""
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
        epoch_time=format_seconds(disclosure.epoch_time),
    )


def _epoch(market: PathLike | Market, setup: Setup) -> tuple[MarketEpoch, bytes]:
    if isinstance(market, Market):
        return market.epoch, universe_id(market.epoch.universe.digest, setup.key)
    return read_universe_of_market(market, setup)
