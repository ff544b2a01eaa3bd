"""Proof bytes mutated at random: nothing is accepted, and nothing but the two documented errors is raised."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Final

import pytest
from support.backends import fastest_engine
from support.proofs import POINT, SCALAR, Element, disturbed, elements
from support.statements import Statement

from zkmargin.verifier.curve import G1, PythonEngine, encode_g1
from zkmargin.verifier.errors import FormatError, ProofRejected
from zkmargin.verifier.field import BASE_MODULUS, SCALAR_MODULUS

EVERYDAY: Final = 10_000
LONG: Final = 100_000
WITHOUT_NATIVE_CODE: Final = 200
"""Mutations that a verifier in pure Python gets through in the time of ten thousand native ones."""


class Mutator:
    """Draws mutations of one proof. Half of the kinds keep the proof well formed, so that it reaches the pairing."""

    def __init__(self, statement: Statement, seed: int) -> None:
        self._draw = random.Random(seed)
        self._proof = statement.proof
        self._other = statement.prove()
        self._elements = elements(statement.circuit)
        self._points = [element for element in self._elements if element.is_point]
        self._scalars = [element for element in self._elements if not element.is_point]
        self.kinds: list[Callable[[], bytes]] = [
            self.flipped_bit,
            self.other_byte,
            self.random_stretch,
            self.erased_element,
            self.cut_or_extended,
            self.shifted_bytes,
            self.not_canonical,
            self.random_scalar,
            self.small_change_of_a_scalar,
            self.point_of_another_place,
            self.negated_point,
            self.disturbed_element,
            self.spliced,
            self.scalars_exchanged,
        ]

    def next(self) -> bytes:
        """A mutation that is not the proof itself."""
        while (mutant := self._draw.choice(self.kinds)()) == self._proof:
            pass
        return mutant

    # -- mostly malformed ----------------------------------------------------------------------------------------------

    def flipped_bit(self) -> bytes:
        data = bytearray(self._proof)
        data[self._draw.randrange(len(data))] ^= 1 << self._draw.randrange(8)
        return bytes(data)

    def other_byte(self) -> bytes:
        data = bytearray(self._proof)
        data[self._draw.randrange(len(data))] = self._draw.choice((0, 1, 0x7F, 0x80, 0xFF, self._draw.randrange(256)))
        return bytes(data)

    def random_stretch(self) -> bytes:
        start = self._draw.randrange(len(self._proof))
        stop = min(len(self._proof), start + self._draw.randrange(1, 3 * POINT))
        return self._proof[:start] + self._draw.randbytes(stop - start) + self._proof[stop:]

    def erased_element(self) -> bytes:
        element = self._draw.choice(self._elements)
        return element.write(self._proof, self._draw.choice((b"\0", b"\xff")) * element.size)

    def cut_or_extended(self) -> bytes:
        if self._draw.random() < 0.5:
            return self._proof[: self._draw.randrange(len(self._proof))]
        return self._proof + self._draw.randbytes(self._draw.randrange(1, 2 * POINT))

    def shifted_bytes(self) -> bytes:
        by = self._draw.randrange(1, len(self._proof))
        return self._proof[by:] + self._proof[:by]

    def not_canonical(self) -> bytes:
        element = self._draw.choice(self._elements)
        if not element.is_point:
            return element.write(self._proof, _integer(element.scalar(self._proof) + SCALAR_MODULUS))
        x, y = element.point(self._proof)
        return element.write(self._proof, _integer(x + BASE_MODULUS) + _integer(y))

    # -- well formed ---------------------------------------------------------------------------------------------------

    def random_scalar(self) -> bytes:
        value = self._draw.choice((0, 1, SCALAR_MODULUS - 1, self._draw.randrange(SCALAR_MODULUS)))
        return self._draw.choice(self._scalars).write(self._proof, _integer(value))

    def small_change_of_a_scalar(self) -> bytes:
        element = self._draw.choice(self._scalars)
        value = element.scalar(self._proof) + self._draw.randrange(-5, 6)
        return element.write(self._proof, _integer(value % SCALAR_MODULUS))

    def point_of_another_place(self) -> bytes:
        source, target = self._draw.choice(self._points), self._draw.choice(self._points)
        return target.write(self._proof, source.read(self._proof))

    def negated_point(self) -> bytes:
        element = self._draw.choice(self._points)
        x, y = element.point(self._proof)
        return element.write(self._proof, encode_g1(G1(x, BASE_MODULUS - y)))

    def disturbed_element(self) -> bytes:
        return disturbed(self._draw.choice(self._elements), self._proof)

    def spliced(self) -> bytes:
        """Some elements of one valid proof, the others of another."""
        chosen = self._draw.sample(self._elements, self._draw.randrange(1, len(self._elements)))
        mutant = self._proof
        for element in chosen:
            mutant = element.write(mutant, element.read(self._other))
        return mutant

    def scalars_exchanged(self) -> bytes:
        left, right = self._draw.sample(self._scalars, 2)
        return right.write(left.write(self._proof, right.read(self._proof)), left.read(self._proof))


def _integer(value: int) -> bytes:
    return value.to_bytes(SCALAR, "big")


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
