"""What whoever verifies a margin proof rebuilds: the verifying key of a policy over a market's universe."""

from __future__ import annotations

from zkmargin.circuits.language.keys import verifying_key
from zkmargin.circuits.policies.policy import Policy
from zkmargin.circuits.statements.margin.circuit import UniverseLayout, compile_margin
from zkmargin.circuits.statements.margin.market import Market
from zkmargin.prover.kernels.interface import Backend, P, V
from zkmargin.prover.setup import Setup
from zkmargin.verifier.verify import VerifyingKey


def margin_verifying_key(policy: Policy, market: Market, setup: Setup, backend: Backend[V, P]) -> VerifyingKey:
    """The verifying key of a policy over a market's universe, rebuilt from the program and the setup."""
    program = compile_margin(policy, UniverseLayout.of(market.epoch.universe))
    return verifying_key(program.compiled, setup, backend)
