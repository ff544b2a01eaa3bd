"""One proof, one encoding: bytes that decode to the same numbers, or to no point at all, are refused by name."""

from __future__ import annotations

from functools import cache

import pytest
from support.broker import Brokerage, at_the_edge

from zkmargin.circuits.policies.policy import load_policy
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.field import BASE_MODULUS, SCALAR_MODULUS
from zkmargin.verifier.statements.broker.proof import decode_argument, proof_length


@cache
def proven() -> tuple[Brokerage, bytes]:
    world = at_the_edge(load_policy("collateral-factors"), 2)
    return world, world.prover().prove(world.statement(), world.opening, world.digits)


def points_before_scalars(world: Brokerage) -> int:
    return world.layout.columns + 1 + world.layout.helpers + 2


def replaced(proof: bytes, start: int, value: int) -> bytes:
    return proof[:start] + value.to_bytes(32, "big") + proof[start + 32 :]


def test_the_honest_encoding_is_the_one() -> None:
    world, proof = proven()
    world.verify(proof)
    assert len(proof) == proof_length(world.layout)
    assert decode_argument(world.layout, proof).encode() == proof


@pytest.mark.parametrize("which", ["first", "last", "both"])
def test_scalars_stay_below_r(which: str) -> None:
    """v and v + r are one number modulo r: were both taken, every proof would have many encodings."""
    world, proof = proven()
    first = 64 * points_before_scalars(world)
    last = len(proof) - 2 * 64 - 32
    for start in {"first": [first], "last": [last], "both": [first, last]}[which]:
        value = int.from_bytes(proof[start : start + 32], "big")
        proof = replaced(proof, start, value + SCALAR_MODULUS)
    with pytest.raises(FormatError, match="scalar below r"):
        world.verify(proof)


def test_every_point_is_on_the_curve_with_coordinates_below_q() -> None:
    world, proof = proven()
    count = points_before_scalars(world)
    starts = [*(64 * i for i in range(count)), len(proof) - 128, len(proof) - 64]
    for start in starts:
        x = int.from_bytes(proof[start : start + 32], "big")
        y = int.from_bytes(proof[start + 32 : start + 64], "big")
        for changed, says in (
            (replaced(proof, start, x + BASE_MODULUS), "below the field modulus"),
            (replaced(proof, start + 32, y + BASE_MODULUS), "below the field modulus"),
            (replaced(proof, start + 32, (y + 1) % BASE_MODULUS), r"y\^2"),
            (proof[:start] + bytes(64) + proof[start + 64 :], "infinity"),
        ):
            with pytest.raises(FormatError, match=says):
                world.verify(changed)
