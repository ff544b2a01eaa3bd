"""The reference back end's group operations, on py_ecc's points."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Final, TypeAlias

from zkmargin.verifier.curve import G1, G1_GENERATOR, INFINITY
from zkmargin.verifier.field import SCALAR_MODULUS, centred
from zkmargin.verifier.recursion import recursion_limit_kept

with recursion_limit_kept():
    from py_ecc import optimized_bn128 as bn

SCALAR_BITS: Final = SCALAR_MODULUS.bit_length()

Projective: TypeAlias = tuple[bn.FQ, bn.FQ, bn.FQ]


def to_projective(point: G1) -> Projective:
    """py_ecc's form of an affine point."""
    return bn.Z1 if point == INFINITY else (bn.FQ(point.x), bn.FQ(point.y), bn.FQ.one())


def to_affine(point: Projective) -> G1:
    """Inverse of `to_projective`."""
    if bn.is_inf(point):
        return INFINITY
    x, y = bn.normalize(point)
    return G1(int(x), int(y))


def subtract(left: G1, right: G1) -> G1:
    """left - right."""
    return to_affine(bn.add(to_projective(left), bn.neg(to_projective(right))))


def generator_multiples(scalars: Sequence[int]) -> list[G1]:
    """Multiples of the generator, by adding its doublings."""
    doublings = list(
        accumulate(range(SCALAR_BITS), lambda point, _: bn.double(point), initial=to_projective(G1_GENERATOR))
    )
    multiples = []
    for scalar in scalars:
        total = bn.Z1
        for bit, doubling in enumerate(doublings):
            if scalar >> bit & 1:
                total = bn.add(total, doubling)
        multiples.append(to_affine(total))
    return multiples


def fourier(points: Sequence[Projective], root: int) -> list[Projective]:
    """sum_j root^(ij) points[j] for each i, splitting even and odd entries."""
    if len(points) == 1:
        return list(points)
    square = root * root % SCALAR_MODULUS
    even, odd = fourier(points[::2], square), fourier(points[1::2], square)
    turned = [bn.multiply(point, pow(root, i, SCALAR_MODULUS)) for i, point in enumerate(odd)]
    sums = [bn.add(a, b) for a, b in zip(even, turned, strict=True)]
    return sums + [bn.add(a, bn.neg(b)) for a, b in zip(even, turned, strict=True)]


def multi_multiply(points: Sequence[G1], scalars: Sequence[int]) -> G1:
    """Pippenger: window by window from the top, sum the points of each digit, then the digits' multiples."""
    pairs = [(to_projective(point), centred(scalar)) for point, scalar in zip(points, scalars, strict=True)]
    terms = [(bn.neg(point) if value < 0 else point, abs(value)) for point, value in pairs if value]
    width = max(1, len(terms).bit_length() - 3)
    bits = max((value.bit_length() for _, value in terms), default=0)
    total = bn.Z1
    for low in reversed(range(0, bits, width)):
        for _ in range(width):
            total = bn.double(total)
        buckets = [bn.Z1] * (1 << width)
        for point, value in terms:
            digit = value >> low & len(buckets) - 1
            buckets[digit] = bn.add(buckets[digit], point)
        running = bn.Z1
        for bucket in reversed(buckets[1:]):
            running = bn.add(running, bucket)
            total = bn.add(total, running)
    return to_affine(total)
