"""The statement's file: a document of kind `solvency`, with one array row a batch beside it. See statement.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from zkmargin.verifier.curve import POINT_BYTES, decode_g1
from zkmargin.verifier.documents import Fields, read_arrays, read_document
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.hexadecimal import parse_hex
from zkmargin.verifier.statements.solvency.reserves import reserves_from_fields
from zkmargin.verifier.statements.solvency.statement import MAX_BATCHES, BatchStatement, PublicTotals, Solvency
from zkmargin.verifier.statements.solvency.terms import terms_from_fields

KIND: Final = "solvency"
MAX_SOLVENCY_PROOF_BYTES: Final = 1 << 17
NUMBERS: Final = ("low", "high", "accounts")
POINTS: Final = {"equity": "equity", "debt": "debt", "opened": "batched_opening"}
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
    totals = fields.optional_record("totals")
    proof = fields.raw("settlement")
    fields.finish("arrays", "arrays_digest")
    batches = _read_batches(path, document, count, length)
    settlement: bytes | PublicTotals
    if totals is not None and proof is None:
        settlement = _totals(totals, f"{path}: totals", len(terms.assets) + 1)
    elif totals is None and isinstance(proof, str):
        settlement = parse_hex(proof, f"{path}: field 'settlement'", most=MAX_SOLVENCY_PROOF_BYTES)
    else:
        raise FormatError(f"{path}: expected either 'totals' or 'settlement', and null for the other")
    bare = Solvency(terms, nonce, setup, rows, batches, (), settlement)
    reserves = []
    for position, value in enumerate(attestations):
        where = f"{path}: reserves[{position}]"
        if not isinstance(value, dict):
            raise FormatError(f"{where}: expected an object")
        reserves.append(reserves_from_fields(Fields(where, value), terms, bare.epoch, where))
    statement = Solvency(terms, nonce, setup, rows, batches, tuple(reserves), settlement)
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
        equity, debt, batched_opening = (
            decode_g1(arrays[name][index].tobytes(), f"{path}: {name}[{index}]") for name in POINTS
        )
        low, high, accounts = (int(arrays[name][index]) for name in NUMBERS)
        proof = arrays["proofs"][index].tobytes()
        batches.append(BatchStatement(index, low, high, accounts, equity, debt, batched_opening, proof))
    return tuple(batches)


def _totals(fields: Fields, where: str, count: int) -> PublicTotals:
    parts: dict[str, tuple[int, ...]] = {}
    for name in ("equity", "debt"):
        values = fields.array(name)
        if len(values) != count or not all(is_total(value) for value in values):
            raise FormatError(f"{where}: field {name!r}: expected {count} whole numbers below 2^100 as strings")
        parts[name] = tuple(map(int, values))
    blinding = [int.from_bytes(fields.hexadecimal(f"{name}_blinding", 32), "big") for name in ("equity", "debt")]
    fields.finish()
    if max(blinding) >= SCALAR_MODULUS:
        raise FormatError(f"{where}: expected blinding scalars below r")
    return PublicTotals(parts["equity"], parts["debt"], *blinding)


def is_total(value: object) -> bool:
    """Whether a value is a whole number below 2^100 in decimal digits."""
    digits = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 31
    return digits and int(str(value)) < 1 << 100
