"""A powers-of-tau setup as a verifier sees it: its name, its ceremony, and whether its points are what they must be.

A setup is believed for one thing only, that nobody knows its x. Everything else follows from [x]_2 and is checked:
the powers by a pairing, the Lagrange points against the powers. Without that check the points of a file mean nothing:
whoever makes them may commit to a false range table, or take the blinding out of every commitment.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from zkmargin.verifier.circuit import setup_powers
from zkmargin.verifier.curve import (
    G1,
    G1_GENERATOR,
    G2,
    G2_GENERATOR,
    INFINITY,
    POINT_BYTES,
    GroupEngine,
    PythonEngine,
    check_g1,
    encode_g2,
)
from zkmargin.verifier.errors import ZkmarginError
from zkmargin.verifier.field import BASE_MODULUS, SCALAR_MODULUS, root_of_unity
from zkmargin.verifier.keccak import keccak256

SRS_DOMAIN: Final = b"zkmargin/srs/v1"

CHECK_VERSION: Final = 1
"""Version of `check_points`. Whoever keeps a result keeps it under this number: a changed check counts anew."""

CEREMONY_NAME: Final = "Perpetual Powers of Tau (Hermez, 54 contributions and a beacon)"
CEREMONY_G2_X: Final = G2(
    (
        21831381940315734285607113342023901060522397560371972897001948545212302161822,
        17231025384763736816414546592865244497437017442647097510447326538965263639101,
    ),
    (
        2388026358213174446665280700919698872609886601280537296205114254867301080648,
        11507326595632554467052522095592665270651932854513688777769618397986436103170,
    ),
)
"""[x]_2 of the known ceremony. Two sources that do not derive from each other: the constants X2x1, X2x2, X2y1, X2y2 of
Polygon zkEVM's FflonkVerifier (0xPolygonHermez/zkevm-contracts at 4912f4b, made by snarkjs from the .ptau file), and
the last 128 bytes of the halo2 file hermez-raw-18, of which public scripts state the first six and the last six."""

_COEFFICIENT_BYTES: Final = 16
_CHUNK: Final = 1 << 14
"""Points that are decoded at once: what a large setup costs in memory besides its bytes."""


class SetupError(ZkmarginError):
    """A setup's points are not what they must be, or it is too small, or not the one that was asked for."""


def srs_digest(g2_x: G2) -> bytes:
    """keccak256("zkmargin/srs/v1" || [x]_2): every power follows from x, so one point names the whole setup."""
    return keccak256(SRS_DOMAIN + encode_g2(g2_x))


def ceremony_of(g2_x: G2) -> str | None:
    """Return the name of the known ceremony that made [x]_2, or None."""
    return CEREMONY_NAME if g2_x == CEREMONY_G2_X else None


@dataclass(frozen=True)
class SetupKey:
    """The verifier's half of a setup: [x]_2, a checked point of order r."""

    g2_x: G2

    @cached_property
    def digest(self) -> bytes:
        """The digest that every transcript absorbs."""
        return srs_digest(self.g2_x)

    @property
    def ceremony(self) -> str | None:
        """The name of the known ceremony that made [x]_2, or None."""
        return ceremony_of(self.g2_x)


# -- the points --------------------------------------------------------------------------------------------------------


def points_digest(key: SetupKey, powers: bytes, lagrange: bytes) -> bytes:
    """SHA-256 of a setup's points and of [x]_2: names what `check_points` looked at, byte by byte."""
    digest = hashlib.sha256(b"zkmargin/setup-points" + encode_g2(key.g2_x))
    digest.update(len(powers).to_bytes(8, "big"))
    digest.update(powers)
    digest.update(lagrange)
    return digest.digest()


def check_points(
    key: SetupKey, powers: bytes, lagrange: bytes, engine: GroupEngine | None = None, *, where: str = "setup"
) -> None:
    """Check that points are the powers of the x of [x]_2, and the Lagrange points of its domain.

    powers: [x^i] for i < 2 n + 16, lagrange: [L_i(x)] for i < n, a point being x and y, 32 little-endian bytes each.
    The blinding points [x^(n+j)] - [x^j] are differences of powers, and x^n other than 1 keeps them from infinity.

    Raises FormatError for a point off the curve, SetupError, both naming `where`, for one that is not what it must be.
    False points pass with a probability of at most 2^-128 + n / r, over the operating system's randomness.
    """
    engine = engine or PythonEngine()
    rows = len(lagrange) // POINT_BYTES
    if len(lagrange) % POINT_BYTES or len(powers) != setup_powers(rows) * POINT_BYTES:
        raise SetupError(f"{where}: expected n Lagrange points and 2 n + 16 powers of {POINT_BYTES} bytes each")
    _check_powers(key, powers, rows, engine, where)
    _check_lagrange(powers, lagrange, rows, engine, where)


