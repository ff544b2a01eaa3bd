"""Small vector helpers that are not kernels."""

from __future__ import annotations

from collections.abc import Iterable

from zkmargin.prover.kernels.interface import Backend, P, V
from zkmargin.verifier.circuit import MaskColumn


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
