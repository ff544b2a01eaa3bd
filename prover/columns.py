"""Columns by name, of which those that nobody reads are never made.

A policy may have hundreds of sparse columns that only its sums read, entry by entry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Generic, overload

from zkmargin.prover.kernels.interface import V
from zkmargin.prover.tape import Key
from zkmargin.verifier.expression import Column, ColumnKind


class OnDemand(Sequence[V]):
    """`count` vectors, each made when it is first asked for."""

    def __init__(self, count: int, make: Callable[[int], V]) -> None:
        self._count = count
        self._make = make
        self._made: dict[int, V] = {}

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> V: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[V]: ...
    def __getitem__(self, index: int | slice) -> V | Sequence[V]:
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(self._count))]
        if not 0 <= index < self._count:
            raise IndexError(index)
        if index not in self._made:
            self._made[index] = self._make(index)
        return self._made[index]

    def __repr__(self) -> str:
        return f"OnDemand({len(self._made)} of {self._count} made)"


class Columns(dict[Key, V], Generic[V]):
    """Vectors by name: the entries of the dictionary, and the columns of whole kinds, looked up when first read."""

    def __init__(self, kinds: Mapping[ColumnKind, Sequence[V]]) -> None:
        super().__init__()
        self._kinds = dict(kinds)

    def __missing__(self, key: Key) -> V:
        if not isinstance(key, Column) or key.kind not in self._kinds:
            raise KeyError(key)
        self[key] = self._kinds[key.kind][key.index]
        return self[key]

    def __or__(self, other: Mapping[Key, V]) -> Columns[V]:  # type: ignore[override]
        joined = Columns(self._kinds)
        joined.update(self)
        joined.update(other)
        return joined
