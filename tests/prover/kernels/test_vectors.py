"""Encodings, elementwise arithmetic and reductions, against the reference back end."""

from __future__ import annotations

import operator
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkmargin.prover.kernels.interface import Backend
from zkmargin.prover.kernels.reference import ReferenceBackend
from zkmargin.verifier.field import SCALAR_MODULUS

from .strategies import scalars, vectors

AnyBackend = Backend[Any, Any]

LONG = 20_000
"""Long enough for every loop to be shared between threads, and no multiple of a chunk."""


def long_vector(seed: int, length: int = LONG) -> list[int]:
    rng = random.Random(seed)
    return [rng.randrange(1, SCALAR_MODULUS) for _ in range(length)]


@given(values=st.lists(st.integers(-(1 << 300), 1 << 300), max_size=20))
def test_any_integer_is_reduced(backend: AnyBackend, values: list[int]) -> None:
    vector = backend.vector(values)
    assert len(vector) == len(values)
    assert backend.to_ints(vector) == [value % SCALAR_MODULUS for value in values]


@given(values=vectors())
def test_bytes_round_trip(backend: AnyBackend, values: list[int]) -> None:
    data = b"".join(value.to_bytes(32, "little") for value in values)
    vector = backend.vector_from_bytes(data)
    assert backend.to_ints(vector) == values
    assert backend.to_bytes(vector) == data


@given(values=st.lists(st.integers(-(1 << 63), (1 << 63) - 1), max_size=20))
def test_signed_integers(backend: AnyBackend, values: list[int]) -> None:
    vector = backend.vector_from_int64(np.array(values, dtype=np.int64))
    assert backend.to_ints(vector) == [value % SCALAR_MODULUS for value in values]


def test_extreme_signed_integers(backend: AnyBackend) -> None:
    values = [-(1 << 63), -1, 0, 1, (1 << 63) - 1]
    vector = backend.vector_from_int64(np.array(values, dtype=np.int64))
    assert backend.to_ints(vector) == [value % SCALAR_MODULUS for value in values]


@given(value=st.integers(-(1 << 300), 1 << 300), length=st.integers(0, 9))
def test_constant(backend: AnyBackend, value: int, length: int) -> None:
    assert backend.to_ints(backend.constant(value, length)) == [value % SCALAR_MODULUS] * length


@given(values=vectors(), data=st.data())
def test_slices_concatenate_to_the_whole(backend: AnyBackend, values: list[int], data: st.DataObject) -> None:
    middle = data.draw(st.integers(0, len(values)))
    vector = backend.vector(values)
    parts = [backend.slice(vector, 0, middle), backend.slice(vector, middle, len(values)), backend.vector([])]
    assert backend.to_ints(parts[0]) == values[:middle]
    assert backend.to_ints(backend.concatenate(parts)) == values


def test_concatenation_of_nothing(backend: AnyBackend) -> None:
    assert len(backend.concatenate([])) == 0


@pytest.mark.parametrize("name", ["add", "subtract", "multiply"])
@given(pairs=st.lists(st.tuples(scalars, scalars), max_size=40))
def test_elementwise(backend: AnyBackend, name: str, pairs: list[tuple[int, int]]) -> None:
    operation = {"add": operator.add, "subtract": operator.sub, "multiply": operator.mul}[name]
    left, right = backend.vector(a for a, _ in pairs), backend.vector(b for _, b in pairs)
    result = getattr(backend, name)(left, right)
    assert backend.to_ints(result) == [operation(a, b) % SCALAR_MODULUS for a, b in pairs]


@given(values=vectors(), factor=st.integers(-(1 << 260), 1 << 260))
def test_scale(backend: AnyBackend, values: list[int], factor: int) -> None:
    assert backend.to_ints(backend.scale(backend.vector(values), factor)) == [
        v * factor % SCALAR_MODULUS for v in values
    ]


