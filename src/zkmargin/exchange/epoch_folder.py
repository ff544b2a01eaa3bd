"""The work folder of one epoch: everything between taking the balances and publishing the statement. Secret.

    epoch.json            terms, nonce, the secret master key, how many batches (mode 0600)
    batches/00000.json    a batch's customers in the clear, arrays beside it (mode 0600)
    proofs/00000.json     a batch's part of the statement and the opening of its totals (mode 0600)

The folder appears whole, once all balances are read and checked, and its batches never change after. A proof's file
appears when the batch is proven, and names the batch's content: whoever starts again proves what is missing and nothing
else. A proof follows from its batch and the master key alone, so that one made twice is the same proof.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from zkmargin.circuits.statements.solvency.batch import Batch
from zkmargin.circuits.statements.solvency.circuit import check_batch_rows
from zkmargin.circuits.statements.solvency.files import totals_to_json
from zkmargin.circuits.statements.solvency.prover import TotalsOpening
from zkmargin.exchange.balances import BalanceTable, InputError
from zkmargin.exchange.batching import CollisionError, cut_batches, fill_buckets
from zkmargin.prover.writing import appearing, write_document
from zkmargin.verifier.curve import decode_g1, encode_g1
from zkmargin.verifier.documents import Fields, read_arrays, read_document
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.hexadecimal import parse_hex
from zkmargin.verifier.statements.solvency.accounts import ACCOUNT_BITS, MAX_CUSTOMER_BYTES, solvency_epoch_id
from zkmargin.verifier.statements.solvency.files import MAX_SOLVENCY_PROOF_BYTES, POINTS, opened_totals
from zkmargin.verifier.statements.solvency.statement import MAX_BATCHES, BatchStatement
from zkmargin.verifier.statements.solvency.terms import QUANTITY_BITS, TOTALS, Terms, terms_from_fields

EPOCH_KIND: Final = "solvency-epoch"
BATCH_KIND: Final = "solvency-batch"
PROOF_KIND: Final = "solvency-batch-proof"
NONCE_BYTES: Final = 32
ATTEMPTS: Final = 3
Report = Callable[[str, int, int], None]
_COLUMNS: Final = ("line", "free", "collateral", "debt")


class WorkError(FormatError):
    """A work folder is not what a step needs. The message says which file and what to do."""


@dataclass(frozen=True, eq=False)
class EpochFolder:
    """A work folder that is complete."""

    folder: Path
    terms: Terms
    nonce: bytes
    master: bytes
    setup: bytes
    rows: int
    batches: int
    customers: int
    holdings: int

    @cached_property
    def epoch(self) -> bytes:
        """The epoch's id."""
        return solvency_epoch_id(self.terms.digest, self.setup, self.nonce)

    def __repr__(self) -> str:
        return f"EpochFolder({self.folder}, batches={self.batches})"

    # -- batches ------------------------------------------------------------------------------------------------------

    def batch_path(self, index: int) -> Path:
        """Where a batch lies."""
        return self.folder / "batches" / f"{index:05d}.json"

    def proof_path(self, index: int) -> Path:
        """Where its proof lies once it is proven."""
        return self.folder / "proofs" / f"{index:05d}.json"

    def read_batch(self, index: int) -> Batch:
        """A batch. Raises FormatError when its file is damaged or was changed."""
        return _read_batch(self.batch_path(index), index, self.rows, len(self.terms.table_rows))

    def content(self, index: int) -> bytes:
        """The Keccak-256 that the batch's file states of its arrays."""
        path = self.batch_path(index)
        return Fields(path, read_document(path, BATCH_KIND)).hexadecimal("arrays_digest", 32)

    # -- proofs -------------------------------------------------------------------------------------------------------

    def missing(self) -> list[int]:
        """The batches that are not proven yet. Raises FormatError when a proof is damaged or of another batch."""
        return [index for index in range(self.batches) if not self._is_proven(index)]

    def _is_proven(self, index: int) -> bool:
        path = self.proof_path(index)
        if not path.exists():
            return False
        self.read_proof(index)
        return True

    def write_proof(self, statement: BatchStatement, opening: TotalsOpening) -> None:
        """Keep a proof: from now on the batch counts as proven."""
        fields = {
            "batch": statement.index,
            "content": "0x" + self.content(statement.index).hex(),
            "low": statement.low,
            "high": statement.high,
            "accounts": statement.accounts,
            **{name: "0x" + encode_g1(getattr(statement, name)).hex() for name in TOTALS},
            "opened": "0x" + encode_g1(statement.batched_opening).hex(),
            "proof": "0x" + statement.proof.hex(),
            "totals": {name: totals_to_json(opening[name]) for name in TOTALS},
        }
        write_document(self.proof_path(statement.index), PROOF_KIND, fields, secret=True)

    def read_proof(self, index: int) -> tuple[BatchStatement, TotalsOpening]:
        """A batch's proof and the opening of its totals. Raises FormatError naming the file."""
        path = self.proof_path(index)
        fields = Fields(path, read_document(path, PROOF_KIND), secret=True)
        if fields.integer("batch", 0, MAX_BATCHES) != index or fields.hexadecimal("content", 32) != self.content(index):
            raise WorkError(
                f"{path}: expected the proof of batch {index} as it is now; the batch or the proof was exchanged. "
                "Delete this file and prove again, or restore the work folder"
            )
        low, high = (fields.integer(name, 0, 1 << ACCOUNT_BITS) for name in ("low", "high"))
        accounts = fields.integer("accounts", 1, self.rows)
        points = {
            attribute: decode_g1(fields.hexadecimal(name, 64), f"{path}: {name}") for name, attribute in POINTS.items()
        }
        proof = parse_hex(fields.text("proof"), f"{path}: field 'proof'", most=MAX_SOLVENCY_PROOF_BYTES)
        totals = fields.record("totals")
        opening = {name: opened_totals(totals.record(name), len(self.terms.assets) + 1) for name in TOTALS}
        totals.finish()
        fields.finish()
        return BatchStatement(index, low, high, accounts, proof=proof, **points), opening


