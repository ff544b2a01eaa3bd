"""Back ends compiled from `native/`: what Python integers and arrays become on their way to `zkmargin._native`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

import numpy as np
from numpy.typing import NDArray

from zkmargin import _native
from zkmargin._native import FieldVector, PointVector
from zkmargin.prover.kernels.arguments import check_ends, check_int64, check_segments, check_slice, unsigned
from zkmargin.prover.kernels.interface import KernelRangeError, Tape
from zkmargin.prover.kernels.packing import INTEGER_BYTES, pack_integers, pack_points, unpack_integers, unpack_points
from zkmargin.verifier.curve import G1, G2
from zkmargin.verifier.field import SCALAR_MODULUS

__all__ = ["NativeBackend", "NativeEngine", "engine_is_emulated", "engine_problem", "set_threads"]


class NativeBackend:
    """`interface.Backend` over one native engine, which the interface documents method by method."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._engine = _native.Engine(name)

    def arena(self) -> AbstractContextManager[None]:
        """Overwrite dropped memory that waits for reuse when the block ends."""
        return self._engine.work()

    # -- in and out -----------------------------------------------------------------------------------------------

    def vector(self, values: Iterable[int]) -> FieldVector:
        """Reduce any integers."""
        integers = list(values)
        try:
            # Most columns are of small integers, which cross ten times as fast.
            small = np.array(integers, dtype=np.int64)
        except OverflowError:
            return self._engine.vector_from_bytes(_scalars(integers))
        return self._engine.vector_from_int64(small.tobytes())

    def vector_from_int64(self, values: NDArray[np.int64]) -> FieldVector:
        """Reduce signed 64-bit integers."""
        check_int64(values)
        return self._engine.vector_from_int64(values.tobytes())

    def vector_from_bytes(self, data: bytes) -> FieldVector:
        """Decode 32-byte little-endian canonical integers."""
        return self._engine.vector_from_bytes(data)

    def to_ints(self, vector: FieldVector) -> list[int]:
        """The canonical integers."""
        return unpack_integers(self._engine.to_bytes(vector))

    def to_bytes(self, vector: FieldVector) -> bytes:
        """The canonical integers, 32 bytes little-endian each."""
        return self._engine.to_bytes(vector)

    def constant(self, value: int, length: int) -> FieldVector:
        """`length` times `value`."""
        return self._engine.constant(_scalar(value), unsigned(length, "length"))

    def slice(self, vector: FieldVector, start: int, stop: int) -> FieldVector:
        """Entries start..stop-1."""
        check_slice(start, stop, len(vector))
        return self._engine.slice(vector, start, stop)

    def concatenate(self, parts: Sequence[FieldVector]) -> FieldVector:
        """The parts in order."""
        return self._engine.concatenate(parts)

    # -- elementwise and reductions -------------------------------------------------------------------------------

    def add(self, left: FieldVector, right: FieldVector) -> FieldVector:
        """left + right."""
        return self._engine.add(left, right)

    def subtract(self, left: FieldVector, right: FieldVector) -> FieldVector:
        """left - right."""
        return self._engine.subtract(left, right)

    def multiply(self, left: FieldVector, right: FieldVector) -> FieldVector:
        """left * right."""
        return self._engine.multiply(left, right)

    def scale(self, vector: FieldVector, factor: int) -> FieldVector:
        """factor * vector."""
        return self._engine.scale(vector, _scalar(factor))

    def linear_combination(self, vectors: Sequence[FieldVector], coefficients: Sequence[int]) -> FieldVector:
        """sum_k coefficients[k] * vectors[k], shorter vectors padded with zeros."""
        return self._engine.linear_combination(vectors, _scalars(coefficients))

    def inner_product(self, left: FieldVector, right: FieldVector) -> int:
        """sum_i left[i] * right[i]."""
        return int.from_bytes(self._engine.inner_product(left, right), "little")

    def sum(self, vector: FieldVector) -> int:
        """sum_i vector[i]."""
        return int.from_bytes(self._engine.sum(vector), "little")

    def batch_inverse(self, vector: FieldVector) -> FieldVector:
        """1 / vector."""
        return self._engine.batch_inverse(vector)

    def prefix_sum(self, vector: FieldVector) -> FieldVector:
        """Exclusive prefix sums."""
        return self._engine.prefix_sum(vector)

    def evaluate_tape(self, tape: Tape, columns: Sequence[FieldVector], constants: Sequence[int]) -> FieldVector:
        """Run `tape` on every row."""
        if tape.constants != len(constants):
            raise ValueError(f"constants: expected {tape.constants}, got {len(constants)}")
        if any(not 0 <= column < len(columns) for column, _ in tape.inputs):
            raise ValueError("tape: an input names a column that is not there")
        if tape.instructions.ndim != 2 or tape.instructions.shape[1] != 4:
            raise ValueError("tape: expected at least one instruction of four int32")
        instructions = np.ascontiguousarray(tape.instructions, dtype="<i4").tobytes()
        registers = unsigned(tape.registers, "registers")
        return self._engine.evaluate_tape(tape.inputs, registers, instructions, columns, _scalars(constants))

    # -- witnesses ------------------------------------------------------------------------------------------------

    def split_sign(self, vector: FieldVector) -> tuple[FieldVector, FieldVector]:
        """(sign, magnitude) of the centred representatives."""
        return self._engine.split_sign(vector)

    def decompose(self, vector: FieldVector, bits: int, count: int) -> list[FieldVector]:
        """`count` vectors of digits base 2^bits, least significant first."""
        with _range_errors():
            return self._engine.decompose(vector, unsigned(bits, "bits"), unsigned(count, "count"))

    def multiplicities(self, columns: Sequence[FieldVector], bits: int, length: int) -> FieldVector:
        """Entry t < 2^bits counts the t's in all columns."""
        with _range_errors():
            return self._engine.multiplicities(columns, unsigned(bits, "bits"), unsigned(length, "length"))

    def nonzero_rows(self, vector: FieldVector, limit: int) -> list[int]:
        """The first `limit` rows whose entry is not zero."""
        return self._engine.nonzero_rows(vector, unsigned(limit, "limit"))

    # -- polynomials ----------------------------------------------------------------------------------------------

    def interpolate(self, values: Sequence[FieldVector], tails: Sequence[Sequence[int]] = ()) -> list[FieldVector]:
        """Coefficients of the interpolants on H, each plus (X^n - 1) times its tail."""
        return self._engine.interpolate(values, [_scalars(tail) for tail in tails])

    def evaluate_on_coset(self, coefficients: Sequence[FieldVector], size: int, shift: int) -> list[FieldVector]:
        """Values on shift * H."""
        return self._engine.evaluate_on_coset(coefficients, unsigned(size, "domain size"), _scalar(shift))

    def interpolate_on_coset(self, values: Sequence[FieldVector], shift: int) -> list[FieldVector]:
        """Inverse of `evaluate_on_coset`."""
        return self._engine.interpolate_on_coset(values, _scalar(shift))

    def evaluate(self, coefficients: Sequence[FieldVector], point: int) -> list[int]:
        """Each polynomial's value at one point."""
        return unpack_integers(self._engine.evaluate(coefficients, _scalar(point)))

    def divide_by_linear(self, coefficients: FieldVector, point: int) -> FieldVector:
        """The quotient by X - point."""
        return self._engine.divide_by_linear(coefficients, _scalar(point))

    # -- curve ----------------------------------------------------------------------------------------------------

    def points(self, data: bytes) -> PointVector:
        """Decode and check affine points."""
        return self._engine.points(data)

    def points_to_bytes(self, points: PointVector) -> bytes:
        """Inverse of `points`."""
        return self._engine.points_to_bytes(points)

    def slice_points(self, points: PointVector, start: int, stop: int) -> PointVector:
        """Points start..stop-1."""
        check_slice(start, stop, len(points))
        return self._engine.slice_points(points, start, stop)

    def concatenate_points(self, parts: Sequence[PointVector]) -> PointVector:
        """The parts in order."""
        return self._engine.concatenate_points(parts)

    def subtract_points(self, left: PointVector, right: PointVector) -> PointVector:
        """left - right."""
        return self._engine.subtract_points(left, right)

    def msm(self, basis: PointVector, vectors: Sequence[FieldVector], tails: Sequence[Sequence[int]] = ()) -> list[G1]:
        """Inner products of the basis with each vector and its tail."""
        return unpack_points(self._engine.msm(basis, vectors, [_scalars(tail) for tail in tails]))

    def fixed_base_powers(self, tau: int, count: int) -> PointVector:
        """[tau^i] times the generator."""
        return self._engine.fixed_base_powers(_scalar(tau), unsigned(count, "count"))

    def combine_points(self, bases: Sequence[PointVector], scalars: Sequence[FieldVector]) -> PointVector:
        """Row by row, sum_k scalars[k][i] * bases[k][i]."""
        return self._engine.combine_points(bases, scalars)

    def transform_points(self, points: PointVector, root: int) -> PointVector:
        """sum_j root^(ij) points[j]."""
        return self._engine.transform_points(points, _scalar(root))

    def pairing_product_is_one(self, pairs: Sequence[tuple[G1, G2]]) -> bool:
        """Whether the product of pairings is one."""
        return NativeEngine().pairing_product_is_one(pairs)

    # -- exact integers -----------------------------------------------------------------------------------------------

    def segment_sums(self, columns: bytes, weights: NDArray[np.int64], starts: NDArray[np.int64]) -> list[int]:
        """The sums of entry times weight over each segment of each column."""
        check_segments(columns, weights, starts)
        data = _native.segment_sums(columns, weights.astype("<i8").tobytes(), starts.astype("<u8").tobytes())
        return [
            int.from_bytes(data[i : i + INTEGER_BYTES], "little", signed=True)
            for i in range(0, len(data), INTEGER_BYTES)
        ]

    # -- hashing ------------------------------------------------------------------------------------------------------

    def keccak256_many(self, messages: bytes, ends: NDArray[np.int64]) -> bytes:
        """The digests of messages that follow each other; message i stops before ends[i]."""
        check_ends(ends, len(messages))
        return _native.keccak256_many(messages, ends.astype("<u8").tobytes())

    # -- for comparison -------------------------------------------------------------------------------------------

    def arkworks_msm(self, basis: PointVector, vector: FieldVector) -> G1:
        """arkworks' multi-scalar multiplication of equal lengths, called directly."""
        return unpack_points(self._engine.arkworks_msm(basis, vector))[0]

    def arkworks_ntt(self, coefficients: FieldVector) -> FieldVector:
        """arkworks' transform of a power of two of coefficients on H, called directly."""
        return self._engine.arkworks_ntt(coefficients)


