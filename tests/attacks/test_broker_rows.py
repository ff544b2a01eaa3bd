"""The lies: what is missing stands in rows that nobody counts. Told by a broker about an account that falls short.

- *Beyond the universe.* A book's commitment may hold anything beyond the universe's rows, as the pair's proof looks at
  these alone. Were the broker's proof to sum over all of its own rows, what stands there would pay. Refused: a mask, in
  closed form, is zero on them.
- *Padding.* An account block's rows that belong to no account weigh what an account would: a limb there is an equation
  of its own. Were they to weigh what another account weighs, they would pay for it. Refused: weights in closed form, at
  every edge of a layout.
- *A layout that works for hours.* More column groups than limbs cost only whoever verifies. Refused when it is made.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from support.backends import fastest_backend
from support.broker import Brokerage, at_the_edge, setup

from zkmargin.circuits.policies.policy import load_policy
from zkmargin.circuits.statements.broker.prover import BrokerProver, digits_of
from zkmargin.prover.prove import Options
from zkmargin.verifier.circuit import CircuitError
from zkmargin.verifier.curve import G2_GENERATOR
from zkmargin.verifier.errors import ProofRejected
from zkmargin.verifier.field import SCALAR_MODULUS, inverse, root_of_unity
from zkmargin.verifier.srs import SetupKey
from zkmargin.verifier.statements.book import BookList
from zkmargin.verifier.statements.broker import verify as verifier
from zkmargin.verifier.statements.broker.circuit import (
    BookTerm,
    BrokerCircuit,
    Equation,
    Layout,
    LimbWeights,
    PublicColumn,
    account_weights,
    column_weights_at,
)
from zkmargin.verifier.statements.broker.verify import Challenges, derive_challenges

R = SCALAR_MODULUS
SHORT = 1
ACCOUNTS = 3
UNCHECKED = Options(check=False)


@cache
def world(short: int | None) -> Brokerage:
    """Accounts under the smallest policy: 64 rows of the universe among the proof's 256, one equation."""
    found = at_the_edge(load_policy("collateral-factors"), ACCOUNTS, short=short, surplus=1000)
    assert (found.program.circuit.universe_rows, found.layout.rows) == (64, 256)
    assert len(found.program.circuit.equations) == 1
    return found


def cut_digits(of: Brokerage) -> Any:
    return digits_of(of.program, {name: np.maximum(each, 0) for name, each in of.solution.values.items()})


# -- beyond the universe -----------------------------------------------------------------------------------------------


class BeyondTheUniverse(BrokerProver[Any, Any]):
    """Books are columns of the proof's rows: `held[gross][k]` on each of them. Everything else is honest."""

    def of(self, held: Sequence[Sequence[Sequence[int]]]) -> BeyondTheUniverse:
        self.held = held
        return self

    def folded_book(self, _books: Any, rho: Sequence[int], *, gross: bool) -> Any:
        vectors = [self.backend.vector(list(book)) for book in self.held[gross]]
        return self.backend.interpolate([self.backend.linear_combination(vectors, rho)])[0]


def market_on_all_rows(prover: BrokerProver[Any, Any]) -> list[list[int]]:
    """The one equation's P and M on the proof's rows."""
    parts = prover.market(LimbWeights((1,), (), ()))
    return [prover.backend.to_ints(each) for each in prover.backend.evaluate_on_coset(parts, prover.layout.rows, 1)]


