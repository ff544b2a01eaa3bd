"""Mutations of proofs, drawn at random."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from support.proofs import POINT, SCALAR, disturbed, elements
from support.statements import Statement
from zkmargin.verifier.curve import G1, G1_GENERATOR, encode_g1
from zkmargin.verifier.field import BASE_MODULUS, SCALAR_MODULUS
from zkmargin.verifier.proof import PublicInputs


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


def mutated_inputs(draw: random.Random, public: PublicInputs) -> PublicInputs:
    """Public inputs changed in one place, well formed: the context, a scalar, a venue, a commitment."""
    changes: list[Callable[[], PublicInputs]] = [lambda: replace(public, context=draw.randbytes(SCALAR))]
    if public.scalars:
        at = draw.randrange(len(public.scalars))
        other = (public.scalars[at] + draw.randrange(1, SCALAR_MODULUS)) % SCALAR_MODULUS
        changes.append(lambda: replace(public, scalars=(*public.scalars[:at], other, *public.scalars[at + 1 :])))
    if public.holdings:
        venues = public.holdings[0]
        changes.append(lambda: replace(public, holdings=((*venues, venues[0]), *public.holdings[1:])))
    if public.market:
        column = draw.randrange(len(public.market))
        market = (*public.market[:column], G1_GENERATOR, *public.market[column + 1 :])
        changes.append(lambda: replace(public, market=market))
    return draw.choice(changes)()
