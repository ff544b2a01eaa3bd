"""Transforms, evaluation and division, against the reference back end and against galois."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkmargin.prover.kernels.interface import Backend
from zkmargin.prover.kernels.reference import ReferenceBackend
from zkmargin.verifier.field import GENERATOR, SCALAR_MODULUS, root_of_unity

from .strategies import points_of_evaluation, powers_of_two, scalars, vectors

AnyBackend = Backend[Any, Any]

shifts = st.integers(1, SCALAR_MODULUS - 1)


def value(coefficients: list[int], point: int) -> int:
    return sum(c * pow(point, k, SCALAR_MODULUS) for k, c in enumerate(coefficients)) % SCALAR_MODULUS


def long_vector(seed: int, length: int) -> list[int]:
    rng = random.Random(seed)
    return [rng.randrange(SCALAR_MODULUS) for _ in range(length)]


@given(columns=st.lists(powers_of_two(), max_size=3))
def test_interpolants_take_the_values(
    native: AnyBackend, reference: ReferenceBackend, columns: list[list[int]]
) -> None:
    results = native.interpolate([native.vector(column) for column in columns])
    expected = reference.interpolate([reference.vector(column) for column in columns])
    assert [native.to_ints(result) for result in results] == [reference.to_ints(result) for result in expected]
    for column, polynomial in zip(columns, results, strict=True):
        assert native.to_ints(native.evaluate_on_coset([polynomial], len(column), 1)[0]) == column


@given(column=powers_of_two(4), data=st.data())
def test_tails_blind_without_changing_the_values(
    backend: AnyBackend, reference: ReferenceBackend, column: list[int], data: st.DataObject
) -> None:
    tail = data.draw(st.lists(scalars, max_size=max(0, min(4, len(column) - 1))))
    plain = backend.to_ints(backend.interpolate([backend.vector(column)])[0])
    blinded = backend.to_ints(backend.interpolate([backend.vector(column)], [tail])[0])
    assert len(blinded) == len(column) + len(tail)
    padded = [*plain, *[0] * len(tail)]
    for k, blinding in enumerate(tail):
        padded[k] -= blinding
        padded[len(column) + k] += blinding
    assert blinded == [c % SCALAR_MODULUS for c in padded]
    polynomial = reference.vector(blinded)
    assert reference.to_ints(reference.evaluate_on_coset([polynomial], len(column), 1)[0]) == column


def test_the_domain_is_the_verifiers(backend: AnyBackend) -> None:
    for size in (1, 2, 4, 64):
        points = backend.to_ints(backend.evaluate_on_coset([backend.vector([0, 1])], size, 1)[0])
        root = root_of_unity(size)
        assert points == [pow(root, i, SCALAR_MODULUS) for i in range(size)]


@given(coefficients=vectors(max_size=40), log=st.integers(0, 5), shift=shifts)
def test_coset_values(backend: AnyBackend, coefficients: list[int], log: int, shift: int) -> None:
    size = 1 << log
    values = backend.to_ints(backend.evaluate_on_coset([backend.vector(coefficients)], size, shift)[0])
    root = root_of_unity(size)
    points = [shift * pow(root, i, SCALAR_MODULUS) % SCALAR_MODULUS for i in range(size)]
    assert values == [value(coefficients, point) for point in points]


@given(coefficients=powers_of_two(), shift=shifts)
def test_coset_round_trip(native: AnyBackend, coefficients: list[int], shift: int) -> None:
    values = native.evaluate_on_coset([native.vector(coefficients)], len(coefficients), shift)
    assert native.to_ints(native.interpolate_on_coset(values, shift)[0]) == coefficients


@pytest.mark.parametrize("log", [10, 13])
def test_large_transforms(native: AnyBackend, reference: ReferenceBackend, log: int) -> None:
    columns = [long_vector(k, 1 << log) for k in range(3)]
    vectors = [native.vector(column) for column in columns]
    references = [reference.vector(column) for column in columns]
    pairs = [
        (native.interpolate(vectors), reference.interpolate(references)),
        (
            native.evaluate_on_coset(vectors, 4 << log, GENERATOR),
            reference.evaluate_on_coset(references, 4 << log, GENERATOR),
        ),
        (
            native.evaluate_on_coset(vectors, 1 << (log - 1), 7),
            reference.evaluate_on_coset(references, 1 << (log - 1), 7),
        ),
        (native.interpolate_on_coset(vectors, 7), reference.interpolate_on_coset(references, 7)),
    ]
    for results, expected in pairs:
        assert [native.to_bytes(r) for r in results] == [reference.to_bytes(e) for e in expected]


@given(polynomials=st.lists(vectors(), max_size=3), point=points_of_evaluation)
def test_evaluate(backend: AnyBackend, polynomials: list[list[int]], point: int) -> None:
    values = backend.evaluate([backend.vector(polynomial) for polynomial in polynomials], point)
    assert values == [value(polynomial, point) for polynomial in polynomials]


@given(coefficients=vectors(), point=points_of_evaluation)
def test_divide_by_linear(backend: AnyBackend, coefficients: list[int], point: int) -> None:
    quotient = backend.to_ints(backend.divide_by_linear(backend.vector(coefficients), point))
    assert len(quotient) == max(0, len(coefficients) - 1)
    product = [0, *quotient] if coefficients else []
    for k, c in enumerate(quotient):
        product[k] -= point * c
    if product:
        product[0] += value(coefficients, point)
    assert [c % SCALAR_MODULUS for c in product] == coefficients


def test_long_polynomials(native: AnyBackend, reference: ReferenceBackend) -> None:
    coefficients = long_vector(9, 20_003)
    point = 3**150
    polynomial, expected = native.vector(coefficients), reference.vector(coefficients)
    assert native.evaluate([polynomial], point) == reference.evaluate([expected], point)
    quotient, expected = native.divide_by_linear(polynomial, point), reference.divide_by_linear(expected, point)
    assert native.to_bytes(quotient) == reference.to_bytes(expected)


def test_galois_agrees_on_small_polynomials(backend: AnyBackend) -> None:
    galois = pytest.importorskip("galois")
    # Told the generator, galois need not factor r - 1, which takes it a minute and a half.
    field = galois.GF(SCALAR_MODULUS, primitive_element=GENERATOR, verify=False)
    values = long_vector(4, 8)
    domain = field([pow(root_of_unity(8), i, SCALAR_MODULUS) for i in range(8)])
    interpolant = galois.lagrange_poly(domain, field(values))
    coefficients = [int(c) for c in interpolant.coefficients(8, order="asc")]
    polynomial = backend.vector(coefficients)
    assert backend.to_ints(backend.interpolate([backend.vector(values)])[0]) == coefficients
    assert backend.evaluate([polynomial], 123) == [int(interpolant(field(123)))]
    quotient = interpolant // galois.Poly(field([1, SCALAR_MODULUS - 123]))
    expected = [int(c) for c in quotient.coefficients(7, order="asc")]
    assert backend.to_ints(backend.divide_by_linear(polynomial, 123)) == expected
    on_coset = [int(v) for v in interpolant(domain * field(GENERATOR))]
    assert backend.to_ints(backend.evaluate_on_coset([polynomial], 8, GENERATOR)[0]) == on_coset
