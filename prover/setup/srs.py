"""The prover's half of a powers-of-tau setup, and the commitment bases made from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import InitVar, dataclass, field
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from zkmargin.prover.kernels.choice import verifying_engine
from zkmargin.prover.kernels.interface import Backend, FieldVector, PointVector
from zkmargin.prover.setup.checked import is_checked, remember_checked
from zkmargin.verifier.circuit import SPARE_POWERS, setup_powers
from zkmargin.verifier.curve import G2, POINT_BYTES
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.field import TWO_ADICITY
from zkmargin.verifier.srs import SetupError, SetupKey, check_points, points_digest

__all__ = ["BLINDING_POINTS", "LIMBS", "PointSource", "Setup", "check_rows"]

BLINDING_POINTS: Final = 8
"""Points [x^j (x^n - 1)] that end a Lagrange basis: as many blinding scalars as any column takes."""

LIMBS: Final = (2, 4)
"""A point in an array: x and y, four little-endian 64-bit limbs each, canonical; all zero is infinity."""

V = TypeVar("V", bound=FieldVector)
P = TypeVar("P", bound=PointVector)


@dataclass(frozen=True)
class PointSource:
    """The powers-of-tau file that a setup is stated to come from. blake2b: its BLAKE2b-512, 128 hexadecimal digits.

    A statement: after the import nobody can compute it again from the setup, and nothing rests on it.
    """

    file: str
    power: int
    ceremony_power: int
    blake2b: str


@dataclass(frozen=True, eq=False, repr=False)
class Setup:
    """A structured reference string for domains of up to `rows` rows, checked: no other can be made.

    Construction checks the points against [x]_2 by pairing (`srs.check_points`), or knows from the cache that this
    installation has checked these very bytes. They are kept as immutable bytes from then on, and every commitment basis
    is made from them, once a back end.

    key: [x]_2 and the digest that names the setup.
    powers: [x^i] for i < 2 rows + 16, shape (2 rows + 16, 2, 4), uint64.
    lagrange_points: [L_i(x)] on the domain of `rows` rows, shape (rows, 2, 4), uint64.
    source: the file that the setup is stated to come from; None for a development setup.
    where: what an error names.
    """

    key: SetupKey
    powers: NDArray[np.uint64]
    lagrange_points: NDArray[np.uint64]
    source: PointSource | None
    _handles: dict[tuple[str, int], Any] = field(default_factory=dict, init=False)
    where: InitVar[str] = "setup"

    def __post_init__(self, where: str) -> None:
        check_rows(self.rows, where)
        for name, array, shape in (
            ("powers", self.powers, (setup_powers(self.rows), *LIMBS)),
            ("lagrange", self.lagrange_points, (self.rows, *LIMBS)),
        ):
            if array.shape != shape or array.dtype != np.dtype("<u8"):
                raise FormatError(f"{where}: {name}: expected shape {shape} of <u8, got {array.shape} of {array.dtype}")
        powers, lagrange = self.powers.tobytes(), self.lagrange_points.tobytes()
        # Arrays over bytes of our own: nobody who kept a reference to the given ones can change what was checked.
        object.__setattr__(self, "powers", limbs(powers))
        object.__setattr__(self, "lagrange_points", limbs(lagrange))
        digest = points_digest(self.key, powers, lagrange)
        if not is_checked(digest):
            check_points(self.key, powers, lagrange, verifying_engine(), where=where)
            remember_checked(digest)

    @property
    def rows(self) -> int:
        """The largest domain, a power of two."""
        return (len(self.powers) - SPARE_POWERS) // 2

    @property
    def g2_x(self) -> G2:
        """[x]_2."""
        return self.key.g2_x

    @property
    def digest(self) -> bytes:
        """keccak256("zkmargin/srs/v1" || [x]_2)."""
        return self.key.digest

    @property
    def development(self) -> bool:
        """Whether the setup calls itself one that a single machine made."""
        return self.source is None

    @property
    def unsafe(self) -> bool:
        """Whether nothing that can be computed speaks for x being unknown: [x]_2 is not the known ceremony's."""
        return self.ceremony is None

    @property
    def ceremony(self) -> str | None:
        """The name of the known ceremony that made [x]_2, or None."""
        return self.key.ceremony

    def __reduce__(self) -> tuple[type[Setup], tuple[object, ...]]:
        """Pickle without handles; whoever unpickles makes a setup anew, check and all."""
        return Setup, (self.key, self.powers, self.lagrange_points, self.source)

    def __repr__(self) -> str:
        kind = self.ceremony or ("UNSAFE development setup" if self.development else "UNSAFE: of no known ceremony")
        return f"Setup(rows={self.rows}, digest=0x{self.digest.hex()}, {kind})"

    def monomial(self, backend: Backend[V, P]) -> P:
        """[x^i] for i < 2 rows + 16. Raises FormatError for a point off the curve."""
        return self._handle(backend, 0, lambda: decode(backend, self.powers.tobytes(), "setup: powers"))

    def lagrange(self, backend: Backend[V, P], n: int) -> P:
        """The commitment basis of the domain of n rows: n points [L_i(x)], then 8 points [x^j (x^n - 1)].

        n is a power of two up to `rows`: SetupError otherwise. For n < rows the points come from the cache when it
        holds the right ones, which a random linear combination decides; else they are computed and put there.
        """
        check_rows(n, "domain", low=1)
        if n > self.rows:
            raise SetupError(
                f"setup: expected one for at least {n} rows, got one for {self.rows}; make or import one with "
                f"--rows {n}"
            )
        return self._handle(backend, n, lambda: self._lagrange(backend, n))

    def _lagrange(self, backend: Backend[V, P], n: int) -> P:
        powers = self.monomial(backend)
        if n == self.rows:
            basis = decode(backend, self.lagrange_points.tobytes(), "setup: lagrange")
        else:
            from zkmargin.prover.setup import cache  # noqa: PLC0415 - whoever verifies needs no basis

            basis = cache.lagrange_points(backend, powers, self.digest, n)
        return with_blinding(backend, powers, basis)

    def _handle(self, backend: Backend[V, P], n: int, make: Callable[[], P]) -> P:
        key = (backend.name, n)
        if key not in self._handles:
            self._handles[key] = make()
        points: P = self._handles[key]
        return points


