"""Inclusion files from a work folder: one customer's, or everybody's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile, ZipInfo

from zkmargin.circuits.statements.solvency.files import encode_inclusion
from zkmargin.circuits.statements.solvency.inclusion import BatchOpener, InclusionMaker, UnknownCustomerError
from zkmargin.circuits.statements.solvency.prover import BatchProver
from zkmargin.exchange.epoch_folder import EpochFolder, WorkError
from zkmargin.prover.kernels.choice import AnyBackend
from zkmargin.prover.setup import Setup
from zkmargin.prover.staging import locked
from zkmargin.prover.writing import appearing, create_secret, replacing
from zkmargin.verifier.keccak import keccak256
from zkmargin.verifier.statements.solvency.accounts import account_number, as_identifier, customer_bytes
from zkmargin.verifier.statements.solvency.inclusion import Inclusion
from zkmargin.verifier.statements.solvency.statement import Solvency

Report = Callable[[str, int, int], None]


def make_inclusion(
    work: EpochFolder, statement: Solvency, setup: Setup, backend: AnyBackend, customer: str
) -> Inclusion:
    """One customer's file. Raises UnknownCustomerError when the epoch has no such customer."""
    _check(work, statement, setup)
    name = customer_bytes(as_identifier(customer), "customer", work.terms.identifier)
    number = account_number(work.epoch, name)
    index = next(batch.index for batch in statement.batches if number < batch.high or batch is statement.batches[-1])
    opener = _opener(work, statement, BatchProver(work.terms, work.epoch, work.rows, setup, backend), index)
    if name not in opener.batch.customers:
        raise UnknownCustomerError("customer: expected a customer of this epoch, found nobody of that id")
    return InclusionMaker[Any, Any](statement).make(opener, list(opener.batch.customers).index(name))


def make_inclusions(
    work: EpochFolder,
    statement: Solvency,
    setup: Setup,
    backend: AnyBackend,
    folder: Path,
    report: Report = lambda *_: None,
    *,
    archive: bool = False,
) -> int:
    """Everybody's files in `folder`, each named after the Keccak-256 of its customer's id.

    Every batch has a subfolder, or with `archive` a ZIP archive, which spares the file system files by the million. It
    appears when it is whole, and one that is there is kept: an interrupted run goes on at the batch where it stopped.
    Returns how many files there are.
    """
    _check(work, statement, setup)
    folder.mkdir(mode=0o700, exist_ok=True)
    with locked(work.folder):
        return _make_inclusions(work, statement, setup, backend, folder, report, archive=archive)


def _make_inclusions(
    work: EpochFolder,
    statement: Solvency,
    setup: Setup,
    backend: AnyBackend,
    folder: Path,
    report: Report,
    *,
    archive: bool,
) -> int:
    prover = BatchProver[Any, Any](work.terms, work.epoch, work.rows, setup, backend)
    maker = InclusionMaker[Any, Any](statement)
    count = 0
    for index in range(work.batches):
        report("inclusion files", index, work.batches)
        opener = _opener(work, statement, prover, index)
        place = folder / (f"{index:05d}.zip" if archive else f"{index:05d}")
        if not place.exists():
            files = _encoded(opener, maker)
            write_archive(place, files, folder) if archive else write_folder(place, files, folder)
        count += len(opener.batch.customers)
    report("inclusion files", work.batches, work.batches)
    return count


def _encoded(opener: BatchOpener[Any, Any], maker: InclusionMaker[Any, Any]) -> Iterator[tuple[str, bytes]]:
    """Name and content of every customer's file."""
    for customer, made in zip(opener.batch.customers, maker.make_all(opener), strict=True):
        yield f"{keccak256(customer).hex()}.json", encode_inclusion(made, maker.statement.liabilities)


def write_folder(path: Path, files: Iterable[tuple[str, bytes]], outside: Path | None = None) -> None:
    """Make a folder of secret files by their names, whole or not at all. Raises OSError.

    Nothing half made ever lies in `outside`, the folder that is handed to customers.
    """
    with appearing(path, outside=outside) as temporary:
        for name, content in files:
            create_secret(temporary / name, content)


def write_archive(path: Path, files: Iterable[tuple[str, bytes]], outside: Path | None = None) -> None:
    """Make the same as a secret ZIP archive."""
    with replacing(path, secret=True, outside=outside) as stream, ZipFile(stream, "w") as archive:
        for name, content in files:
            # Without a time: the same files are the same archive.
            entry = ZipInfo(name)
            entry.external_attr = 0o600 << 16
            archive.writestr(entry, content)


def _opener(work: EpochFolder, statement: Solvency, prover: BatchProver[Any, Any], index: int) -> BatchOpener[Any, Any]:
    return BatchOpener(prover, work.read_batch(index), statement.batches[index], work.master)


def _check(work: EpochFolder, statement: Solvency, setup: Setup) -> None:
    if statement.epoch != work.epoch or len(statement.batches) != work.batches or setup.digest != work.setup:
        raise WorkError(f"{work.folder}: expected the statement and the setup of this epoch, got another's")
