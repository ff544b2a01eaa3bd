"""Two proofs of one statement have nothing in common, though both prove it."""

from __future__ import annotations

import pytest
from support.backends import fastest_backend
from support.proofs import elements
from support.randomness import predictable
from support.setup import bases
from support.statements import Statement

from zkmargin.prover.kernels import load_backend
from zkmargin.prover.randomness import Blinding
from zkmargin.verifier.field import SCALAR_MODULUS

NAMES = ["margin", "packed", "catalogue", "grouped", "ballot"]


@pytest.mark.parametrize("name", NAMES)
def test_two_proofs_of_one_statement_differ_in_every_point_and_scalar(
    name: str, request: pytest.FixtureRequest
) -> None:
    statement: Statement = request.getfixturevalue(f"{name}_statement")
    first, second = statement.prove(), statement.prove()
    statement.verify(first)
    statement.verify(second)
    for element in elements(statement.circuit):
        assert element.read(first) != element.read(second), element.name


@pytest.mark.parametrize("name", NAMES)
def test_no_element_of_one_proof_returns_anywhere_in_another(name: str, request: pytest.FixtureRequest) -> None:
    statement: Statement = request.getfixturevalue(f"{name}_statement")
    layout = elements(statement.circuit)
    first, second = statement.prove(), statement.prove()
    assert not {e.read(first) for e in layout} & {e.read(second) for e in layout}


def test_the_same_blinding_gives_the_same_proof_and_other_blinding_another(margin_statement: Statement) -> None:
    """So nothing but `Blinding` makes proofs fresh."""
    first = margin_statement.prove(blinding=predictable(b"one"))
    assert first == margin_statement.prove(blinding=predictable(b"one"))
    assert first != margin_statement.prove(blinding=predictable(b"two"))


def test_default_blinding_is_canonical_and_does_not_repeat() -> None:
    drawn = Blinding().draw(1000) + Blinding().draw(1000)
    assert len(set(drawn)) == 2000
    assert all(0 <= scalar < SCALAR_MODULUS for scalar in drawn)
    # Of 2000 uniform scalars some are close to either end: no fixed high or low bits.
    assert min(drawn) < SCALAR_MODULUS // 100
    assert max(drawn) > SCALAR_MODULUS // 100 * 99


@pytest.mark.parametrize("name", dict.fromkeys(["reference", fastest_backend().name]))
def test_a_column_of_zeros_commits_to_another_point_every_time(name: str) -> None:
    """An empty book is not recognised by its commitment."""
    backend = load_backend(name)
    lagrange, _ = bases(backend, 32)
    zeros = backend.constant(0, 32)
    points = [backend.msm(lagrange, [zeros], [Blinding().draw(1)])[0] for _ in range(4)]
    assert len(set(points)) == 4
