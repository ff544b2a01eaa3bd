"""Positions with what they were entered at: `instrument,quantity,entry_price,multiplier`, the last two optional.

A perpetual or future is worth quantity times mark, and what it was entered at belongs in the cash row. A file that
names the entry price moves it there: the cash row changes by -(quantity * multiplier * entry), rounded down to a lot,
against the account. So a position's worth is its profit, and evaluating, attesting and proving see one and the same
book. multiplier: units of the underlying in a contract, by default one. An entry price goes with perpetuals and futures
alone: what a coin or an option cost has left the cash row already. Errors never show a quantity or a price.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_FLOOR, Decimal, localcontext
from pathlib import Path
from typing import Final

from zkmargin.circuits.markets.instruments import CASH_ID
from zkmargin.circuits.markets.positions import (
    HEADER,
    Positions,
    PositionsError,
    positions_from_quantities,
    positions_from_rows,
    table_rows,
)
from zkmargin.circuits.markets.units import parse_decimal
from zkmargin.circuits.markets.universe import Universe

ENTRY_COLUMNS: Final = ("entry_price", "multiplier")
ENTERED_KINDS: Final = ("perpetual", "future")


def read_positions(path: str | Path, universe: Universe) -> Positions:
    """Positions of a CSV file, with entry prices or without. Raises PositionsError or RangeError naming the line."""
    rows = list(table_rows(path, ENTRY_COLUMNS))
    if any(len(fields) > len(HEADER) for _, fields in rows):
        return positions_from_entries(universe, rows, str(path))
    return positions_from_rows(universe, rows, str(path))


def positions_from_entries(universe: Universe, rows: Iterable[tuple[int, list[str]]], where: str) -> Positions:
    """Positions of rows of text, each with its line: instrument, quantity, entry price or "", perhaps multiplier."""
    quantities: dict[str, Decimal] = {}
    cash = Decimal(0)
    with localcontext() as context:
        context.prec = 400  # three numbers of 60 digits, multiplied and added up exactly
        for line, (name, *fields) in rows:
            at = f"{where}: line {line}"
            if name in quantities:
                raise PositionsError(f"{at}: field 'instrument': expected {name} once, got it twice")
            quantity = _number(fields[0], at, "quantity")
            multiplier = _number(fields[2], at, "multiplier") if len(fields) > 2 and fields[2] else Decimal(1)
            if multiplier <= 0:
                raise PositionsError(f"{at}: field 'multiplier': expected a positive decimal")
            quantities[name] = quantity * multiplier
            if not fields[1]:
                continue
            listing = universe.by_id.get(name)
            if listing is not None and listing.kind not in ENTERED_KINDS:
                raise PositionsError(
                    f"{at}: field 'entry_price': expected none for {listing.kind}: its cost has left the cash row"
                )
            price = _number(fields[1], at, "entry_price")
            if price <= 0:
                raise PositionsError(f"{at}: field 'entry_price': expected a positive decimal")
            cash -= quantities[name] * price
        exponent = universe.by_id[CASH_ID].lot_exponent
        cash = cash.quantize(Decimal(1).scaleb(-exponent), ROUND_FLOOR)
        quantities[CASH_ID] = quantities.get(CASH_ID, Decimal(0)) + cash
    try:
        return positions_from_quantities(universe, quantities)
    except PositionsError as error:
        raise PositionsError(f"{where}: {error}") from None


def _number(text: str, at: str, field: str) -> Decimal:
    try:
        return parse_decimal(text)
    except ValueError as error:
        raise PositionsError(f"{at}: field '{field}': {error}") from None
