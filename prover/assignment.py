"""What a prover knows: the values of every column of one statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic

from zkmargin.prover.kernels.interface import Backend, P, V


@dataclass(frozen=True)
class PublicColumns(Generic[V]):
    """Public columns in both forms: values on H and coefficients."""

    values: tuple[V, ...]
    coefficients: tuple[V, ...]

    @classmethod
    def of(cls, backend: Backend[V, P], values: Sequence[V]) -> PublicColumns[V]:
        """Interpolate the columns' values."""
        return cls(tuple(values), tuple(backend.interpolate(values)) if values else ())


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
