"""The kernels' packing of integers and points: 32 little-endian bytes an integer, a point as x then y.

Not the encoding of proofs and files, which is big-endian: see `zkmargin.verifier.curve.encode_g1`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from zkmargin.verifier.curve import G1, POINT_BYTES

INTEGER_BYTES: Final = 32


def pack_integers(values: Iterable[int]) -> bytes:
    """Pack non-negative integers below 2^256."""
    return b"".join([value.to_bytes(INTEGER_BYTES, "little") for value in values])


def unpack_integers(data: bytes) -> list[int]:
    """Unpack what `pack_integers` packed, without a check of range."""
    return [int.from_bytes(data[i : i + INTEGER_BYTES], "little") for i in range(0, len(data), INTEGER_BYTES)]


def pack_points(points: Iterable[G1]) -> bytes:
    """Pack affine points, 64 bytes each; infinity is (0, 0)."""
    return pack_integers(coordinate for point in points for coordinate in point)


def unpack_points(data: bytes) -> list[G1]:
    """Unpack what `pack_points` packed, without a check: for points that a kernel has made."""
    return [
        G1(int.from_bytes(data[i : i + INTEGER_BYTES], "little"), int.from_bytes(data[i + 32 : i + 64], "little"))
        for i in range(0, len(data), POINT_BYTES)
    ]
