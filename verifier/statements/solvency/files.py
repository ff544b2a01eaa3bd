"""The statement's file: a document of kind `solvency`, with one array row a batch beside it. See statement.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from zkmargin.verifier.curve import POINT_BYTES, decode_g1
from zkmargin.verifier.documents import Fields, read_arrays, read_document
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.statements.solvency.reserves import reserves_from_fields
from zkmargin.verifier.statements.solvency.statement import (
    MAX_BATCHES,
    MAX_TOTAL,
    BatchStatement,
    OpenedTotals,
    Solvency,
)
from zkmargin.verifier.statements.solvency.terms import TOTALS, terms_from_fields

KIND: Final = "solvency"
MAX_SOLVENCY_PROOF_BYTES: Final = 1 << 17
NUMBERS: Final = ("low", "high", "accounts")
POINTS: Final = {**{name: name for name in TOTALS}, "opened": "batched_opening"}
"""Arrays of points, and the attribute of a batch that each holds."""


def read_solvency(path: str | Path) -> Solvency:
    """Read and decode a statement; nothing is verified yet. Raises FormatError; OSError when it cannot be read."""
    document = read_document(path, KIND)
    fields = Fields(path, document)
    terms = terms_from_fields(fields.record("terms"), f"{path}: terms")
    nonce, setup = fields.hexadecimal("nonce", 32), fields.hexadecimal("setup", 32)
    rows = fields.integer("rows", 1, 1 << 30)
    count = fields.integer("batches", 1, MAX_BATCHES)
    length = fields.integer("proof_bytes", 1, MAX_SOLVENCY_PROOF_BYTES)
    stated = fields.hexadecimal("liabilities", 32)
    attestations = fields.array("reserves")
    published = fields.record("totals")
    totals = {name: opened_totals(published.record(name), len(terms.assets) + 1) for name in published.names}
    proof = fields.data("settlement", MAX_SOLVENCY_PROOF_BYTES) if terms.totals == "hidden" else None
    fields.finish("arrays", "arrays_digest")
    batches = _read_batches(path, document, count, length)
    bare = Solvency(terms, nonce, setup, rows, batches, (), totals, proof)
    reserves = []
    for position, value in enumerate(attestations):
        where = f"{path}: reserves[{position}]"
        if not isinstance(value, dict):
            raise FormatError(f"{where}: expected an object")
        reserves.append(reserves_from_fields(Fields(where, value), terms, bare.epoch, where))
    statement = Solvency(terms, nonce, setup, rows, batches, tuple(reserves), totals, proof)
    if statement.liabilities != stated:
        raise FormatError(f"{path}: field 'liabilities': expected 0x{statement.liabilities.hex()}, got another")
    return statement


def _read_batches(path: str | Path, document: dict[str, Any], count: int, length: int) -> tuple[BatchStatement, ...]:
    shapes: dict[str, Any] = {
        **dict.fromkeys(NUMBERS, ("<u8", (count,))),
        **dict.fromkeys(POINTS, ("|u1", (count, POINT_BYTES))),
        "proofs": ("|u1", (count, length)),
    }
    arrays = read_arrays(path, document, shapes)
    batches = []
    for index in range(count):
        points = {
            attribute: decode_g1(arrays[name][index].tobytes(), f"{path}: {name}[{index}]")
            for name, attribute in POINTS.items()
        }
        low, high, accounts = (int(arrays[name][index]) for name in NUMBERS)
        proof = arrays["proofs"][index].tobytes()
        batches.append(BatchStatement(index, low, high, accounts, proof=proof, **points))
    return tuple(batches)


def opened_totals(fields: Fields, count: int) -> OpenedTotals:
    """Totals of `count` numbers and what opens them. Raises FormatError."""
    amounts = fields.array("amounts")
    if len(amounts) != count or not all(map(is_total, amounts)):
        fields.refuse("amounts", f"{count} whole numbers below 2^100 as strings")
    blinding = int.from_bytes(fields.hexadecimal("blinding", 32), "big")
    if blinding >= SCALAR_MODULUS:
        fields.refuse("blinding", "a scalar below r")
    fields.finish()
    return OpenedTotals(tuple(map(int, amounts)), blinding)


def is_total(value: object) -> bool:
    """Whether a value is a whole number below 2^100 in decimal digits."""
    digits = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 31
    return digits and int(str(value)) <= MAX_TOTAL
