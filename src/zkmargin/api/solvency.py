"""Solvency in the Python API: an exchange's reserves cover what it owes, and every customer can check their part.

The steps, in order: `commit_balances` makes the epoch's work folder; wallets and custodians `attest_reserves`;
`prove_solvency` proves the batches and settles them; `verify_solvency` and `report_solvency` are the auditor's;
`make_inclusion` and `make_inclusions` make the customers' files, which `check_inclusion` checks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zkmargin.api.arguments import (
    PathLike,
    Quantity,
    check_folder,
    check_outputs,
    digest_of,
    kind_of,
    loaded,
    naming,
    path_of,
    quantity_of,
    verifying_engine,
)
from zkmargin.api.key_files import read_signing_key
from zkmargin.circuits.statements.solvency import settlement
from zkmargin.circuits.statements.solvency.files import write_inclusion, write_reserves, write_solvency
from zkmargin.exchange import balances, epoch_folder, inclusion_files, proving
from zkmargin.exchange.epoch_folder import EpochFolder, open_epoch_folder
from zkmargin.prover.kernels import load_backend
from zkmargin.prover.setup import Setup, load_setup, load_setup_key
from zkmargin.prover.setup.progress import Report, silent
from zkmargin.prover.signing import address_of_key, sign_reserves
from zkmargin.reports.inclusion_page import write_page
from zkmargin.reports.solvency import write_report
from zkmargin.verifier.errors import ArgumentError, ProofRejected
from zkmargin.verifier.srs import SetupKey
from zkmargin.verifier.statements.solvency import inclusion as inclusions
from zkmargin.verifier.statements.solvency.files import read_solvency
from zkmargin.verifier.statements.solvency.inclusion import Balance, Inclusion, read_inclusion
from zkmargin.verifier.statements.solvency.reserves import ReserveAttestation, claim_of, read_reserves
from zkmargin.verifier.statements.solvency.statement import Solvency, summary
from zkmargin.verifier.statements.solvency.terms import Terms, read_terms
from zkmargin.verifier.statements.solvency.verify import SolvencyVerdict

BATCH_ROWS = 1 << 16
"""Rows of a batch, unless another number is asked for."""

# -- the exchange ------------------------------------------------------------------------------------------------------


def commit_balances(
    terms: PathLike | Terms,
    customers: PathLike,
    setup: PathLike | Setup,
    *,
    out: PathLike,
    table: str | None = None,
    rows: int = BATCH_ROWS,
    report: Report = silent,
) -> EpochFolder:
    """Take the balances of an epoch: read, check, shuffle and cut them into batches, in the new work folder `out`.

    customers: a .parquet or .csv file, or a database's SQLAlchemy URL, whose table or view is `table`. rows: of a
    batch, a power of two. The folder is secret; it appears whole or not at all.

    Raises InputError naming the first wrong row, WorkError when the folder exists.
    """
    where = path_of(customers, "customers", "a database's URL")
    agreed = loaded(terms, Terms, read_terms, "terms")
    digest = setup.digest if isinstance(setup, Setup) else _setup_key(setup).digest
    check_folder("out", out)
    return epoch_folder.create_epoch_folder(
        path_of(out, "out"), balances.open_balances(str(where), table=table), agreed, digest, rows, report
    )


def attest_reserves(
    terms: PathLike | Terms,
    epoch: str | bytes,
    amounts: Mapping[str, Quantity],
    *,
    key: PathLike | bytes,
    chain: str | None = None,
    custodian: str | None = None,
    out: PathLike | None = None,
) -> ReserveAttestation:
    """Sign for reserves: as a wallet on `chain` at the terms' block, or as a custodian of the terms.

    epoch: the id that `commit_balances` gave. amounts: by asset, in units of the asset. key: a key file or its 32
    bytes. The text that is signed is the result's `text`.

    Raises ReservesError naming the holder and the asset, KeyFileError.
    """
    check_outputs({"out": out}, inputs={"terms": terms, "key": key})
    if (chain is None) == (custodian is None):
        raise ArgumentError("chain", "expected either a chain, for a wallet, or a custodian")
    if not isinstance(amounts, Mapping):
        raise ArgumentError("amounts", f"expected quantities by asset, got {kind_of(amounts)}")
    exact = {asset: quantity_of(amount, asset, "amounts") for asset, amount in amounts.items()}
    agreed, named = loaded(terms, Terms, read_terms, "terms"), digest_of(epoch, "epoch")
    private = key if isinstance(key, bytes) else read_signing_key(path_of(key, "key", "its 32 bytes"))
    claim = claim_of(chain, custodian or "wallet", address_of_key(private), exact, agreed)
    attestation = sign_reserves(claim, agreed, named, private)
    if out is not None:
        write_reserves(out, attestation, agreed)
    return attestation


def prove_batches(
    work: PathLike | EpochFolder, setup: PathLike | Setup, *, ray: str | None = None, report: Report = silent
) -> int:
    """Prove every batch that is not proven yet, and return how many these were. See `prove_solvency`."""
    opened = loaded(work, EpochFolder, open_epoch_folder, "work")
    return proving.prove_batches(opened, loaded(setup, Setup, load_setup, "setup"), ray_address=ray, report=report)


def prove_solvency(
    work: PathLike | EpochFolder,
    setup: PathLike | Setup,
    reserves: Sequence[PathLike | ReserveAttestation] = (),
    *,
    out: PathLike | None = None,
    ray: str | None = None,
    report: Report = silent,
) -> Solvency:
    """Prove every batch that is not proven yet, then that reserves cover what is owed; verify, and return it all.

    It may be interrupted at any moment and started again: what is proven is kept. ray: a Ray cluster's address.

    Raises InsolventError when reserves fall short, ReservesError when they do not count, WorkError when another command
    works in the folder.
    """
    if not isinstance(reserves, list | tuple):
        raise ArgumentError("reserves", f"expected a list of attestations, got {kind_of(reserves)}")
    folder = work.folder if isinstance(work, EpochFolder) else path_of(work, "work", "an EpochFolder")
    given = {"work": Path(folder), "setup": setup, "reserves": reserves}
    check_outputs({"out": out}, inputs=given, arrays=True)
    opened, parameters, backend = open_epoch_folder(folder), loaded(setup, Setup, load_setup, "setup"), load_backend()
    attested = [
        loaded(each, ReserveAttestation, lambda path: read_reserves(path, opened.terms, opened.epoch), "reserves")
        for each in reserves
    ]
    prove_batches(opened, parameters, ray=ray, report=report)
    report("settling", 0, 0)
    statement = proving.settle_folder(opened, attested, parameters, backend)
    report("verifying", 0, 0)
    settlement.verify_statement(statement, parameters, backend, verifying_engine())
    if out is not None:
        write_solvency(out, statement)
    return statement


# -- the auditor -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, repr=False)
class SolvencyResult:
    """What a solvency statement was found to say. `reason` is None when it is valid."""

    statement: Solvency
    reason: str | None
    verdict: SolvencyVerdict | None
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
        document = {"valid": self.valid, "reason": self.reason, **summary(self.statement)}
        return {**document, "reserves": self.reserves, "owed": self.owed} if self.valid else document

    def to_table(self) -> dict[str, str]:
        """Return what `solvency verify` prints, by name."""
        signers = sorted({each.claim.holder for each in self.statement.reserves})
        return {
            "verdict": "valid" if self.valid else "REJECTED",
            **{name: str(value) for name, value in summary(self.statement).items()},
            "reserves": ", ".join(f"{asset} {amount}" for asset, amount in self.reserves.items()) or "none",
            "signed by": ", ".join(signers) or "nobody",
            "totals": "published" if self.statement.terms.totals == "public" else "hidden",
        }


def verify_solvency(
    statement: PathLike | Solvency,
    setup: PathLike | Setup,
    *,
    terms: PathLike | Terms | None = None,
    report: Report = silent,
) -> SolvencyResult:
    """Verify a solvency statement; raise ProofRejected unless it is valid, FormatError for bad input.

    terms: when given, the statement must be under them. Prices, haircuts and what wallets held at their block are for
    the caller to look at.
    """
    return verify_solvency_statement(statement, setup, terms=terms, report=report).require()


def verify_solvency_statement(
    statement: PathLike | Solvency,
    setup: PathLike | Setup,
    *,
    terms: PathLike | Terms | None = None,
    report: Report = silent,
) -> SolvencyResult:
    """Verify as `verify_solvency` does and return the result, also a rejection. Raises FormatError for bad input."""
    report("reading", 0, 0)
    given = loaded(statement, Solvency, read_solvency, "statement")
    parameters = loaded(setup, Setup, load_setup, "setup")
    verdict, reason = None, None
    if terms is not None and loaded(terms, Terms, read_terms, "terms").digest != given.terms.digest:
        reason = "the statement is under other terms"
    else:
        report("verifying", 0, 0)
        try:
            verdict = settlement.verify_statement(given, parameters, load_backend(), verifying_engine())
        except ProofRejected as error:
            reason = error.reason
    return SolvencyResult(given, reason, verdict, parameters.unsafe)


def report_solvency(
    statement: PathLike | Solvency,
    setup: PathLike | Setup,
    *,
    out: PathLike,
    terms: PathLike | Terms | None = None,
    report: Report = silent,
) -> SolvencyResult:
    """Verify a statement and write the auditor's page, one HTML file, also about a rejected one."""
    check_outputs({"out": out}, inputs={"statement": statement, "setup": setup, "terms": terms})
    found = verify_solvency_statement(statement, setup, terms=terms, report=report)
    write_report(Path(out), found.statement, found.verdict, found.reason)
    return found


