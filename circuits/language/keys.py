"""From a compiled program and a setup to its verifying key: what whoever verifies rebuilds.

Needs no Lagrange basis and nothing that proves; `zkmargin.circuits.language.proving` makes the proving key.
"""

from __future__ import annotations

from zkmargin.circuits.language.compiler import CompiledProgram
from zkmargin.prover.commitments import commit_from_powers
from zkmargin.prover.kernels.interface import Backend, P, V
from zkmargin.prover.setup import Setup
from zkmargin.prover.vectors import vector_of
from zkmargin.verifier.verify import VerifyingKey


def fixed_vectors(program: CompiledProgram, backend: Backend[V, P]) -> list[V]:
    """The columns that are part of the program, (rows,) each."""
    return [vector_of(backend, values, program.circuit.rows) for values in program.fixed_values]


def verifying_key(program: CompiledProgram, setup: Setup, backend: Backend[V, P]) -> VerifyingKey:
    """The verifying key of a program, rebuilt from the setup's powers. The same as a prover's, point for point."""
    points = commit_from_powers(backend, setup.monomial(backend), fixed_vectors(program, backend))
    return VerifyingKey(program.circuit, setup.key, points)
