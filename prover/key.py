"""What a prover keeps between proofs: bases, fixed columns, compiled tapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic

from zkmargin.prover.assignment import PublicColumns
from zkmargin.prover.commitments import commit
from zkmargin.prover.kernels.interface import Backend, P, V
from zkmargin.prover.rounds.lookups import HelperTapes
from zkmargin.prover.rounds.quotient import QuotientTape
from zkmargin.prover.rounds.running_sum import SumTapes
from zkmargin.prover.vectors import mask_vector, sparse_vector
from zkmargin.verifier.circuit import Circuit
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.expression import ColumnKind
from zkmargin.verifier.srs import SetupKey
from zkmargin.verifier.verify import VerifyingKey


@dataclass(frozen=True)
class ProvingKey(Generic[V, P]):
    """A circuit ready for proofs on one back end. Make it with `make_proving_key`.

    lagrange: n points [L_i(x)] and then at least as many points [x^j (x^n - 1)] as a column has blinding scalars.
    monomial: at least `circuit.powers_needed` points [x^i].
    """

    backend: Backend[V, P]
    verifying: VerifyingKey
    lagrange: P
    monomial: P
    fixed: PublicColumns[V]
    sparse: PublicColumns[V]
    masks: PublicColumns[V]

    @property
    def circuit(self) -> Circuit:
        """The circuit that proofs are of."""
        return self.verifying.circuit

    @property
    def public(self) -> dict[ColumnKind, PublicColumns[V]]:
        """The columns that the circuit fixes, by kind."""
        return {ColumnKind.FIXED: self.fixed, ColumnKind.SPARSE: self.sparse, ColumnKind.MASK: self.masks}

    @cached_property
    def helper_tapes(self) -> HelperTapes:
        """LogUp numerators and denominators."""
        return HelperTapes.compile(self.circuit)

    @cached_property
    def sum_tapes(self) -> SumTapes:
        """The running sum's steps."""
        return SumTapes.compile(self.circuit)

    @cached_property
    def quotient_tape(self) -> QuotientTape:
        """All identities in one expression."""
        return QuotientTape.compile(self.circuit, self.sum_tapes)

    def __repr__(self) -> str:
        return f"ProvingKey({self.circuit.name}, rows={self.circuit.rows}, backend={self.backend.name})"


def make_proving_key(
    backend: Backend[V, P], circuit: Circuit, setup: SetupKey, lagrange: P, monomial: P, fixed: Sequence[V]
) -> ProvingKey[V, P]:
    """Commit to the fixed columns' values and prepare their coefficients.

    Raises FormatError when the setup is too small for the circuit or a column has the wrong length.
    """
    spare = circuit.powers_needed - circuit.rows
    if len(monomial) < circuit.powers_needed or len(lagrange) < circuit.rows + circuit.most_blinding:
        raise FormatError(
            f"setup: circuit {circuit.name} needs {circuit.rows} + {spare} powers of tau, got {len(monomial)}"
        )
    _check_fixed(circuit, fixed)
    return ProvingKey(
        backend=backend,
        verifying=VerifyingKey(circuit, setup, commit(backend, lagrange, fixed)),
        lagrange=lagrange,
        monomial=monomial,
        fixed=PublicColumns.of(backend, fixed),
        sparse=sparse_columns(backend, circuit),
        masks=mask_columns(backend, circuit),
    )


def sparse_columns(backend: Backend[V, P], circuit: Circuit) -> PublicColumns[V]:
    """The circuit's sparse columns: most are read by sums only, entry by entry, and never made."""
    entries = [column.entries for column in circuit.sparse]
    return PublicColumns.on_demand(backend, len(entries), lambda k: sparse_vector(backend, circuit.rows, entries[k]))


def mask_columns(backend: Backend[V, P], circuit: Circuit) -> PublicColumns[V]:
    """The circuit's mask columns."""
    masks = circuit.masks
    return PublicColumns.on_demand(backend, len(masks), lambda k: mask_vector(backend, circuit.rows, masks[k]))


def _check_fixed(circuit: Circuit, fixed: Sequence[V]) -> None:
    if len(fixed) != len(circuit.fixed) or any(len(column) != circuit.rows for column in fixed):
        raise FormatError(f"fixed columns: expected {len(circuit.fixed)} of {circuit.rows} rows")
