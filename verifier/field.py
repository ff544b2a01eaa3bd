"""The scalar field Fr of BN254 and its multiplicative subgroups of order 2^k."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Final

SCALAR_MODULUS: Final = 21888242871839275222246405745257275088548364400416034343698204186575808495617
"""r, the prime order of G1, G2 and GT."""

BASE_MODULUS: Final = 21888242871839275222246405745257275088696311157297823662689037894645226208583
"""q, the prime over which the curve's coordinates are taken."""

GENERATOR: Final = 5
"""The smallest generator of Fr*; every domain and coset in the project derives from it."""

TWO_ADICITY: Final = 28
"""2^28 divides r - 1 and 2^29 does not: the largest domain."""


def inverse(value: int) -> int:
    """The inverse of `value` modulo r. Raises ZeroDivisionError for a multiple of r."""
    if value % SCALAR_MODULUS == 0:
        raise ZeroDivisionError("zero has no inverse in Fr")
    return pow(value, -1, SCALAR_MODULUS)


@cache
def root_of_unity(size: int) -> int:
    """The generator w of the domain H of `size` elements: 5^((r - 1) / size).

    `size` is a power of two up to 2^28; anything else raises ValueError.
    """
    if size < 1 or size & (size - 1) or size > 1 << TWO_ADICITY:
        raise ValueError(f"domain size: expected a power of two up to 2^{TWO_ADICITY}, got {size}")
    return pow(GENERATOR, (SCALAR_MODULUS - 1) // size, SCALAR_MODULUS)


@cache
def inverse_of_size(size: int) -> int:
    """1 / size, for the few sizes that domains have."""
    return inverse(size)


def powers_of_root(size: int, exponents: Iterable[int]) -> list[int]:
    """w^i for each exponent i: cheap from one to its neighbour, which most are."""
    w, last, power, powers = root_of_unity(size), 0, 1, []
    for exponent in exponents:
        last, power = exponent, power * pow(w, exponent - last, SCALAR_MODULUS) % SCALAR_MODULUS
        powers.append(power)
    return powers


def centred(value: int) -> int:
    """The representative of `value` mod r of least magnitude, in (-r/2, r/2)."""
    value %= SCALAR_MODULUS
    return value - SCALAR_MODULUS if value > SCALAR_MODULUS // 2 else value
