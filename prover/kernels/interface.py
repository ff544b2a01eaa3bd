"""The one typed interface to field, polynomial and curve kernels.

Three back ends implement it: `reference` (Python integers, galois and py_ecc: slow, short, the oracle of every kernel
test), `portable` (Rust on arkworks, any processor) and `avx512` (Rust, IFMA instructions). Data stays in the back
end's memory between calls: Python holds opaque handles, and a proof makes at most about two hundred calls.

Conventions, the same for every back end:

* Field elements are integers modulo r, canonical (in [0, r)) wherever Python sees them. A Python integer that enters
  may be any integer; it is reduced.
* H is the domain <w>, w = `root_of_unity(n)`, in natural order: entry i of a vector of values belongs to w^i.
* Coefficient vectors run from low to high.
* Points are affine pairs of Python integers; the point at infinity is (0, 0).
* Every method releases the GIL while it computes and uses every core, or as many as `kernels.set_threads` allows.
* Errors: ValueError for a shape or value that the docstring excludes; TypeError for a handle of another back end.
  No error message quotes a vector's content, which may be secret.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from zkmargin.verifier.curve import G1, G2

__all__ = ["Backend", "FieldVector", "KernelRangeError", "Operation", "PointVector", "Tape"]


class KernelRangeError(ValueError):
    """A value does not fit the bits it was given; `row` says where. The value itself is not kept."""

    def __init__(self, row: int, bits: int) -> None:
        super().__init__(f"row {row}: expected 0 <= value < 2**{bits}")
        self.row = row
        self.bits = bits


class FieldVector(Protocol):
    """A vector over Fr in the back end's own memory, immutable once made."""

    def __len__(self) -> int: ...


class PointVector(Protocol):
    """A vector of G1 points in the layout that the back end's multi-scalar multiplication wants."""

    def __len__(self) -> int: ...


class Operation(IntEnum):
    """What one instruction of a tape does with its two operands."""

    ADD = 0
    SUBTRACT = 1
    MULTIPLY = 2


@dataclass(frozen=True)
class Tape:
    """A compiled elementwise expression: straight-line code over rows.

    Operands are numbered: first the inputs, then the constants, then the registers. Each instruction is four int32
    (operation, destination register, left operand, right operand); destination counts registers from 0, operands use
    the common numbering. The last instruction's destination is the result.

    inputs: (column, rotation) pairs; rotation k reads entry (i + k) mod n for row i.
    """

    inputs: tuple[tuple[int, int], ...]
    constants: int
    registers: int
    instructions: NDArray[np.int32]


V = TypeVar("V", bound=FieldVector)
P = TypeVar("P", bound=PointVector)


