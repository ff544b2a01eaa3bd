"""Customers' balances as they come: Parquet through polars, CSV, SQL through SQLAlchemy, a chunk at a time.

Five columns, whatever else there is: customer, asset, equity, debt, collateral, one row a holding. A customer is the
identifier that they will type to check their file, such as their e-mail address. Customers and assets are text or
integers; amounts are decimal numbers in units of the asset, as text, decimals or integers. A column of any other type
is refused by its name: floating-point numbers merge customers and round amounts. Every row is checked, whole chunks at
once, and the first that is wrong is named by its number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from zkmargin.extras import MissingExtraError, extra
from zkmargin.verifier.decimals import DECIMAL_PATTERN
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.statements.solvency.accounts import CUSTOMER_PATTERN, IDENTIFIERS, MAX_CUSTOMER_BYTES
from zkmargin.verifier.statements.solvency.terms import QUANTITY_BITS, Terms
from zkmargin.verifier.tables import count_lines, read_table
from zkmargin.verifier.text import one_line, quoted

if TYPE_CHECKING:
    import polars as pl

COLUMNS: Final = ("customer", "asset", "equity", "debt", "collateral")
AMOUNTS: Final = ("equity", "debt", "collateral")
CHUNK_ROWS: Final = 1 << 19
_PART_ROWS: Final = 1 << 13
"""Rows of text that are held as Python objects at a time."""
_DIGITS: Final = 18
"""Digits that may count on either side of the point: what a 64-bit integer holds."""
_AMOUNT: Final = rf"^(?:{DECIMAL_PATTERN})$"
_PARTS: Final = r"^0*([0-9]*)(?:\.([0-9]*?)0*)?$"
"""The digits that count on either side of the point."""
_SPELLING: Final = "in printable ASCII without capital letters, as customers will type it to check their file"


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


Chunk = tuple[NDArray[np.int64], "pl.DataFrame"]
"""Rows' numbers, and as many rows of five text columns."""


@dataclass(frozen=True)
class BalanceTable:
    """A table of balances: its name for messages, what it calls a row, and its rows in chunks.

    count: how many rows there are, or a little more, for progress and for planning.
    """

    name: str
    row_name: str
    count: Callable[[], int]
    chunks: Callable[[], Iterator[Chunk]]

    def holdings(self, terms: Terms) -> Iterator[Holdings]:
        """All rows, checked. Raises InputError at the first chunk that has a wrong one."""
        for rows, frame in self.chunks():
            yield _check(frame, rows, self, terms)


def open_balances(where: str, *, table: str | None = None, chunk_rows: int = CHUNK_ROWS) -> BalanceTable:
    """A Parquet or CSV file by its path, or a table of a database by its SQLAlchemy URL.

    A path is the name of one file, whatever characters are in it. Raises InputError when it is neither or lacks a
    column; OSError when it cannot be read.
    """
    if "://" in where:
        return _sql(where, table, chunk_rows)
    path = Path(where)
    with path.open("rb"):
        pass
    if path.suffix.lower() in (".parquet", ".pq"):
        return _parquet(path, chunk_rows)
    if path.suffix.lower() == ".csv":
        return _csv(path, chunk_rows)
    raise InputError(f"{where}: expected a .parquet or .csv file, or a database's URL such as sqlite:///balances.db")


# -- files -------------------------------------------------------------------------------------------------------------


def _csv(path: Path, chunk_rows: int) -> BalanceTable:
    polars = _polars()

    def chunks() -> Iterator[Chunk]:
        try:
            table = read_table(path, COLUMNS, others=True)
            parts: list[Chunk] = []
            while part := list(islice(table, min(_PART_ROWS, chunk_rows))):
                numbers, rows = zip(*part, strict=True)
                columns = [
                    polars.Series(name, list(values), dtype=polars.String)
                    for name, values in zip(COLUMNS, zip(*rows, strict=True), strict=True)
                ]
                parts.append((np.array(numbers, dtype=np.int64), polars.DataFrame(columns)))
                if sum(len(lines) for lines, _ in parts) >= chunk_rows:
                    yield _joined(parts)
                    parts = []
            if parts:
                yield _joined(parts)
        except InputError:
            raise
        except FormatError as error:
            raise InputError(str(error)) from None

    return BalanceTable(str(path), "line", lambda: max(0, count_lines(path) - 1), chunks)


