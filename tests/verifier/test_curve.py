"""The verifier's group operations in pure Python, held to py_ecc's own multiplication, point by point."""

from __future__ import annotations

import random

import pytest
from py_ecc import optimized_bn128 as bn

from zkmargin.verifier.curve import G1, G1_GENERATOR, INFINITY, PythonEngine
from zkmargin.verifier.field import BASE_MODULUS, SCALAR_MODULUS


def multiple(scalar: int) -> G1:
    """A multiple of the generator."""
    product = bn.multiply(bn.G1, scalar % SCALAR_MODULUS)
    return INFINITY if bn.is_inf(product) else G1(*(int(c) for c in bn.normalize(product)))


def negated(point: G1) -> G1:
    return G1(point.x, BASE_MODULUS - point.y)


def expected(logarithms: list[int], scalars: list[int]) -> G1:
    return multiple(sum(a * b for a, b in zip(logarithms, scalars, strict=True)))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 40, 200])
def test_combine(count: int) -> None:
    draw = random.Random(count)
    logarithms = [draw.randrange(SCALAR_MODULUS) for _ in range(count)]
    scalars = [draw.randrange(SCALAR_MODULUS) for _ in range(count)]
    points = [multiple(logarithm) for logarithm in logarithms]
    assert PythonEngine().combine(points, scalars) == expected(logarithms, scalars)


@pytest.mark.parametrize("scalar", [0, 1, 2, SCALAR_MODULUS - 1, SCALAR_MODULUS, SCALAR_MODULUS + 5, -3, 1 << 253])
def test_edges_of_scalars(scalar: int) -> None:
    logarithms = [5, 5, -5, 7]
    points = [multiple(logarithm) for logarithm in logarithms]
    for scalars in ([scalar] * 4, [scalar, 1, 0, -1], [0, 0, scalar, 0]):
        assert PythonEngine().combine(points, scalars) == expected(logarithms, scalars)


def test_equal_opposite_and_infinite_points() -> None:
    engine, point = PythonEngine(), multiple(11)
    assert engine.combine([point] * 20, [3] * 20) == multiple(660)
    assert engine.combine([point, negated(point)], [9, 9]) == INFINITY
    assert engine.combine([INFINITY, point, INFINITY], [4, 2, 4]) == multiple(22)
    assert engine.combine([INFINITY] * 3, [1, 2, 3]) == INFINITY
    assert engine.combine([G1_GENERATOR], [SCALAR_MODULUS - 1]) == negated(G1_GENERATOR)


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="zip"):
        PythonEngine().combine([G1_GENERATOR], [1, 2])