# -- making a work folder ----------------------------------------------------------------------------------------------


def create_epoch_folder(
    folder: str | Path, source: BalanceTable, terms: Terms, setup: bytes, rows: int, report: Report = lambda *_: None
) -> EpochFolder:
    """Read, check, sort and cut all balances into batches. The folder appears at the end, whole, or not at all.

    Raises InputError naming the first row that is wrong, WorkError when the folder exists, OSError.
    """
    check_batch_rows(rows)
    folder = Path(folder)
    if folder.exists():
        raise WorkError(f"{folder}: expected a folder that does not exist yet; an epoch is never written over")
    for attempt in range(ATTEMPTS):
        try:
            return _create(folder, source, terms, setup, rows, report)
        except CollisionError:
            if attempt + 1 == ATTEMPTS:
                raise
    raise WorkError(f"{folder}: no nonce separates all customers")


def _create(folder: Path, source: BalanceTable, terms: Terms, setup: bytes, rows: int, report: Report) -> EpochFolder:
    nonce, master = secrets.token_bytes(NONCE_BYTES), secrets.token_bytes(NONCE_BYTES)
    with appearing(folder) as temporary:
        for name in ("buckets", "batches", "proofs"):
            (temporary / name).mkdir(mode=0o700)
        epoch = solvency_epoch_id(terms.digest, setup, nonce)
        paths = fill_buckets(source, terms, epoch, temporary / "buckets", rows, report)
        batches = customers = holdings = 0
        for batch in cut_batches(paths, source, terms, rows, report):
            if batches == MAX_BATCHES:
                raise InputError(f"{source.name}: expected at most {MAX_BATCHES} batches; give --rows more")
            _write_batch(temporary / "batches" / f"{batch.index:05d}.json", batch)
            batches += 1
            customers += len(batch.customers)
            holdings += batch.holdings
        shutil.rmtree(temporary / "buckets")
        fields = {
            "terms": terms.to_json(),
            "nonce": "0x" + nonce.hex(),
            "master": "0x" + master.hex(),
            "setup": "0x" + setup.hex(),
            "rows": rows,
            "batches": batches,
            "customers": customers,
            "holdings": holdings,
        }
        write_document(temporary / "epoch.json", EPOCH_KIND, fields, secret=True)
    return open_epoch_folder(folder)


