"""The reference back end: Python integers and py_ecc.

Every method is the definition of its kernel in the fewest steps that stay bearable up to about 2^8 rows; the tests
hold the other back ends to it. `interface.Backend` documents the methods.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import accumulate, zip_longest
from typing import Final

import numpy as np
from numpy.typing import NDArray

from zkmargin.prover.kernels import reference_group as group
from zkmargin.prover.kernels.arguments import (
    check_bits,
    check_ends,
    check_equal,
    check_int64,
    check_root,
    check_segments,
    check_shift,
    check_slice,
    unsigned,
)
from zkmargin.prover.kernels.interface import KernelRangeError, Operation, Tape
from zkmargin.prover.kernels.packing import pack_integers, pack_points, unpack_integers, unpack_points
from zkmargin.verifier.curve import G1, G2, POINT_BYTES, PythonEngine, is_on_curve
from zkmargin.verifier.field import BASE_MODULUS, SCALAR_MODULUS, centred, inverse, root_of_unity
from zkmargin.verifier.keccak import keccak256

__all__ = ["ReferenceBackend", "ReferencePoints", "ReferenceVector"]

SCALAR_BYTES: Final = 32


class ReferenceVector:
    """Canonical integers."""

    __slots__ = ("values",)

    def __init__(self, values: Iterable[int]) -> None:
        self.values = tuple(values)

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        return f"ReferenceVector(length={len(self)})"


class ReferencePoints:
    """Affine points."""

    __slots__ = ("values",)

    def __init__(self, values: Iterable[G1]) -> None:
        self.values = tuple(values)

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        return f"ReferencePoints(length={len(self)})"


class ReferenceBackend:
    """`interface.Backend` over Python integers."""

    name = "reference"

    def arena(self) -> AbstractContextManager[None]:
        """Nothing to do: Python's memory cannot be overwritten."""
        return nullcontext()

    # -- in and out -----------------------------------------------------------------------------------------------

    def vector(self, values: Iterable[int]) -> ReferenceVector:
        """Reduce any integers."""
        return ReferenceVector(int(value) % SCALAR_MODULUS for value in values)

    def vector_from_int64(self, values: NDArray[np.int64]) -> ReferenceVector:
        """Reduce signed 64-bit integers."""
        check_int64(values)
        return self.vector(values.tolist())

    def vector_from_bytes(self, data: bytes) -> ReferenceVector:
        """Decode 32-byte little-endian canonical integers."""
        values = unpack_integers(_whole(data, SCALAR_BYTES))
        for index, value in enumerate(values):
            if value >= SCALAR_MODULUS:
                raise ValueError(f"entry {index}: expected a canonical integer below r")
        return ReferenceVector(values)

    def to_ints(self, vector: ReferenceVector) -> list[int]:
        """The canonical integers."""
        return list(_values(vector))

    def to_bytes(self, vector: ReferenceVector) -> bytes:
        """The canonical integers, 32 bytes little-endian each."""
        return pack_integers(_values(vector))

    def constant(self, value: int, length: int) -> ReferenceVector:
        """`length` times `value`."""
        unsigned(length, "length")
        return ReferenceVector([value % SCALAR_MODULUS] * length)

    def slice(self, vector: ReferenceVector, start: int, stop: int) -> ReferenceVector:
        """Entries start..stop-1."""
        values = _values(vector)
        check_slice(start, stop, len(values))
        return ReferenceVector(values[start:stop])

    def concatenate(self, parts: Sequence[ReferenceVector]) -> ReferenceVector:
        """The parts in order."""
        return ReferenceVector(value for part in parts for value in _values(part))

    # -- elementwise and reductions -------------------------------------------------------------------------------

    def add(self, left: ReferenceVector, right: ReferenceVector) -> ReferenceVector:
        """left + right."""
        return self.vector(a + b for a, b in _pairs(left, right))

    def subtract(self, left: ReferenceVector, right: ReferenceVector) -> ReferenceVector:
        """left - right."""
        return self.vector(a - b for a, b in _pairs(left, right))

    def multiply(self, left: ReferenceVector, right: ReferenceVector) -> ReferenceVector:
        """left * right."""
        return self.vector(a * b for a, b in _pairs(left, right))

    def scale(self, vector: ReferenceVector, factor: int) -> ReferenceVector:
        """factor * vector."""
        return self.vector(factor * value for value in _values(vector))

    def linear_combination(self, vectors: Sequence[ReferenceVector], coefficients: Sequence[int]) -> ReferenceVector:
        """sum_k coefficients[k] * vectors[k], shorter vectors padded with zeros."""
        if not vectors:
            raise ValueError("expected at least one vector")
        check_equal(len(vectors), len(coefficients), "vectors and coefficients")
        rows = zip_longest(*map(_values, vectors), fillvalue=0)
        return self.vector(sum(c * value for c, value in zip(coefficients, row, strict=True)) for row in rows)

    def inner_product(self, left: ReferenceVector, right: ReferenceVector) -> int:
        """sum_i left[i] * right[i]."""
        return sum(a * b for a, b in _pairs(left, right)) % SCALAR_MODULUS

    def sum(self, vector: ReferenceVector) -> int:
        """sum_i vector[i]."""
        return sum(_values(vector)) % SCALAR_MODULUS

    def batch_inverse(self, vector: ReferenceVector) -> ReferenceVector:
        """1 / vector."""
        return ReferenceVector(inverse(value) for value in _values(vector))

    def prefix_sum(self, vector: ReferenceVector) -> ReferenceVector:
        """Exclusive prefix sums."""
        return self.vector(accumulate(_values(vector)[:-1], initial=0) if len(vector) else ())

    def evaluate_tape(
        self, tape: Tape, columns: Sequence[ReferenceVector], constants: Sequence[int]
    ) -> ReferenceVector:
        """Run `tape` on every row."""
        rows = _check_tape(tape, columns, constants)
        return self.vector(_run_tape(tape, [column.values for column in columns], constants, i) for i in range(rows))

    # -- witnesses ------------------------------------------------------------------------------------------------

    def split_sign(self, vector: ReferenceVector) -> tuple[ReferenceVector, ReferenceVector]:
        """(sign, magnitude) of the centred representatives."""
        signed = [centred(value) for value in _values(vector)]
        return ReferenceVector(int(value < 0) for value in signed), ReferenceVector(map(abs, signed))

    def decompose(self, vector: ReferenceVector, bits: int, count: int) -> list[ReferenceVector]:
        """`count` vectors of digits base 2^bits, least significant first."""
        check_bits(bits)
        unsigned(count, "count")
        values = _values(vector)
        for row, value in enumerate(values):
            if value >> (bits * count):
                raise KernelRangeError(row, bits * count)
        mask = (1 << bits) - 1
        return [ReferenceVector(value >> (bits * k) & mask for value in values) for k in range(count)]

    def multiplicities(self, columns: Sequence[ReferenceVector], bits: int, length: int) -> ReferenceVector:
        """Entry t < 2^bits counts the t's in all columns."""
        check_bits(bits)
        if 1 << bits > length:
            raise ValueError(f"expected a length of at least 2^{bits}, got {length}")
        counts = [0] * length
        for column in columns:
            for row, value in enumerate(_values(column)):
                if value >> bits:
                    raise KernelRangeError(row, bits)
                counts[value] += 1
        return ReferenceVector(counts)

    def nonzero_rows(self, vector: ReferenceVector, limit: int) -> list[int]:
        """The first `limit` rows whose entry is not zero."""
        unsigned(limit, "limit")
        return [row for row, value in enumerate(_values(vector)) if value][:limit]

    # -- polynomials ----------------------------------------------------------------------------------------------

    def interpolate(
        self, values: Sequence[ReferenceVector], tails: Sequence[Sequence[int]] = ()
    ) -> list[ReferenceVector]:
        """Coefficients of the interpolants on H, each plus (X^n - 1) times its tail."""
        tails = _matching_tails(tails, len(values))
        for index, (column, tail) in enumerate(zip(values, tails, strict=True)):
            if tail and len(tail) >= len(_values(column)):
                raise ValueError(f"tail {index}: expected fewer than {len(column)} entries, got {len(tail)}")
        results = []
        for interpolant, tail in zip(self.interpolate_on_coset(values, 1), tails, strict=True):
            low = [c - b for c, b in zip_longest(interpolant.values, tail, fillvalue=0)]
            results.append(self.vector([*low, *tail]))
        return results

    def evaluate_on_coset(
        self, coefficients: Sequence[ReferenceVector], size: int, shift: int
    ) -> list[ReferenceVector]:
        """Values on shift * H. On it X^size = shift^size, so long polynomials fold."""
        root = root_of_unity(size)
        check_shift(shift)
        results = []
        for polynomial in coefficients:
            folded = [0] * size
            for k, scaled in enumerate(_times_powers(_values(polynomial), shift)):
                folded[k % size] += scaled
            results.append(self.vector(_fourier(folded, root)))
        return results

    def interpolate_on_coset(self, values: Sequence[ReferenceVector], shift: int) -> list[ReferenceVector]:
        """Inverse of `evaluate_on_coset`."""
        check_shift(shift)
        results = []
        for column in values:
            size = len(_values(column))
            scaled = _fourier(column.values, inverse(root_of_unity(size)))
            results.append(self.scale(ReferenceVector(_times_powers(scaled, inverse(shift))), inverse(size)))
        return results

    def evaluate(self, coefficients: Sequence[ReferenceVector], point: int) -> list[int]:
        """Each polynomial's value at one point."""
        return [sum(_times_powers(_values(polynomial), point)) % SCALAR_MODULUS for polynomial in coefficients]

    def divide_by_linear(self, coefficients: ReferenceVector, point: int) -> ReferenceVector:
        """Synthetic division, highest coefficient first; the remainder f(point) is dropped."""
        falling = accumulate(reversed(_values(coefficients)), lambda carry, c: (carry * point + c) % SCALAR_MODULUS)
        return ReferenceVector(list(falling)[-2::-1])

    # -- curve ----------------------------------------------------------------------------------------------------

    def points(self, data: bytes) -> ReferencePoints:
        """Decode and check affine points."""
        decoded = unpack_points(_whole(data, POINT_BYTES))
        for index, point in enumerate(decoded):
            if max(point) >= BASE_MODULUS:
                raise ValueError(f"point {index}: expected coordinates below q")
            if not is_on_curve(point):
                raise ValueError(f"point {index}: expected a point on y^2 = x^3 + 3")
        return ReferencePoints(decoded)

    def points_to_bytes(self, points: ReferencePoints) -> bytes:
        """Inverse of `points`."""
        return pack_points(_points(points))

    def slice_points(self, points: ReferencePoints, start: int, stop: int) -> ReferencePoints:
        """Points start..stop-1."""
        values = _points(points)
        check_slice(start, stop, len(values))
        return ReferencePoints(values[start:stop])

    def concatenate_points(self, parts: Sequence[ReferencePoints]) -> ReferencePoints:
        """The parts in order."""
        return ReferencePoints(point for part in parts for point in _points(part))

    def subtract_points(self, left: ReferencePoints, right: ReferencePoints) -> ReferencePoints:
        """left - right."""
        check_equal(len(_points(left)), len(_points(right)), "points")
        pairs = zip(left.values, right.values, strict=True)
        return ReferencePoints(group.subtract(a, b) for a, b in pairs)

    def msm(
        self, basis: ReferencePoints, vectors: Sequence[ReferenceVector], tails: Sequence[Sequence[int]] = ()
    ) -> list[G1]:
        """Inner products of the basis with each vector and its tail."""
        points = _points(basis)
        results = []
        for vector, tail in zip(vectors, _matching_tails(tails, len(vectors)), strict=True):
            scalars = [*_values(vector), *tail]
            if len(scalars) > len(points):
                raise ValueError(f"expected a basis of at least {len(scalars)} points, got {len(points)}")
            results.append(group.multi_multiply(points[: len(scalars)], scalars))
        return results

    def fixed_base_powers(self, tau: int, count: int) -> ReferencePoints:
        """[tau^i] times the generator."""
        unsigned(count, "count")
        return ReferencePoints(group.generator_multiples(list(_times_powers([1] * count, tau))))

    def combine_points(self, bases: Sequence[ReferencePoints], scalars: Sequence[ReferenceVector]) -> ReferencePoints:
        """Row by row, sum_k scalars[k][i] * bases[k][i]."""
        if not bases:
            raise ValueError("expected at least one vector of points")
        check_equal(len(bases), len(scalars), "vectors of points and of scalars")
        points, values = [_points(basis) for basis in bases], [_values(vector) for vector in scalars]
        if len({len(part) for part in (*points, *values)}) != 1:
            raise ValueError("points and scalars: expected vectors of one length")
        rows = zip(zip(*points, strict=True), zip(*values, strict=True), strict=True)
        return ReferencePoints(group.multi_multiply(*row) for row in rows)

    def transform_points(self, points: ReferencePoints, root: int) -> ReferencePoints:
        """sum_j root^(ij) points[j]."""
        values = _points(points)
        check_root(len(values), root)
        transformed = group.fourier([group.to_projective(point) for point in values], root)
        return ReferencePoints(map(group.to_affine, transformed))

    def pairing_product_is_one(self, pairs: Sequence[tuple[G1, G2]]) -> bool:
        """Whether the product of pairings is one."""
        return PythonEngine().pairing_product_is_one(pairs)

    # -- exact integers -----------------------------------------------------------------------------------------------

    def segment_sums(self, columns: bytes, weights: NDArray[np.int64], starts: NDArray[np.int64]) -> list[int]:
        """The sums of entry times weight over each segment of each column."""
        check_segments(columns, weights, starts)
        factors, first = weights.tolist(), starts.tolist()
        sums = []
        for column in np.frombuffer(columns, dtype="<i8").reshape(-1, len(factors)).tolist():
            products = [entry * factor for entry, factor in zip(column, factors, strict=True)]
            sums += [sum(products[i:j]) for i, j in zip(first, [*first[1:], len(products)], strict=True)]
        return sums

    # -- hashing ------------------------------------------------------------------------------------------------------

    def keccak256_many(self, messages: bytes, ends: NDArray[np.int64]) -> bytes:
        """The digests of messages that follow each other; message i stops before ends[i]."""
        check_ends(ends, len(messages))
        stops = ends.tolist()
        return b"".join(keccak256(messages[start:stop]) for start, stop in zip([0, *stops[:-1]], stops, strict=False))


