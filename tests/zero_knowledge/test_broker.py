"""What the broker's proof shows to whoever knows tau: as many values of a column as it has blinding scalars.

Measured on the real prover, as ranks over its blinding scalars, and by a simulator that proves a false statement.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from support.backends import ExponentBackend, fastest_backend, fastest_engine
from support.broker import Brokerage, market_of, some_books
from support.setup import TAU, bases, setup_key
from zero_knowledge.simulator import random_point, random_points
from zero_knowledge.view import rank

from zkmargin.circuits.policies.policy import load_policy
from zkmargin.circuits.statements.broker import prover as proving
from zkmargin.circuits.statements.broker.circuit import BrokerProgram, compile_broker
from zkmargin.circuits.statements.broker.prover import BrokerProver, OpenBooks, digits_of
from zkmargin.circuits.statements.broker.solution import assign_all
from zkmargin.prover.prove import Options
from zkmargin.prover.randomness import Blinding
from zkmargin.verifier.curve import G1
from zkmargin.verifier.field import SCALAR_MODULUS, inverse
from zkmargin.verifier.statements.book import Book, BookList, BookTerms
from zkmargin.verifier.statements.broker.circuit import Layout
from zkmargin.verifier.statements.broker.proof import BrokerArgument, decode_argument
from zkmargin.verifier.statements.broker.statement import BrokerStatement
from zkmargin.verifier.statements.broker.verify import Challenges, combined_claim, derive_challenges, verify_broker

R = SCALAR_MODULUS
LAYOUT = Layout(rows=64, table_bits=6, digits=10, groups=1, block=4, accounts=3)
KINDS = ("DIGIT_BLINDING", "MULTIPLICITY_BLINDING", "HELPER_BLINDING", "RUNNING_SUM_BLINDING")
CHALLENGES = tuple(secrets.randbelow(R) for _ in range(7))


class Fixed:
    """Gives the same challenges whatever is absorbed."""

    def __init__(self) -> None:
        self._challenges = iter(CHALLENGES)

    def absorb(self, message: bytes) -> None:
        """Nothing."""

    def challenge(self) -> int:
        return next(self._challenges)


@cache
def world() -> Brokerage:
    policy = load_policy("collateral-factors")
    market = market_of(policy)
    lots = some_books(market, LAYOUT.accounts)
    return Brokerage(policy, market, np.where(lots > 0, lots, 0), fastest_backend())


@cache
def program() -> BrokerProgram:
    return compile_broker(world().policy, world().universe, LAYOUT)


@cache
def prover() -> BrokerProver[Any, Any]:
    backend = ExponentBackend(fastest_backend())
    points = SimpleNamespace(
        key=setup_key(),
        lagrange=lambda backend, rows: bases(backend, rows)[0],
        monomial=lambda backend: bases(backend, LAYOUT.rows)[1],
    )
    return BrokerProver(program(), points, backend, world().market.columns)  # type: ignore[arg-type]


@cache
def witness() -> tuple[OpenBooks, Any]:
    constraints = world().policy.constraints(world().universe.shape)
    solved = assign_all(constraints, program(), world().market.columns, world().lots)
    assert not solved.failures
    return OpenBooks(world().lots, [1, 2, 3], [4, 5, 6]), digits_of(program(), solved.values)


def books(points: Sequence[tuple[G1, G1]]) -> BookList:
    terms = BookTerms(world().market.universe, setup_key().digest, world().policy.quantity_bits)
    listed = [Book((7 + k).to_bytes(32, "big"), net, gross) for k, (net, gross) in enumerate(points)]
    return BookList(terms, tuple(listed), (b"",) * len(listed), world().market.epoch_time)


def statement(listed: BookList) -> BrokerStatement:
    market = world().market
    return BrokerStatement(
        broker="broker",
        policy=world().policy.digest,
        epoch=market.epoch_id,
        epoch_time=market.epoch_time,
        books_time=market.epoch_time,
        accounts=len(listed.books),
        root=listed.root,
    )


@cache
def some_statement() -> BrokerStatement:
    return statement(books([(random_point(), random_point()) for _ in range(LAYOUT.accounts)]))


def shown(blinding: Blinding) -> list[int]:
    """The proof's elements but W and W' and the table's claim: logarithms of points, and evaluations."""
    opened, digits = witness()
    with patch.object(proving, "start_transcript", lambda *_: Fixed()):
        data = prover().prove(some_statement(), opened, digits, Options(check=False, blinding=blinding))
    proof = decode_argument(LAYOUT, data)
    backend: Any = prover().backend
    points = [*proof.digits, proof.multiplicities, *proof.helpers, proof.running_sum, proof.quotient]
    claims = [*proof.evaluations[: LAYOUT.columns], proof.evaluations[-1]]
    return [backend.logarithms[point] for point in points] + claims


