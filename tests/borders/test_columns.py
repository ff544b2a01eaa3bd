"""Columns of balances: an allow-list of types by column, refused by name; a path is a path; databases by their URLs."""

from __future__ import annotations

import datetime
import sqlite3
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import polars as pl
import pytest
from support.solvency import terms

from zkmargin.exchange.balances import AMOUNTS, COLUMNS, open_balances
from zkmargin.verifier.errors import ZkmarginError

GOOD: Final[Mapping[str, list[Any]]] = {
    "customer": ["anna", "bela"],
    "asset": ["BTC", "USD"],
    "equity": ["3", "12.50"],
    "debt": ["0", "0"],
    "collateral": ["0", "1"],
}
TEXT_AND_INTEGERS: Final[Mapping[str, pl.Series]] = {
    "text": pl.Series(["1", "2"]),
    "categories": pl.Series(["1", "2"], dtype=pl.Categorical),
    "int8": pl.Series([1, 2], dtype=pl.Int8),
    "int64": pl.Series([1, 2], dtype=pl.Int64),
    "uint64": pl.Series([1, 2], dtype=pl.UInt64),
}
DECIMALS: Final[Mapping[str, pl.Series]] = {"decimals": pl.Series([Decimal("1.00"), Decimal("2.00")])}
NEVER: Final[Mapping[str, pl.Series]] = {
    "float64": pl.Series([1.0, 2.0]),
    "float32": pl.Series([1.0, 2.0], dtype=pl.Float32),
    "booleans": pl.Series([True, False]),
    "bytes": pl.Series([b"1", b"2"]),
    "dates": pl.Series([datetime.date(2026, 1, 1)] * 2),
    "times": pl.Series([datetime.datetime(2026, 1, 1)] * 2),
    "lists": pl.Series([[1], [2]]),
    "structures": pl.Series([{"a": 1}, {"a": 2}]),
    "nothing": pl.Series([None, None]),
}


def read(where: object, **options: str) -> list[Any]:
    table = open_balances(str(where), **options)
    table.count()
    return list(table.holdings(terms()))


def refused(where: object, *parts: str, **options: str) -> str:
    with pytest.raises(ZkmarginError) as caught:
        read(where, **options)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 700
    for part in parts:
        assert part in message
    return message


@pytest.mark.parametrize("column", COLUMNS)
def test_types_of_parquet(tmp_path: Path, column: str) -> None:
    path = tmp_path / "b.parquet"
    usual = {name: pl.Series(values) for name, values in GOOD.items()}
    if column in AMOUNTS:
        # Small enough for what the other columns say.
        usual |= {"equity": pl.Series(["9", "9"]), "collateral": pl.Series(["1", "1"])}
    for name, series in {**TEXT_AND_INTEGERS, **DECIMALS, **NEVER}.items():
        pl.DataFrame({**usual, column: series}).write_parquet(path)
        allowed = name in TEXT_AND_INTEGERS or (name in DECIMALS and column in AMOUNTS)
        if not allowed:
            refused(path, f"column {column!r}: expected text")
        elif column == "asset":
            refused(path, "row 1: asset: expected an asset of the terms")
        else:
            assert sum(len(part.customer) for part in read(path)) == 2


def test_ids_that_floats_would_merge(tmp_path: Path) -> None:
    """2^53 and 2^53 + 1 are two customers."""
    path = tmp_path / "b.parquet"
    frame = pl.DataFrame({**GOOD, "customer": [1 << 53, (1 << 53) + 1]})
    frame.write_parquet(path)
    assert read(path)[0].customer == ["9007199254740992", "9007199254740993"]
    frame.with_columns(pl.col("customer").cast(pl.Float64)).write_parquet(path)
    refused(path, "column 'customer': expected text or integers, got 'Float64'", "no two ids become one")


@pytest.mark.parametrize("name", ["", "a\nb", "a\tb", "a\x00b", "\x1b[2J", "x" * 257, None])
def test_ids_are_checked_alike(tmp_path: Path, name: str | None) -> None:
    frame = pl.DataFrame({**GOOD, "customer": ["anna", name]})
    frame.write_parquet(tmp_path / "b.parquet")
    refused(tmp_path / "b.parquet", "row 2: customer: expected an id")
    database(tmp_path / "b.db", frame.rows())
    refused(f"sqlite:///{tmp_path / 'b.db'}", ": customer: expected an id", table="holdings")


def test_columns_twice_or_missing(tmp_path: Path) -> None:
    path = tmp_path / "b.csv"
    path.write_text("customer,asset,equity,debt,collateral,equity\nanna,BTC,1,0,0,2\n")
    refused(path, "line 1", "'equity' twice")
    path.write_text("customer,asset,equity,debt\nanna,BTC,1,0\n")
    refused(path, "line 1", "'collateral' is missing", "'customer,asset,equity,debt'")
    pl.DataFrame({name: GOOD[name] for name in COLUMNS if name != "debt"}).write_parquet(tmp_path / "b.parquet")
    refused(tmp_path / "b.parquet", "'debt' is missing")


