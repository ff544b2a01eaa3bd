"""Points of BN254: checked decoding from untrusted bytes, and the group operations a verifier needs.

A decoded point is an affine pair of integers, infinity being (0, 0), exactly the encoding of the EVM's precompiled
contracts (EIP-196, EIP-197). Decoding is where every check happens: canonical coordinates, curve equation, subgroup.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Protocol

from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.field import BASE_MODULUS, SCALAR_MODULUS
from zkmargin.verifier.recursion import recursion_limit_kept

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
    (
        10857046999023057135944570762232829481370756359578518086990519993285655852781,
        11559732032986387107991004021392285783925812861821192530917403151452391805634,
    ),
    (
        8495653923123431417604973247489272438418190587263600148770280649306958101930,
        4082367875863433681332203403145435568316851327593401208105741076214120093531,
    ),
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
    if not is_on_twist(point):
        raise FormatError(f"{where}: expected a point on the twist")
    if not has_order_r(point):
        raise FormatError(f"{where}: expected a point of order r")
    return point


def encode_g2(point: G2) -> bytes:
    """128 big-endian bytes, imaginary part first, the precompile's encoding."""
    return b"".join(part.to_bytes(32, "big") for part in (point.x[1], point.x[0], point.y[1], point.y[0]))


# -- the twist: a few lines of integers, since loading a library takes longer than the check --------------------------


_Fq2 = tuple[int, int]
_TWIST_B: Final = (
    19485874751759354771024239261021720505790618469301721065564631296452457478373,
    266929791119991161246907387137283842545076965332900288569378510910307636690,
)
"""3 / (9 + i)."""


def _times(a: _Fq2, b: _Fq2) -> _Fq2:
    return (a[0] * b[0] - a[1] * b[1]) % BASE_MODULUS, (a[0] * b[1] + a[1] * b[0]) % BASE_MODULUS


def _sum(a: _Fq2, b: _Fq2, factor: int = 1) -> _Fq2:
    """a + factor * b."""
    return (a[0] + factor * b[0]) % BASE_MODULUS, (a[1] + factor * b[1]) % BASE_MODULUS


def is_on_twist(point: G2) -> bool:
    """Whether y^2 = x^3 + 3 / (9 + i)."""
    x, y = point
    return _times(y, y) == _sum(_times(_times(x, x), x), _TWIST_B)


def has_order_r(point: G2) -> bool:
    """Whether r times a point of the twist is infinity: (r - 1) P = -P, double and add in Jacobian coordinates.

    A sum of two points with one x is an infinity or a doubling in the middle of the chain. It comes out with z = 0 and
    stays so: the answer is no, which is right, since no multiple of a point of order r but the last does that.
    """
    x, y, z = point.x, point.y, (1, 0)
    for bit in bin(SCALAR_MODULUS - 1)[3:]:
        # 2 (x, y, z)
        xx, yy = _times(x, x), _times(y, y)
        s, m = _times(x, _sum((0, 0), yy, 4)), _sum((0, 0), xx, 3)
        z = _sum((0, 0), _times(y, z), 2)
        x = _sum(_times(m, m), s, -2)
        y = _sum(_times(m, _sum(s, x, -1)), _times(yy, yy), -8)
        if bit == "1":
            # (x, y, z) + point
            zz = _times(z, z)
            h = _sum(_times(point.x, zz), x, -1)
            slope = _sum(_times(point.y, _times(z, zz)), y, -1)
            hh = _times(h, h)
            hhh, v = _times(h, hh), _times(x, hh)
            z = _times(z, h)
            x = _sum(_sum(_times(slope, slope), hhh, -1), v, -2)
            y = _sum(_times(slope, _sum(v, x, -1)), _times(y, hhh), -1)
    zz = _times(z, z)
    return zz != (0, 0) and x == _times(point.x, zz) and _sum(y, _times(point.y, _times(z, zz))) == (0, 0)


# -- group operations in pure Python ----------------------------------------------------------------------------------


class PythonEngine:
    """Group operations over py_ecc, loaded when one is made: nothing compiled."""

    def __init__(self) -> None:
        with recursion_limit_kept():
            from py_ecc import optimized_bn128  # noqa: PLC0415 - provers and native verifiers do without it

        self._bn: Any = optimized_bn128

    def combine(self, points: Sequence[G1], scalars: Sequence[int]) -> G1:
        """sum_i scalars[i] * points[i], scalars taken modulo r. Equal lengths, else ValueError.

        Pippenger's method: one chain of doublings, and for every digit of the scalars, from the top, a bucket of points
        for each value d. Each bucket d times is the sum of the sums from the highest bucket down to each.
        """
        bn = self._bn
        terms = [(self._g1(p), scalar % SCALAR_MODULUS) for p, scalar in zip(points, scalars, strict=True)]
        bits = SCALAR_MODULUS.bit_length()
        width = min(range(1, 17), key=lambda c: -(-bits // c) * (len(terms) + 2 * ((1 << c) - 1)))
        total = bn.Z1
        for low in reversed(range(0, bits, width)):
            for _ in range(width):
                total = bn.double(total)
            buckets = [bn.Z1] * (1 << width)
            for point, scalar in terms:
                if digit := scalar >> low & ((1 << width) - 1):
                    buckets[digit] = bn.add(buckets[digit], point)
            running = bn.Z1
            for bucket in reversed(buckets[1:]):
                running = bn.add(running, bucket)
                total = bn.add(total, running)
        if bn.is_inf(total):
            return INFINITY
        x, y = bn.normalize(total)
        return G1(int(x), int(y))

    def pairing_product_is_one(self, pairs: Sequence[tuple[G1, G2]]) -> bool:
        """Whether the product of e(P_i, Q_i) is one: one Miller loop a pair, one final exponentiation."""
        bn = self._bn
        product = bn.FQ12.one()
        for left, right in pairs:
            raised = (bn.FQ2(list(right.x)), bn.FQ2(list(right.y)), bn.FQ2.one())
            product *= bn.pairing(raised, self._g1(left), final_exponentiate=False)
        return bool(bn.final_exponentiate(product) == bn.FQ12.one())

    def _g1(self, point: G1) -> Any:
        bn = self._bn
        return bn.Z1 if point == INFINITY else (bn.FQ(point.x), bn.FQ(point.y), bn.FQ.one())
