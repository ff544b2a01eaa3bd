"""Small vector helpers that are not kernels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from zkmargin.prover.kernels.interface import Backend, P, V
from zkmargin.verifier.circuit import MaskColumn
from zkmargin.verifier.errors import FormatError

Values = NDArray[np.int64] | Sequence[int]
"""A column in the clear: integers for its first rows."""


def vector_of(backend: Backend[V, P], values: Values, rows: int) -> V:
    """Values for the first rows, zeros beyond. Raises FormatError when there are more values than rows."""
    if len(values) > rows:
        raise FormatError(f"column: expected at most {rows} values, got {len(values)}")
    if isinstance(values, np.ndarray):
        head = backend.vector_from_int64(np.ascontiguousarray(values, dtype=np.int64))
    else:
        head = backend.vector(values)
    return backend.concatenate([head, backend.constant(0, rows - len(values))]) if len(values) < rows else head


def sparse_vector(backend: Backend[V, P], length: int, entries: Iterable[tuple[int, int]]) -> V:
    """A vector that is zero but for (row, value) entries; cost follows the span of the rows, not the length."""
    by_row = dict(entries)
    if not by_row:
        return backend.constant(0, length)
    first, last = min(by_row), max(by_row)
    span = backend.vector(by_row.get(row, 0) for row in range(first, last + 1))
    return backend.concatenate([backend.constant(0, first), span, backend.constant(0, length - 1 - last)])


def mask_vector(backend: Backend[V, P], length: int, mask: MaskColumn) -> V:
    """The values of a mask column: one period, repeated."""
    period = sparse_vector(backend, mask.stride, ((offset, 1) for offset in mask.offsets))
    return backend.concatenate([period] * (length // mask.stride))