def widened(of: Brokerage, *, paid: bool) -> tuple[BookList, list[list[list[int]]]]:
    """Books on the proof's rows, and their list: |q| as it is, and of q a row beyond the universe, which pays if asked.

    Of honest rows nothing changes, so that every pair has its proof.
    """
    rows, n = of.layout.rows, of.program.circuit.universe_rows
    net_market, _ = market_on_all_rows(of.prover())
    slack = of.solution.values["adequate.slack"]
    held: list[list[list[int]]] = [[], []]
    for k, lots in enumerate(of.lots.tolist()):
        net, gross = [0] * rows, [0] * rows
        for row, amount in enumerate(lots):
            net[row * (rows // n)], gross[row * (rows // n)] = amount % R, abs(amount)
        missing = max(0, -slack[k]) if paid else secrets.randbelow(R)
        net[1] = missing * inverse(net_market[1]) % R
        held[0].append(net)
        held[1].append(gross)
    basis = setup().lagrange(of.backend, rows)
    points = [of.backend.msm(basis, [of.backend.vector(each) for each in part]) for part in held]
    books = [replace(b, net=c, gross=a) for b, c, a in zip(of.books.books, *points, strict=True)]
    return BookList(of.books.terms, tuple(books), of.books.proofs, of.books.time), held


def test_what_a_book_holds_beyond_the_universe_enters_nowhere() -> None:
    good = world(None)
    listed, held = widened(good, paid=False)
    assert listed.books[0].net != good.books.books[0].net
    prover = good.prover(BeyondTheUniverse).of(held)
    good.verify(prover.prove(good.statement(listed), good.opening, good.digits), books=listed)


def test_nothing_beyond_the_universe_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the mask it would: the same proof is then accepted."""
    bad = world(SHORT)
    assert bad.solution.failures == {SHORT: "adequate"}
    listed, held = widened(bad, paid=True)
    honest = bad.prover(BeyondTheUniverse).of(held)
    proof = honest.prove(bad.statement(listed), bad.opening, cut_digits(bad), UNCHECKED)
    with pytest.raises(ProofRejected, match="pairing"):
        bad.verify(proof, books=listed)

    def all_rows(self: Any, market: tuple[Any, Any], folded: Sequence[Any]) -> Any:
        rows, backend = self.layout.rows, self.backend
        total = backend.constant(0, rows)
        for left, right in zip(market, folded, strict=True):
            total = backend.add(total, backend.multiply(*backend.evaluate_on_coset([left, right], rows, 1)))
        return total

    rounds = "zkmargin.circuits.statements.broker.prover._Rounds"
    with monkeypatch.context() as weakened:
        weakened.setattr(f"{rounds}.market_values", all_rows)
        weakened.setattr(f"{rounds}.mask", lambda self: self.backend.constant(1, 1))
        weakened.setattr(verifier, "universe_mask_at", lambda _circuit, _zeta: 1)
        proof = honest.prove(bad.statement(listed), bad.opening, cut_digits(bad), UNCHECKED)
        bad.verify(proof, books=listed)
    with pytest.raises(ProofRejected, match="pairing"):
        bad.verify(proof, books=listed)


# -- every edge of a layout --------------------------------------------------------------------------------------------

EDGES = [
    (32, 32, 32, 1, 1),
    (32, 32, 31, 3, 3),
    (32, 1, 32, 1, 1),
    (32, 1, 7, 4, 1),
    (64, 16, 17, 2, 1),
    (64, 16, 33, 3, 3),
    (64, 2, 5, 10, 1),
    (64, 4, 3, 10, 7),
    (64, 64, 50, 2, 2),
]
"""(rows, block, accounts, limbs, groups): one slot, one row a slot, a last block of one account, a tile in part."""


def small_circuit(layout: Layout, limbs: int) -> BrokerCircuit:
    column = PublicColumn("price", 10, True)
    equations = [Equation(f"e{t}", (BookTerm(0, None, "net", 1),), ((t, 1),), (), 0) for t in range(limbs)]
    return BrokerCircuit(32, 20, (column,), (), limbs, tuple(equations), layout)


@pytest.mark.parametrize(("rows", "block", "accounts", "limbs", "groups"), EDGES)
def test_weights_in_closed_form_are_the_formulas(rows: int, block: int, accounts: int, limbs: int, groups: int) -> None:
    """Row by row from the definition: padding has weights of its own, unused slots none."""
    circuit = small_circuit(Layout(rows, 4, 3, groups, block, accounts), limbs)
    layout, sub = circuit.layout, circuit.sub_slots
    x, zeta = secrets.randbelow(R), secrets.randbelow(R)
    weights = [secrets.randbelow(R) for _ in range(limbs)]
    roots = [pow(root_of_unity(block), i, R) for i in range(block)]
    basis = [(pow(x, block, R) - 1) * root * inverse(block * (x - root)) % R for root in roots]
    on_rows = [[0] * rows for _ in range(groups)]
    for a in range(layout.blocks):
        for i, value in enumerate(basis):
            for t, weight in enumerate(weights):
                group, position = divmod(t, sub)
                row = a * sub + position + layout.slots * i
                assert on_rows[group][row] == 0
                on_rows[group][row] = pow(x, block * a, R) * value * weight % R
    rho = [pow(x, block * (k // block), R) * basis[k % block] % R for k in range(accounts)]
    assert account_weights(layout, x) == rho
    backend = fastest_backend()
    expected = [backend.evaluate(backend.interpolate([backend.vector(each)]), zeta)[0] for each in on_rows]
    assert column_weights_at(circuit, x, [weights], zeta) == [expected]


def test_more_column_groups_than_limbs_are_refused() -> None:
    with pytest.raises(CircuitError, match="groups"):
        small_circuit(Layout(64, 4, 1, 4000, 16, 17), 3)


# -- what the challenges depend on -------------------------------------------------------------------------------------


def test_every_public_value_moves_every_challenge() -> None:
    """Of statement and key each field; nothing that is public is left for afterwards."""
    good = world(None)
    statement, key = good.statement(), good.key
    proof = verifier.decode_argument(good.layout, good.prover().prove(statement, good.opening, good.digits))

    def names(of: Challenges) -> set[int]:
        return set(vars(of).values())

    held = names(derive_challenges(key, statement, proof))
    assert len(held) == 7
    for field, value in vars(statement).items():
        other: Any = {str: "another", int: 7, bytes: bytes([9]) * 32}[type(value)]
        assert not held & names(derive_challenges(key, replace(statement, **{field: other}), proof)), field
    circuit = key.circuit
    others = [
        replace(key, table=proof.opening),
        replace(key, setup=SetupKey(G2_GENERATOR)),
        replace(key, circuit=replace(circuit, layout=replace(circuit.layout, accounts=ACCOUNTS - 1))),
        replace(key, circuit=replace(circuit, quantity_bits=circuit.quantity_bits - 1)),
        replace(key, circuit=replace(circuit, equations=(replace(circuit.equations[0], constant=1),))),
    ]
    for other_key in others:
        assert not held & names(derive_challenges(other_key, statement, proof))


ROUNDS = [
    ("digits", 0),
    ("multiplicities", 0),
    ("helpers", 3),
    ("running_sum", 3),
    ("quotient", 4),
    ("evaluations", 5),
    ("opening", 6),
]
"""Elements, and how many challenges come before them."""


@pytest.mark.parametrize(("name", "before"), ROUNDS)
def test_each_element_moves_all_challenges_after_it(name: str, before: int) -> None:
    good = world(None)
    proof = verifier.decode_argument(good.layout, good.prover().prove(good.statement(), good.opening, good.digits))
    held = list(vars(derive_challenges(good.key, good.statement(), proof)).values())
    value = getattr(proof, name)
    other: Any = proof.opening_check
    if name == "evaluations":
        other = (*value[:-1], (value[-1] + 1) % R)
    elif isinstance(value, tuple) and not hasattr(value, "x"):
        other = (*value[:-1], other)
    moved = list(vars(derive_challenges(good.key, good.statement(), replace(proof, **{name: other}))).values())
    assert moved[:before] == held[:before]
    assert not set(moved[before:]) & set(held)
