"""Integers that wrap around r: circuits that only a weakened compiler lets through prove insolvent accounts solvent.

Prover and verifier here are the real ones. What stands between them and these attacks is the compiler, and whoever
compiles the program again to compare the verifying key.
"""

from __future__ import annotations

import pytest
from soundness.weakened import Cheat
from support.programs import (
    ROW_BITS,
    ROWS,
    Case,
    define_margin,
    define_packed,
    insolvent_case,
    margin_case,
    packed_case,
    slacks,
)
from support.statements import Statement, make_statement

from zkmargin.circuits.language import CompiledProgram, CompileError, Program, compile_program
from zkmargin.circuits.language import compiler as compiler_module
from zkmargin.circuits.language import program as program_module
from zkmargin.circuits.language.recording import PACKING_SHIFT, RangedColumns
from zkmargin.verifier.errors import FormatError, ProofRejected
from zkmargin.verifier.field import SCALAR_MODULUS


def slack_modulo_r(case: Case) -> Statement:
    """An insolvent account whose negative slacks are written as the large integers that they are modulo r."""
    statement = make_statement(case, check=False)
    for j, slack in enumerate(slacks(case)):
        assert slack < 0
        statement = statement.with_scalar(f"scenario[{j}].slack", slack % SCALAR_MODULUS)
    return statement


# -- slacks of 255 bits ------------------------------------------------------------------------------------------------


def compile_wide_slack() -> CompiledProgram:
    """Slacks of five rows of 60 bits."""
    return compile_program(lambda p: define_margin(p, slack_bits=255), name="wide slack", rows=ROWS, row_bits=60)


def test_a_slack_of_255_bits_is_refused_by_the_compiler() -> None:
    with pytest.raises(CompileError, match="at most 4 rows") as refusal:
        compile_wide_slack()
    assert refusal.value.label == "scenario[0].slack"


def test_a_slack_of_256_bits_in_four_wider_rows_is_refused_by_the_compiler() -> None:
    with pytest.raises(CompileError, match="wrap around r") as refusal:
        compile_program(lambda p: define_margin(p, slack_bits=256), name="wide slack", rows=ROWS, row_bits=64)
    assert refusal.value.label == "scenario[0]"


def test_a_slack_of_255_bits_proves_an_insolvent_account_solvent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program_module, "MAX_SCALAR_ROWS", 5)
    monkeypatch.setattr(compiler_module, "check_no_wrap", lambda label, left, right: None)
    statement = slack_modulo_r(insolvent_case(margin_case(compile_wide_slack())))
    statement.verify(statement.prove())


# -- rows wider than the scalars' bounds say ---------------------------------------------------------------------------


def compile_wide_holding() -> CompiledProgram:
    """Slacks of 240 bits in rows of 60, beside a holding of 75: four rows of 75 bits would reach beyond r."""
    return compile_program(
        lambda p: define_margin(p, slack_bits=240, net_bits=75), name="wide holding", rows=ROWS, row_bits=60
    )


def test_scalars_live_in_columns_exactly_as_wide_as_their_rows() -> None:
    program = compile_wide_holding()
    assert program.scalar_columns is not None
    assert program.scalar_columns.bits == program.row_bits == 60
    forged = slack_modulo_r(insolvent_case(margin_case(program)))
    with pytest.raises(ProofRejected, match="pairing"):
        forged.verify(forged.prove(check=False))


def test_scalars_hosted_by_a_wider_holding_prove_an_insolvent_account_solvent(monkeypatch: pytest.MonkeyPatch) -> None:
    def first_holding(program: Program) -> RangedColumns:
        return next(step for step in program.recording.steps if isinstance(step, RangedColumns))

    monkeypatch.setattr(compiler_module, "_scalar_columns", first_holding)
    program = compile_wide_holding()
    assert program.scalar_columns is not None
    assert program.scalar_columns.bits == 75
    statement = slack_modulo_r(insolvent_case(margin_case(program)))
    statement.verify(statement.prove())


# -- packed columns that flow into each other --------------------------------------------------------------------------

NARROW_SHIFT = 24


def compile_packed(shift: int) -> CompiledProgram:
    return compile_program(lambda p: define_packed(p, shift), name="packed", rows=ROWS, row_bits=ROW_BITS)


def borrowing(shift: int) -> Statement:
    """A portfolio that loses in the first scenario and gains in the second, which lends it 2^shift."""
    statement = make_statement(packed_case(compile_packed(shift), shift, low=-900, high=-10), check=False)
    net, values = statement.column("net"), statement.backend.to_ints(statement.assignment.market.values[0])
    parts = [0, 0]
    for q, value in zip(net, values, strict=True):
        signed = value - SCALAR_MODULUS if value > SCALAR_MODULUS // 2 else value
        low = (signed + (1 << shift >> 1)) % (1 << shift) - (1 << shift >> 1)
        parts[0] += q * low
        parts[1] += q * (signed - low >> shift)
    (threshold,) = statement.public.scalars
    first, second = parts[0] - threshold, parts[1] - threshold
    assert first < 0 < second
    loan = -(first >> shift)
    return statement.with_scalar("slack[0]", first + (loan << shift)).with_scalar("slack[1]", second - loan)


def test_parts_closer_than_their_sums_are_refused_by_the_compiler() -> None:
    with pytest.raises(CompileError, match=r"part 0 can differ by 2\*\*\d+ or more") as refusal:
        compile_packed(NARROW_SHIFT)
    assert refusal.value.label == "packed"


def test_a_scenario_lends_to_another_where_parts_lie_too_close(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler_module, "_check_packed", lambda program, packed, weight: None)
    statement = borrowing(NARROW_SHIFT)
    statement.verify(statement.prove())


def test_a_scenario_cannot_lend_to_another_across_the_real_distance() -> None:
    forged = borrowing(PACKING_SHIFT)
    with pytest.raises(ProofRejected, match="pairing"):
        forged.verify(forged.prove(check=False))


# -- public inputs beyond their bound ----------------------------------------------------------------------------------


def test_a_public_scalar_plus_r_is_the_same_number_to_the_argument_and_is_refused_as_an_input(
    margin_statement: Statement,
) -> None:
    """A gate that compares the threshold as an integer would read a threshold of 2^253 and more as met."""
    (threshold,) = margin_statement.public.scalars
    alias = margin_statement.with_public(scalars=(threshold + SCALAR_MODULUS,))
    cheat = Cheat(alias).run()
    assert cheat.accepted()
    with pytest.raises(FormatError, match="scalar threshold: expected 0 <= value"):
        alias.verify(cheat.proof.encode())