def check_rows(rows: int, where: str, low: int = 2) -> None:
    """Raise FormatError unless `rows` is a power of two from `low` to 2^28."""
    if not low <= rows <= 1 << TWO_ADICITY or rows & (rows - 1):
        raise FormatError(f"{where}: rows: expected a power of two from {low} to 2^{TWO_ADICITY}, got {rows}")


def decode(backend: Backend[V, P], data: bytes, where: str) -> P:
    """Points from 64 little-endian bytes each. Raises FormatError for one off the curve."""
    try:
        return backend.points(data)
    except ValueError as error:
        raise FormatError(f"{where}: {error}") from None


def setup_of(backend: Backend[V, P], powers: P, lagrange: P, g2_x: G2, source: PointSource | None) -> Setup:
    """The setup with these 2 rows + 16 powers and rows Lagrange points. Raises SetupError when they are not that."""
    powers_data, lagrange_data = backend.points_to_bytes(powers), backend.points_to_bytes(lagrange)
    return Setup(SetupKey(g2_x), limbs(powers_data), limbs(lagrange_data), source)


def limbs(data: bytes) -> NDArray[np.uint64]:
    """Points of 64 little-endian bytes each as a read-only array, shape (points, 2, 4)."""
    return np.frombuffer(data, dtype="<u8").reshape(len(data) // POINT_BYTES, *LIMBS)


def with_blinding(backend: Backend[V, P], powers: P, lagrange: P) -> P:
    """Append [x^(n+j)] - [x^j] for j < 8 to the n Lagrange points."""
    n = len(lagrange)
    high = backend.slice_points(powers, n, n + BLINDING_POINTS)
    low = backend.slice_points(powers, 0, BLINDING_POINTS)
    return backend.concatenate_points([lagrange, backend.subtract_points(high, low)])
