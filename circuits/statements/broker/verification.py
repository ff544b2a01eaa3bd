"""What whoever verifies a broker's proof rebuilds: circuit and key, from policy, market, layout and setup."""

from __future__ import annotations

import numpy as np

from zkmargin.circuits.markets.universe import Universe
from zkmargin.circuits.policies.policy import Policy
from zkmargin.circuits.statements.broker.circuit import compile_broker
from zkmargin.circuits.statements.margin.circuit import UniverseLayout
from zkmargin.prover.commitments import commit_from_powers
from zkmargin.prover.kernels.interface import Backend, P, V
from zkmargin.prover.setup import Setup
from zkmargin.verifier.curve import G1
from zkmargin.verifier.srs import SetupError
from zkmargin.verifier.statements.broker.circuit import Layout
from zkmargin.verifier.statements.broker.verify import BrokerKey


def vanishing_point(setup: Setup, backend: Backend[V, P], rows: int) -> G1:
    """[x^rows - 1], what a commitment's blinding scalar multiplies. Raises SetupError when the setup is too small."""
    if rows > setup.rows:
        raise SetupError(f"setup: expected one for at least {rows} rows, got one for {setup.rows}")
    powers = setup.monomial(backend)
    parts = [backend.slice_points(powers, start, start + 1) for start in (rows, 0)]
    (point,) = backend.msm(backend.concatenate_points(parts), [backend.vector([1, -1])])
    return point


def broker_verifying_key(
    policy: Policy, universe: Universe, layout: Layout, setup: Setup, backend: Backend[V, P]
) -> BrokerKey:
    """The key of a policy over a universe for a proof's layout. Raises CircuitError, SetupError if they do not fit."""
    circuit = compile_broker(policy, UniverseLayout.of(universe), layout).circuit
    if layout.rows > setup.rows:
        raise SetupError(f"setup: expected one for at least {layout.rows} rows, got one for {setup.rows}")
    table = np.zeros(layout.rows, dtype=np.int64)
    table[: 1 << layout.table_bits] = np.arange(1 << layout.table_bits)
    (point,) = commit_from_powers(backend, setup.monomial(backend), [backend.vector_from_int64(table)])
    return BrokerKey(circuit, setup.key, point)
