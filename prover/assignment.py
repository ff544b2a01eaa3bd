"""What a prover knows: the values of every column of one statement."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic

from zkmargin.prover.columns import OnDemand
from zkmargin.prover.kernels.interface import Backend, P, V


@dataclass(frozen=True)
class PublicColumns(Generic[V]):
    """Public columns in both forms: values on H and coefficients. Values on cosets are kept from proof to proof."""

    values: Sequence[V]
    coefficients: Sequence[V]
    _cosets: dict[tuple[int, int], V] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, backend: Backend[V, P], values: Sequence[V]) -> PublicColumns[V]:
        """Interpolate the columns' values."""
        return cls(tuple(values), tuple(backend.interpolate(values)) if values else ())

    @classmethod
    def on_demand(cls, backend: Backend[V, P], count: int, make: Callable[[int], V]) -> PublicColumns[V]:
        """Columns that are made, and interpolated, when they are first read."""
        values = OnDemand(count, make)
        return cls(values, OnDemand(count, lambda index: backend.interpolate([values[index]])[0]))

    def on_coset(self, backend: Backend[V, P], indices: Sequence[int], shift: int) -> list[V]:
        """Values of some columns on shift * H, computed the first time they are asked for."""
        missing = [index for index in indices if (index, shift) not in self._cosets]
        if missing:
            size = len(self.values[missing[0]])
            found = backend.evaluate_on_coset([self.coefficients[index] for index in missing], size, shift)
            self._cosets.update({(index, shift): values for index, values in zip(missing, found, strict=True)})
        return [self._cosets[index, shift] for index in indices]


@dataclass(frozen=True)
class HoldingOpening(Generic[V]):
    """The netted holding and the sum of its venues' blinding scalars rho: what opens the sum of their commitments."""

    values: V
    blinding: int

    def __repr__(self) -> str:
        return f"HoldingOpening(rows={len(self.values)})"


@dataclass(frozen=True)
class Assignment(Generic[V]):
    """Values for every column that is not in the proving key, all of n rows.

    multiplicities: how often each table entry is looked up; None when the circuit looks nothing up.
    """

    holdings: tuple[HoldingOpening[V], ...]
    witness: tuple[V, ...]
    multiplicities: V | None
    market: PublicColumns[V]

    def __repr__(self) -> str:
        return f"Assignment(holdings={len(self.holdings)}, witness={len(self.witness)})"
