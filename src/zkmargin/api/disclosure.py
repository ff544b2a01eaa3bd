"""Disclosure in the Python API: one number about an account's holdings, to one auditor, for one purpose."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from zkmargin.api.arguments import PathLike, loaded, private_key
from zkmargin.api.destinations import check_destinations
from zkmargin.api.margin import check_pairs
from zkmargin.circuits.markets.epoch import MarketEpoch
from zkmargin.circuits.markets.units import format_decimal
from zkmargin.circuits.statements.attestation import Opening, read_opening
from zkmargin.circuits.statements.disclosure import prover as disclosing
from zkmargin.circuits.statements.disclosure.prover import DisclosureError, Exposure
from zkmargin.circuits.statements.margin.market import Market, read_universe_of_market
from zkmargin.prover.kernels import load_backend, verifying_engine
from zkmargin.prover.prove import Options
from zkmargin.prover.setup import Setup, load_setup
from zkmargin.prover.setup.progress import Report, silent
from zkmargin.verifier.errors import FormatError, ProofRejected
from zkmargin.verifier.ethereum import format_address
from zkmargin.verifier.instants import format_seconds
from zkmargin.verifier.statements.attestation import Attestation, parse_attestor, read_attestation, universe_id
from zkmargin.verifier.statements.disclosure import Disclosure, read_disclosure, write_disclosure
from zkmargin.verifier.statements.margin import StatementError

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
    reason: str | None
    exposure: str
    amount: str
    unit: str
    account: str
    auditor: str
    purpose: str
    venues: tuple[str, ...]
    attestors: tuple[str, ...]
    snapshot_time: str
    epoch_time: str
    unsafe_setup: bool

    def to_json(self) -> dict[str, Any]:
        """The object that `disclose --json` and `check-disclosure --json` print."""
        return {**vars(self), "venues": list(self.venues), "attestors": list(self.attestors)}


def check_disclosure(
    disclosure: PathLike | Disclosure,
    market: PathLike | Market,
    setup: PathLike | Setup,
    *,
    auditor: str | None = None,
    attestors: Collection[str | bytes] = (),
    report: Report = silent,
) -> Disclosed:
    """Return what a true disclosure says; raise ProofRejected for any other, FormatError for bad input.

    auditor: when given, the disclosure must be addressed to it. attestors: when given, exactly these must have signed.
    """
    found = judge_disclosure(disclosure, market, setup, auditor=auditor, attestors=attestors, report=report)
    if found.reason is not None:
        raise ProofRejected(found.reason)
    return found


def judge_disclosure(
    disclosure: PathLike | Disclosure,
    market: PathLike | Market,
    setup: PathLike | Setup,
    *,
    auditor: str | None = None,
    attestors: Collection[str | bytes] = (),
    report: Report = silent,
) -> Disclosed:
    """`check_disclosure`, with a rejection as a result too. Raises FormatError for bad input only."""
    trusted = [each if isinstance(each, bytes) else parse_attestor(each, "--attestor") for each in attestors]
    given = loaded(disclosure, Disclosure, read_disclosure)
    report("reading", 0, 0)
    source = loaded(setup, Setup, load_setup)
    epoch, universe = _epoch(market, source)
    report("verifying", 0, 0)
    reason = None
    if auditor is not None and given.auditor != auditor:
        reason = "the disclosure is addressed to another auditor"
    else:
        try:
            disclosing.check_disclosure(
                given,
                epoch=epoch,
                universe=universe,
                setup=source,
                backend=load_backend(),
                attestors=trusted,
                engine=verifying_engine(),
            )
        except ProofRejected as error:
            reason = error.reason
        except (StatementError, DisclosureError):
            raise
        except FormatError as error:
            # All that is left to be malformed is the argument itself.
            reason = f"malformed: {error}"
    return disclosed(given, reason=reason, setup=source)


def disclosed(disclosure: Disclosure, *, reason: str | None, setup: Setup) -> Disclosed:
    """What a disclosure says, for printing."""
    exposure = Exposure(disclosure.exposure, disclosure.subject)
    return Disclosed(
        valid=reason is None,
        reason=reason,
        exposure=str(exposure),
        amount=format_decimal(Decimal(disclosure.units).scaleb(-disclosure.scale)),
        unit=exposure.unit(),
        account=format_address(disclosure.account),
        auditor=disclosure.auditor,
        purpose=disclosure.purpose,
        venues=tuple(attestation.claimed.venue for attestation in disclosure.attestations),
        attestors=tuple(format_address(attestation.attestor) for attestation in disclosure.attestations),
        snapshot_time=format_seconds(disclosure.snapshot_time),
        epoch_time=format_seconds(disclosure.epoch_time),
        unsafe_setup=setup.unsafe,
    )


def _epoch(market: PathLike | Market, setup: Setup) -> tuple[MarketEpoch, bytes]:
    if isinstance(market, Market):
        return market.epoch, universe_id(market.epoch.universe.digest, setup.key)
    return read_universe_of_market(market, setup)
