"""The sweep: an account's closed rows become cash, and nothing else of its book moves.

Public: the account's point before, the point D that is added to it, and two columns that everybody can compute: which
rows are closed, and what a lot of each pays. Hidden: the book and D.

    rows     D takes the quantity of every closed row away, and leaves every other row but cash alone
    cash     cash grows by what the closed rows pay together, rounded down:
             lot * D[cash] + remainder = sum of payoff * quantity, 0 <= remainder < lot exactly

A payoff is in usd_e12 a lot, signed: whoever is short pays. `lot` is a lot of cash in usd_e12. Rounding down is against
the account, by less than one lot of cash a sweep: the house never owes more than it has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from zkmargin.circuits.language.compiler import CompiledProgram, compile_program
from zkmargin.circuits.language.program import Program
from zkmargin.circuits.language.recording import HintContext
from zkmargin.circuits.markets.instruments import CASH_ID
from zkmargin.circuits.markets.units import QUANTITY_BITS, USD_E12, VALUE_BITS
from zkmargin.circuits.markets.universe import Universe
from zkmargin.verifier.errors import FormatError

BOOK: Final = "book"
MOVED: Final = "moved"
CLOSED: Final = "closed"
PAYOFF: Final = "payoff"
SCALAR_BITS: Final = 60


class SweepError(FormatError):
    """Settlement records and a universe do not go together, or a book has nothing to sweep."""


@dataclass(frozen=True)
class SweepLayout:
    """What of a universe the circuit depends on, the same for all its extensions.

    lot: of cash, in usd_e12.
    """

    rows: int
    instrument_rows: int
    cash_row: int
    lot: int

    @classmethod
    def of(cls, universe: Universe) -> SweepLayout:
        """The layout of a universe. Raises SweepError when cash is in lots below 10^-12."""
        cash = universe.by_id[CASH_ID]
        lot, rest = divmod(USD_E12, 10**cash.lot_exponent)
        if rest or lot < 2:
            raise SweepError(f"{CASH_ID}: expected lots of more than 10^-12, got 10^-{cash.lot_exponent}")
        return cls(universe.rows, universe.instrument_rows, cash.row, lot)


@lru_cache(maxsize=4)
def compile_sweep(layout: SweepLayout) -> CompiledProgram:
    """The program of the sweep; the same for every account and every list of closed rows."""
    return compile_program(
        lambda program: define_sweep(program, layout),
        name="sweep",
        rows=layout.rows,
        row_bits=SCALAR_BITS,
        active_rows=layout.instrument_rows,
    )


def define_sweep(p: Program, layout: SweepLayout) -> None:
    """The statement; see the module. Cost: two sign splits of 60 bits, two private scalars, three sums."""
    book, moved = p.holding(BOOK), p.holding(MOVED)
    closed = p.market(CLOSED, 1)
    payoff = p.market(PAYOFF, VALUE_BITS, signed=True)
    p.sign_split(book, QUANTITY_BITS, label=BOOK)
    p.sign_split(moved, QUANTITY_BITS, label=MOVED)
    cash = p.unit(layout.cash_row)
    lot, top = layout.lot, layout.lot - 1
    paid = payoff * book

    def left_over(context: HintContext) -> int:
        return context.sum(paid) % lot

    # remainder and gap, both at least 0, add up to lot - 1: so neither reaches the lot.
    remainder = p.private_scalar("remainder", SCALAR_BITS, left_over)
    gap = p.private_scalar("remainder.gap", SCALAR_BITS, lambda context: top - context.scalar(remainder))
    p.require_sum(cash * 0, remainder + gap - top, label="remainder.below_lot")
    # |payoff| < 2^47, |quantity| < 2^60: over 2^20 rows far below r.
    p.require_sum(paid - cash * moved * lot, remainder, label="cash")
    # Cash is never closed; a column that says so would only keep an account that has cash from sweeping.
    p.require_zero((1 - cash) * moved + closed * book, label="rows")


def sweep_columns(layout: SweepLayout, payoffs: Mapping[int, int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The public columns, (rows,) each, from the payoff of every closed row, usd_e12 a lot. Raises SweepError."""
    closed = np.zeros(layout.rows, dtype=np.int64)
    paid = np.zeros(layout.rows, dtype=np.int64)
    for row, payoff in payoffs.items():
        if not 0 <= row < layout.instrument_rows or row == layout.cash_row:
            raise SweepError(f"row {row}: expected a row of an instrument that is not cash")
        if abs(payoff) >= 1 << VALUE_BITS:
            raise SweepError(f"row {row}: expected a payoff below 2^{VALUE_BITS} usd_e12 a lot")
        closed[row], paid[row] = 1, payoff
    return closed, paid


def sweep_of(layout: SweepLayout, book: Sequence[int], payoffs: Mapping[int, int]) -> list[int]:
    """What a sweep moves, (rows,): exact integers. Raises SweepError when the book has nothing in closed rows."""
    moved = [0] * layout.rows
    total = 0
    for row, payoff in payoffs.items():
        moved[row] = -int(book[row])
        total += payoff * int(book[row])
    if not any(moved):
        raise SweepError("the book has nothing in a closed row: there is nothing to sweep")
    moved[layout.cash_row] = total // layout.lot
    return moved
