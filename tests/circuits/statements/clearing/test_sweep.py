"""The sweep: what it moves, what a forger would like it to move, and what the verifier says to that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest
from support.desk import instruments
from support.programs import Case
from support.statements import Statement, make_statement

from zkmargin.circuits.language import WitnessRangeError
from zkmargin.circuits.markets.universe import Universe
from zkmargin.circuits.policies.policy import load_policy
from zkmargin.circuits.statements.clearing.sweep import (
    BOOK,
    CLOSED,
    MOVED,
    PAYOFF,
    SweepError,
    SweepLayout,
    compile_sweep,
    sweep_columns,
    sweep_of,
)
from zkmargin.circuits.statements.margin.circuit import UniverseLayout, compile_margin
from zkmargin.prover.errors import UnsatisfiedError
from zkmargin.verifier.errors import ProofRejected

LAYOUT = SweepLayout(rows=64, instrument_rows=48, cash_row=0, lot=10**6)
CALL, PUT, PERPETUAL, COIN = 5, 6, 7, 8
PAYOFFS = {CALL: 2_500_000, PUT: 0, PERPETUAL: -1_234_567}
LONG = {0: 1000, CALL: 3, PUT: 9, PERPETUAL: -2, COIN: 40}
"""Worth 7.5 + 2.469134 lots of cash in closed rows."""

Failures = set[tuple[str, int | None]]


def book_of(lots: dict[int, int]) -> list[int]:
    return [lots.get(row, 0) for row in range(LAYOUT.rows)]


def case(lots: dict[int, int], moved: list[int] | None = None, payoffs: dict[int, int] | None = None) -> Case:
    """The statement about a book; `moved` is what the account says, by default what is right."""
    book, records = book_of(lots), PAYOFFS if payoffs is None else payoffs
    closed, paid = sweep_columns(LAYOUT, records)
    right = sweep_of(LAYOUT, book, records) if moved is None else moved
    return Case(
        program=compile_sweep(LAYOUT),
        venues={BOOK: [book], MOVED: [right]},
        market={CLOSED: closed.tolist(), PAYOFF: paid.tolist()},
        scalars={},
    )


@cache
def statement() -> Statement:
    return make_statement(case(LONG))


@pytest.mark.parametrize(
    ("lots", "cash"),
    [
        (LONG, 9),
        # The other side of the same trades: what is due is rounded away from zero, so that cash only goes down.
        ({row: -quantity for row, quantity in LONG.items()}, -10),
        ({PUT: 5}, 0),
        ({CALL: 2}, 5),
        ({CALL: (1 << 57), PERPETUAL: 1}, (2_500_000 * (1 << 57) - 1_234_567) // 10**6),
        ({COIN: 1, PERPETUAL: 1}, -2),
    ],
)
def test_closed_rows_become_cash_rounded_down(lots: dict[int, int], cash: int) -> None:
    assert sweep_of(LAYOUT, book_of(lots), PAYOFFS)[0] == cash
    made = make_statement(case(lots))
    made.verify(made.prove())


def test_both_sides_of_a_trade_lose_less_than_a_lot_each() -> None:
    other = {row: -quantity for row, quantity in LONG.items()}
    here, there = (sweep_of(LAYOUT, book_of(lots), PAYOFFS) for lots in (LONG, other))
    total = [a + b for a, b in zip(here, there, strict=True)]
    assert total[0] == -1
    assert not any(total[1:])


# -- lies about what moves ---------------------------------------------------------------------------------------------


def lies() -> dict[str, dict[int, int]]:
    """By name, what is added to the right D."""
    return {
        "a lot of cash more": {0: 1},
        "a lot of cash less": {0: -1},
        "a closed row kept": {CALL: 3},
        "half of a closed row kept": {PUT: 4},
        "a coin out of nothing": {COIN: 1},
        "a coin for cash": {COIN: 1, 0: -1},
        "an open option bought": {20: 1},
        "a row that no instrument has": {50: 1},
    }


@pytest.mark.parametrize("name", lies())
def test_no_proof_of_another_move(name: str) -> None:
    moved = sweep_of(LAYOUT, book_of(LONG), PAYOFFS)
    for row, by in lies()[name].items():
        moved[row] += by
    with pytest.raises((UnsatisfiedError, WitnessRangeError)):
        make_statement(case(LONG, moved)).prove()
    forged = make_statement(case(LONG, moved), check=False)
    with pytest.raises(ProofRejected, match="pairing"):
        forged.verify(forged.prove(check=False))


def test_a_row_that_is_not_closed_is_not_swept() -> None:
    """Swept as if the coin were closed, against columns in which it is not."""
    moved = sweep_of(LAYOUT, book_of(LONG), {**PAYOFFS, COIN: 10**9})
    forged = make_statement(case(LONG, moved), check=False)
    with pytest.raises(ProofRejected, match="pairing"):
        forged.verify(forged.prove(check=False))


def test_a_proof_counts_for_its_records_alone() -> None:
    """The better of two settlement epochs: a proof under one set of records is none under another."""
    better = make_statement(case(LONG, payoffs={**PAYOFFS, CALL: 3_500_000}))
    proof = better.prove()
    better.verify(proof)
    with pytest.raises(ProofRejected, match="pairing"):
        better.verify(proof, replace(better.public, market=statement().public.market))


# -- forged witnesses, constraint by constraint ------------------------------------------------------------------------

Forgery = Callable[[Statement], tuple[Statement, Failures]]


def closed_row_kept(s: Statement) -> tuple[Statement, Failures]:
    # The put pays nothing, so that cash is right whatever becomes of it: only the row itself is false.
    moved = sweep_of(LAYOUT, book_of(LONG), PAYOFFS)
    moved[PUT] = 0
    return make_statement(case(LONG, moved), check=False), {("rows", PUT)}


def cash_out_of_nothing(s: Statement) -> tuple[Statement, Failures]:
    moved = sweep_of(LAYOUT, book_of(LONG), PAYOFFS)
    moved[0] += 1
    return make_statement(case(LONG, moved), check=False), {("cash", None)}


def remainder_of_a_lot(s: Statement) -> tuple[Statement, Failures]:
    # A lot less of cash, and the remainder larger by it: allowed, if the remainder could reach a lot.
    moved = sweep_of(LAYOUT, book_of(LONG), PAYOFFS)
    moved[0] -= 1
    forged = make_statement(case(LONG, moved), check=False)
    return forged.with_scalar("remainder", s.scalar("remainder") + LAYOUT.lot), {("remainder.below_lot", None)}


def gap_invented(s: Statement) -> tuple[Statement, Failures]:
    return s.with_scalar("remainder.gap", s.scalar("remainder.gap") + 1), {("remainder.below_lot", None)}


@pytest.mark.parametrize("forgery", [closed_row_kept, cash_out_of_nothing, remainder_of_a_lot, gap_invented])
def test_a_forged_witness(forgery: Forgery) -> None:
    forged, failures = forgery(statement())
    with pytest.raises(UnsatisfiedError) as refusal:
        forged.prove()
    assert {(failure.label, failure.row) for failure in refusal.value.failures} == failures
    with pytest.raises(ProofRejected, match="pairing"):
        forged.verify(forged.prove(check=False))


def test_a_negative_remainder_has_no_witness() -> None:
    """A lot more of cash than is due would need a remainder below zero, which its digits do not hold."""
    moved = sweep_of(LAYOUT, book_of(LONG), PAYOFFS)
    moved[0] += 1
    forged = make_statement(case(LONG, moved), check=False)
    negative = statement().scalar("remainder") - LAYOUT.lot
    forged = forged.with_scalar("remainder", negative).with_scalar("remainder.gap", LAYOUT.lot - 1 - negative)
    with pytest.raises(UnsatisfiedError) as refusal:
        forged.prove()
    labels = {failure.label for failure in refusal.value.failures}
    # Scalars lie in rows of the same digit columns: the last digit of one cannot hold what is below zero.
    assert labels == {"book.magnitude.digit[9]"}
    with pytest.raises(ProofRejected, match="pairing"):
        forged.verify(forged.prove(check=False))


# -- what is refused before --------------------------------------------------------------------------------------------


def test_records_are_checked() -> None:
    with pytest.raises(SweepError, match="row 0: expected a row of an instrument that is not cash"):
        sweep_columns(LAYOUT, {0: 1})
    with pytest.raises(SweepError, match="row 48"):
        sweep_columns(LAYOUT, {48: 1})
    with pytest.raises(SweepError, match=r"below 2\^47"):
        sweep_columns(LAYOUT, {CALL: -(1 << 47)})
    with pytest.raises(SweepError, match="nothing to sweep"):
        sweep_of(LAYOUT, book_of({COIN: 3}), PAYOFFS)


def test_a_sweep_costs_at_most_twice_a_margin_proof() -> None:
    """Both grow with what is looked up and evaluated: counts of the compiled circuits, at the size of a house."""
    layout = SweepLayout(rows=4096, instrument_rows=3072, cash_row=0, lot=10**6)
    swept = compile_sweep(layout).circuit
    universe = Universe.create(instruments().instruments, rows=4096, scalar_rows=1024)
    margin = compile_margin(load_policy("paradex"), UniverseLayout.of(universe)).circuit
    assert len(swept.witness) <= 2 * len(margin.witness)
    assert len(swept.lookups) <= 2 * len(margin.lookups)