class NativeEngine:
    """`zkmargin.verifier.curve.GroupEngine` in native code."""

    def combine(self, points: Sequence[G1], scalars: Sequence[int]) -> G1:
        """sum_i scalars[i] * points[i], scalars taken modulo r. Equal lengths, else ValueError."""
        return unpack_points(_native.combine(pack_points(points), _scalars(scalars)))[0]

    def pairing_product_is_one(self, pairs: Sequence[tuple[G1, G2]]) -> bool:
        """Whether the product of e(P_i, Q_i) is one."""
        right = pack_integers(part for _, point in pairs for xy in point for part in xy)
        return _native.pairing_product_is_one(pack_points([point for point, _ in pairs]), right)


def engine_problem(name: str) -> str | None:
    """Why the engine `name` cannot be used here, None if it can."""
    if name not in _native.engine_names():
        return "this build of the native module does not contain it"
    return _native.unavailable(name)


def engine_is_emulated(name: str) -> bool:
    """Whether this build runs the engine `name` on emulated instructions, which is slow and for tests."""
    return name in _native.engine_names() and _native.emulated(name)


def set_threads(count: int | None) -> None:
    """Use `count` threads from now on, None for one per core."""
    _native.set_threads(count or 0)


# -- conversions -------------------------------------------------------------------------------------------------------


def _scalar(value: int) -> bytes:
    return pack_integers([value % SCALAR_MODULUS])


def _scalars(values: Iterable[int]) -> bytes:
    return pack_integers(int(value) % SCALAR_MODULUS for value in values)


@contextmanager
def _range_errors() -> Iterator[None]:
    try:
        yield
    except _native.RangeError as error:
        raise KernelRangeError(*error.args) from None
