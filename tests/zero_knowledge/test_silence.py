"""What is secret does not show: not in repr or str, not in errors, not in the chain behind an error."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from support.backends import fastest_backend
from support.programs import Case, margin
from support.statements import Statement, make_statement

from zkmargin.circuits.language import (
    Holding,
    Inputs,
    Program,
    WitnessRangeError,
    check_constraints,
    compile_program,
)
from zkmargin.circuits.language.witness import WitnessContext, generate_witness
from zkmargin.prover.assignment import HoldingOpening
from zkmargin.prover.errors import UnsatisfiedError
from zkmargin.prover.kernels import load_backend
from zkmargin.prover.kernels.choice import AnyBackend
from zkmargin.prover.kernels.interface import KernelRangeError
from zkmargin.prover.randomness import Blinding
from zkmargin.prover.rounds.columns import BlindedColumn
from zkmargin.prover.rounds.opening import BatchedOpening
from zkmargin.verifier.errors import FormatError

SECRET = 24680
"""A quantity, found in no other number of these tests."""
RHO = 1357913579135791357913579


def secret_case() -> Case:
    """A margin case in which one venue holds the secret quantity in row 3."""
    case = margin()
    books = [list(book) for book in case.venues["net"]]
    books[0][3], books[1][3] = SECRET, 0
    return case.with_venues("net", books)


def assert_silent(text: str) -> None:
    """No secret, in decimal or, if it is long enough not to be there by chance, in hexadecimal."""
    assert str(SECRET) not in text
    assert str(RHO) not in text
    assert f"{RHO:x}" not in text.lower()


def printed(error: BaseException) -> str:
    """Everything that a log would show, causes and contexts included."""
    return "".join(traceback.format_exception(error)) + repr(error) + repr(error.args) + repr(vars(error))


@pytest.fixture(scope="module")
def secret_statement() -> Statement:
    return make_statement(secret_case())


@pytest.fixture(params=dict.fromkeys(["reference", fastest_backend().name]))
def each_backend(request: pytest.FixtureRequest) -> AnyBackend:
    return load_backend(request.param)


def context_of_a_hint(backend: AnyBackend) -> WitnessContext[Any, Any]:
    """What a hint is given while a witness is computed."""
    seen = []

    def define(p: Program) -> None:
        net = p.holding("net")

        def spy(context: Any) -> Any:
            seen.append(context)
            return context.evaluate(net)

        p.require_zero(p.witness("copy", spy) - net, label="copied")

    program = compile_program(define, name="spy", rows=32)
    generate_witness(program, backend, Inputs(holdings={"net": Holding([SECRET], RHO)}))
    return seen[0]


def things(statement: Statement, backend: AnyBackend) -> Iterator[object]:
    """Everything that holds a secret."""
    vector = backend.vector([SECRET, RHO])
    net = secret_case().net("net")
    inputs = Inputs(holdings={"net": Holding(net, RHO)}, market=statement.inputs.market, scalars={"threshold": 1000})
    yield vector
    yield Holding(net, RHO)
    yield inputs
    yield HoldingOpening(vector, RHO)
    yield BlindedColumn(vector, (RHO, SECRET))
    yield BatchedOpening(vector, vector)
    yield Blinding(lambda: SECRET)
    yield statement.assignment
    yield statement.key
    yield generate_witness(statement.program, statement.backend, statement.inputs)
    yield context_of_a_hint(backend)


def test_nothing_that_holds_a_secret_prints_it(secret_statement: Statement, each_backend: AnyBackend) -> None:
    for thing in things(secret_statement, each_backend):
        assert_silent(repr(thing))
        assert_silent(str(thing))
        assert_silent(f"{thing}")
        assert_silent(repr([thing]))


def test_a_quantity_beyond_its_range_is_not_in_the_error() -> None:
    case = secret_case()
    books = [list(book) for book in case.venues["net"]]
    books[0][3], books[1][3] = SECRET, SECRET
    with pytest.raises(WitnessRangeError) as refusal:
        make_statement(case.with_venues("net", books))
    assert_silent(printed(refusal.value))
    assert str(2 * SECRET) not in printed(refusal.value)


def test_a_missing_margin_is_not_in_the_error(secret_statement: Statement) -> None:
    case = secret_case()
    threshold = case.scalars["threshold"] + secret_statement.scalar("scenario[0].slack") + 31415
    with pytest.raises(WitnessRangeError) as refusal:
        make_statement(case.with_scalars(threshold=threshold))
    assert "31415" not in printed(refusal.value)


def test_a_broken_constraint_is_named_without_its_values(secret_statement: Statement) -> None:
    forged = secret_statement.with_digits("net.magnitude", 3, SECRET + 1)
    with pytest.raises(UnsatisfiedError) as refusal:
        forged.prove()
    assert refusal.value.failures
    assert_silent(printed(refusal.value))
    failures = check_constraints(secret_statement.program, secret_statement.backend, secret_statement.inputs)
    assert failures == []


def test_a_kernel_s_range_error_keeps_no_value(each_backend: AnyBackend) -> None:
    with pytest.raises(KernelRangeError) as refusal:
        each_backend.decompose(each_backend.vector([1, SECRET]), 5, 1)
    assert refusal.value.row == 1
    assert_silent(printed(refusal.value))


def test_a_column_of_the_wrong_length_is_refused_without_its_values(secret_statement: Statement) -> None:
    backend = secret_statement.backend
    short = replace(
        secret_statement.assignment,
        holdings=(HoldingOpening(backend.vector([SECRET] * 3), RHO),),
    )
    with pytest.raises(FormatError) as refusal:
        replace(secret_statement, assignment=short).prove()
    assert_silent(printed(refusal.value))


def test_too_many_values_for_a_holding_are_refused_without_them(secret_statement: Statement) -> None:
    long = Inputs(
        holdings={"net": Holding([SECRET] * 33, RHO)},
        market=secret_statement.inputs.market,
        scalars=secret_statement.inputs.scalars,
    )
    with pytest.raises(FormatError, match="expected at most 32 values, got 33") as refusal:
        generate_witness(secret_statement.program, secret_statement.backend, long)
    assert_silent(printed(refusal.value))
