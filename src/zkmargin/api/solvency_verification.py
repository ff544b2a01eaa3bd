"""Verify solvency statements and inclusion files in the Python API: nothing here loads what proves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zkmargin.api.arguments import PathLike, address_of, check_outputs, digest_of, kind_of, loaded, path_of
from zkmargin.api.trusting import required_setup, setup_fields, setup_line
from zkmargin.circuits.statements.solvency.verification import verify_solvency_under_setup
from zkmargin.prover.kernels import load_backend, verifying_engine
from zkmargin.prover.recovery import key_recovery
from zkmargin.prover.setup import Setup, load_setup, load_setup_key
from zkmargin.prover.setup.progress import Report, silent
from zkmargin.verifier.errors import ArgumentError, ProofRejected
from zkmargin.verifier.instants import parse_seconds
from zkmargin.verifier.srs import SetupKey
from zkmargin.verifier.statements.solvency import inclusion as inclusions
from zkmargin.verifier.statements.solvency.files import read_solvency
from zkmargin.verifier.statements.solvency.inclusion import Balance, read_inclusion
from zkmargin.verifier.statements.solvency.log import EquivocationError, Log, find_entry, read_log, verify_log
from zkmargin.verifier.statements.solvency.statement import Solvency, summary
from zkmargin.verifier.statements.solvency.terms import Terms, read_terms
from zkmargin.verifier.statements.solvency.verify import SolvencyVerdict
from zkmargin.verifier.statements.trust import is_unsafe

__all__ = [
    "IncludedBalances",
    "SolvencyResult",
    "check_inclusion",
    "report_solvency",
    "setup_key_of",
    "verify_solvency",
    "verify_solvency_statement",
    "write_inclusion_page",
]

# -- the auditor -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, repr=False)
class SolvencyResult:
    """What a solvency statement was found to say. `reason` is None when it is valid."""

    statement: Solvency
    reason: str | None
    verdict: SolvencyVerdict | None
    setup_digest: str
    ceremony: str | None
    unsafe_setup: bool

    @property
    def valid(self) -> bool:
        """Whether the statement is valid."""
        return self.reason is None

    @property
    def reserves(self) -> dict[str, str]:
        """Amounts by asset that were signed for; none of a rejected statement."""
        return {} if self.verdict is None else _amounts(self.statement.terms, self.verdict.reserves)

    @property
    def owed(self) -> dict[str, str] | None:
        """Amounts by asset that are owed, when the totals are published."""
        if self.verdict is None or self.verdict.owed is None:
            return None
        return _amounts(self.statement.terms, self.verdict.owed)

    @property
    def totals(self) -> dict[str, dict[str, str]]:
        """By `equity`, `debt` and `collateral`, amounts by asset of all customers, where the terms publish them."""
        published = {} if self.verdict is None else self.verdict.totals
        return {name: _amounts(self.statement.terms, lots) for name, lots in published.items()}

    @property
    def setup_line(self) -> str:
        """The setup's digest, and who vouches for it."""
        return setup_line(self.setup_digest, self.ceremony, unsafe=self.unsafe_setup)

    def require(self) -> SolvencyResult:
        """Return this when the statement is valid. Raises ProofRejected."""
        if self.reason is not None:
            raise ProofRejected(self.reason)
        return self

    def __repr__(self) -> str:
        said = "valid" if self.valid else f"rejected: {self.reason}"
        return f"SolvencyResult({self.statement.terms.exchange}, {said})"

    def to_json(self) -> dict[str, Any]:
        """Return the object that `solvency verify --json` prints."""
        document = {
            "valid": self.valid,
            "reason": self.reason,
            **summary(self.statement),
            "setup_digest": self.setup_digest,
            "ceremony": self.ceremony,
            "unsafe_setup": self.unsafe_setup,
        }
        if not self.valid:
            return document
        return {**document, "reserves": self.reserves, "owed": self.owed, "totals": self.totals}

    def to_table(self) -> dict[str, str]:
        """Return what `solvency verify` prints, by name."""
        signers = sorted({each.claim.name for each in self.statement.reserves})
        return {
            "verdict": "valid" if self.valid else "REJECTED",
            **{name: str(value) for name, value in summary(self.statement).items()},
            "setup": self.setup_line,
            "reserves": _listed(self.reserves),
            "signed by": ", ".join(signers) or "nobody",
            **{name: _listed(amounts) for name, amounts in self.totals.items()},
            "totals": "published" if self.statement.terms.totals == "public" else "equity hidden",
        }


