"""Customers' balances as they come: Parquet or CSV through polars, SQL through SQLAlchemy, a chunk at a time.

Five columns, whatever else there is: customer, asset, equity, debt, collateral, one row a holding. Amounts are decimal
numbers in units of the asset, as text, decimals or integers; floating-point columns are refused, as they cannot hold
an amount exactly. Every row is checked, whole chunks at once, and the first that is wrong is named by its number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from zkmargin.extras import extra
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.statements.solvency.accounts import MAX_CUSTOMER_BYTES
from zkmargin.verifier.statements.solvency.terms import QUANTITY_BITS, Terms

if TYPE_CHECKING:
    import polars as pl

COLUMNS: Final = ("customer", "asset", "equity", "debt", "collateral")
AMOUNTS: Final = ("equity", "debt", "collateral")
CHUNK_ROWS: Final = 1 << 19
_DIGITS: Final = 18
"""Decimal places that an amount may be written with: what a 64-bit integer holds after the point."""
_PATTERN: Final = r"^(\d{1,18})(?:\.(\d{1,18}))?$"


class InputError(FormatError):
    """Balances that no statement can be about. The message names the source, the row and the column."""


@dataclass(frozen=True, eq=False)
class Holdings:
    """Checked rows. row: where they stood in the source, from 1; asset: its number in the terms; amounts in lots."""

    row: NDArray[np.int64]
    customer: list[str]
    asset: NDArray[np.int64]
    equity: NDArray[np.int64]
    debt: NDArray[np.int64]
    collateral: NDArray[np.int64]


@dataclass(frozen=True)
class BalanceTable:
    """A table of balances: its name for messages, how many rows, and its chunks as frames of five text columns.

    row_name: what a row is called, and what its first one is: a CSV's first row is line 2.
    """

    name: str
    row_name: str
    first_row: int
    count: Callable[[], int]
    chunks: Callable[[], Iterator[pl.DataFrame]]

    def holdings(self, terms: Terms) -> Iterator[Holdings]:
        """All rows, checked. Raises InputError at the first chunk that has a wrong one."""
        position = self.first_row
        for frame in self.chunks():
            yield _check(frame, self, position, terms)
            position += frame.height


def open_balances(where: str, *, table: str | None = None, chunk_rows: int = CHUNK_ROWS) -> BalanceTable:
    """A Parquet or CSV file by its path, or a table of a database by its SQLAlchemy URL.

    Raises InputError when it is neither or lacks a column; OSError when it cannot be read.
    """
    if "://" in where:
        return _sql(where, table, chunk_rows)
    path = Path(where)
    with path.open("rb"):
        pass
    if path.suffix.lower() in (".parquet", ".pq"):
        return _scanned(path, "row", 1, chunk_rows)
    if path.suffix.lower() == ".csv":
        return _scanned(path, "line", 2, chunk_rows)
    raise InputError(f"{where}: expected a .parquet or .csv file, or a database's URL such as sqlite:///balances.db")


# -- files -------------------------------------------------------------------------------------------------------------


def _scanned(path: Path, row_name: str, first_row: int, chunk_rows: int) -> BalanceTable:
    polars = _polars()

    def scan() -> Any:
        try:
            csv = row_name == "line"
            frame = polars.scan_csv(path, infer_schema=False) if csv else polars.scan_parquet(path)
            _check_columns(path, dict(frame.collect_schema()))
        except polars.exceptions.PolarsError as error:
            raise InputError(f"{path}: expected a readable {path.suffix[1:]} file: {_line(error)}") from None
        return frame.select(polars.col(name).cast(polars.String) for name in COLUMNS)

    def chunks() -> Iterator[pl.DataFrame]:
        try:
            yield from scan().collect_batches(chunk_size=chunk_rows, maintain_order=True)
        except polars.exceptions.PolarsError as error:
            raise InputError(f"{path}: expected a readable {path.suffix[1:]} file: {_line(error)}") from None

    def count() -> int:
        try:
            return int(scan().select(polars.len()).collect().item())
        except polars.exceptions.PolarsError as error:
            raise InputError(f"{path}: expected a readable {path.suffix[1:]} file: {_line(error)}") from None

    return BalanceTable(str(path), row_name, first_row, count, chunks)


def _check_columns(name: object, schema: dict[str, Any]) -> None:
    if missing := [column for column in COLUMNS if column not in schema]:
        raise InputError(f"{name}: expected the columns {', '.join(COLUMNS)}; {missing[0]!r} is missing")
    for column in AMOUNTS:
        if schema[column].is_float():
            raise InputError(
                f"{name}: column {column!r}: expected text, decimals or integers, got floating-point numbers, which "
                "cannot hold an amount exactly; cast the column to a decimal type first"
            )


# -- databases ---------------------------------------------------------------------------------------------------------


def _sql(url: str, table: str | None, chunk_rows: int) -> BalanceTable:
    polars = _polars()
    with extra("solvency", "databases"):
        import sqlalchemy as sql  # noqa: PLC0415 - an optional part
    if not table:
        raise InputError(f"{url}: expected --table, the name of the table or view that holds the balances")
    columns: list[Any] = [sql.column(name) for name in COLUMNS]
    source = sql.table(table, *columns)

    def connect() -> Any:
        return sql.create_engine(url).connect().execution_options(stream_results=True, yield_per=chunk_rows)

    def count() -> int:
        try:
            with connect() as connection:
                return int(connection.execute(sql.select(sql.func.count()).select_from(source)).scalar_one())
        except sql.exc.SQLAlchemyError as error:
            raise InputError(f"table {table}: {_line(error)}") from None

    def chunks() -> Iterator[pl.DataFrame]:
        try:
            with connect() as connection:
                # By customer and asset, so that row numbers mean the same every time.
                query = sql.select(*columns).order_by(*columns[:2])
                for part in connection.execute(query).partitions():
                    yield polars.DataFrame(
                        [[_sql_text(table, value) for value in row] for row in part],
                        schema=dict.fromkeys(COLUMNS, polars.String),
                        orient="row",
                    )
        except (sql.exc.SQLAlchemyError, ImportError) as error:
            raise InputError(f"table {table}: {_line(error)}") from None

    return BalanceTable(f"table {table}", "row", 1, count, chunks)


def _sql_text(table: str, value: object) -> str | None:
    if isinstance(value, float):
        raise InputError(f"table {table}: expected text, numeric or integer columns, got floating-point numbers")
    return None if value is None else format(value, "f") if hasattr(value, "as_tuple") else str(value)


# -- rows --------------------------------------------------------------------------------------------------------------


def _check(frame: pl.DataFrame, source: BalanceTable, first: int, terms: Terms) -> Holdings:
    polars = _polars()

    def refuse(wrong: pl.Series, column: str, expected: str) -> None:
        rows = np.flatnonzero(wrong.fill_null(value=True).to_numpy())
        if rows.size:
            more = f"; {rows.size - 1} more rows near it are wrong in the same way" if rows.size > 1 else ""
            where = f"{source.name}: {source.row_name} {first + int(rows[0])}: {column}"
            raise InputError(f"{where}: expected {expected}{more}")

    length = frame["customer"].str.len_bytes()
    refuse((length < 1) | (length > MAX_CUSTOMER_BYTES), "customer", f"an id of 1 to {MAX_CUSTOMER_BYTES} bytes")
    numbers = frame["asset"].replace_strict(terms.numbers, default=0, return_dtype=polars.Int64).fill_null(0)
    refuse(numbers == 0, "asset", "an asset of the terms")
    asset = numbers.to_numpy()
    decimals = np.array([0, *(each.decimals for each in terms.assets)])[asset]
    lots = {}
    for column in AMOUNTS:
        # Zeros at the end of a fraction mean nothing.
        text = frame[column].str.replace(r"(\.\d*?)0+$", "${1}").str.strip_suffix(".")
        parts = text.str.extract_groups(_PATTERN)
        refuse(parts.struct[0].is_null(), column, "a decimal number of at least zero, such as 12.5")
        whole = parts.struct[0].cast(polars.Int64).to_numpy()
        fraction = parts.struct[1].fill_null("").str.pad_end(_DIGITS, "0").cast(polars.Int64).to_numpy()
        spare = 10 ** (_DIGITS - decimals)
        refuse(polars.Series(fraction % spare != 0), column, "no more decimals than the asset has")
        refuse(
            polars.Series(whole >= (1 << QUANTITY_BITS) // 10**decimals), column, f"less than 2^{QUANTITY_BITS} lots"
        )
        lots[column] = whole * 10**decimals + fraction // spare
    refuse(
        polars.Series(lots["collateral"] > lots["equity"]), "collateral", "no more than the equity that it is part of"
    )
    return Holdings(
        row=np.arange(first, first + frame.height, dtype=np.int64),
        customer=frame["customer"].to_list(),
        asset=asset,
        equity=lots["equity"],
        debt=lots["debt"],
        collateral=lots["collateral"],
    )


def _polars() -> Any:
    with extra("solvency", "balances"):
        import polars  # noqa: PLC0415 - an optional part
    return polars


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
