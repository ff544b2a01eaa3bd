"""Whose key made an ECDSA signature on secp256k1, as Ethereum's ecrecover finds it.

Works on public data only, and takes a time that depends on it. Signing is left to eth_keys, which checks against
secrets and is slow to load: a verifier does without.
"""

from __future__ import annotations

from typing import Final

FIELD: Final = 2**256 - 2**32 - 977
"""The prime of the coordinates, 3 modulo 4."""
ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""The prime order of the group of points on y^2 = x^3 + 7."""
GENERATOR: Final = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)

_Jacobian = tuple[int, int, int]
"""(x, y, z) stands for (x / z^2, y / z^3), and for infinity where z is 0."""
_INFINITY: Final[_Jacobian] = (1, 1, 0)


def recover_public_key(digest: bytes, r: int, s: int, *, odd: bool) -> tuple[int, int] | None:
    """The affine public key under which (r, s) signs `digest`, 32 bytes; None if there is none.

    0 < r, s < ORDER. The signature's point R has x = r, and `odd` says which of the two it is. (The other x that fits,
    r + ORDER, is below FIELD once in 2^127 signatures, and Ethereum does not admit it either.)
    """
    square = (r**3 + 7) % FIELD
    y = pow(square, (FIELD + 1) // 4, FIELD)
    if y * y % FIELD != square:
        return None
    if y % 2 != odd:
        y = FIELD - y
    inverse = pow(r, -1, ORDER)
    hashed = int.from_bytes(digest, "big")
    # s R = hashed G + r key.
    return _affine(_combine(-hashed * inverse % ORDER, (*GENERATOR, 1), s * inverse % ORDER, (r, y, 1)))


def _combine(a: int, left: _Jacobian, b: int, right: _Jacobian) -> _Jacobian:
    """a left + b right, both bit by bit in one go."""
    summands = (_INFINITY, left, right, _add(left, right))
    total = _INFINITY
    for bit in reversed(range(max(a.bit_length(), b.bit_length()))):
        total = _double(total)
        total = _add(total, summands[a >> bit & 1 | (b >> bit & 1) << 1])
    return total


def _double(point: _Jacobian) -> _Jacobian:
    """2 point. No point has y = 0: the order is odd."""
    x, y, z = point
    yy = y * y % FIELD
    s = 4 * x * yy % FIELD
    slope = 3 * x * x % FIELD
    x3 = (slope * slope - 2 * s) % FIELD
    return x3, (slope * (s - x3) - 8 * yy * yy) % FIELD, 2 * y * z % FIELD


def _add(left: _Jacobian, right: _Jacobian) -> _Jacobian:
    """left + right, whatever they are."""
    (x1, y1, z1), (x2, y2, z2) = left, right
    if z1 == 0 or z2 == 0:
        return right if z1 == 0 else left
    zz1, zz2 = z1 * z1 % FIELD, z2 * z2 % FIELD
    u1, u2 = x1 * zz2 % FIELD, x2 * zz1 % FIELD
    s1, s2 = y1 * z2 * zz2 % FIELD, y2 * z1 * zz1 % FIELD
    if u1 == u2:
        return _double(left) if s1 == s2 else _INFINITY
    h, run = u2 - u1, s2 - s1
    hh = h * h % FIELD
    hhh, v = h * hh % FIELD, u1 * hh % FIELD
    x3 = (run * run - hhh - 2 * v) % FIELD
    return x3, (run * (v - x3) - s1 * hhh) % FIELD, z1 * z2 * h % FIELD


def _affine(point: _Jacobian) -> tuple[int, int] | None:
    """(x, y), or None for infinity."""
    x, y, z = point
    if z == 0:
        return None
    inverse = pow(z, -1, FIELD)
    return x * inverse**2 % FIELD, y * inverse**3 % FIELD
