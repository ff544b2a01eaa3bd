"""Signs, digits, multiplicities and the rows that are not zero."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkmargin.prover.kernels.interface import Backend, KernelRangeError
from zkmargin.verifier.field import SCALAR_MODULUS, centred

from .strategies import scalars, vectors

AnyBackend = Backend[Any, Any]


@given(values=vectors())
def test_split_sign(backend: AnyBackend, values: list[int]) -> None:
    signs, magnitudes = backend.split_sign(backend.vector(values))
    assert backend.to_ints(signs) == [int(centred(value) < 0) for value in values]
    assert backend.to_ints(magnitudes) == [abs(centred(value)) for value in values]


def test_sign_changes_between_the_two_middle_elements(backend: AnyBackend) -> None:
    middle = SCALAR_MODULUS // 2
    signs, magnitudes = backend.split_sign(backend.vector([middle, middle + 1]))
    assert backend.to_ints(signs) == [0, 1]
    assert backend.to_ints(magnitudes) == [middle, middle]


@given(bits=st.integers(1, 28), count=st.integers(0, 12), data=st.data())
def test_decompose(backend: AnyBackend, bits: int, count: int, data: st.DataObject) -> None:
    bound = min(SCALAR_MODULUS, 1 << (bits * count))
    values = data.draw(st.lists(st.one_of(st.just(bound - 1), st.integers(0, bound - 1)), max_size=20))
    digits = [backend.to_ints(vector) for vector in backend.decompose(backend.vector(values), bits, count)]
    assert len(digits) == count
    assert all(0 <= digit < 1 << bits for column in digits for digit in column)
    for row, value in enumerate(values):
        assert sum(column[row] << (bits * k) for k, column in enumerate(digits)) == value


@given(bits=st.integers(1, 28), count=st.integers(1, 8), row=st.integers(0, 9), excess=scalars)
def test_decompose_names_the_first_row_out_of_range(
    backend: AnyBackend, bits: int, count: int, row: int, excess: int
) -> None:
    bound = 1 << (bits * count)
    too_large = bound + excess % (SCALAR_MODULUS - bound)
    with pytest.raises(KernelRangeError) as caught:
        backend.decompose(backend.vector([bound - 1] * row + [too_large, bound]), bits, count)
    assert (caught.value.row, caught.value.bits) == (row, bits * count)


def test_any_value_fits_more_bits_than_the_field_has(backend: AnyBackend) -> None:
    digits = backend.decompose(backend.vector([SCALAR_MODULUS - 1]), 28, 11)
    assert sum(backend.to_ints(digit)[0] << (28 * k) for k, digit in enumerate(digits)) == SCALAR_MODULUS - 1


@given(bits=st.integers(1, 6), extra=st.integers(0, 5), data=st.data())
def test_multiplicities(backend: AnyBackend, bits: int, extra: int, data: st.DataObject) -> None:
    entries = st.lists(st.integers(0, (1 << bits) - 1), max_size=30)
    columns = data.draw(st.lists(entries, max_size=4))
    length = (1 << bits) + extra
    counts = backend.multiplicities([backend.vector(column) for column in columns], bits, length)
    expected = Counter(entry for column in columns for entry in column)
    assert backend.to_ints(counts) == [expected[t] for t in range(length)]


def test_multiplicities_of_long_columns(native: AnyBackend) -> None:
    columns = [[(row * row + k) % 64 for row in range(30_000)] for k in range(3)]
    counts = native.multiplicities([native.vector(column) for column in columns], 6, 64)
    expected = Counter(entry for column in columns for entry in column)
    assert native.to_ints(counts) == [expected[t] for t in range(64)]


@pytest.mark.parametrize("bad", [16, SCALAR_MODULUS - 1])
def test_multiplicities_name_the_first_row_out_of_range(backend: AnyBackend, bad: int) -> None:
    columns = [backend.vector([1, 2, 15]), backend.vector([0, bad, bad])]
    with pytest.raises(KernelRangeError) as caught:
        backend.multiplicities(columns, 4, 16)
    assert (caught.value.row, caught.value.bits) == (1, 4)


@given(values=st.lists(st.sampled_from([0, 0, 1, SCALAR_MODULUS - 1]), max_size=40), limit=st.integers(0, 10))
def test_nonzero_rows(backend: AnyBackend, values: list[int], limit: int) -> None:
    expected = [row for row, value in enumerate(values) if value][:limit]
    assert backend.nonzero_rows(backend.vector(values), limit) == expected


def test_nonzero_rows_of_a_long_vector(native: AnyBackend) -> None:
    zeros, one = native.constant(0, 20_000), native.constant(1, 1)
    vector = native.concatenate([zeros, one, zeros, one, one])
    assert native.nonzero_rows(vector, 2) == [20_000, 40_001]
    assert native.nonzero_rows(vector, 9) == [20_000, 40_001, 40_002]
