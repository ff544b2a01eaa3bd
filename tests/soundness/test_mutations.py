"""Proof bytes mutated at random: nothing is accepted, and nothing but the two documented errors is raised."""

from __future__ import annotations

from collections import Counter
from typing import Final

import pytest
from support.backends import fastest_engine
from support.mutations import Mutator
from support.proofs import Element, elements
from support.statements import Statement

from zkmargin.verifier.curve import PythonEngine
from zkmargin.verifier.errors import FormatError, ProofRejected

EVERYDAY: Final = 10_000
LONG: Final = 100_000
WITHOUT_NATIVE_CODE: Final = 200
"""Mutations that a verifier in pure Python gets through in the time of ten thousand native ones."""


def outcomes(statement: Statement, count: int, seed: int) -> Counter[str]:
    """How many mutants the verifier called malformed, rejected and accepted. Any other exception goes through."""
    mutator = Mutator(statement, seed)
    found: Counter[str] = Counter(malformed=0, rejected=0, accepted=0)
    for _ in range(count):
        try:
            statement.verify(mutator.next())
        except FormatError:
            found["malformed"] += 1
        except ProofRejected:
            found["rejected"] += 1
        else:
            found["accepted"] += 1
    return found


def assert_none_accepted(found: Counter[str], count: int) -> None:
    assert found["accepted"] == 0
    assert found.total() == count
    # The test tests something: many mutants end at decoding, many only at the pairing.
    assert min(found["malformed"], found["rejected"]) > count // 4


def test_ten_thousand_mutations_give_no_acceptance_and_no_untyped_exception(margin_statement: Statement) -> None:
    count = WITHOUT_NATIVE_CODE if isinstance(fastest_engine(), PythonEngine) else EVERYDAY
    assert_none_accepted(outcomes(margin_statement, count, seed=1), count)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_hundred_thousand_mutations_give_no_acceptance_and_no_untyped_exception(
    margin_statement: Statement, catalogue_statement: Statement
) -> None:
    for statement, seed in ((margin_statement, 2), (catalogue_statement, 3)):
        assert_none_accepted(outcomes(statement, LONG // 2, seed), LONG // 2)


def test_every_kind_of_mutation_changes_the_proof_and_some_keep_it_well_formed(margin_statement: Statement) -> None:
    mutator = Mutator(margin_statement, seed=4)
    for kind in mutator.kinds:
        assert any(kind() != margin_statement.proof for _ in range(50)), kind.__name__


def element_of(mutant: bytes, original: bytes, layout: list[Element]) -> set[str]:
    """The elements in which two proofs differ."""
    return {element.name for element in layout if element.read(mutant) != element.read(original)}


def test_mutations_reach_every_element(margin_statement: Statement) -> None:
    layout = elements(margin_statement.circuit)
    mutator = Mutator(margin_statement, seed=5)
    reached: set[str] = set()
    for _ in range(300):
        reached |= element_of(mutator.disturbed_element(), margin_statement.proof, layout)
    assert reached == {element.name for element in layout}