def _joined(parts: list[Chunk]) -> Chunk:
    return np.concatenate([rows for rows, _ in parts]), _polars().concat([frame for _, frame in parts])


def _parquet(path: Path, chunk_rows: int) -> BalanceTable:
    polars = _polars()

    def scan() -> Any:
        frame = polars.scan_parquet(path.absolute(), glob=False, hive_partitioning=False)
        schema = dict(frame.collect_schema())
        if missing := [column for column in COLUMNS if column not in schema]:
            raise InputError(f"{path}: expected the columns {', '.join(COLUMNS)}; {missing[0]!r} is missing")
        for column in COLUMNS:
            kind, amount = schema[column], column in AMOUNTS
            text = isinstance(kind, polars.String | polars.Categorical | polars.Enum)
            if not (text or kind.is_integer() or (amount and isinstance(kind, polars.Decimal))):
                raise _wrong_type(str(path), column, str(kind))
        return frame.select(polars.col(name).cast(polars.String) for name in COLUMNS)

    def refused(error: BaseException) -> InputError:
        return InputError(f"{path}: expected a readable parquet file: {one_line(error, 300)}")

    def chunks() -> Iterator[Chunk]:
        first = 1
        try:
            for frame in scan().collect_batches(chunk_size=chunk_rows, maintain_order=True):
                yield np.arange(first, first + frame.height, dtype=np.int64), frame
                first += frame.height
        except polars.exceptions.PolarsError as error:
            raise refused(error) from None

    def count() -> int:
        try:
            return int(scan().select(polars.len()).collect().item())
        except polars.exceptions.PolarsError as error:
            raise refused(error) from None

    return BalanceTable(str(path), "row", count, chunks)


def _wrong_type(where: str, column: str, got: str) -> InputError:
    """What a column of another type is refused with."""
    if column in AMOUNTS:
        return InputError(
            f"{where}: column {column!r}: expected text, decimals or integers, got {quoted(got)}; a floating-point "
            "number cannot hold an amount exactly: cast the column to a decimal type first"
        )
    return InputError(
        f"{where}: column {column!r}: expected text or integers, got {quoted(got)}; cast the column to text, in "
        "which no two ids become one"
    )


# -- databases ---------------------------------------------------------------------------------------------------------


def _sql(url: str, table: str | None, chunk_rows: int) -> BalanceTable:
    polars = _polars()
    with extra("solvency", "databases"):
        import sqlalchemy as sql  # noqa: PLC0415 - an optional part
    if not table:
        raise InputError("balances: expected --table, the name of the table or view that holds the balances")
    where = f"table {one_line(table, 64)}"
    columns: list[Any] = [sql.column(name) for name in COLUMNS]
    schema, _, name = table.rpartition(".")
    source = sql.table(name, *columns, schema=schema or None)

    def connect() -> Any:
        return (
            sql.create_engine(_database(sql, url))
            .connect()
            .execution_options(stream_results=True, yield_per=chunk_rows)
        )

    def refused(error: BaseException) -> InputError:
        # A driver may quote the URL, and with it the password.
        return InputError(f"{where}: {one_line(_without_secrets(str(error), sql, url), 300)}")

    def count() -> int:
        try:
            with connect() as connection:
                return int(connection.execute(sql.select(sql.func.count()).select_from(source)).scalar_one())
        except (sql.exc.SQLAlchemyError, ImportError, ValueError) as error:
            raise error if isinstance(error, InputError) else refused(error) from None

    def chunks() -> Iterator[Chunk]:
        first = 1
        try:
            with connect() as connection:
                # By customer and asset, so that row numbers mean the same every time.
                query = sql.select(*columns).select_from(source).order_by(*columns[:2])
                for part in connection.execute(query).partitions():
                    texts = [[_sql_text(where, *pair) for pair in zip(COLUMNS, row, strict=True)] for row in part]
                    frame = polars.DataFrame(texts, schema=dict.fromkeys(COLUMNS, polars.String), orient="row")
                    yield np.arange(first, first + frame.height, dtype=np.int64), frame
                    first += frame.height
        except (sql.exc.SQLAlchemyError, ImportError, ValueError) as error:
            raise error if isinstance(error, InputError) else refused(error) from None

    return BalanceTable(where, "row", count, chunks)