# -- handles and arguments ---------------------------------------------------------------------------------------------


def _values(vector: ReferenceVector) -> tuple[int, ...]:
    if not isinstance(vector, ReferenceVector):
        raise TypeError(f"expected a vector of the reference back end, got {type(vector).__name__}")
    return vector.values


def _points(points: ReferencePoints) -> tuple[G1, ...]:
    if not isinstance(points, ReferencePoints):
        raise TypeError(f"expected points of the reference back end, got {type(points).__name__}")
    return points.values


def _pairs(left: ReferenceVector, right: ReferenceVector) -> Iterator[tuple[int, int]]:
    check_equal(len(_values(left)), len(_values(right)), "vectors")
    return zip(left.values, right.values, strict=True)


def _whole(data: bytes, size: int) -> bytes:
    if len(data) % size:
        raise ValueError(f"expected a multiple of {size} bytes, got {len(data)}")
    return data


def _matching_tails(tails: Sequence[Sequence[int]], count: int) -> Sequence[Sequence[int]]:
    if not tails:
        return [()] * count
    check_equal(count, len(tails), "vectors and tails")
    return tails


# -- tapes -------------------------------------------------------------------------------------------------------------


def _check_tape(tape: Tape, columns: Sequence[ReferenceVector], constants: Sequence[int]) -> int:
    """The number of rows. Every operand must name an input, a constant or a register already written."""
    lengths = {len(_values(column)) for column in columns}
    if len(lengths) != 1:
        raise ValueError("columns: expected at least one, all of one length")
    check_equal(tape.constants, len(constants), "constants")
    if any(not 0 <= column < len(columns) for column, _ in tape.inputs):
        raise ValueError("tape: an input names a column that is not there")
    if tape.instructions.ndim != 2 or tape.instructions.shape[1] != 4 or not len(tape.instructions):
        raise ValueError("tape: expected at least one instruction of four int32")
    first_register = len(tape.inputs) + tape.constants
    known = set(range(first_register))
    for line, (operation, destination, *operands) in enumerate(tape.instructions.tolist()):
        if operation not in tuple(Operation) or not 0 <= destination < tape.registers or not known.issuperset(operands):
            raise ValueError(f"tape: instruction {line} is malformed")
        known.add(first_register + destination)
    return lengths.pop()


