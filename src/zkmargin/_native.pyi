"""The compiled kernels. `prover/kernels/native.py` is their only user; `prover/kernels/interface.py` explains them.

Layouts: a scalar is 32 bytes, little-endian, canonical (below r); several scalars follow each other. A G1 point is 64
bytes, x then y, 32 bytes little-endian each, zero for infinity; a G2 point is 128 bytes, x then y, real part first.

Every function releases the interpreter lock. They raise ValueError for a shape or value out of bounds, RangeError for
an entry too large for its bits, ZeroDivisionError for an inverse of zero, TypeError for another engine's handle.
"""

from collections.abc import Sequence
from typing import final

__all__ = [
    "Engine",
    "FieldVector",
    "PointVector",
    "RangeError",
    "Work",
    "combine",
    "emulated",
    "engine_names",
    "keccak256_many",
    "pairing_product_is_one",
    "segment_sums",
    "set_threads",
    "threads",
    "unavailable",
]

class RangeError(ValueError):
    """An entry does not fit its bits; args are (row, bits)."""

    args: tuple[int, int]

@final
class FieldVector:
    """A vector over Fr in an engine's memory, overwritten when it is freed."""

    def __len__(self) -> int: ...

@final
class PointVector:
    """A vector of G1 points in an engine's memory."""

    def __len__(self) -> int: ...

@final
class Work:
    """A block of work: see `interface.Backend.arena`."""

    def __enter__(self) -> None: ...
    def __exit__(self, *exception: object) -> None: ...

@final
class Engine:
    """Kernels over one engine's memory. Raises ValueError for an engine that this machine cannot run."""

    def __new__(cls, name: str) -> Engine: ...
    @property
    def name(self) -> str: ...
    def work(self) -> Work: ...
    def vector_from_int64(self, data: bytes) -> FieldVector: ...
    def vector_from_bytes(self, data: bytes) -> FieldVector: ...
    def to_bytes(self, vector: FieldVector) -> bytes: ...
    def constant(self, value: bytes, length: int) -> FieldVector: ...
    def slice(self, values: FieldVector, start: int, stop: int) -> FieldVector: ...
    def concatenate(self, parts: Sequence[FieldVector]) -> FieldVector: ...
    def add(self, left: FieldVector, right: FieldVector) -> FieldVector: ...
    def subtract(self, left: FieldVector, right: FieldVector) -> FieldVector: ...
    def multiply(self, left: FieldVector, right: FieldVector) -> FieldVector: ...
    def scale(self, values: FieldVector, factor: bytes) -> FieldVector: ...
    def linear_combination(self, terms: Sequence[FieldVector], coefficients: bytes) -> FieldVector: ...
    def inner_product(self, left: FieldVector, right: FieldVector) -> bytes: ...
    def sum(self, values: FieldVector) -> bytes: ...
    def batch_inverse(self, values: FieldVector) -> FieldVector: ...
    def prefix_sum(self, values: FieldVector) -> FieldVector: ...
    def evaluate_tape(
        self,
        inputs: Sequence[tuple[int, int]],
        registers: int,
        instructions: bytes,
        columns: Sequence[FieldVector],
        constants: bytes,
    ) -> FieldVector:
        """Instructions are four little-endian int32 each; see `interface.Tape`."""

    def split_sign(self, values: FieldVector) -> tuple[FieldVector, FieldVector]: ...
    def decompose(self, values: FieldVector, bits: int, count: int) -> list[FieldVector]: ...
    def multiplicities(self, columns: Sequence[FieldVector], bits: int, length: int) -> FieldVector: ...
    def nonzero_rows(self, values: FieldVector, limit: int) -> list[int]: ...
    def interpolate(self, values: Sequence[FieldVector], tails: Sequence[bytes]) -> list[FieldVector]: ...
    def evaluate_on_coset(self, coefficients: Sequence[FieldVector], size: int, shift: bytes) -> list[FieldVector]: ...
    def interpolate_on_coset(self, values: Sequence[FieldVector], shift: bytes) -> list[FieldVector]: ...
    def evaluate(self, coefficients: Sequence[FieldVector], point: bytes) -> bytes: ...
    def divide_by_linear(self, coefficients: FieldVector, point: bytes) -> FieldVector: ...
    def points(self, data: bytes) -> PointVector: ...
    def points_to_bytes(self, points: PointVector) -> bytes: ...
    def slice_points(self, values: PointVector, start: int, stop: int) -> PointVector: ...
    def concatenate_points(self, parts: Sequence[PointVector]) -> PointVector: ...
    def subtract_points(self, left: PointVector, right: PointVector) -> PointVector: ...
    def msm(self, basis: PointVector, scalars: Sequence[FieldVector], tails: Sequence[bytes]) -> bytes: ...
    def fixed_base_powers(self, tau: bytes, count: int) -> PointVector: ...
    def combine_points(self, bases: Sequence[PointVector], scalars: Sequence[FieldVector]) -> PointVector: ...
    def transform_points(self, values: PointVector, root: bytes) -> PointVector: ...
    def arkworks_msm(self, basis: PointVector, scalars: FieldVector) -> bytes:
        """arkworks' own multi-scalar multiplication of equal lengths, for comparison."""

    def arkworks_ntt(self, coefficients: FieldVector) -> FieldVector:
        """arkworks' own transform on H, for comparison."""

def engine_names() -> list[str]:
    """The engines that the module was built with, fastest first."""

def unavailable(name: str) -> str | None:
    """Why this machine cannot run an engine, None if it can. Raises ValueError for an unknown name."""

def emulated(name: str) -> bool:
    """Whether the module was built to emulate an engine's instructions. Raises ValueError for an unknown name."""

def set_threads(count: int) -> None:
    """Use `count` threads from now on, 0 for one per core. Raises ValueError if the system refuses to start them."""

def threads() -> int:
    """The number of threads in use."""

def combine(points: bytes, scalars: bytes) -> bytes:
    """sum_i scalars[i] * points[i] of as many points as scalars."""

def pairing_product_is_one(left: bytes, right: bytes) -> bool:
    """Whether the product of e(left[i], right[i]) is one; G2 points are not checked to lie in the subgroup."""

def keccak256_many(data: bytes, ends: bytes) -> bytes:
    """The 32-byte digests of messages that follow each other; ends are u64, little-endian, the last the length."""

def segment_sums(columns: bytes, weights: bytes, starts: bytes) -> bytes:
    """Signed 32-byte sums, little-endian, by column and segment; entries are i64, starts u64, little-endian."""
