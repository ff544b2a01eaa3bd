"""The batched polynomial of a batch's columns, which customers' inclusion files open.

P = sum_k c^k column_k, with c drawn from the whole proof of the batch, so after all columns are committed; the same
polynomial for every customer. The columns are `COLUMNS`, those held in digits put together again. P's commitment
follows from the commitments in the proof, so that no other polynomial can be opened in its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from zkmargin.verifier.circuit import Circuit
from zkmargin.verifier.curve import G1
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.keccak import keccak256

COEFFICIENT_DOMAIN: Final = b"zkmargin/solvency-inclusion/v1"
COLUMNS: Final = ("record", "account", "first", "last", "line", "free", "collateral", "debt")
_R = SCALAR_MODULUS


def coefficient(context: bytes, proof_digest: bytes) -> int:
    """c of the batch with this context and the proof of this Keccak-256."""
    return int.from_bytes(keccak256(COEFFICIENT_DOMAIN + context + proof_digest), "big") % _R


def batched_value(c: int, values: Sequence[int]) -> int:
    """Return sum_k c^k values[k]: what P is at a row with these values, in the order of `COLUMNS`."""
    total = 0
    for value in reversed(values):
        total = (total * c + value) % _R
    return total


def terms_of(circuit: Circuit, c: int) -> dict[int, int]:
    """For each witness column that P is made of, by index, its coefficient. Raises FormatError for another circuit."""
    found: dict[int, int] = {}
    weight = 1
    for name in COLUMNS:
        digits = [index for index, label in enumerate(circuit.witness) if _is_digit(label, name)]
        if not digits:
            raise FormatError(f"circuit {circuit.name}: expected a column {name}")
        for position, index in enumerate(digits):
            found[index] = weight * pow(2, circuit.table_bits * position, _R) % _R
        weight = weight * c % _R
    return found


def batched_points(circuit: Circuit, c: int, witness: Sequence[G1]) -> list[tuple[G1, int]]:
    """Return P's commitment as points of a proof with their coefficients."""
    return [(witness[index], weight) for index, weight in terms_of(circuit, c).items()]


def _is_digit(label: str, name: str) -> bool:
    return label == name or (label.startswith(f"{name}.digit[") and label.endswith("]"))