@runtime_checkable
class Backend(Protocol[V, P]):
    """Kernels over vectors of Fr and of G1 points. Shapes are given as (n,) in docstrings."""

    name: str

    def arena(self) -> AbstractContextManager[None]:
        """A block in which memory of dropped vectors may be used again before it is overwritten.

        Outside of all such blocks it is overwritten at once, and when the last one ends, what is left is. For a proof,
        which makes hundreds of vectors; those that outlive the block are overwritten when they are dropped.
        """

    # -- in and out -----------------------------------------------------------------------------------------------

    def vector(self, values: Iterable[int]) -> V:
        """Make a vector from Python integers of any size and sign, reduced modulo r."""

    def vector_from_int64(self, values: NDArray[np.int64]) -> V:
        """Make a vector from a contiguous array of signed 64-bit integers; -1 becomes r - 1."""

    def vector_from_bytes(self, data: bytes) -> V:
        """Make a vector from 32-byte little-endian canonical integers. Raises ValueError for a value >= r."""

    def to_ints(self, vector: V) -> list[int]:
        """The canonical integers of a vector."""

    def to_bytes(self, vector: V) -> bytes:
        """The canonical integers of a vector, 32 bytes little-endian each."""

    def constant(self, value: int, length: int) -> V:
        """A vector of `length` equal entries."""

    def slice(self, vector: V, start: int, stop: int) -> V:
        """Entries start..stop-1, 0 <= start <= stop <= len."""

    def concatenate(self, parts: Sequence[V]) -> V:
        """The parts one after the other."""

    # -- elementwise and reductions -------------------------------------------------------------------------------

    def add(self, left: V, right: V) -> V:
        """left + right, equal lengths."""

    def subtract(self, left: V, right: V) -> V:
        """left - right, equal lengths."""

    def multiply(self, left: V, right: V) -> V:
        """left * right elementwise, equal lengths."""

    def scale(self, vector: V, factor: int) -> V:
        """factor * vector."""

    def linear_combination(self, vectors: Sequence[V], coefficients: Sequence[int]) -> V:
        """sum_k coefficients[k] * vectors[k]; lengths may differ (short ones end in zeros); not empty."""

    def inner_product(self, left: V, right: V) -> int:
        """sum_i left[i] * right[i], equal lengths."""

    def sum(self, vector: V) -> int:
        """sum_i vector[i]."""

    def batch_inverse(self, vector: V) -> V:
        """1 / vector elementwise. Raises ZeroDivisionError if an entry is zero."""

    def prefix_sum(self, vector: V) -> V:
        """Exclusive prefix sums: entry i is vector[0] + ... + vector[i-1], entry 0 is zero."""

    def evaluate_tape(self, tape: Tape, columns: Sequence[V], constants: Sequence[int]) -> V:
        """Run `tape` on every row. Columns are all of one length n, the result too."""

    # -- witnesses ------------------------------------------------------------------------------------------------

    def split_sign(self, vector: V) -> tuple[V, V]:
        """(s, a) with s = 1 where the centred representative is negative, else 0, and vector = (1 - 2 s) a."""

    def decompose(self, vector: V, bits: int, count: int) -> list[V]:
        """`count` vectors of digits base 2^bits (1 <= bits <= 28), least significant first.

        Raises KernelRangeError naming the first row whose canonical integer is not below 2^(bits * count).
        """

    def multiplicities(self, columns: Sequence[V], bits: int, length: int) -> V:
        """Entry t < 2^bits counts the t's in all columns; entries from 2^bits to `length` are zero (2^bits <= length).

        Raises KernelRangeError(row, bits) for an entry outside [0, 2^bits).
        """

    def nonzero_rows(self, vector: V, limit: int) -> list[int]:
        """The first `limit` rows whose entry is not zero."""

    # -- polynomials ----------------------------------------------------------------------------------------------

    def interpolate(self, values: Sequence[V], tails: Sequence[Sequence[int]] = ()) -> list[V]:
        """For each k, the coefficients of the interpolant of n = 2^m values on H plus (X^n - 1) sum_j tails[k][j] X^j.

        Result k has n + len(tails[k]) coefficients. `tails` (blinding scalars, fewer than n each) is empty or as long
        as `values`.
        """

    def evaluate_on_coset(self, coefficients: Sequence[V], size: int, shift: int) -> list[V]:
        """Values on the coset shift * H, |H| = size. A coefficient vector may have any length."""

    def interpolate_on_coset(self, values: Sequence[V], shift: int) -> list[V]:
        """Inverse of `evaluate_on_coset` for polynomials of degree below the number of values."""

    def evaluate(self, coefficients: Sequence[V], point: int) -> list[int]:
        """Each polynomial's value at one point."""

    def divide_by_linear(self, coefficients: V, point: int) -> V:
        """The quotient (f(X) - f(point)) / (X - point), one coefficient fewer (empty for an empty or constant f)."""

    # -- curve ----------------------------------------------------------------------------------------------------

    def points(self, data: bytes) -> P:
        """Decode 64-byte points, x then y, 32 bytes little-endian each; all zero is infinity.

        Raises ValueError naming the first index with a coordinate >= q or a point off the curve.
        """

    def points_to_bytes(self, points: P) -> bytes:
        """Inverse of `points`."""

    def slice_points(self, points: P, start: int, stop: int) -> P:
        """Points start..stop-1."""

    def concatenate_points(self, parts: Sequence[P]) -> P:
        """The parts one after the other."""

    def subtract_points(self, left: P, right: P) -> P:
        """left - right elementwise, equal lengths."""

    def msm(self, basis: P, vectors: Sequence[V], tails: Sequence[Sequence[int]] = ()) -> list[G1]:
        """For each k: sum_i vectors[k][i] * basis[i] + sum_j tails[k][j] * basis[len(vectors[k]) + j].

        `tails` is empty or as long as `vectors`. The tail carries blinding scalars, which are full-width beside a
        vector that may be small. The cost follows the width of each vector's entries, a negative entry counting by
        its magnitude. Raises ValueError when the basis is too short.
        """

    def fixed_base_powers(self, tau: int, count: int) -> P:
        """[1, tau, tau^2, ...] times the generator of G1: a development setup."""

    def combine_points(self, bases: Sequence[P], scalars: Sequence[V]) -> P:
        """Row by row, sum_k scalars[k][i] * bases[k][i]: as many vectors of either, at least one, all of one length.

        The cost follows the width of the scalars, a negative one counting by its magnitude.
        """

    def transform_points(self, points: P, root: int) -> P:
        """sum_j root^(ij) points[j] for each i, by a fast Fourier transform in the group.

        There are n = 2^m points, and root is a primitive n-th root of one: w, or 1 / w for n times the inverse.
        """

    def pairing_product_is_one(self, pairs: Sequence[tuple[G1, G2]]) -> bool:
        """Whether the product of e(P_i, Q_i) is one, for points that were checked when decoded."""

    # -- exact integers -----------------------------------------------------------------------------------------------

    def segment_sums(self, columns: bytes, weights: NDArray[np.int64], starts: NDArray[np.int64]) -> list[int]:
        """For each column, and within it each segment of rows, the exact sum of entry times weight.

        columns: (k, n) signed 64-bit integers, little-endian, row by row: made once by whoever keeps them, for books
        by the thousand. weights: (n,), any. starts: the segments' first rows, from 0, not falling; the last segment
        ends with the columns. Returns k * len(starts) integers. Raises ValueError for any other shape.
        """

    # -- hashing ------------------------------------------------------------------------------------------------------

    def keccak256_many(self, messages: bytes, ends: NDArray[np.int64]) -> bytes:
        """The Keccak-256 digests, 32 bytes each, of messages that follow each other; message i stops before ends[i].

        Raises ValueError for ends that fall, or whose last is not the length of `messages`.
        """
