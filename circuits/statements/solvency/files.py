"""Write the files of a solvency statement. The rooms of `zkmargin.verifier.statements.solvency` read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zkmargin.prover.writing import encode_compactly, replacing, write_document
from zkmargin.verifier.curve import encode_g1
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.statements.solvency import files, inclusion, reserves, terms
from zkmargin.verifier.statements.solvency import log as logs
from zkmargin.verifier.statements.solvency.files import NUMBERS, POINTS
from zkmargin.verifier.statements.solvency.inclusion import Inclusion, inclusion_to_json
from zkmargin.verifier.statements.solvency.log import Log, Receipt
from zkmargin.verifier.statements.solvency.reserves import ReserveAttestation
from zkmargin.verifier.statements.solvency.statement import OpenedTotals, Solvency
from zkmargin.verifier.statements.solvency.terms import Terms


def write_terms(path: str | Path, agreed: Terms) -> None:
    """Write terms, whole or not at all."""
    write_document(path, terms.KIND, agreed.to_json())


def write_reserves(path: str | Path, attestation: ReserveAttestation, agreed: Terms) -> None:
    """Write an attestation's file, whole or not at all."""
    write_document(path, reserves.KIND, attestation.to_json(agreed))


def write_solvency(path: str | Path, statement: Solvency) -> None:
    """Write a statement, whole or not at all. Raises FormatError when its proofs are not of one length."""
    length = len(statement.batches[0].proof)
    if any(len(batch.proof) != length for batch in statement.batches):
        raise FormatError("statement: expected proofs of one length")
    arrays: dict[str, NDArray[Any]] = {
        name: np.array([getattr(batch, name) for batch in statement.batches], dtype="<u8") for name in NUMBERS
    }
    for name, attribute in POINTS.items():
        arrays[name] = _bytes([encode_g1(getattr(batch, attribute)) for batch in statement.batches])
    arrays["proofs"] = _bytes([batch.proof for batch in statement.batches])
    fields: dict[str, Any] = {
        "terms": statement.terms.to_json(),
        "nonce": "0x" + statement.nonce.hex(),
        "setup": "0x" + statement.setup.hex(),
        "rows": statement.rows,
        "batches": len(statement.batches),
        "proof_bytes": length,
        "liabilities": "0x" + statement.liabilities.hex(),
        "reserves": [attestation.to_json(statement.terms) for attestation in statement.reserves],
        "totals": {name: totals_to_json(opened) for name, opened in statement.totals.items()},
    }
    if statement.settlement is not None:
        fields["settlement"] = "0x" + statement.settlement.hex()
    write_document(path, files.KIND, fields, arrays=arrays)


def write_log(path: str | Path, log: Log) -> None:
    """Write a log, whole or not at all."""
    write_document(path, logs.KIND, logs.log_to_json(log))


def write_receipt(path: str | Path, receipt: Receipt) -> None:
    """Write a receipt, whole or not at all."""
    write_document(path, logs.RECEIPT_KIND, logs.receipt_to_json(receipt))


def write_inclusion(path: str | Path, made: Inclusion, liabilities: bytes) -> None:
    """Write an inclusion file with mode 0600, whole or not at all."""
    with replacing(path, secret=True) as stream:
        stream.write(encode_inclusion(made, liabilities))


def encode_inclusion(made: Inclusion, liabilities: bytes) -> bytes:
    """An inclusion file's bytes."""
    return encode_compactly(inclusion.KIND, inclusion_to_json(made, liabilities))


def totals_to_json(totals: OpenedTotals) -> dict[str, Any]:
    """What `opened_totals` reads."""
    return {
        "amounts": [str(value) for value in totals.amounts],
        "blinding": "0x" + totals.blinding.to_bytes(32, "big").hex(),
    }


def _bytes(rows: list[bytes]) -> NDArray[np.uint8]:
    return np.frombuffer(b"".join(rows), dtype="|u1").reshape(len(rows), len(rows[0]))
