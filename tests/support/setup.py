"""A setup whose trapdoor tau the tests know: what must never exist outside of them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from py_ecc import optimized_bn128 as bn

from zkmargin.circuits.language import CompiledProgram
from zkmargin.circuits.language.keys import fixed_vectors
from zkmargin.prover.kernels.choice import AnyBackend
from zkmargin.prover.key import ProvingKey, make_proving_key
from zkmargin.prover.setup.lagrange import lagrange_basis
from zkmargin.prover.setup.srs import with_blinding
from zkmargin.prover.writing import write_document
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


def write_points(path: Path, powers: NDArray[np.uint64], lagrange: NDArray[np.uint64]) -> None:
    """Replace the points beside the setup file at `path`, whose digest of them is made to fit: what a forger does."""
    document = json.loads(path.read_text())
    fields = {name: value for name, value in document.items() if name not in ("format", "version")}
    del fields["arrays"], fields["arrays_digest"]
    write_document(path, "setup", fields, arrays={"powers": powers, "lagrange": lagrange})


def proving_key(backend: AnyBackend, program: CompiledProgram, tau: int = TAU) -> ProvingKey[Any, Any]:
    """The proving key of a compiled program."""
    rows = program.circuit.rows
    lagrange, powers = bases(backend, rows, tau)
    fixed = fixed_vectors(program, backend)
    return make_proving_key(backend, program.circuit, setup_key(tau), lagrange, powers, fixed)
