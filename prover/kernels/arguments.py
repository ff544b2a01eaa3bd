"""Checks of shapes and small numbers that the back ends share. Each raises ValueError."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from zkmargin.verifier.field import SCALAR_MODULUS, root_of_unity

MAX_DIGIT_BITS: Final = 28


def check_equal(left: int, right: int, what: str) -> None:
    """Two lengths agree."""
    if left != right:
        raise ValueError(f"{what}: expected equal lengths, got {left} and {right}")


def unsigned(value: int, what: str) -> int:
    """A size, which it returns."""
    if value < 0:
        raise ValueError(f"{what}: expected 0 or more, got {value}")
    return value


def check_slice(start: int, stop: int, length: int) -> None:
    """Bounds lie inside and in order."""
    if not 0 <= start <= stop <= length:
        raise ValueError(f"slice: expected 0 <= start <= stop <= {length}, got {start} and {stop}")


def check_bits(bits: int) -> None:
    """The width of a digit."""
    if not 1 <= bits <= MAX_DIGIT_BITS:
        raise ValueError(f"bits: expected 1 to {MAX_DIGIT_BITS}, got {bits}")


def check_shift(shift: int) -> None:
    """The shift of a coset."""
    if shift % SCALAR_MODULUS == 0:
        raise ValueError("shift: expected an invertible element, got zero")


def check_root(size: int, root: int) -> None:
    """A primitive root of one for a transform of `size` points."""
    root_of_unity(size)
    if (root % SCALAR_MODULUS != 1) if size == 1 else pow(root, size // 2, SCALAR_MODULUS) != SCALAR_MODULUS - 1:
        raise ValueError(f"root: expected a primitive root of one of order {size}")


def check_int64(values: NDArray[np.int64]) -> None:
    """An array that can be read as consecutive signed 64-bit integers."""
    if values.dtype != np.int64 or values.ndim != 1 or not values.flags.c_contiguous:
        raise ValueError("expected a contiguous one-dimensional array of int64")


def check_ends(ends: NDArray[np.int64], length: int) -> None:
    """Where messages of `length` bytes altogether stop: offsets that do not fall, the last at the end."""
    check_int64(ends)
    if np.any(np.diff(ends, prepend=0) < 0):
        raise ValueError("ends: expected offsets from 0 that do not fall")
    if (last := int(ends[-1]) if ends.size else 0) != length:
        raise ValueError(f"ends: expected the last to be {length}, got {last}")


def check_segments(columns: bytes, weights: NDArray[np.int64], starts: NDArray[np.int64]) -> None:
    """Columns of 64-bit integers as long as the weights, and first rows of segments that cover them."""
    check_int64(weights)
    check_int64(starts)
    if not weights.size or len(columns) % (8 * weights.size):
        raise ValueError(f"columns: expected a multiple of {weights.size} entries of 8 bytes, got {len(columns)} bytes")
    if not starts.size or starts[0] or np.any(np.diff(starts) < 0) or starts[-1] > weights.size:
        raise ValueError(f"starts: expected offsets from 0 to {weights.size} that do not fall")
