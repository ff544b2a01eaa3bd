"""Whoever knows tau makes accepting proofs without a witness: so proofs carry no knowledge, and tau must be lost."""

from __future__ import annotations

import pytest
from support.backends import fastest_backend
from support.programs import ballot, insolvent_case, margin, slacks
from support.proofs import disturbed, elements
from support.statements import Statement, make_statement
from zero_knowledge.simulator import simulate

from zkmargin.verifier.curve import PythonEngine
from zkmargin.verifier.errors import ProofRejected
from zkmargin.verifier.verify import verify


@pytest.mark.parametrize("name", ["margin", "packed", "catalogue", "grouped", "ballot"])
def test_a_simulated_proof_of_a_true_statement_is_accepted(name: str, request: pytest.FixtureRequest) -> None:
    statement: Statement = request.getfixturevalue(f"{name}_statement")
    statement.verify(simulate(statement))


def test_a_simulated_proof_of_a_false_statement_is_accepted() -> None:
    case = insolvent_case(margin())
    assert max(slacks(case)) < 0
    statement = make_statement(case, check=False)
    statement.verify(simulate(statement))


def test_a_simulated_proof_of_a_false_tally_is_accepted_in_pure_python() -> None:
    statement = make_statement(ballot().with_scalars(tally=60))
    verify(statement.verifying, statement.public, simulate(statement), PythonEngine())


def test_a_simulated_proof_is_as_bound_as_any_other() -> None:
    statement = make_statement(insolvent_case(margin()), check=False)
    proof = simulate(statement)
    for element in elements(statement.circuit):
        with pytest.raises(ProofRejected, match="pairing"):
            statement.verify(disturbed(element, proof))


def test_the_simulator_is_of_no_use_under_a_setup_whose_trapdoor_it_does_not_know() -> None:
    statement = make_statement(insolvent_case(margin()), fastest_backend(), tau=987654321, check=False)
    with pytest.raises(ProofRejected, match="pairing"):
        statement.verify(simulate(statement))
