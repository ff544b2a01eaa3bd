"""Every back end makes the same proof, byte for byte, when it is given the same blinding."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.programs import Case, ballot, catalogue, grouped, margin, packed
from support.randomness import predictable
from support.statements import make_statement

from zkmargin.prover.kernels import describe_backends, load_backend

CASES: dict[str, Callable[[], Case]] = {
    "margin": margin,
    "packed": packed,
    "catalogue": catalogue,
    "grouped": grouped,
    "ballot": ballot,
}


@pytest.mark.parametrize("name", CASES)
def test_back_ends_agree_on_every_byte(name: str) -> None:
    available = [status.name for status in describe_backends() if status.available]
    assert "reference" in available
    statements = {back_end: make_statement(CASES[name](), load_backend(back_end)) for back_end in available}
    expected = statements["reference"].prove(blinding=predictable())
    for back_end, statement in statements.items():
        assert statement.verifying.digest == statements["reference"].verifying.digest, back_end
        assert statement.public == statements["reference"].public, back_end
        assert statement.prove(blinding=predictable()) == expected, back_end
        statement.verify(expected)
