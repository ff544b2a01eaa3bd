"""Three verifiers, one verdict: pure Python, native, and the contract, on honest proofs and on mutations."""

from __future__ import annotations

import json
import random

import pytest
from fiat_shamir.vector import PATH, fixed_statement
from support.evm import OnChain
from support.mutations import Mutator, mutated_inputs
from support.statements import Statement

from zkmargin.verifier.contracts.table import with_hint
from zkmargin.verifier.curve import PythonEngine
from zkmargin.verifier.proof import PublicInputs

Contracts = list[tuple[Statement, OnChain]]


def contract_accepts(contract: OnChain, statement: Statement, public: PublicInputs, proof: bytes) -> bool:
    return contract.verify(public, with_hint(statement.verifying, public, proof)) is None


def test_honest_proofs_are_accepted_by_all(contracts: Contracts) -> None:
    for statement, contract in contracts:
        public, proof = statement.public, statement.proof
        assert contract_accepts(contract, statement, public, proof)
        assert statement.accepts(proof, public)
        assert statement.accepts(proof, public, PythonEngine())


def test_the_golden_proof_is_accepted_by_all() -> None:
    statement = fixed_statement()
    proof = bytes.fromhex(json.loads(PATH.read_text(encoding="ascii"))["proof"])
    assert contract_accepts(OnChain.deploy(statement.verifying), statement, statement.public, proof)
    assert statement.accepts(proof)
    assert statement.accepts(proof, engine=PythonEngine())


@pytest.mark.parametrize(
    ("count", "in_python"),
    [
        pytest.param(60, 20, id="60"),
        pytest.param(2000, 200, id="2000", marks=[pytest.mark.slow, pytest.mark.timeout(1800)]),
    ],
)
def test_mutations_get_the_same_verdict(contracts: Contracts, count: int, in_python: int) -> None:
    """Of proofs, well formed and not, and of public inputs. Pure Python takes its time and judges some of them."""
    draw = random.Random(count)
    mutators = [Mutator(statement, seed) for seed, (statement, _) in enumerate(contracts)]
    for number in range(count):
        (statement, contract), mutator = contracts[number % len(contracts)], mutators[number % len(contracts)]
        if draw.random() < 0.8:
            public, proof = statement.public, mutator.next()
        else:
            public, proof = mutated_inputs(draw, statement.public), statement.proof
        what = (number, statement.circuit.name)
        native = statement.accepts(proof, public)
        assert contract_accepts(contract, statement, public, proof) == native, what
        if number % (count // in_python) == 0:
            assert statement.accepts(proof, public, PythonEngine()) == native, what
        assert not native, what