# -- customers ---------------------------------------------------------------------------------------------------------


def make_inclusion(
    work: PathLike | EpochFolder,
    statement: PathLike | Solvency,
    setup: PathLike | Setup,
    customer: str,
    *,
    out: PathLike | None = None,
) -> Inclusion:
    """Make one customer's inclusion file. Raises ArgumentError when the epoch has no such customer."""
    opened, published, parameters = _epoch(work, statement, setup)
    given = {"work": opened.folder, "statement": statement, "setup": setup}
    check_outputs({"out": out}, inputs=given)
    with naming("customer"):
        made = inclusion_files.make_inclusion(opened, published, parameters, load_backend(), customer)
    if out is not None:
        write_inclusion(out, made, published.liabilities)
    return made


def make_inclusions(
    work: PathLike | EpochFolder,
    statement: PathLike | Solvency,
    setup: PathLike | Setup,
    *,
    out: PathLike,
    archive: bool = False,
    report: Report = silent,
) -> int:
    """Make every customer's inclusion file in the folder `out`, and return how many there are.

    Every batch has a subfolder, or with `archive` a ZIP archive; those that are there already are kept.
    """
    check_folder("out", out)
    opened, published, parameters = _epoch(work, statement, setup)
    return inclusion_files.make_inclusions(
        opened, published, parameters, load_backend(), Path(out), report, archive=archive
    )