def scalars() -> int:
    counting = Blinding()
    shown(counting)
    return counting.drawn


def at(blinding: Sequence[int]) -> list[int]:
    source = iter(blinding)
    found = shown(Blinding(lambda: next(source)))
    assert next(source, None) is None
    return found


def jacobian(variables: Sequence[int]) -> list[list[int]]:
    """Derivatives by some scalars at a random point; elements have degree at most three in any one scalar."""
    base = [secrets.randbelow(R) for _ in range(scalars())]
    here = at(base)
    rows = []
    for variable in variables:
        values = [here]
        for step in (1, 2, 3):
            moved = list(base)
            moved[variable] = (base[variable] + step) % R
            values.append(at(moved))
        rows.append([(-11 * a + 18 * b - 9 * c + 2 * d) * inverse(6) % R for a, b, c, d in zip(*values, strict=True)])
    return rows


def first_of(kind: str) -> int:
    """Where a kind's first scalar stands among those drawn."""
    counts = [
        ("DIGIT_BLINDING", LAYOUT.columns),
        ("MULTIPLICITY_BLINDING", 1),
        ("HELPER_BLINDING", LAYOUT.helpers),
        ("RUNNING_SUM_BLINDING", 1),
    ]
    before = 0
    for name, columns in counts:
        if name == kind:
            return before
        before += columns * getattr(proving, name)
    raise AssertionError(kind)


@pytest.mark.parametrize("kind", KINDS)
def test_as_many_values_of_a_column_are_shown_as_it_has_blinding_scalars(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = getattr(proving, kind)
    monkeypatch.setattr(proving, kind, count + 2)
    first = first_of(kind)
    assert rank(jacobian(range(first, first + count + 2))) == count


def test_all_shown_values_are_independent_and_no_scalar_is_drawn_in_vain() -> None:
    count = scalars()
    rows = jacobian(range(count))
    assert count == len(rows[0]) == rank(rows)


@pytest.mark.parametrize("kind", KINDS)
def test_one_scalar_fewer_makes_shown_values_depend_on_each_other(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proving, kind, getattr(proving, kind) - 1)
    rows = jacobian(range(scalars()))
    assert rank(rows) < len(rows[0])


# -- a simulator -------------------------------------------------------------------------------------------------------


def test_a_simulator_that_knows_tau_proves_a_statement_about_points_that_nobody_can_open() -> None:
    """No witness, no power over the hash: so a proof shows nothing that its statement does not."""
    honest = BrokerProver(program(), _real_points(), fastest_backend(), world().market.columns)  # type: ignore[arg-type]
    key, listed = honest.key, books([(random_point(), random_point()) for _ in range(LAYOUT.accounts)])
    stated = statement(listed)
    evaluations = tuple(secrets.randbelow(R) for _ in range(LAYOUT.columns + 2))
    proof = BrokerArgument(
        digits=random_points(LAYOUT.columns),
        multiplicities=random_point(),
        helpers=random_points(LAYOUT.helpers),
        running_sum=random_point(),
        quotient=random_point(),
        evaluations=evaluations,
        opening=random_point(),
        opening_check=random_point(),
    )
    zeta = derive_challenges(key, stated, proof).zeta
    table = honest.backend.evaluate(honest.backend.interpolate([honest.table]), zeta)[0]
    proof = replace(proof, evaluations=(*evaluations[: LAYOUT.columns], table, evaluations[-1]))

    def rest(proof: BrokerArgument, challenges: Challenges) -> G1:
        """Everything in the verifier's combination but W and W'."""
        points = combined_claim(key, listed, world().market.columns, proof, challenges)
        points[proof.opening] += 1
        points[proof.opening_check] -= challenges.z
        return fastest_engine().combine(list(points), [scalar % R for scalar in points.values()])

    proof = replace(proof, opening=rest(proof, replace(derive_challenges(key, stated, proof), z=TAU)))
    challenges = derive_challenges(key, stated, proof)
    left = fastest_engine().combine([rest(proof, challenges), proof.opening], [1, -1])
    check = fastest_engine().combine([left], [inverse(TAU - challenges.z)])
    data = replace(proof, opening_check=check).encode()
    verify_broker(key, stated, listed, world().market.columns, data, fastest_engine())


def _real_points() -> SimpleNamespace:
    return SimpleNamespace(
        key=setup_key(),
        lagrange=lambda backend, rows: bases(backend, rows)[0],
        monomial=lambda backend: bases(backend, LAYOUT.rows)[1],
    )
