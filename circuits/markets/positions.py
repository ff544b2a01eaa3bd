"""Positions: one account's quantities at one venue, in lots by row.

`positions.csv` has the header `instrument,quantity`; quantities are plain decimals, negative when short or borrowed.
A quantity must be a whole number of lots: nothing is rounded on the way in. Errors name file, line and field, and never
a quantity.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from zkmargin.circuits.markets.units import QUANTITY_BITS, RangeError, format_decimal, format_instant, parse_decimal
from zkmargin.circuits.markets.universe import Universe
from zkmargin.verifier.decimals import decimals_of, in_units
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.tables import read_table
from zkmargin.verifier.text import one_line, quoted

HEADER: Final = ("instrument", "quantity")
_MAX_CSV_BYTES: Final = 1 << 26
_MAX_ADJUSTED: Final = 30
_BEYOND: Final = 1 << 64


class PositionsError(FormatError):
    """A positions file is not one. The message says file, line, field, expected, and what kind of thing came."""


@dataclass(frozen=True, eq=False)
class Positions:
    """Lots by row, (rows,) int64, read-only; zero where nothing is held. `universe_digest` says whose rows."""

    universe_digest: bytes
    lots: NDArray[np.int64]

    def __post_init__(self) -> None:
        self.lots.setflags(write=False)

    def __repr__(self) -> str:
        """Says nothing of what is held."""
        return f"Positions({len(self.lots)} rows)"


def positions_from_quantities(universe: Universe, quantities: Mapping[str, Decimal | int | str]) -> Positions:
    """Positions from decimal quantities by instrument id: text as in a file, Decimal, or int.

    Raises PositionsError or RangeError naming the instrument; a float is refused, as it is seldom the number meant.
    """
    lots = np.zeros(universe.rows, dtype=np.int64)
    for name, quantity in quantities.items():
        row, amount = _entry(universe, name, _as_text(name, quantity), one_line(name, 64))
        lots[row] = amount
    return Positions(universe.digest, lots)


def table_rows(path: str | Path, optional: Sequence[str] = ()) -> Iterator[tuple[int, list[str]]]:
    """The rows of a positions file with their lines, `optional` columns included. Raises PositionsError; OSError."""
    try:
        yield from read_table(path, HEADER, optional=optional, most=_MAX_CSV_BYTES)
    except FormatError as error:
        raise PositionsError(str(error)) from None


def positions_from_rows(universe: Universe, rows: Iterable[tuple[int, list[str]]], path: str) -> Positions:
    """Positions of rows of instrument and quantity, each with its line. Raises PositionsError or RangeError."""
    lots = np.zeros(universe.rows, dtype=np.int64)
    first_line: dict[str, int] = {}
    for line, (name, quantity) in rows:
        row, amount = _entry(universe, name, quantity, f"{path}: line {line}")
        if name in first_line:
            raise PositionsError(
                f"{path}: line {line}: field 'instrument': expected {name} once, got it in line "
                f"{first_line[name]} already"
            )
        first_line[name] = line
        lots[row] = amount
    return Positions(universe.digest, lots)


def net(positions: Iterable[Positions], universe: Universe) -> Positions:
    """The sum of positions over one universe. Raises FormatError for another universe, RangeError beyond 60 bits."""
    total = np.zeros(universe.rows, dtype=np.int64)
    estimate = np.zeros(universe.rows, dtype=np.float64)
    for each in positions:
        if each.universe_digest != universe.digest or each.lots.shape != total.shape:
            raise FormatError("positions: expected the market's universe, got positions over another one")
        total = total + each.lots
        estimate = estimate + each.lots
    # Where the estimate is below 2^61 nothing has wrapped around, and the total is exact.
    limit = 1 << QUANTITY_BITS
    over = np.flatnonzero((np.abs(estimate) >= 2.0 * limit) | (total >= limit) | (total <= -limit))
    if over.size:
        raise RangeError(f"{_name_of_row(universe, int(over[0]))}: netted quantity is not below 2^{QUANTITY_BITS} lots")
    return Positions(universe.digest, total)


def _as_text(name: object, quantity: object) -> str:
    """A quantity of the API in the grammar of files."""
    where = f"{one_line(name, 64)}: field 'quantity'"
    if not isinstance(name, str):
        raise PositionsError(f"field 'instrument': expected an id as text, got {type(name).__name__}")
    if isinstance(quantity, str):
        return quantity
    if isinstance(quantity, int) and not isinstance(quantity, bool):
        # Beyond every lot's range one number is as wrong as the other, and Python refuses to print long ones.
        return str(max(-_BEYOND, min(_BEYOND, quantity)))
    if not isinstance(quantity, Decimal):
        raise PositionsError(f"{where}: expected text, a Decimal or an int, got {type(quantity).__name__}")
    if not quantity.is_finite() or abs(quantity.adjusted()) > _MAX_ADJUSTED:
        raise PositionsError(f"{where}: expected a Decimal within 10^{_MAX_ADJUSTED} of either size")
    return format_decimal(quantity)


def refuse_expired(universe: Universe, positions: Positions, at: datetime, where: str) -> None:
    """Raise PositionsError naming the first held instrument that has expired at `at`: its holder is owed cash."""
    held = set(np.flatnonzero(positions.lots).tolist())
    for listing in universe.listings:
        if listing.row in held and listing.expiry is not None and listing.expiry <= at:
            raise PositionsError(
                f"{where}: field 'instrument': expected instruments that expire after {format_instant(at)}, got "
                f"{listing.id}, which expired {format_instant(listing.expiry)}; enter what it settled for as cash"
            )


def _name_of_row(universe: Universe, row: int) -> str:
    return next((listing.id for listing in universe.listings if listing.row == row), f"row {row}")


def _entry(universe: Universe, name: str, quantity: str, where: str) -> tuple[int, int]:
    listing = universe.by_id.get(name)
    if listing is None:
        raise PositionsError(
            f"{where}: field 'instrument': expected one of the universe's instruments, got {quoted(name)}"
        )
    try:
        value = parse_decimal(quantity)
    except ValueError as error:
        raise PositionsError(f"{where}: field 'quantity': {error}") from None
    amount = in_units(value, listing.lot_exponent)
    if amount.denominator != 1:
        raise PositionsError(
            f"{where}: field 'quantity': expected at most {listing.lot_exponent} decimals (the lot of {name} is "
            f"10^-{listing.lot_exponent}), got {decimals_of(value)}"
        )
    if abs(amount) >= 1 << QUANTITY_BITS:
        raise RangeError(
            f"{where}: field 'quantity': expected less than 2^{QUANTITY_BITS} lots of 10^-{listing.lot_exponent} "
            f"{name} in magnitude, got more"
        )
    return listing.row, int(amount)