def _database(sql: Any, url: str) -> Any:
    """The database of a URL. `postgres://` and `postgresql://` mean the driver that the extra installs, psycopg."""
    try:
        parsed = sql.engine.make_url(url)
    except (sql.exc.ArgumentError, ValueError):
        raise InputError(
            "balances: expected a database's URL such as postgresql://user:password@host/name, in which @, : and / of "
            "a password are written as %40, %3A and %2F"
        ) from None
    if parsed.drivername in ("postgres", "postgresql"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.host and "@" in parsed.host:
        raise InputError("balances: expected one @ in the URL, before the host; write an @ of the password as %40")
    return parsed


def _without_secrets(text: str, sql: Any, url: str) -> str:
    """A message without the URL and the password in it."""
    password = sql.engine.make_url(url).password
    for secret in (url, str(password or ""), quote(str(password or ""), safe="")):
        text = text.replace(secret, "***") if secret else text
    return text


def _sql_text(where: str, column: str, value: object) -> str | None:
    """A value in the words of a file. Raises InputError naming the column for a type that is not allowed."""
    match value:
        case None | str():
            return value
        case bool():
            pass
        case int():
            return str(value)
        case Decimal() if column in AMOUNTS and value.is_finite() and abs(value.adjusted()) <= _DIGITS:
            return format(value, "f")
    raise _wrong_type(where, column, type(value).__name__)


# -- rows --------------------------------------------------------------------------------------------------------------


def _check(frame: pl.DataFrame, rows: NDArray[np.int64], source: BalanceTable, terms: Terms) -> Holdings:
    polars = _polars()

    def refuse(wrong: pl.Series, column: str, expected: str) -> None:
        found = np.flatnonzero(wrong.fill_null(value=True).to_numpy())
        if found.size:
            more = f"; {found.size - 1} more rows near it are wrong in the same way" if found.size > 1 else ""
            where = f"{source.name}: {source.row_name} {rows[found[0]]}: {column}"
            raise InputError(f"{where}: expected {expected}{more}")

    length = frame["customer"].str.len_bytes()
    refuse((length < 1) | (length > MAX_CUSTOMER_BYTES), "customer", f"an id of 1 to {MAX_CUSTOMER_BYTES} bytes")
    named, form = IDENTIFIERS[terms.identifier]
    for pattern in (CUSTOMER_PATTERN, form):
        refuse(~frame["customer"].str.contains(f"^(?:{pattern})$"), "customer", f"an id, the {named}, {_SPELLING}")
    numbers = frame["asset"].replace_strict(terms.numbers, default=0, return_dtype=polars.Int64).fill_null(0)
    refuse(numbers == 0, "asset", "an asset of the terms")
    asset = numbers.to_numpy()
    decimals = np.array([0, *(each.decimals for each in terms.assets)])[asset]
    lots = {}
    for column in AMOUNTS:
        text = frame[column]
        refuse(~text.str.contains(_AMOUNT), column, "a decimal number of at least zero, such as 12.5")
        refuse(text.str.starts_with("-"), column, "a decimal number of at least zero, such as 12.5")
        parts = text.str.extract_groups(_PARTS)
        digits, places = parts.struct[0], parts.struct[1].fill_null("")
        refuse(digits.str.len_bytes() > _DIGITS, column, f"less than 2^{QUANTITY_BITS} lots")
        refuse(places.str.len_bytes() > _DIGITS, column, "no more decimals than the asset has")
        whole = digits.replace("", "0").cast(polars.Int64).to_numpy()
        fraction = places.str.pad_end(_DIGITS, "0").cast(polars.Int64).to_numpy()
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
        row=rows,
        customer=frame["customer"].to_list(),
        asset=asset,
        equity=lots["equity"],
        debt=lots["debt"],
        collateral=lots["collateral"],
    )


def _polars() -> Any:
    with extra("solvency", "balances"):
        import polars  # noqa: PLC0415 - an optional part
    if not polars.__version__:
        # So it says itself that its native part is missing or could not be mapped.
        raise MissingExtraError("balances: polars cannot load its native part here: it is damaged, or memory is short")
    return polars
