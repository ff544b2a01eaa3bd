"""The floor of a kernel: products counted, times the time of one product on this processor.

A product is one multiplication modulo a 254-bit prime; both fields of the curve take the same instructions. Its time is
measured on a vector that stays in the first-level cache, one thread, as the best of many passes. So the floor leaves
out caches, sorting, additions and everything else, and nothing that multiplies this often can be faster with these
instructions.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any

from zkmargin.prover.kernels.interface import Backend
from zkmargin.verifier.field import SCALAR_MODULUS

_IN_CACHE = 256
_PASSES = 4000
PRODUCTS_AN_ADDITION = 6
"""Affine additions that share one inversion: three products for the inverse, two and a square for the sum."""


def seconds_a_product(backend: Backend[Any, Any]) -> float:
    """Measure one product. The back end's call is timed with it and taken off by a vector of half the length."""

    def best(length: int) -> float:
        left, right = (
            backend.vector_from_bytes(
                b"".join(pow(base, i + 1, SCALAR_MODULUS).to_bytes(32, "little") for i in range(length))
            )
            for base in (7, 11)
        )
        times = []
        with backend.arena():
            for _ in range(_PASSES):
                start = perf_counter()
                backend.multiply(left, right)
                times.append(perf_counter() - start)
        return min(times)

    return (best(2 * _IN_CACHE) - best(_IN_CACHE)) / _IN_CACHE


def transform_products(size: int) -> int:
    """Count the products of a Fourier transform of `size` elements, a power of two, by radix two."""
    return size // 2 * (size.bit_length() - 1)


def msm_products(points: int, bits: int) -> int:
    """Count the products of a bucket multi-scalar multiplication, at the window for which they are fewest.

    Signed windows of c bits: each point goes into one of 2^(c-1) buckets a window, and two additions a bucket sum them.
    """
    return PRODUCTS_AN_ADDITION * min(
        -(-(bits + 1) // window) * (points + 2 * (1 << (window - 1))) for window in range(2, 20)
    )
