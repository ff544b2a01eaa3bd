"""Disclosures in the Python API: one number about an account's holdings, to one auditor, for one purpose."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from zkmargin.api.arguments import PathLike, attestors_of, check_outputs, loaded, path_of, verifying_engine
from zkmargin.api.margin import read_pairs
from zkmargin.circuits.markets.epoch import MarketEpoch
from zkmargin.circuits.markets.units import format_decimal
from zkmargin.circuits.statements.attestation import Opening
from zkmargin.circuits.statements.disclosure import prover as disclosing
from zkmargin.circuits.statements.disclosure.files import write_disclosure
from zkmargin.circuits.statements.disclosure.prover import DisclosureError, Exposure
from zkmargin.circuits.statements.margin.market import Market, read_universe_of_market
from zkmargin.prover.kernels import load_backend
from zkmargin.prover.prove import Options
from zkmargin.prover.setup import Setup, load_setup
from zkmargin.prover.setup.progress import Report, silent
from zkmargin.verifier.errors import FormatError, ProofRejected
from zkmargin.verifier.ethereum import format_address
from zkmargin.verifier.instants import format_seconds
from zkmargin.verifier.statements.attestation import Attestation, universe_id
from zkmargin.verifier.statements.disclosure import Disclosure, read_disclosure
from zkmargin.verifier.statements.margin import StatementError

if TYPE_CHECKING:
    from Crypto.PublicKey.ECC import EccKey

__all__ = ["Disclosed", "check_disclosure", "disclose", "disclosed", "verify_disclosure"]


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
    given = {"market": market, "setup": setup, "identity": identity, "attestations": attestations, "secrets": secrets}
    check_outputs({"out": out}, inputs=given, arrays=True)
    what = Exposure.parse(exposure)
    report("reading", 0, 0)
    attested, openings = read_pairs(attestations, secrets, identity)
    source = loaded(setup, Setup, load_setup, "setup")
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

    def require(self) -> Disclosed:
        """Return this when the disclosure is true. Raises ProofRejected."""
        if self.reason is not None:
            raise ProofRejected(self.reason)
        return self

    def to_json(self) -> dict[str, Any]:
        """Return the object that `disclose --json` and `check-disclosure --json` print."""
        return {**vars(self), "venues": list(self.venues), "attestors": list(self.attestors)}

    def to_table(self) -> dict[str, str]:
        """Return what `disclose` and `check-disclosure` print, by name."""
        return {
            "verdict": "true" if self.valid else "REJECTED",
            "discloses": f"{self.exposure} = {self.amount} {self.unit}",
            "account": self.account,
            "venues": ", ".join(self.venues),
            "attestors": ", ".join(self.attestors),
            "auditor": self.auditor,
            "purpose": self.purpose,
            "snapshot": self.snapshot_time,
            "prices of": self.epoch_time,
        }


def check_disclosure(
    disclosure: PathLike | Disclosure,
    market: PathLike | Market,
    setup: PathLike | Setup,
    *,
    auditor: str | None = None,
    attestors: Collection[str | bytes] = (),
    report: Report = silent,
) -> Disclosed:
    """Verify a disclosure; raise ProofRejected unless it is true, FormatError for bad input.

    auditor: when given, the disclosure must be addressed to it. attestors: when given, exactly these must have signed.
    """
    return verify_disclosure(disclosure, market, setup, auditor=auditor, attestors=attestors, report=report).require()


def verify_disclosure(
    disclosure: PathLike | Disclosure,
    market: PathLike | Market,
    setup: PathLike | Setup,
    *,
    auditor: str | None = None,
    attestors: Collection[str | bytes] = (),
    report: Report = silent,
) -> Disclosed:
    """Verify as `check_disclosure` does and return what was found, also a rejection. Raises FormatError."""
    trusted = attestors_of(attestors)
    given = loaded(disclosure, Disclosure, read_disclosure, "disclosure")
    report("reading", 0, 0)
    source = loaded(setup, Setup, load_setup, "setup")
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
    """Return what a disclosure says, for printing."""
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
    return read_universe_of_market(path_of(market, "market", "a Market"), setup)