def _check_powers(key: SetupKey, powers: bytes, rows: int, engine: GroupEngine, where: str) -> None:
    (first,) = _decoded(powers, 0, 1, f"{where}: powers")
    if first != G1_GENERATOR:
        raise SetupError(f"{where}: power 0: expected the generator of G1")
    (high,) = _decoded(powers, rows, rows + 1, f"{where}: powers")
    if high == G1_GENERATOR:
        raise SetupError(
            f"{where}: power {rows}: expected x^{rows} other than 1: a setup without a contribution, whose x everybody "
            "knows"
        )
    # e(sum rho_i [x^(i+1)], [1]_2) = e(sum rho_i [x^i], [x]_2)
    count = len(powers) // POINT_BYTES
    lower, upper = INFINITY, INFINITY
    for start, stop in _chunks(count - 1):
        points = _decoded(powers, start, stop + 1, f"{where}: powers")
        rho = _random_coefficients(stop - start)
        lower = _plus(engine, lower, points[:-1], rho)
        upper = _plus(engine, upper, points[1:], rho)
    negated = lower if lower == INFINITY else G1(lower.x, BASE_MODULUS - lower.y)
    if not engine.pairing_product_is_one([(upper, G2_GENERATOR), (negated, key.g2_x)]):
        raise SetupError(
            f"{where}: powers: expected each to be x times the one before, with the x of [x]_2: the pairing check fails"
        )


def _check_lagrange(powers: bytes, lagrange: bytes, rows: int, engine: GroupEngine, where: str) -> None:
    """Commit to one random polynomial in both bases: f(X) = sum_j z^(n-1-j) X^j = (z^n - X^n) / (z - X).

    Its values on the domain are (z^n - 1) / (z - w^i), linearly independent polynomials in z of degree n - 1, so that
    false Lagrange points agree for at most n - 1 choices of z.
    """
    z = _outside_domain(rows)
    vanishing, w = pow(z, rows, SCALAR_MODULUS) - 1, root_of_unity(rows)
    difference, root = INFINITY, 1
    for start, stop in _chunks(rows):
        roots = [root]
        while len(roots) < stop - start:
            roots.append(roots[-1] * w % SCALAR_MODULUS)
        root = roots[-1] * w % SCALAR_MODULUS
        values = [vanishing * share % SCALAR_MODULUS for share in _inverses([z - each for each in roots])]
        difference = _plus(engine, difference, _decoded(lagrange, start, stop, f"{where}: lagrange"), values)
    coefficient = pow(z, rows - 1, SCALAR_MODULUS)
    step = pow(z, -1, SCALAR_MODULUS)
    for start, stop in _chunks(rows):
        coefficients = []
        for _ in range(stop - start):
            coefficients.append(-coefficient)
            coefficient = coefficient * step % SCALAR_MODULUS
        difference = _plus(engine, difference, _decoded(powers, start, stop, f"{where}: powers"), coefficients)
    if difference != INFINITY:
        raise SetupError(f"{where}: basis of {rows} rows: expected the Lagrange and blinding points of these powers")


def _outside_domain(rows: int) -> int:
    while True:
        z = 1 + secrets.randbelow(SCALAR_MODULUS - 1)
        if pow(z, rows, SCALAR_MODULUS) != 1:
            return z


def _inverses(values: Sequence[int]) -> list[int]:
    """The inverses modulo r of values other than zero, with one inversion."""
    products = [1]
    for value in values:
        products.append(products[-1] * value % SCALAR_MODULUS)
    tail = pow(products[-1], -1, SCALAR_MODULUS)
    found = []
    for value, before in zip(reversed(values), reversed(products[:-1]), strict=True):
        found.append(tail * before % SCALAR_MODULUS)
        tail = tail * value % SCALAR_MODULUS
    return found[::-1]


def _random_coefficients(count: int) -> list[int]:
    data = secrets.token_bytes(_COEFFICIENT_BYTES * count)
    return [
        int.from_bytes(data[at : at + _COEFFICIENT_BYTES], "little") for at in range(0, len(data), _COEFFICIENT_BYTES)
    ]


def _chunks(count: int) -> Iterator[tuple[int, int]]:
    for start in range(0, count, _CHUNK):
        yield start, min(start + _CHUNK, count)


def _decoded(data: bytes, start: int, stop: int, where: str) -> list[G1]:
    """Points start..stop-1, on the curve. Raises FormatError naming the point; no point of a setup is infinity."""
    half = POINT_BYTES // 2
    return [
        check_g1(
            int.from_bytes(data[at : at + half], "little"),
            int.from_bytes(data[at + half : at + POINT_BYTES], "little"),
            f"{where}: point {at // POINT_BYTES}",
            allow_infinity=False,
        )
        for at in range(start * POINT_BYTES, stop * POINT_BYTES, POINT_BYTES)
    ]


def _plus(engine: GroupEngine, total: G1, points: Sequence[G1], scalars: Sequence[int]) -> G1:
    return engine.combine([total, *points], [1, *scalars])
