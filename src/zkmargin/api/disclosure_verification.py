"""Verify disclosures in the Python API: nothing here loads what proves."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from zkmargin.api.arguments import PathLike, attestors_of, loaded, loaded_epoch, loaded_signed, verifying_engine
from zkmargin.circuits.markets.units import format_decimal
from zkmargin.circuits.statements.disclosure import verification as disclosures
from zkmargin.circuits.statements.disclosure.circuit import DisclosureError, Exposure
from zkmargin.circuits.statements.margin.market import Market
from zkmargin.prover.kernels import load_backend
from zkmargin.prover.setup import Setup, load_setup
from zkmargin.prover.setup.progress import Report, silent
from zkmargin.verifier.errors import FormatError, ProofRejected
from zkmargin.verifier.ethereum import format_address
from zkmargin.verifier.instants import format_seconds
from zkmargin.verifier.statements.disclosure import Disclosure, read_disclosure
from zkmargin.verifier.statements.margin import StatementError

__all__ = ["Disclosed", "check_disclosure", "disclosed", "verify_disclosure"]


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
    given = loaded_signed(disclosure, Disclosure, read_disclosure, "disclosure")
    report("reading", 0, 0)
    source = loaded(setup, Setup, load_setup, "setup")
    epoch, universe = loaded_epoch(market, source)
    report("verifying", 0, 0)
    reason = None
    if auditor is not None and given.auditor != auditor:
        reason = "the disclosure is addressed to another auditor"
    else:
        try:
            disclosures.verify_disclosure_in_epoch(
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