def verify_solvency(
    statement: PathLike | Solvency,
    setup: PathLike | Setup,
    *,
    terms: PathLike | Terms | None = None,
    require_setup: str | None = None,
    report: Report = silent,
) -> SolvencyResult:
    """Verify a solvency statement; raise ProofRejected unless it is valid, FormatError for bad input.

    terms: when given, the statement must be under them. require_setup: the digest that the setup must have, or
    "ceremony". Prices, haircuts and what wallets held at their block are for
    the caller to look at.
    """
    return verify_solvency_statement(
        statement, setup, terms=terms, require_setup=require_setup, report=report
    ).require()


def verify_solvency_statement(
    statement: PathLike | Solvency,
    setup: PathLike | Setup,
    *,
    terms: PathLike | Terms | None = None,
    require_setup: str | None = None,
    report: Report = silent,
) -> SolvencyResult:
    """Verify as `verify_solvency` does and return the result, also a rejection. Raises FormatError for bad input."""
    report("reading", 0, 0)
    given = loaded(statement, Solvency, read_solvency, "statement")
    parameters = loaded(setup, Setup, load_setup, "setup")
    required = required_setup(require_setup, parameters.key)
    unsafe = is_unsafe(parameters.key, required, development=parameters.development)
    verdict, reason = None, None
    if terms is not None and loaded(terms, Terms, read_terms, "terms").digest != given.terms.digest:
        reason = "the statement is under other terms"
    else:
        report("verifying", 0, 0)
        try:
            verdict = verify_solvency_under_setup(given, parameters, load_backend(), verifying_engine())
        except ProofRejected as error:
            reason = error.reason
    return SolvencyResult(given, reason, verdict, "0x" + parameters.digest.hex(), parameters.key.ceremony, unsafe)


def report_solvency(
    statement: PathLike | Solvency,
    setup: PathLike | Setup,
    *,
    out: PathLike,
    terms: PathLike | Terms | None = None,
    require_setup: str | None = None,
    report: Report = silent,
) -> SolvencyResult:
    """Verify a statement and write the auditor's page, one HTML file, also about a rejected one."""
    from zkmargin.reports.solvency import write_report  # noqa: PLC0415 - verifying writes nothing

    check_outputs({"out": out}, inputs={"statement": statement, "setup": setup, "terms": terms})
    found = verify_solvency_statement(statement, setup, terms=terms, require_setup=require_setup, report=report)
    write_report(
        Path(out),
        found.statement,
        found.verdict,
        found.reason,
        setup=found.setup_line,
        unsafe_setup=found.unsafe_setup,
    )
    return found


# -- customers ---------------------------------------------------------------------------------------------------------


def write_inclusion_page(
    statement: PathLike | Solvency,
    setup: PathLike | Setup,
    *,
    out: PathLike,
    log_key: str | bytes | None = None,
) -> None:
    """Write the static page on which customers check their inclusion files, and receipts of a log, in the browser.

    log_key: the address of the log's key; without it the page takes no receipt.
    Only about a statement that verifies under this setup. Raises ProofRejected, and then writes nothing.
    """
    from zkmargin.reports.inclusion_page import write_page  # noqa: PLC0415 - verifying writes nothing

    check_outputs({"out": out}, inputs={"statement": statement, "setup": setup})
    found = verify_solvency(statement, setup)
    address = None if log_key is None else address_of(log_key, "log_key")
    write_page(path_of(out, "out"), setup_key_of(setup), found.statement, address)


