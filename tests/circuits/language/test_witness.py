"""Witnesses: which label fails at which row, what does not fit its range, and that no secret is quoted."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.backends import fastest_backend
from support.programs import Case, catalogue, margin, margin_case, slacks

from zkmargin.circuits.language import (
    Holding,
    Inputs,
    Program,
    WitnessRangeError,
    check_constraints,
    compile_program,
)
from zkmargin.circuits.language.witness import generate_witness
from zkmargin.prover.errors import Failure
from zkmargin.prover.vectors import vector_of
from zkmargin.verifier.errors import FormatError


def inputs_of(case: Case) -> Inputs[Any]:
    """A case's inputs in the clear; no commitment is made, so blinding is zero."""
    holdings = {name: Holding(case.net(name), 0) for name in case.venues}
    return Inputs(holdings=holdings, market=case.market, scalars=case.scalars)


def _ranged(p: Program) -> None:
    net = p.holding("net")
    p.require_range(net, 7, label="seven")


@pytest.fixture(scope="module")
def seven_bits():  # type: ignore[no-untyped-def]
    return compile_program(_ranged, name="ranged", rows=32, row_bits=15)


@pytest.mark.parametrize("value", [0, 1, 31, 32, 126, 127])
def test_values_in_range_pass(seven_bits, value: int) -> None:  # type: ignore[no-untyped-def]
    inputs = Inputs(holdings={"net": Holding([0, value], 0)})
    assert check_constraints(seven_bits, fastest_backend(), inputs) == []


@pytest.mark.parametrize("value", [-1, 128, 1 << 10, -(1 << 40), 1 << 200])
def test_values_out_of_range_name_label_and_row_and_never_the_value(seven_bits, value: int) -> None:  # type: ignore[no-untyped-def]
    inputs = Inputs(holdings={"net": Holding([0, 5, value], 0)})
    with pytest.raises(WitnessRangeError, match=r"^seven\[row 2\]: expected 0 <= value < 2\*\*7$") as caught:
        generate_witness(seven_bits, fastest_backend(), inputs)
    assert str(abs(value)) not in str(caught.value).replace("2**7", "").replace("row 2", "")
    assert check_constraints(seven_bits, fastest_backend(), inputs) == [Failure("seven.recomposed", 2)]


def test_a_negative_slack_names_its_scalar() -> None:
    case = margin()
    short = case.with_scalars(threshold=slacks(case)[0] + case.scalars["threshold"] + 1)
    with pytest.raises(WitnessRangeError, match=r"^scenario\[0\]\.slack: expected 0 <= value < 2\*\*30$"):
        generate_witness(short.program, fastest_backend(), inputs_of(short))
    assert Failure("scenario[0]", None) in check_constraints(short.program, fastest_backend(), inputs_of(short))


def test_the_last_unit_of_slack() -> None:
    """Slack zero is a witness, slack minus one is none."""
    case = margin()
    least = min(slacks(case))
    exact = case.with_scalars(threshold=case.scalars["threshold"] + least)
    assert check_constraints(exact.program, fastest_backend(), inputs_of(exact)) == []
    beyond = case.with_scalars(threshold=case.scalars["threshold"] + least + 1)
    assert check_constraints(beyond.program, fastest_backend(), inputs_of(beyond)) != []


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1 << 30))
def test_honest_books_satisfy_every_constraint(seed: int) -> None:
    case = margin_case(margin().program, seed)
    assert (check_constraints(case.program, fastest_backend(), inputs_of(case)) == []) == (min(slacks(case)) >= 0)


def test_all_back_ends_generate_the_same_witness() -> None:
    from zkmargin.prover.kernels import load_backend  # noqa: PLC0415 - only here

    case = catalogue()
    results = []
    for backend in (load_backend("reference"), fastest_backend()):
        witness = generate_witness(case.program, backend, inputs_of(case))
        results.append([backend.to_ints(column) for column in witness.assignment.witness])
    assert results[0] == results[1]


def test_missing_and_unknown_inputs_are_named() -> None:
    case = margin()
    with pytest.raises(FormatError, match=r"holdings: missing \['net'\]"):
        generate_witness(case.program, fastest_backend(), Inputs(market=case.market, scalars=case.scalars))
    wrong = inputs_of(case.with_scalars(typo=1))
    with pytest.raises(FormatError, match=r"scalars: missing nothing, unknown \['typo'\]"):
        generate_witness(case.program, fastest_backend(), wrong)


def test_vectors_are_padded_and_never_cut() -> None:
    backend = fastest_backend()
    assert backend.to_ints(vector_of(backend, np.array([1, -1]), 4))[2:] == [0, 0]
    with pytest.raises(FormatError, match="at most 4 values, got 5"):
        vector_of(backend, [1] * 5, 4)


def test_secrets_do_not_show() -> None:
    secret = 123456789
    holding = Holding([secret], secret)
    inputs = Inputs(holdings={"net": holding}, hints={"x": secret})
    assert str(secret) not in repr(holding) + repr(inputs)
