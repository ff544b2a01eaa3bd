"""Closed forms of public polynomials against interpolation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkmargin.prover.kernels.reference import ReferenceBackend
from zkmargin.verifier.circuit import MaskColumn
from zkmargin.verifier.field import SCALAR_MODULUS, root_of_unity
from zkmargin.verifier.lagrange import lagrange_evaluations, mask_evaluation

points = st.integers(2, SCALAR_MODULUS - 1).filter(lambda point: pow(point, 32, SCALAR_MODULUS) != 1)


@given(points, st.sampled_from([2, 8, 32]))
def test_lagrange_polynomials(point: int, rows: int) -> None:
    backend = ReferenceBackend()
    values = lagrange_evaluations(rows, range(rows), point)
    assert sum(values.values()) % SCALAR_MODULUS == 1
    for index in (0, 1, rows - 1):
        unit = backend.vector([int(i == index) for i in range(rows)])
        assert backend.evaluate(backend.interpolate([unit]), point) == [values[index]]


@given(points, st.sampled_from([1, 2, 4, 16]), st.data())
def test_mask_columns(point: int, stride: int, data: st.DataObject) -> None:
    offsets = tuple(sorted(data.draw(st.sets(st.integers(0, stride - 1), min_size=1))))
    backend = ReferenceBackend()
    mask = backend.vector([int(row % stride in offsets) for row in range(16)])
    expected = backend.evaluate(backend.interpolate([mask]), point)[0]
    assert mask_evaluation(16, MaskColumn("m", stride, offsets), point) == expected


def test_a_point_of_the_domain_is_refused() -> None:
    with pytest.raises(ZeroDivisionError):
        lagrange_evaluations(8, [3], pow(root_of_unity(8), 3, SCALAR_MODULUS))


def test_no_rows_no_work() -> None:
    assert lagrange_evaluations(8, [], 5) == {}
