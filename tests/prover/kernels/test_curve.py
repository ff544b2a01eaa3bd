"""Points, multi-scalar multiplication, bases and pairings, against py_ecc by way of the reference back end."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zkmargin.prover.kernels import native_engine
from zkmargin.prover.kernels.interface import Backend
from zkmargin.prover.kernels.reference import ReferenceBackend
from zkmargin.prover.setup.lagrange import lagrange_basis
from zkmargin.verifier.curve import G1, G1_GENERATOR, G2, G2_GENERATOR, INFINITY, GroupEngine, PythonEngine
from zkmargin.verifier.field import BASE_MODULUS, SCALAR_MODULUS, inverse, root_of_unity

from .conftest import BASIS_SIZE, TAU, Basis
from .strategies import EDGES, WIDTHS, scalars

AnyBackend = Backend[Any, Any]

NEGATED_GENERATOR = G1(1, BASE_MODULUS - 2)


def assert_same_msm(
    native: AnyBackend,
    reference: ReferenceBackend,
    basis: Basis,
    columns: list[list[int]],
    tails: list[list[int]] | None = None,
) -> None:
    result = native.msm(basis.load(native), [native.vector(column) for column in columns], tails or [])
    expected = reference.msm(basis.reference, [reference.vector(column) for column in columns], tails or [])
    assert result == expected


def random_scalars(width: int, count: int, *, signed: bool = False) -> list[int]:
    rng = random.Random(width)
    values = [rng.randrange(min(1 << width, SCALAR_MODULUS)) for _ in range(count)]
    return [-value if signed and rng.random() < 0.5 else value for value in values]


# -- points ----------------------------------------------------------------------------------------------------------


def test_points_round_trip(backend: AnyBackend, basis: Basis) -> None:
    points = basis.load(backend)
    assert len(points) == BASIS_SIZE
    assert backend.points_to_bytes(points) == basis.data


def test_slices_and_concatenations_of_points(backend: AnyBackend, basis: Basis) -> None:
    points = basis.load(backend)
    parts = [backend.slice_points(points, 0, 5), backend.slice_points(points, 5, 5), backend.slice_points(points, 5, 9)]
    assert backend.points_to_bytes(backend.concatenate_points(parts)) == basis.data[: 9 * 64]
    assert len(backend.concatenate_points([])) == 0


def test_subtraction_of_points(backend: AnyBackend, reference: ReferenceBackend, basis: Basis) -> None:
    data = basis.data
    first, infinity = data[:64], bytes(64)
    # P - P, P - Q, P - (-P), P - 0, 0 - P, 0 - 0
    negative = data[64 * (BASIS_SIZE - 2) : 64 * (BASIS_SIZE - 1)]
    left = first + first + first + first + infinity + infinity
    right = first + data[64:128] + negative + infinity + first + infinity
    result = backend.points_to_bytes(backend.subtract_points(backend.points(left), backend.points(right)))
    expected = reference.subtract_points(reference.points(left), reference.points(right))
    assert result == reference.points_to_bytes(expected)
    assert result[:64] == infinity
    assert result[4 * 64 : 5 * 64] == negative


@pytest.mark.parametrize(
    ("point", "complaint"),
    [
        ((BASE_MODULUS, 2), "point 2: expected coordinates below q"),
        ((1, BASE_MODULUS + 2), "point 2: expected coordinates below q"),
        ((1, (1 << 256) - 1), "point 2: expected coordinates below q"),
        ((1, 3), "point 2: expected a point on"),
        ((0, 1), "point 2: expected a point on"),
        ((1, 0), "point 2: expected a point on"),
    ],
)
def test_bad_points_are_named(backend: AnyBackend, point: tuple[int, int], complaint: str) -> None:
    generator = b"".join(coordinate.to_bytes(32, "little") for coordinate in G1_GENERATOR)
    bad = b"".join(coordinate.to_bytes(32, "little") for coordinate in point)
    with pytest.raises(ValueError, match=complaint):
        backend.points(generator * 2 + bad + bad)


# -- multi-scalar multiplication -------------------------------------------------------------------------------------


def test_msm_of_nothing(backend: AnyBackend, basis: Basis) -> None:
    points = basis.load(backend)
    assert backend.msm(points, []) == []
    assert backend.msm(points, [backend.vector([])]) == [INFINITY]
    assert backend.msm(points, [backend.vector([])], [[]]) == [INFINITY]
    assert backend.msm(backend.points(b""), [backend.vector([])]) == [INFINITY]


@pytest.mark.parametrize("scalar", EDGES)
def test_one_point(native: AnyBackend, reference: ReferenceBackend, basis: Basis, scalar: int) -> None:
    assert_same_msm(native, reference, basis, [[scalar]])


@pytest.mark.parametrize("value", [0, 1, SCALAR_MODULUS - 1, 12345, SCALAR_MODULUS // 2])
def test_all_scalars_equal(native: AnyBackend, reference: ReferenceBackend, basis: Basis, value: int) -> None:
    assert_same_msm(native, reference, basis, [[value] * BASIS_SIZE])


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("width", WIDTHS)
def test_widths(native: AnyBackend, reference: ReferenceBackend, basis: Basis, width: int, signed: bool) -> None:
    assert_same_msm(native, reference, basis, [random_scalars(width, BASIS_SIZE, signed=signed)])


@pytest.mark.parametrize("width", WIDTHS)
def test_extremes_of_widths(native: AnyBackend, reference: ReferenceBackend, basis: Basis, width: int) -> None:
    extremes = [(1 << width) - 1, 1 << width, 1 - (1 << width), -(1 << width), 0, 1, -1, (1 << (width - 1))]
    assert_same_msm(native, reference, basis, [extremes * (BASIS_SIZE // len(extremes))])


@pytest.mark.parametrize("length", [1, 2, 3, 31, 32, 33, 63, 64, 65, BASIS_SIZE])
def test_lengths(native: AnyBackend, reference: ReferenceBackend, basis: Basis, length: int) -> None:
    assert_same_msm(native, reference, basis, [random_scalars(253, length), random_scalars(16, length)])


def test_a_few_wide_scalars_among_zeros(native: AnyBackend, reference: ReferenceBackend, basis: Basis) -> None:
    column = [0] * BASIS_SIZE
    column[3], column[50] = SCALAR_MODULUS - 5, 1 << 200
    assert_same_msm(native, reference, basis, [column])


@pytest.mark.parametrize("width", [1, 16, 253])
def test_equal_opposite_and_infinite_points(native: AnyBackend, reference: ReferenceBackend, width: int) -> None:
    generator = b"".join(coordinate.to_bytes(32, "little") for coordinate in G1_GENERATOR)
    negated = b"".join(coordinate.to_bytes(32, "little") for coordinate in NEGATED_GENERATOR)
    for data in (generator * 64, (generator + negated) * 32, bytes(64 * 64), (generator + bytes(64)) * 32):
        scalars = random_scalars(width, 64)
        for column in (scalars, [scalars[0] | 1] * 64, [1] * 63 + [-63]):
            result = native.msm(native.points(data), [native.vector(column)])
            assert result == reference.msm(reference.points(data), [reference.vector(column)])


@given(columns=st.lists(st.lists(scalars, max_size=60), min_size=1, max_size=3), data=st.data())
@settings(max_examples=15, deadline=None)
def test_batches_with_tails(
    native: AnyBackend,
    reference: ReferenceBackend,
    basis: Basis,
    columns: list[list[int]],
    data: st.DataObject,
) -> None:
    tails = [data.draw(st.lists(scalars, max_size=4)) for _ in columns]
    assert_same_msm(native, reference, basis, columns, tails)


def test_tails_may_be_negative_and_larger_than_the_modulus(backend: AnyBackend, basis: Basis) -> None:
    points = basis.load(backend)
    small = backend.vector([1, 2, 3])
    wrapped = backend.msm(points, [small], [[-1, SCALAR_MODULUS + 5]])
    assert wrapped == backend.msm(points, [small], [[SCALAR_MODULUS - 1, 5]])
    assert wrapped == backend.msm(points, [backend.vector([1, 2, 3, -1, 5])])


@pytest.mark.parametrize("width", [1, 16, 64, 253])
def test_long_columns(native: AnyBackend, width: int) -> None:
    # sum_i s_i [tau^i] = [sum_i s_i tau^i]: the powers' own definition is the oracle at any length.
    length = 20_011
    powers = native.fixed_base_powers(TAU, length)
    column = native.vector(random_scalars(width, length, signed=True))
    value = native.evaluate([column], TAU)[0]
    assert native.msm(powers, [column]) == native.msm(powers, [native.vector([value])])


def test_long_columns_of_one_value(native: AnyBackend) -> None:
    length = 20_011
    powers = native.fixed_base_powers(TAU, length)
    for value in (1, -1, 77, SCALAR_MODULUS // 2):
        column = native.constant(value, length)
        total = native.evaluate([column], TAU)[0]
        assert native.msm(powers, [column]) == native.msm(powers, [native.vector([total])])


def test_basis_too_short(backend: AnyBackend, basis: Basis) -> None:
    points = basis.load(backend, 4)
    backend.msm(points, [backend.constant(1, 3)], [[5]])
    with pytest.raises(ValueError, match="basis of at least 5 points, got 4"):
        backend.msm(points, [backend.constant(1, 5)])
    with pytest.raises(ValueError, match="basis of at least 5 points, got 4"):
        backend.msm(points, [backend.constant(1, 3)], [[5, 6]])
    with pytest.raises(ValueError, match="vectors and tails"):
        backend.msm(points, [backend.constant(1, 3)], [[5], [6]])


def test_arkworks_called_directly_agrees(native: AnyBackend, basis: Basis) -> None:
    points = basis.load(native)
    column = native.vector(random_scalars(253, BASIS_SIZE))
    assert native.arkworks_msm(points, column) == native.msm(points, [column])[0]  # type: ignore[attr-defined]
    values = native.slice(column, 0, 64)
    transformed = native.arkworks_ntt(values)  # type: ignore[attr-defined]
    assert native.to_bytes(transformed) == native.to_bytes(native.evaluate_on_coset([values], 64, 1)[0])


# -- bases -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tau", [0, 1, 2, SCALAR_MODULUS - 1, TAU, -TAU])
def test_fixed_base_powers(native: AnyBackend, reference: ReferenceBackend, tau: int) -> None:
    powers = native.fixed_base_powers(tau, 7)
    assert native.points_to_bytes(powers) == reference.points_to_bytes(reference.fixed_base_powers(tau, 7))
    assert len(native.fixed_base_powers(tau, 0)) == 0


@pytest.mark.parametrize("size", [1, 2, 8, 32])
def test_lagrange_basis(native: AnyBackend, reference: ReferenceBackend, size: int) -> None:
    lagrange = lagrange_basis(native, native.fixed_base_powers(TAU, size + 3), size)
    expected = lagrange_basis(reference, reference.fixed_base_powers(TAU, size), size)
    assert native.points_to_bytes(lagrange) == reference.points_to_bytes(expected)


def test_values_and_coefficients_commit_to_the_same_point(native: AnyBackend) -> None:
    size = 1 << 10
    powers = native.fixed_base_powers(TAU, size)
    values = native.vector(random_scalars(253, size))
    lagrange = lagrange_basis(native, powers, size)
    assert native.msm(lagrange, [values]) == native.msm(powers, native.interpolate([values]))


def test_lagrange_basis_wants_enough_powers(backend: AnyBackend) -> None:
    powers = backend.fixed_base_powers(TAU, 3)
    with pytest.raises(ValueError, match="0 <= start <= stop <= 3, got 0 and 4"):
        lagrange_basis(backend, powers, 4)
    with pytest.raises(ValueError, match="power of two"):
        lagrange_basis(backend, powers, 3)


# -- multiples row by row, and transforms ----------------------------------------------------------------------------


def assert_same_combination(
    native: AnyBackend, reference: ReferenceBackend, bases: list[bytes], columns: list[list[int]]
) -> None:
    result = native.combine_points(list(map(native.points, bases)), list(map(native.vector, columns)))
    expected = reference.combine_points(list(map(reference.points, bases)), list(map(reference.vector, columns)))
    assert native.points_to_bytes(result) == reference.points_to_bytes(expected)


def assert_same_transform(native: AnyBackend, reference: ReferenceBackend, data: bytes, root: int) -> None:
    result = native.points_to_bytes(native.transform_points(native.points(data), root))
    assert result == reference.points_to_bytes(reference.transform_points(reference.points(data), root))


def test_a_combination_is_its_definition(backend: AnyBackend, basis: Basis) -> None:
    columns = [random_scalars(253, BASIS_SIZE), random_scalars(64, BASIS_SIZE, signed=True)]
    other = basis.data[64:] + basis.data[:64]
    combined = backend.combine_points(
        [basis.load(backend), backend.points(other)], [backend.vector(column) for column in columns]
    )
    for row in (0, 1, 17, *range(BASIS_SIZE - 6, BASIS_SIZE)):
        pair = backend.points(basis.data[64 * row : 64 * row + 64] + other[64 * row : 64 * row + 64])
        (expected,) = backend.msm(pair, [backend.vector(column[row] for column in columns)])
        assert backend.points_to_bytes(backend.slice_points(combined, row, row + 1)) == b"".join(
            coordinate.to_bytes(32, "little") for coordinate in expected
        )


def test_combinations_by_every_edge(native: AnyBackend, reference: ReferenceBackend, basis: Basis) -> None:
    count = len(EDGES)
    rows = basis.data[: 64 * count]
    assert_same_combination(native, reference, [rows], [list(EDGES)])
    assert_same_combination(native, reference, [rows, rows], [list(EDGES), list(reversed(EDGES))])
    # P and its multiples by the endomorphism's eigenvalue and small numbers about it meet in the middle of a chain.
    eigenvalue = pow(5, (SCALAR_MODULUS - 1) // 3, SCALAR_MODULUS)
    near = [factor * eigenvalue + offset for factor in (-2, -1, 1, 2) for offset in (-2, -1, 0, 1, 2)]
    assert_same_combination(native, reference, [rows[:64] * len(near)], [near])


@pytest.mark.parametrize("value", [0, 1, -1, 2, 1 << 127, SCALAR_MODULUS // 2])
def test_combinations_that_cancel_or_double(
    native: AnyBackend, reference: ReferenceBackend, basis: Basis, value: int
) -> None:
    first, second = basis.data[:64], basis.data[64:128]
    opposite, infinity = basis.data[-128:-64], bytes(64)
    left = [first, first, first, infinity, infinity, first, second]
    right = [first, opposite, infinity, first, infinity, second, first]
    bases = [b"".join(left), b"".join(right)]
    for other in (value, -value, 2 * value, value + 1):
        assert_same_combination(native, reference, bases, [[value] * len(left), [other] * len(left)])


@pytest.mark.parametrize("rows", [0, 1, 7, 8, 9, 63])
def test_rows_of_combinations(native: AnyBackend, reference: ReferenceBackend, basis: Basis, rows: int) -> None:
    for terms in (1, 2, 5):
        columns = [random_scalars(253 - term, rows) for term in range(terms)]
        assert_same_combination(native, reference, [basis.data[: 64 * rows]] * terms, columns)


def test_long_combinations(native: AnyBackend) -> None:
    # s_i [tau^i] is a multiple of the generator: powers of another base are the oracle at any length.
    rows = 1500
    powers = native.fixed_base_powers(TAU, rows)
    factors = native.vector(pow(TAU + 1, row, SCALAR_MODULUS) for row in range(rows))
    expected = native.fixed_base_powers(TAU * (TAU + 1), rows)
    assert native.points_to_bytes(native.combine_points([powers], [factors])) == native.points_to_bytes(expected)


@pytest.mark.parametrize("size", [1, 2, 4, 8, 16, 32, 64])
def test_transforms(native: AnyBackend, reference: ReferenceBackend, basis: Basis, size: int) -> None:
    # The last points of the basis: infinity, a point and its negative, infinity.
    w = root_of_unity(size)
    data = basis.data[-64 * size :]
    assert_same_transform(native, reference, data, w)
    assert_same_transform(native, reference, data, inverse(w))
    assert_same_transform(native, reference, data, pow(w, 2 * size // 3 | 1, SCALAR_MODULUS))


@pytest.mark.parametrize("size", [2, 8, 16, 32])
def test_transforms_of_special_points(native: AnyBackend, reference: ReferenceBackend, basis: Basis, size: int) -> None:
    first, opposite, infinity = basis.data[:64], basis.data[-128:-64], bytes(64)
    w = root_of_unity(size)
    for points in (
        [infinity] * size,
        [first] * size,
        [first, opposite] * (size // 2),
        [first, *[infinity] * (size - 1)],
        [*[infinity] * (size - 1), first],
        [first, infinity] * (size // 2),
    ):
        assert_same_transform(native, reference, b"".join(points), w)


@pytest.mark.parametrize("size", [1 << 11, 1 << 12])
def test_long_transforms(native: AnyBackend, size: int) -> None:
    # sum_j w^(ij) [tau^j] = [(tau^n - 1) / (w^i tau - 1)]: row i, and what goes back.
    powers = native.fixed_base_powers(TAU, size)
    w = root_of_unity(size)
    values = native.transform_points(powers, w)
    for row in (0, 1, size // 2 - 1, size - 1):
        scalar = (pow(TAU, size, SCALAR_MODULUS) - 1) * inverse(pow(w, row, SCALAR_MODULUS) * TAU - 1)
        (expected,) = native.msm(powers, [native.vector([scalar])])
        assert native.points_to_bytes(native.slice_points(values, row, row + 1)) == b"".join(
            coordinate.to_bytes(32, "little") for coordinate in expected
        )
    back = native.combine_points([native.transform_points(values, inverse(w))], [native.constant(inverse(size), size)])
    assert native.points_to_bytes(back) == native.points_to_bytes(powers)


# -- the verifier's group operations ---------------------------------------------------------------------------------


@pytest.fixture
def engine() -> GroupEngine:
    pytest.importorskip("zkmargin._native")
    return native_engine()


@pytest.mark.parametrize("count", [0, 1, 5, 40])
def test_combine(engine: GroupEngine, basis: Basis, count: int) -> None:
    points = list(basis.points[-count:]) if count else []
    scalars = [(-1) ** k * value for k, value in enumerate(random_scalars(253, count))]
    assert engine.combine(points, scalars) == PythonEngine().combine(points, scalars)


def test_combine_refuses_what_is_not_a_point(engine: GroupEngine) -> None:
    with pytest.raises(ValueError, match="equal lengths"):
        engine.combine([G1_GENERATOR], [1, 2])
    with pytest.raises(ValueError, match="on y"):
        engine.combine([G1(1, 3)], [1])


PAIRINGS: dict[str, tuple[list[tuple[G1, G2]], bool]] = {
    "none": ([], True),
    "one": ([(G1_GENERATOR, G2_GENERATOR)], False),
    "opposite": ([(G1_GENERATOR, G2_GENERATOR), (NEGATED_GENERATOR, G2_GENERATOR)], True),
    "equal": ([(G1_GENERATOR, G2_GENERATOR), (G1_GENERATOR, G2_GENERATOR)], False),
    "infinity": ([(INFINITY, G2_GENERATOR)], True),
}


@pytest.mark.parametrize(("pairs", "expected"), PAIRINGS.values(), ids=PAIRINGS.keys())
def test_pairings(backend: AnyBackend, pairs: list[tuple[G1, G2]], expected: bool) -> None:
    assert backend.pairing_product_is_one(pairs) is expected


def test_the_engine_pairs_too(engine: GroupEngine) -> None:
    pairs, expected = PAIRINGS["opposite"]
    assert engine.pairing_product_is_one(pairs) is expected


@pytest.mark.parametrize("point", [G2((1, 2), (3, 4)), G2((0, 0), (0, 0))], ids=["off the twist", "infinity"])
def test_pairings_refuse_what_is_not_on_the_twist(backend: AnyBackend, point: G2) -> None:
    with pytest.raises(ValueError, match=r"twist|curve"):
        backend.pairing_product_is_one([(G1_GENERATOR, point)])


def test_the_engine_refuses_coordinates_that_are_not_canonical(engine: GroupEngine) -> None:
    with pytest.raises(ValueError, match="below q"):
        engine.pairing_product_is_one([(G1_GENERATOR, G2((BASE_MODULUS, 2), (3, 4)))])
