"""Predictable blinding, for tests that need the same proof twice."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from zkmargin.prover.randomness import Blinding
from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.keccak import keccak256


def hashed(seed: bytes) -> Callable[[], int]:
    """keccak256(seed || 0), keccak256(seed || 1), ... modulo r."""
    counter = count()
    return lambda: int.from_bytes(keccak256(seed + next(counter).to_bytes(8, "big")), "big") % SCALAR_MODULUS


def predictable(seed: bytes = b"zkmargin tests") -> Blinding:
    """Blinding that anyone can compute: for tests alone."""
    return Blinding(hashed(seed))