def write_inclusion_page(statement: PathLike | Solvency, setup: PathLike | Setup, *, out: PathLike) -> None:
    """Write the static page on which customers check their inclusion files in the browser."""
    check_outputs({"out": out}, inputs={"statement": statement, "setup": setup})
    published = loaded(statement, Solvency, read_solvency, "statement")
    write_page(path_of(out, "out"), _setup_key(setup), published.liabilities)


@dataclass(frozen=True, repr=False)
class IncludedBalances:
    """What an inclusion file was found to show. `compared` says whether the digest came from outside of the file."""

    customer: str
    liabilities: bytes
    balances: tuple[Balance, ...]
    compared: bool

    def __repr__(self) -> str:
        """Say nothing of what is held."""
        return f"IncludedBalances({len(self.balances)} assets, compared={self.compared})"

    def to_json(self) -> dict[str, Any]:
        """Return the object that `solvency inclusion check --json` prints."""
        return {
            "included": True,
            "customer": self.customer,
            "liabilities": "0x" + self.liabilities.hex(),
            "compared": self.compared,
            "balances": [vars(balance) for balance in self.balances],
        }


def check_inclusion(
    inclusion: PathLike,
    setup: PathLike | Setup | SetupKey,
    *,
    statement: PathLike | Solvency | None = None,
    liabilities: str | bytes | None = None,
) -> IncludedBalances:
    """Check that a customer's balances are in an exchange's liabilities, in full and once. Pure Python.

    statement: the one that auditors verified; liabilities: its digest in its place. Without either the digest in the
    file is believed, which the exchange wrote: compare it before relying on the result, whose `compared` is False.

    Raises ProofRejected when the balances are not in the liabilities, FormatError for bad input.
    """
    if statement is not None and liabilities is not None:
        raise ArgumentError("liabilities", "expected either a statement or its liabilities digest")
    found, stated = read_inclusion(path_of(inclusion, "inclusion"))
    trusted = stated
    if statement is not None:
        trusted = loaded(statement, Solvency, read_solvency, "statement").liabilities
    elif liabilities is not None:
        trusted = digest_of(liabilities, "liabilities")
    shown = inclusions.check_inclusion(found, _setup_key(setup), trusted)
    compared = statement is not None or liabilities is not None
    return IncludedBalances(found.customer, trusted, tuple(shown), compared)


def _epoch(
    work: PathLike | EpochFolder, statement: PathLike | Solvency, setup: PathLike | Setup
) -> tuple[EpochFolder, Solvency, Setup]:
    return (
        loaded(work, EpochFolder, open_epoch_folder, "work"),
        loaded(statement, Solvency, read_solvency, "statement"),
        loaded(setup, Setup, load_setup, "setup"),
    )


def _setup_key(setup: PathLike | Setup | SetupKey) -> SetupKey:
    if isinstance(setup, Setup):
        return setup.key
    return loaded(setup, SetupKey, load_setup_key, "setup")


def _amounts(terms: Terms, lots: Sequence[int]) -> dict[str, str]:
    held = ((number, amount) for number, amount in enumerate(lots) if number and amount)
    return {terms.assets[number - 1].id: terms.format_amount(number, amount) for number, amount in held}


__all__ = [
    "BATCH_ROWS",
    "IncludedBalances",
    "SolvencyResult",
    "attest_reserves",
    "check_inclusion",
    "commit_balances",
    "make_inclusion",
    "make_inclusions",
    "prove_batches",
    "prove_solvency",
    "report_solvency",
    "verify_solvency",
    "verify_solvency_statement",
    "write_inclusion_page",
]
