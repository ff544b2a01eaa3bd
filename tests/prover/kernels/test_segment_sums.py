"""Exact sums over segments of columns, against Python's integers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkmargin.prover.kernels.interface import Backend

AnyBackend = Backend[Any, Any]
INT64 = st.one_of(st.integers(-(1 << 63), (1 << 63) - 1), st.sampled_from([-(1 << 63), -1, 0, 1, (1 << 63) - 1]))


def packed(columns: Any) -> bytes:
    return np.array(columns, dtype="<i8").tobytes()


def ints(values: Any) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.array(values, dtype=np.int64)


@given(data=st.data())
def test_each_segment_of_each_column_has_its_sum(backend: AnyBackend, data: st.DataObject) -> None:
    rows, count = data.draw(st.integers(1, 9)), data.draw(st.integers(0, 4))
    row = st.lists(INT64, min_size=rows, max_size=rows)
    columns, weights = [data.draw(row) for _ in range(count)], data.draw(row)
    starts = [0, *sorted(data.draw(st.lists(st.integers(0, rows), max_size=4)))]
    expected = [
        sum(column[i] * weights[i] for i in range(start, stop))
        for column in columns
        for start, stop in zip(starts, [*starts[1:], rows], strict=True)
    ]
    assert backend.segment_sums(packed(columns), ints(weights), ints(starts)) == expected


@pytest.mark.parametrize("extreme", [-(1 << 63), (1 << 63) - 1])
def test_many_rows_of_extremes_do_not_wrap(backend: AnyBackend, extreme: int) -> None:
    """More products of 126 bits than any machine word holds, and enough columns to be shared between threads."""
    rows, count = 1 << 12, 64 if backend.name != "reference" else 2
    columns = np.full((count, rows), extreme, dtype="<i8")
    for weight in (-(1 << 63), (1 << 63) - 1):
        sums = backend.segment_sums(columns.tobytes(), np.full(rows, weight, dtype=np.int64), ints([0, 5]))
        assert sums == [5 * extreme * weight, (rows - 5) * extreme * weight] * count


@pytest.mark.parametrize(
    ("columns", "weights", "starts", "message"),
    [
        ([[1, 2]], [1, 2], [], "starts"),
        ([[1, 2]], [1, 2], [1], "starts"),
        ([[1, 2]], [1, 2], [0, 3], "starts"),
        ([[1, 2]], [1, 2], [0, 2, 1], "starts"),
        ([[1, 2, 3]], [1, 2], [0], "columns"),
        ([[1, 2]], [], [0], "columns"),
        ([[1, 2]], [[1, 2]], [0], "int64"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(
    backend: AnyBackend, columns: Any, weights: Any, starts: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        backend.segment_sums(packed(columns), ints(weights), ints(starts))
