"""The lie: what a closed row pays, said twice. Told by: both sides of a trade, each with the record it likes.

Gained: where a sweep may rest on either of two settlement epochs, the long side takes the higher payoff and the short
side the lower: cash out of nothing, as both proofs are true. The same with two universes alive, in one of which the row
is worthless. Refused: a row has one record, for good, and a sweep's columns are added up by the contract from the
records (`Settlement.sol`; test_aRowPaysOnce in `Clearing.t.sol`). A proof under other columns is rejected.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.programs import Case
from support.statements import Statement, make_statement

from zkmargin.circuits.statements.clearing.sweep import (
    BOOK,
    CLOSED,
    MOVED,
    PAYOFF,
    SweepLayout,
    compile_sweep,
    sweep_columns,
    sweep_of,
)
from zkmargin.verifier.errors import ProofRejected

LAYOUT = SweepLayout(rows=64, instrument_rows=48, cash_row=0, lot=10**6)
OPTION, LOTS = 9, 1000
EARLY, LATE = {OPTION: 2_500_000}, {OPTION: 3_500_000}


def swept(lots: int, records: dict[int, int]) -> tuple[int, Statement]:
    """The cash that a side gets under these records, and the statement about it."""
    book = [0] * LAYOUT.rows
    book[0], book[OPTION] = 10_000, lots
    moved = sweep_of(LAYOUT, book, records)
    closed, payoff = sweep_columns(LAYOUT, records)
    market = {CLOSED: closed.tolist(), PAYOFF: payoff.tolist()}
    return moved[0], make_statement(Case(compile_sweep(LAYOUT), {BOOK: [book], MOVED: [moved]}, market, {}))


def test_either_record_pays_both_sides_out_of_nothing() -> None:
    long, higher = swept(LOTS, LATE)
    short, lower = swept(-LOTS, EARLY)
    higher.verify(higher.prove())
    lower.verify(lower.prove())
    assert long + short == LOTS


def test_under_one_record_the_other_proof_is_none() -> None:
    _, other = swept(LOTS, LATE)
    cash, short = swept(-LOTS, EARLY)
    gain, long = swept(LOTS, EARLY)
    assert gain + cash == 0
    long.verify(long.prove())
    with pytest.raises(ProofRejected, match="pairing"):
        other.verify(other.prove(), replace(other.public, market=short.public.market))


def test_rounding_is_by_book_and_not_by_lot() -> None:
    """Rounded lot by lot a side would lose up to 999,999 lots of cash; by book both together lose less than two."""
    long, _ = swept(999_999, {OPTION: 1_000_001})
    short, _ = swept(-999_999, {OPTION: 1_000_001})
    assert long == 999_999
    assert short == -(999_999 + 1)
    assert long + short == -1