# -- paths -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("name", ["b[1]", "b*", "b?", "b{1,2}", "**", "~", "$HOME", "%41", "b;c", "-", "b\\1", "a=1"])
def test_a_path_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, suffix: str) -> None:
    """The file of this name and no other, whatever the characters mean to a shell."""
    monkeypatch.chdir(tmp_path)
    for other, customer in (("b1", "other"), ("b2", "others"), ("A", "third"), ("b", "fourth")):
        write(Path(other + suffix), customer)
    with pytest.raises(FileNotFoundError):
        read(name + suffix)
    write(Path(name + suffix), "mine")
    assert [each for part in read(name + suffix) for each in part.customer] == ["mine"]
    (tmp_path / f"folder{suffix}").mkdir()
    with pytest.raises(IsADirectoryError):
        read(f"folder{suffix}")


def write(path: Path, customer: str) -> None:
    frame = pl.DataFrame({**{name: values[:1] for name, values in GOOD.items()}, "customer": [customer]})
    if path.suffix == ".csv":
        path.write_bytes(frame.write_csv().encode())
    else:
        with path.open("wb") as stream:
            frame.write_parquet(stream)


# -- databases ---------------------------------------------------------------------------------------------------------


def database(path: Path, rows: list[tuple[Any, ...]], types: str = "text", name: str = "holdings") -> None:
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as connection:
        connection.execute(f"create table {name} ({', '.join(f'{column} {types}' for column in COLUMNS)})")
        connection.executemany(f"insert into {name} values (?, ?, ?, ?, ?)", rows)  # noqa: S608 - our own words
    connection.close()


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("value", [1.5, 1e300, b"1", b"\xff"])
def test_types_of_databases(tmp_path: Path, column: str, value: object) -> None:
    path = tmp_path / "b.db"
    row = {"customer": "anna", "asset": "BTC", "equity": "3", "debt": "0", "collateral": "0", column: value}
    database(path, [tuple(row.values())], types="")
    refused(f"sqlite:///{path}", f"table holdings: column {column!r}: expected text", table="holdings")


def test_integers_of_databases(tmp_path: Path) -> None:
    database(tmp_path / "b.db", [(7, "BTC", 3, 0, 0), ((1 << 53) + 1, "BTC", 3, 0, 0)], types="")
    assert read(f"sqlite:///{tmp_path / 'b.db'}", table="holdings")[0].customer == ["7", "9007199254740993"]


def test_tables_of_a_schema(tmp_path: Path) -> None:
    """`main` is the schema of every SQLite database."""
    database(tmp_path / "b.db", [("anna", "BTC", "3", "0", "0")])
    where = f"sqlite:///{tmp_path / 'b.db'}"
    assert read(where, table="main.holdings")[0].customer == ["anna"]
    refused(where, "table other.holdings", table="other.holdings")
    refused(where, "table nothing", table="nothing")
    refused(where, "expected --table")


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgres_by_its_usual_names(scheme: str) -> None:
    """Nobody listens at port 1: what is said comes from psycopg and shows no password."""
    message = refused(
        f"{scheme}://reader:hunter2secret@127.0.0.1:1/books?connect_timeout=2", "table holdings", table="holdings"
    )
    assert "hunter2secret" not in message
    assert "connection" in message.lower()


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("postgresql://reader:hunter2@secret@127.0.0.1:1/books?connect_timeout=2", ""),
        ("postgresql://reader:hunter2secret@127.0.0.1:port/books", "expected a database's URL"),
        ("mysql://reader:hunter2secret@127.0.0.1/books", "table holdings"),
        ("oracle://reader:hunter2secret@127.0.0.1/books", "table holdings"),
        ("nosuch://reader:hunter2secret@127.0.0.1/books", "table holdings"),
        ("://hunter2secret", "expected a database's URL"),
        ("s3://hunter2secret/b.parquet", "table holdings"),
        ("sqlite:////no/such/folder/hunter2secret.db", "table holdings"),
    ],
)
def test_urls_that_lead_nowhere(url: str, part: str) -> None:
    message = refused(url, part, table="holdings")
    assert "hunter2" not in message or url.startswith("sqlite")


@pytest.mark.parametrize("damage", ["torn", "empty", "text", "flipped"])
def test_damaged_files(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "b.parquet"
    pl.DataFrame(GOOD).write_parquet(path)
    data = path.read_bytes()
    path.write_bytes(
        {"torn": data[:-9], "empty": b"", "text": b"a,b\n" * 99, "flipped": data[:-20] + bytes(12) + data[-8:]}[damage]
    )
    refused(path, "expected a readable parquet file")