@given(terms=st.lists(st.tuples(vectors(max_size=12), scalars), min_size=1, max_size=5))
def test_linear_combination_pads_with_zeros(
    native: AnyBackend, reference: ReferenceBackend, terms: list[tuple[list[int], int]]
) -> None:
    coefficients = [coefficient for _, coefficient in terms]
    result = native.linear_combination([native.vector(values) for values, _ in terms], coefficients)
    expected = reference.linear_combination([reference.vector(values) for values, _ in terms], coefficients)
    assert native.to_ints(result) == reference.to_ints(expected)
    assert len(result) == max(len(values) for values, _ in terms)


@given(pairs=st.lists(st.tuples(scalars, scalars), max_size=40))
def test_inner_product(backend: AnyBackend, pairs: list[tuple[int, int]]) -> None:
    left, right = backend.vector(a for a, _ in pairs), backend.vector(b for _, b in pairs)
    assert backend.inner_product(left, right) == sum(a * b for a, b in pairs) % SCALAR_MODULUS


@given(values=vectors())
def test_sum_and_prefix_sum(backend: AnyBackend, values: list[int]) -> None:
    vector = backend.vector(values)
    assert backend.sum(vector) == sum(values) % SCALAR_MODULUS
    prefixes = [sum(values[:i]) % SCALAR_MODULUS for i in range(len(values))]
    assert backend.to_ints(backend.prefix_sum(vector)) == prefixes


@given(values=vectors())
def test_batch_inverse(backend: AnyBackend, values: list[int]) -> None:
    vector = backend.vector(values)
    if 0 in values:
        with pytest.raises(ZeroDivisionError):
            backend.batch_inverse(vector)
        return
    assert backend.to_ints(backend.batch_inverse(vector)) == [pow(value, -1, SCALAR_MODULUS) for value in values]


def test_long_vectors(native: AnyBackend, reference: ReferenceBackend) -> None:
    left, right = long_vector(1), long_vector(2)
    a, b = native.vector(left), native.vector(right)
    c, d = reference.vector(left), reference.vector(right)
    for name in ("add", "subtract", "multiply"):
        assert native.to_ints(getattr(native, name)(a, b)) == reference.to_ints(getattr(reference, name)(c, d)), name
    assert native.inner_product(a, b) == reference.inner_product(c, d)
    assert native.sum(a) == reference.sum(c)
    assert native.to_bytes(native.prefix_sum(a)) == reference.to_bytes(reference.prefix_sum(c))
    assert native.to_bytes(native.scale(a, 7)) == reference.to_bytes(reference.scale(c, 7))
    assert set(native.to_ints(native.multiply(native.batch_inverse(a), a))) == {1}
    shorter, longer = native.slice(a, 0, LONG - 7), native.concatenate([b, a])
    combined = native.linear_combination([shorter, longer, b], [3, SCALAR_MODULUS - 1, 5])
    expected = reference.linear_combination(
        [reference.slice(c, 0, LONG - 7), reference.concatenate([d, c]), d], [3, SCALAR_MODULUS - 1, 5]
    )
    assert native.to_bytes(combined) == reference.to_bytes(expected)


def test_a_late_zero_is_found(native: AnyBackend) -> None:
    vector = native.concatenate([native.constant(3, LONG), native.constant(0, 1), native.constant(3, 5)])
    with pytest.raises(ZeroDivisionError):
        native.batch_inverse(vector)


def test_vectors_of_a_block_of_work_outlive_it_and_errors_pass_through(backend: AnyBackend) -> None:
    # Long enough to be kept for reuse.
    values = list(range(1 << 14 if backend.name != "reference" else 1 << 4))
    vector = backend.vector(values)
    with backend.arena(), backend.arena():
        for _ in range(3):
            total = backend.add(vector, vector)
    with pytest.raises(ZeroDivisionError), backend.arena():
        backend.batch_inverse(vector)
    again = backend.add(vector, vector)
    assert backend.to_ints(total) == backend.to_ints(again) == [2 * value for value in values]
