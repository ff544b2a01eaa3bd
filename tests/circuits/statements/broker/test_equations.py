"""The broker's equations are the policy's constraints: witnesses, verdicts and layouts, preset by preset."""

from __future__ import annotations

import numpy as np
import pytest
from support.backends import fastest_backend
from support.broker import Brokerage, covered, market_of, setup, some_books

from zkmargin.circuits.policies.policy import PRESETS, Policy, load_policy
from zkmargin.circuits.policies.solution import assign
from zkmargin.circuits.statements.broker.circuit import choose_layout, compile_broker
from zkmargin.circuits.statements.broker.prover import BrokerProver
from zkmargin.circuits.statements.broker.solution import assign_all
from zkmargin.circuits.statements.broker.verification import broker_verifying_key
from zkmargin.circuits.statements.margin.circuit import UniverseLayout
from zkmargin.verifier.circuit import CircuitError
from zkmargin.verifier.curve import PythonEngine
from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.statements.broker.circuit import Layout, account_weights, column_weights_at
from zkmargin.verifier.statements.broker.verify import verify_broker

POLICIES = [*PRESETS, "covered"]


def policy_of(name: str) -> Policy:
    return covered() if name == "covered" else load_policy(name)


@pytest.mark.parametrize("name", POLICIES)
def test_all_books_at_once_have_the_witness_of_each(name: str) -> None:
    """Wild books, up to the ends of the range, adequate or not: every scalar and the first failure agree."""
    policy = policy_of(name)
    market = market_of(policy)
    universe = market.epoch.universe
    constraints = policy.constraints(universe.shape)
    lots = some_books(market, 6, seed=7)
    rng = np.random.default_rng(11)
    held = [listing.row for listing in universe.listings]
    lots[3, held] = rng.integers(-(1 << 30), 1 << 30, len(held))
    lots[4, held] = (1 << 60) - 1
    lots[5, held] = -((1 << 60) - 1)
    program = compile_broker(
        policy, UniverseLayout.of(universe), choose_layout(policy, UniverseLayout.of(universe), 6, 1 << 13)
    )
    found = assign_all(constraints, program, market.columns, lots)
    for k in range(len(lots)):
        single = assign(constraints, universe, market.columns, lots[k])
        assert {name: found.values[name][k] for name in single.values} == single.values
        assert found.failures.get(k) == (single.failures[0] if single.failures else None)


@pytest.mark.parametrize("name", POLICIES)
def test_every_shipped_policy_is_proven_and_verified(name: str) -> None:
    policy = policy_of(name)
    market = market_of(policy)
    lots = some_books(market, 9)
    lots[:] = np.where(lots > 0, lots, 0) if name != "span" else lots
    world = Brokerage(policy, market, lots, fastest_backend())
    assert not world.solution.failures
    assert world.layout.blocks > 1
    world.verify(world.prover().prove(world.statement(), world.opening, world.digits))
    key = broker_verifying_key(policy, market.epoch.universe, world.layout, setup(), fastest_backend())
    assert key == world.key


def test_pure_python_verifies() -> None:
    policy = load_policy("collateral-factors")
    market = market_of(policy)
    lots = some_books(market, 3)
    world = Brokerage(policy, market, np.where(lots > 0, lots, 0), fastest_backend())
    proof = world.prover().prove(world.statement(), world.opening, world.digits)
    verify_broker(world.key, world.statement(), world.books, market.columns, proof, PythonEngine())


def test_weights_in_closed_form_are_those_of_the_columns() -> None:
    policy = load_policy("span")
    universe = UniverseLayout.of(market_of(policy).epoch.universe)
    layout = Layout(rows=1 << 10, table_bits=8, digits=3, groups=8, block=8, accounts=21)
    world = Brokerage(policy, market_of(policy), some_books(market_of(policy), 21), fastest_backend())
    program = compile_broker(policy, universe, layout)
    backend, x, zeta = world.backend, 12345678901234567, 98765432109876543
    weights = [(7 * limb + 1) ** 5 for limb in range(program.circuit.limbs)]
    (found,) = column_weights_at(program.circuit, x, [weights], zeta)
    prover = BrokerProver(program, setup(), backend, world.market.columns)
    columns = list(prover.weight_columns(weights, x))
    assert found == [backend.evaluate(backend.interpolate([column]), zeta)[0] for column in columns]
    rho = account_weights(layout, x)
    rows = backend.to_ints(columns[0])
    slots, sub = layout.slots, program.circuit.sub_slots
    for k in (0, 7, 8, 20):
        row = k // 8 * sub + slots * (k % 8)
        assert rows[row] == rho[k] * weights[0] % SCALAR_MODULUS


@pytest.mark.parametrize(
    "change",
    [
        {"rows": 100},
        {"block": 3},
        {"table_bits": 11},
        {"digits": 0},
        {"groups": 1},
        {"accounts": 0},
        {"accounts": 1 << 20},
        {"rows": 128},
        {"digits": 40, "groups": 8},
    ],
)
def test_layouts_that_are_not_sound_are_refused(change: dict[str, int]) -> None:
    policy = load_policy("span")
    fields = {"rows": 1 << 10, "table_bits": 8, "digits": 3, "groups": 8, "block": 8, "accounts": 21, **change}
    with pytest.raises(CircuitError):
        compile_broker(policy, UniverseLayout.of(market_of(policy).epoch.universe), Layout(**fields))
