"""A setup whose trapdoor tau the tests know: what must never exist outside of them."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from py_ecc import optimized_bn128 as bn

from zkmargin.circuits.language import CompiledProgram
from zkmargin.circuits.language.keys import fixed_vectors
from zkmargin.prover.kernels.choice import AnyBackend
from zkmargin.prover.key import ProvingKey, make_proving_key
from zkmargin.prover.setup.lagrange import lagrange_basis
from zkmargin.prover.setup.srs import with_blinding
from zkmargin.verifier.circuit import setup_powers
from zkmargin.verifier.curve import G2
from zkmargin.verifier.srs import SetupKey

TAU: Final = 0x1CEB00DA_0DDBA11_5EED_0F_7E575_0123456789ABCDEF_FEDCBA9876543210
"""The trapdoor of every setup in the tests."""


@cache
def setup_key(tau: int = TAU) -> SetupKey:
    """The verifier's half."""
    x, y = bn.normalize(bn.multiply(bn.G2, tau))
    return SetupKey(G2((int(x.coeffs[0]), int(x.coeffs[1])), (int(y.coeffs[0]), int(y.coeffs[1]))))


@cache
def bases(backend: AnyBackend, rows: int, tau: int = TAU) -> tuple[Any, Any]:
    """The prover's half for one domain: Lagrange basis with its blinding points, and powers."""
    powers = backend.fixed_base_powers(tau, setup_powers(rows))
    return with_blinding(backend, powers, lagrange_basis(backend, powers, rows)), powers


def proving_key(backend: AnyBackend, program: CompiledProgram, tau: int = TAU) -> ProvingKey[Any, Any]:
    """The proving key of a compiled program."""
    rows = program.circuit.rows
    lagrange, powers = bases(backend, rows, tau)
    fixed = fixed_vectors(program, backend)
    return make_proving_key(backend, program.circuit, setup_key(tau), lagrange, powers, fixed)