def open_epoch_folder(folder: str | Path) -> EpochFolder:
    """A work folder. Raises FormatError; OSError when it cannot be read."""
    path = Path(folder) / "epoch.json"
    fields = Fields(path, read_document(path, EPOCH_KIND), secret=True)
    work = EpochFolder(
        folder=Path(folder),
        terms=terms_from_fields(fields.record("terms"), f"{path}: terms"),
        nonce=fields.hexadecimal("nonce", NONCE_BYTES),
        master=fields.hexadecimal("master", NONCE_BYTES),
        setup=fields.hexadecimal("setup", 32),
        rows=fields.integer("rows", 1, 1 << 30),
        batches=fields.integer("batches", 1, MAX_BATCHES),
        customers=fields.integer("customers", 1, 1 << 40),
        holdings=fields.integer("holdings", 1, 1 << 40),
    )
    fields.finish()
    check_batch_rows(work.rows)
    return work


# -- batch files -------------------------------------------------------------------------------------------------------


def _write_batch(path: Path, batch: Batch) -> None:
    lengths = [len(customer) for customer in batch.customers]
    arrays: dict[str, Any] = {
        "names": np.frombuffer(b"".join(batch.customers), dtype="|u1"),
        "name_starts": np.cumsum([0, *lengths]).astype("<i8"),
        "numbers": batch.numbers.astype("<i8"),
        "starts": batch.starts.astype("<i8"),
        **{name: getattr(batch, name).astype("<i8") for name in _COLUMNS},
    }
    fields = {
        "batch": batch.index,
        "low": batch.low,
        "high": batch.high,
        "customers": len(lengths),
        "holdings": batch.holdings,
        "name_bytes": sum(lengths),
    }
    write_document(path, BATCH_KIND, fields, arrays=arrays, secret=True)


def _read_batch(path: Path, index: int, rows: int, lines: int) -> Batch:
    document = read_document(path, BATCH_KIND)
    fields = Fields(path, document, secret=True)
    if fields.integer("batch", 0, MAX_BATCHES) != index:
        raise WorkError(f"{path}: expected batch {index}; batches were exchanged")
    low, high = (fields.integer(name, 0, 1 << ACCOUNT_BITS) for name in ("low", "high"))
    customers, holdings = (fields.integer(name, 0, rows) for name in ("customers", "holdings"))
    name_bytes = fields.integer("name_bytes", 0, 1 << 40)
    fields.finish("arrays", "arrays_digest")
    shapes: dict[str, Any] = {
        "names": ("|u1", (name_bytes,)),
        "name_starts": ("<i8", (customers + 1,)),
        "numbers": ("<i8", (customers,)),
        "starts": ("<i8", (customers + 1,)),
        **dict.fromkeys(_COLUMNS, ("<i8", (holdings,))),
    }
    arrays = read_arrays(path, document, shapes)
    _check_batch(path, arrays, (low, high), name_bytes, lines)
    names, bounds = arrays["names"].tobytes(), arrays["name_starts"].tolist()
    return Batch(
        index=index,
        low=low,
        high=high,
        customers=[names[start:stop] for start, stop in pairwise(bounds)],
        numbers=arrays["numbers"],
        starts=arrays["starts"],
        **{name: arrays[name] for name in _COLUMNS},
    )


def _check_batch(path: Path, arrays: dict[str, NDArray[Any]], between: tuple[int, int], size: int, lines: int) -> None:
    """Raise WorkError unless the arrays are a batch's: whoever altered them may have stated their digest too."""
    low, high = between
    holdings = len(arrays["line"])
    lengths, counts, numbers = np.diff(arrays["name_starts"]), np.diff(arrays["starts"]), arrays["numbers"]
    ordered = len(numbers) and low < numbers[0] and numbers[-1] < high and (numbers[1:] > numbers[:-1]).all()
    for wrong, what in (
        (arrays["name_starts"][0] != 0 or arrays["name_starts"][-1] != size, "name_starts"),
        ((lengths < 1).any() or (lengths > MAX_CUSTOMER_BYTES).any(), "name_starts"),
        (arrays["starts"][0] != 0 or arrays["starts"][-1] != holdings or (counts < 1).any(), "starts"),
        (not ordered, "numbers"),
        ((arrays["line"] < 1).any() or (arrays["line"] > lines).any(), "line"),
        *(
            ((arrays[name] < 0).any() or (arrays[name] >= 1 << QUANTITY_BITS).any(), name)
            for name in ("free", "collateral", "debt")
        ),
    ):
        if wrong:
            raise WorkError(
                f"{path}: array {what!r}: expected what a batch is cut into, got other numbers; the work folder was "
                "altered: restore it, or take the balances again"
            )
