"""Points of BN254: checked decoding from untrusted bytes, and the group operations a verifier needs.

A decoded point is an affine pair of integers, infinity being (0, 0), exactly the encoding of the EVM's precompiled
contracts (EIP-196, EIP-197). Decoding is where every check happens: canonical coordinates, curve equation, subgroup.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from py_ecc import optimized_bn128 as bn

from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.field import BASE_MODULUS, SCALAR_MODULUS

POINT_BYTES: Final = 64
G2_BYTES: Final = 128


class G1(NamedTuple):
    """A point of y^2 = x^3 + 3 over Fq; (0, 0) is infinity."""

    x: int
    y: int


class G2(NamedTuple):
    """A point of the twist over Fq[i]/(i^2 + 1): coordinates as (real, imaginary); all zero is infinity."""

    x: tuple[int, int]
    y: tuple[int, int]


INFINITY: Final = G1(0, 0)
G1_GENERATOR: Final = G1(1, 2)
G2_GENERATOR: Final = G2(
    (int(bn.G2[0].coeffs[0]), int(bn.G2[0].coeffs[1])),
    (int(bn.G2[1].coeffs[0]), int(bn.G2[1].coeffs[1])),
)


class GroupEngine(Protocol):
    """The two group computations of a verification. The default is pure Python; a service may pass native code."""

    def combine(self, points: Sequence[G1], scalars: Sequence[int]) -> G1:
        """sum_i scalars[i] * points[i]."""

    def pairing_product_is_one(self, pairs: Sequence[tuple[G1, G2]]) -> bool:
        """Whether the product of e(P_i, Q_i) is one."""


# -- decoding ---------------------------------------------------------------------------------------------------------


def is_on_curve(point: G1) -> bool:
    """Whether a pair of canonical coordinates satisfies the curve equation, or is infinity."""
    x, y = point
    return point == INFINITY or (y * y - x * x * x - 3) % BASE_MODULUS == 0


def check_g1(x: int, y: int, where: str, *, allow_infinity: bool) -> G1:
    """Turn two integers into a checked point. G1 has prime order: on the curve means in the group.

    Raises FormatError naming `where`.
    """
    if not (0 <= x < BASE_MODULUS and 0 <= y < BASE_MODULUS):
        raise FormatError(f"{where}: expected coordinates below the field modulus q")
    point = G1(x, y)
    if point == INFINITY:
        if not allow_infinity:
            raise FormatError(f"{where}: expected a point other than infinity")
        return point
    if not is_on_curve(point):
        raise FormatError(f"{where}: expected a point on y^2 = x^3 + 3")
    return point


def decode_g1(data: bytes, where: str, *, allow_infinity: bool = False) -> G1:
    """Decode 64 big-endian bytes x || y. Raises FormatError naming `where`."""
    if len(data) != POINT_BYTES:
        raise FormatError(f"{where}: expected {POINT_BYTES} bytes, got {len(data)}")
    return check_g1(
        int.from_bytes(data[:32], "big"), int.from_bytes(data[32:], "big"), where, allow_infinity=allow_infinity
    )


def encode_g1(point: G1) -> bytes:
    """64 big-endian bytes x || y, the precompiles' encoding."""
    return point.x.to_bytes(32, "big") + point.y.to_bytes(32, "big")


def decode_g2(data: bytes, where: str) -> G2:
    """Decode 128 big-endian bytes, imaginary part first (EIP-197), and check curve and subgroup, infinity refused."""
    if len(data) != G2_BYTES:
        raise FormatError(f"{where}: expected {G2_BYTES} bytes, got {len(data)}")
    x_im, x_re, y_im, y_re = (int.from_bytes(data[i : i + 32], "big") for i in range(0, G2_BYTES, 32))
    if max(x_im, x_re, y_im, y_re) >= BASE_MODULUS:
        raise FormatError(f"{where}: expected coordinates below the field modulus q")
    point = G2((x_re, x_im), (y_re, y_im))
    if point == G2((0, 0), (0, 0)):
        raise FormatError(f"{where}: expected a point other than infinity")
    raised = _to_py_ecc_g2(point)
    if not bn.is_on_curve(raised, bn.b2):
        raise FormatError(f"{where}: expected a point on the twist")
    if not bn.is_inf(bn.multiply(raised, SCALAR_MODULUS)):
        raise FormatError(f"{where}: expected a point of order r")
    return point


def encode_g2(point: G2) -> bytes:
    """128 big-endian bytes, imaginary part first, the precompile's encoding."""
    return b"".join(part.to_bytes(32, "big") for part in (point.x[1], point.x[0], point.y[1], point.y[0]))


# -- group operations in pure Python ----------------------------------------------------------------------------------


def _to_py_ecc(point: G1) -> tuple[bn.FQ, bn.FQ, bn.FQ]:
    if point == INFINITY:
        return bn.Z1
    return (bn.FQ(point.x), bn.FQ(point.y), bn.FQ.one())


def _to_py_ecc_g2(point: G2) -> tuple[bn.FQ2, bn.FQ2, bn.FQ2]:
    return (bn.FQ2(list(point.x)), bn.FQ2(list(point.y)), bn.FQ2.one())


def _from_py_ecc(point: tuple[bn.FQ, bn.FQ, bn.FQ]) -> G1:
    if bn.is_inf(point):
        return INFINITY
    x, y = bn.normalize(point)
    return G1(int(x), int(y))


class PythonEngine:
    """Group operations over py_ecc: nothing compiled, nothing clever."""

    def combine(self, points: Sequence[G1], scalars: Sequence[int]) -> G1:
        """sum_i scalars[i] * points[i], scalars taken modulo r. Equal lengths, else ValueError.

        One chain of doublings for all points, highest bit first.
        """
        terms = [(_to_py_ecc(p), scalar % SCALAR_MODULUS) for p, scalar in zip(points, scalars, strict=True)]
        total = bn.Z1
        for bit in range(SCALAR_MODULUS.bit_length() - 1, -1, -1):
            total = bn.double(total)
            for point, scalar in terms:
                if scalar >> bit & 1:
                    total = bn.add(total, point)
        return _from_py_ecc(total)

    def pairing_product_is_one(self, pairs: Sequence[tuple[G1, G2]]) -> bool:
        """Whether the product of e(P_i, Q_i) is one: one Miller loop a pair, one final exponentiation."""
        product = bn.FQ12.one()
        for left, right in pairs:
            product *= bn.pairing(_to_py_ecc_g2(right), _to_py_ecc(left), final_exponentiate=False)
        return bool(bn.final_exponentiate(product) == bn.FQ12.one())