def _run_tape(tape: Tape, columns: Sequence[tuple[int, ...]], constants: Sequence[int], row: int) -> int:
    inputs = [columns[column][(row + rotation) % len(columns[column])] for column, rotation in tape.inputs]
    operands = [*inputs, *constants, *[0] * tape.registers]
    first_register = len(inputs) + len(constants)
    value = 0
    for operation, destination, left, right in tape.instructions.tolist():
        match Operation(operation):
            case Operation.ADD:
                value = operands[left] + operands[right]
            case Operation.SUBTRACT:
                value = operands[left] - operands[right]
            case Operation.MULTIPLY:
                value = operands[left] * operands[right] % SCALAR_MODULUS
        operands[first_register + destination] = value
    return value


# -- polynomials -------------------------------------------------------------------------------------------------------


def _times_powers(values: Iterable[int], base: int) -> Iterator[int]:
    """values[i] * base^i mod r."""
    power = 1
    for value in values:
        yield value * power % SCALAR_MODULUS
        power = power * base % SCALAR_MODULUS


def _fourier(values: Sequence[int], root: int) -> list[int]:
    """sum_j values[j] root^(ij) for each i, splitting even and odd entries."""
    if len(values) == 1:
        return list(values)
    square = root * root % SCALAR_MODULUS
    even, odd = _fourier(values[::2], square), list(_times_powers(_fourier(values[1::2], square), root))
    sums = [a + b for a, b in zip(even, odd, strict=True)]
    return sums + [a - b for a, b in zip(even, odd, strict=True)]
