"""Round 1: commit to witness columns and multiplicities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic

from zkmargin.prover.kernels.interface import Backend, P, V
from zkmargin.verifier.curve import G1


@dataclass(frozen=True)
class BlindedColumn(Generic[V]):
    """The polynomial values(X) + (X^n - 1) sum_j blinding[j] X^j."""

    values: V
    blinding: tuple[int, ...]

    def __repr__(self) -> str:
        return f"BlindedColumn(rows={len(self.values)}, blinding={len(self.blinding)})"


def commit_columns(backend: Backend[V, P], lagrange: P, columns: Sequence[BlindedColumn[V]]) -> tuple[G1, ...]:
    """[f_k(x)] for each column, in the Lagrange basis: small values stay cheap, blinding goes to the basis's tail."""
    if not columns:
        return ()
    return tuple(backend.msm(lagrange, [c.values for c in columns], [c.blinding for c in columns]))


def blinded_coefficients(backend: Backend[V, P], columns: Sequence[BlindedColumn[V]]) -> list[V]:
    """Coefficients of the blinded polynomials, n + len(blinding) each."""
    return backend.interpolate([c.values for c in columns], [c.blinding for c in columns]) if columns else []
