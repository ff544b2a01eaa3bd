"""Accounts' books as they come: CSV or Parquet, one row a position, three columns: account, instrument, quantity.

Accounts and instruments are text; quantities are decimal numbers in units of the instrument, as text, decimals or
integers. A column of another type is refused by its name: floating-point numbers round. The first row that is wrong is
named by its number, and its quantity never is.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from zkmargin.circuits.markets.positions import positions_from_rows
from zkmargin.circuits.markets.universe import Universe
from zkmargin.exchange.balances import InputError
from zkmargin.extras import extra
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.statements.broker.inclusion import owner_bytes
from zkmargin.verifier.tables import read_table
from zkmargin.verifier.text import quoted

COLUMNS: Final = ("account", "instrument", "quantity")
_CHUNK: Final = 1 << 16


def read_account_books(path: str | Path, universe: Universe) -> dict[str, NDArray[np.int64]]:
    """Each account's lots by row, accounts in the order of first appearance. Rows of one account need not be together.

    Raises InputError naming the row; OSError when the file cannot be read.
    """
    held: dict[str, list[tuple[int, list[str]]]] = {}
    try:
        for row, (account, instrument, quantity) in _rows(Path(path)):
            if account not in held:
                owner_bytes(account, f"{path}: row {row}: column 'account'")
            held.setdefault(account, []).append((row, [instrument, quantity]))
        if not held:
            raise InputError(f"{path}: expected at least one account")
        return {name: positions_from_rows(universe, rows, str(path)).lots for name, rows in held.items()}
    except InputError:
        raise
    except FormatError as error:
        raise InputError(str(error)) from None


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    if path.suffix.lower() == ".csv":
        yield from read_table(path, COLUMNS, others=True)
        return
    if path.suffix.lower() not in (".parquet", ".pq"):
        raise InputError(f"{path}: expected a .parquet or .csv file of accounts' books")
    with path.open("rb"):
        pass
    yield from _parquet(path)


def _parquet(path: Path) -> Iterator[tuple[int, list[str]]]:
    with extra("solvency", "books in Parquet"):
        import polars  # noqa: PLC0415 - an optional part
    try:
        frame = polars.scan_parquet(path.absolute(), glob=False, hive_partitioning=False)
        schema = frame.collect_schema()
        if missing := [name for name in COLUMNS if name not in schema]:
            raise InputError(f"{path}: expected the columns {', '.join(COLUMNS)}, found no {missing[0]}")
        for name in COLUMNS:
            if not _holds_exact_values(polars, schema[name], number=name == "quantity"):
                raise InputError(f"{path}: column {name!r}: expected text or exact numbers, got {schema[name]}")
        table = frame.select(polars.col(name).cast(polars.String) for name in COLUMNS).collect()
    except polars.exceptions.PolarsError as error:
        raise InputError(f"{path}: expected a Parquet file: {quoted(error)}") from None
    for start in range(0, len(table), _CHUNK):
        for row, fields in enumerate(table[start : start + _CHUNK].rows(), start + 1):
            if any(field is None for field in fields):
                raise InputError(f"{path}: row {row}: expected a value in every column, got none")
            yield row, list(fields)


def _holds_exact_values(polars: Any, kind: Any, *, number: bool) -> bool:
    return bool(kind == polars.String or kind.is_integer() or (number and kind.is_decimal()))
