"""The twist's checks against py_ecc: the subgroup, the rest of the curve, and points of small order."""

from __future__ import annotations

import random
from typing import Any

import pytest
from py_ecc import optimized_bn128 as bn

from zkmargin.verifier.curve import G2, G2_GENERATOR, decode_g2, encode_g2, has_order_r, is_on_twist
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.field import BASE_MODULUS, SCALAR_MODULUS

COFACTOR = 2 * BASE_MODULUS - SCALAR_MODULUS
SMALL_FACTORS = (10069, 5864401)


def lowered(point: Any) -> G2:
    x, y = bn.normalize(point)
    return G2((int(x.coeffs[0]), int(x.coeffs[1])), (int(y.coeffs[0]), int(y.coeffs[1])))


def square_root(value: Any) -> Any:
    """A root in Fq[i] of a square a + bi with b != 0, or None: q = 3 mod 4, so that (q + 1) / 4 takes roots in Fq."""
    q, (a, b) = BASE_MODULUS, (int(value.coeffs[0]), int(value.coeffs[1]))
    norm = pow(a * a + b * b, (q + 1) // 4, q)
    for root in (norm, -norm):
        x = pow((a + root) * pow(2, -1, q), (q + 1) // 4, q)
        found = bn.FQ2([x, b * pow(2 * x, -1, q) % q])
        if found * found == value:
            return found
    return None


def twist_point(rng: random.Random) -> Any:
    """A random point of the twist, which is in the subgroup with probability about 2^-254."""
    while True:
        x = bn.FQ2([rng.randrange(BASE_MODULUS), rng.randrange(BASE_MODULUS)])
        y = square_root(x * x * x + bn.b2)
        if y is not None:
            return (x, y, bn.FQ2.one())


def test_the_generator_is_py_eccs() -> None:
    assert lowered(bn.G2) == G2_GENERATOR
    assert is_on_twist(G2_GENERATOR)


@pytest.mark.parametrize("scalar", [1, 2, 3, SCALAR_MODULUS - 1, 0x1234567890ABCDEF << 180])
def test_multiples_of_the_generator_are_in_the_subgroup(scalar: int) -> None:
    point = lowered(bn.multiply(bn.G2, scalar))
    assert is_on_twist(point)
    assert has_order_r(point)
    assert decode_g2(encode_g2(point), "point") == point


def test_points_outside_the_subgroup_are_refused() -> None:
    rng = random.Random(5)
    for _ in range(3):
        raised = twist_point(rng)
        assert bn.is_on_curve(raised, bn.b2)
        outside = bn.multiply(raised, SCALAR_MODULUS)
        small = [bn.multiply(outside, COFACTOR // factor) for factor in SMALL_FACTORS if COFACTOR % factor == 0]
        for point in (raised, outside, *(each for each in small if not bn.is_inf(each))):
            assert is_on_twist(lowered(point))
            assert not has_order_r(lowered(point))
            with pytest.raises(FormatError, match="of order r"):
                decode_g2(encode_g2(lowered(point)), "point")
        assert has_order_r(lowered(bn.multiply(raised, COFACTOR)))


def test_points_off_the_twist_are_refused() -> None:
    point = G2(G2_GENERATOR.x, (G2_GENERATOR.y[0], G2_GENERATOR.y[1] ^ 1))
    assert not is_on_twist(point)
    with pytest.raises(FormatError, match="on the twist"):
        decode_g2(encode_g2(point), "point")