@dataclass(frozen=True, repr=False)
class IncludedBalances:
    """What an inclusion file was found to show to the customer who typed their identifier."""

    customer: str
    exchange: str
    as_of: str
    liabilities: bytes
    balances: tuple[Balance, ...]
    setup: SetupKey

    def __repr__(self) -> str:
        """Say nothing of what is held."""
        return f"IncludedBalances({len(self.balances)} assets)"

    def to_json(self) -> dict[str, Any]:
        """Return the object that `solvency inclusion check --json` prints."""
        return {
            "included": True,
            "customer": self.customer,
            "exchange": self.exchange,
            "as_of": self.as_of,
            "liabilities": "0x" + self.liabilities.hex(),
            **setup_fields(self.setup),
            "balances": [vars(balance) for balance in self.balances],
        }


def check_inclusion(
    inclusion: PathLike,
    setup: PathLike | Setup | SetupKey,
    *,
    customer: str,
    statement: PathLike | Solvency | None = None,
    liabilities: str | bytes | None = None,
    log: PathLike | Log | None = None,
    log_key: str | bytes | None = None,
) -> IncludedBalances:
    """Check that a customer's balances are in an exchange's liabilities, in full and once.

    customer: the identifier as its owner types it. statement: verified here, under the same setup; or liabilities: the
    digest that auditors publish; or log: the log that has one digest for the file's exchange and time, under the key
    `log_key`, an address. The file's own word for it counts for nothing: one of the three is needed. A log may be given
    beside the others, and must then agree.

    Raises ProofRejected when the statement is not valid, the file is somebody else's or the balances are not in the
    liabilities, FormatError for bad input.
    """
    if (statement is not None) + (liabilities is not None) > 1 or not (statement or liabilities or log):
        raise ArgumentError(
            "liabilities", "expected the statement, or the liabilities digest that auditors publish, or a log"
        )
    if not isinstance(customer, str):
        raise ArgumentError("customer", f"expected the identifier as text, got {kind_of(customer)}")
    found, _ = read_inclusion(path_of(inclusion, "inclusion"))
    key = setup_key_of(setup)
    heading = inclusions.heading_of(found)
    logged = None if log is None else _logged(log, log_key, heading)
    if liabilities is not None:
        trusted = digest_of(liabilities, "liabilities")
    elif statement is not None or logged is None:
        trusted = _liabilities_of(statement, setup)
    else:
        trusted = logged
    if logged is not None and logged != trusted:
        raise EquivocationError(
            f"TWO DIGESTS of {heading.exchange} as of {heading.as_of}: 0x{logged.hex()} in the log, and another here: "
            "keep both, and the file"
        )
    shown = inclusions.verify_inclusion(found, key, trusted, customer)
    return IncludedBalances(found.customer, heading.exchange, heading.as_of, trusted, tuple(shown), key)


def _logged(log: PathLike | Log, log_key: str | bytes | None, heading: inclusions.Heading) -> bytes:
    """Return the one digest that a log has for a file's exchange and time. Raises ProofRejected."""
    if log_key is None:
        raise ArgumentError("log_key", "expected the address of the log's key: anybody can keep a log")
    kept = loaded(log, Log, read_log, "log")
    verify_log(kept, address_of(log_key, "log_key"), key_recovery())
    return find_entry(kept, heading.exchange, parse_seconds(heading.as_of, "inclusion: heading")).liabilities


def _liabilities_of(statement: PathLike | Solvency | None, setup: PathLike | Setup | SetupKey) -> bytes:
    """Return the digest of a statement that verifies. Raises ProofRejected."""
    if statement is None or isinstance(setup, SetupKey):
        raise ArgumentError("setup", "expected a whole setup, its points beside it, as the statement is verified")
    return verify_solvency(statement, setup).statement.liabilities


def setup_key_of(setup: PathLike | Setup | SetupKey) -> SetupKey:
    """Return the verifier's half of a setup; of a path, only that half is read. Raises FormatError."""
    if isinstance(setup, Setup):
        return setup.key
    return loaded(setup, SetupKey, load_setup_key, "setup")


def _listed(amounts: Mapping[str, str]) -> str:
    return ", ".join(f"{asset} {amount}" for asset, amount in amounts.items()) or "none"


def _amounts(terms: Terms, lots: Sequence[int]) -> dict[str, str]:
    held = ((number, amount) for number, amount in enumerate(lots) if number and amount)
    return {terms.assets[number - 1].id: terms.format_amount(number, amount) for number, amount in held}
