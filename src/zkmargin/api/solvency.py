"""Prove solvency in the Python API: an exchange's reserves cover what it owes.

The steps, in order: `commit_balances` makes the epoch's work folder; wallets and custodians `attest_reserves`;
`prove_solvency` proves the batches and settles them; `make_inclusion` and `make_inclusions` make the customers' files.
What auditors and customers do is in `zkmargin.api.solvency_verification`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

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
)
from zkmargin.api.key_files import read_signing_key
from zkmargin.api.solvency_verification import setup_key_of
from zkmargin.circuits.statements.solvency.files import write_inclusion, write_reserves, write_solvency
from zkmargin.circuits.statements.solvency.verification import verify_solvency_under_setup
from zkmargin.exchange import balances, epoch_folder, inclusion_files, proving
from zkmargin.exchange.epoch_folder import EpochFolder, open_epoch_folder
from zkmargin.prover.kernels import load_backend
from zkmargin.prover.kernels.choice import verifying_engine
from zkmargin.prover.recovery import key_recovery
from zkmargin.prover.setup import Setup, load_setup, load_setup_rows
from zkmargin.prover.setup.progress import Report, silent
from zkmargin.prover.signing import address_of_key, sign_reserves
from zkmargin.verifier.errors import ArgumentError
from zkmargin.verifier.statements.solvency.files import read_solvency
from zkmargin.verifier.statements.solvency.inclusion import Inclusion
from zkmargin.verifier.statements.solvency.reserves import ReserveAttestation, claim_of, read_reserves
from zkmargin.verifier.statements.solvency.statement import Solvency
from zkmargin.verifier.statements.solvency.terms import Terms, read_terms

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

    Raises InputError naming the first wrong row, WorkError when the folder exists, ArgumentError for a setup
    that is too small to prove a batch: before anybody signs.
    """
    where = path_of(customers, "customers", "a database's URL")
    agreed = loaded(terms, Terms, read_terms, "terms")
    size = setup.rows if isinstance(setup, Setup) else load_setup_rows(path_of(setup, "setup"))
    if rows > size:
        raise ArgumentError(
            "setup", f"expected one of at least {rows} rows, those of a batch, got {size}: nothing could be proven"
        )
    digest = setup.digest if isinstance(setup, Setup) else setup_key_of(setup).digest
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
    claim = claim_of(chain, custodian, address_of_key(private), exact, agreed)
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
        loaded(
            each,
            ReserveAttestation,
            lambda path: read_reserves(path, opened.terms, opened.epoch, key_recovery()),
            "reserves",
        )
        for each in reserves
    ]
    prove_batches(opened, parameters, ray=ray, report=report)
    report("settling", 0, 0)
    statement = proving.settle_folder(opened, attested, parameters, backend)
    report("verifying", 0, 0)
    verify_solvency_under_setup(statement, parameters, backend, verifying_engine())
    if out is not None:
        write_solvency(out, statement)
    return statement


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


def _epoch(
    work: PathLike | EpochFolder, statement: PathLike | Solvency, setup: PathLike | Setup
) -> tuple[EpochFolder, Solvency, Setup]:
    return (
        loaded(work, EpochFolder, open_epoch_folder, "work"),
        loaded(statement, Solvency, read_solvency, "statement"),
        loaded(setup, Setup, load_setup, "setup"),
    )


__all__ = [
    "BATCH_ROWS",
    "attest_reserves",
    "commit_balances",
    "make_inclusion",
    "make_inclusions",
    "prove_batches",
    "prove_solvency",
]
