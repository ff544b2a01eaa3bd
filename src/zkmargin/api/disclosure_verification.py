"""The Python API of whoever receives a disclosure: nothing here loads what proves."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from zkmargin.api.arguments import PathLike, loaded, loaded_epoch, verifying_engine
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
from zkmargin.verifier.statements.attestation import parse_attestor
from zkmargin.verifier.statements.disclosure import Disclosure, read_disclosure
from zkmargin.verifier.statements.margin import StatementError

__all__ = ["Disclosed", "check_disclosure", "disclosed", "judge_disclosure"]


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
    epoch, universe = loaded_epoch(market, source)
    report("verifying", 0, 0)
    reason = None
    if auditor is not None and given.auditor != auditor:
        reason = "the disclosure is addressed to another auditor"
    else:
        try:
            disclosures.check_disclosure(
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
