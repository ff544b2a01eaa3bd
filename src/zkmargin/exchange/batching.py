"""From balances in any order to batches in the order of account numbers, with memory for one bucket at a time.

Rows go to bucket files by the top of their customer's account number. Each bucket is then sorted, checked for what only
all of a customer's rows can show, and cut into batches. Buckets may be larger or smaller than batches: customers are
carried over.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from zkmargin.circuits.statements.solvency.batch import Batch, capacity
from zkmargin.exchange.balances import BalanceTable, Holdings, InputError
from zkmargin.verifier.statements.solvency.accounts import ACCOUNT_BITS, RESERVED, account_number
from zkmargin.verifier.statements.solvency.terms import QUANTITY_BITS, TableRow, Terms
from zkmargin.verifier.statements.solvency.verify import TOP

Ints = NDArray[np.int64]
Report = Callable[[str, int, int], None]
MAX_BUCKETS: Final = 1 << 10
_FIELDS: Final = ("row", "number", "asset", "equity", "debt", "collateral")


class CollisionError(InputError):
    """Two customers have one account number in this epoch; another nonce separates them."""


def fill_buckets(
    source: BalanceTable, terms: Terms, epoch: bytes, folder: Path, rows: int, report: Report = lambda *_: None
) -> list[Path]:
    """Check every row of the source and put it into its bucket's file. Raises InputError for a wrong row."""
    total = source.count()
    buckets = max(1, min(MAX_BUCKETS, -(-total // (2 * rows))))
    paths = [folder / f"bucket-{index:05d}" for index in range(buckets)]
    done = 0
    for holdings in source.holdings(terms):
        numbers = _numbers(holdings.customer, epoch)
        place = (numbers >> (ACCOUNT_BITS - 20)) * buckets >> 20
        order = np.argsort(place, kind="stable")
        cuts = np.searchsorted(place[order], np.arange(buckets + 1))
        for index, path in enumerate(paths):
            chosen = order[cuts[index] : cuts[index + 1]]
            if chosen.size:
                _append(path, holdings, numbers, chosen)
        done += len(numbers)
        report("reading balances", done, total)
    if not done:
        raise InputError(f"{source.name}: expected at least one row")
    return [path for path in paths if path.exists()]


def _numbers(customers: list[str], epoch: bytes) -> Ints:
    known: dict[str, int] = {}
    for customer in customers:
        if customer not in known:
            known[customer] = account_number(epoch, customer.encode())
    return np.array([known[customer] for customer in customers], dtype=np.int64)


def _append(path: Path, holdings: Holdings, numbers: Ints, chosen: Ints) -> None:
    """One frame, of mode 0600: a part for each field, the lengths of the customers' names, the names.

    Each part begins with its length in 8 bytes.
    """
    columns = {**{name: getattr(holdings, name) for name in _FIELDS if name != "number"}, "number": numbers}
    names = [holdings.customer[position].encode() for position in chosen.tolist()]
    lengths = np.array([len(name) for name in names], dtype="<u2").tobytes()
    parts = [columns[name][chosen].astype("<i8").tobytes() for name in _FIELDS]
    with open(path, "ab", opener=lambda name, flags: os.open(name, flags, 0o600)) as stream:
        for part in (*parts, lengths, b"".join(names)):
            stream.write(len(part).to_bytes(8, "little") + part)


@dataclass(frozen=True, eq=False)
class _Bucket:
    """Customers in order with their rows, sorted by line."""

    customers: list[bytes]
    numbers: Ints
    starts: Ints
    line: Ints
    free: Ints
    collateral: Ints
    debt: Ints


def cut_batches(
    paths: list[Path], source: BalanceTable, terms: Terms, rows: int, report: Report = lambda *_: None
) -> Iterator[Batch]:
    """Batches from the buckets in order, each complete as soon as a customer no longer fits.

    Raises InputError for a customer who holds an asset twice, whose debts exceed their collateral, or who has more
    holdings than a batch; CollisionError for an account number that cannot be used.
    """
    waiting: _Bucket | None = None
    index = low = 0
    for position, path in enumerate(paths):
        bucket = _read_bucket(path, source, terms)
        waiting = bucket if waiting is None else _joined(waiting, bucket)
        while waiting.starts[-1] > capacity(rows):
            count, high = _cut(waiting, rows)
            yield _batch(waiting, index, low, high, count)
            waiting = _without(waiting, count)
            index, low = index + 1, high
        report("sorting customers", position + 1, len(paths))
    if waiting is not None:
        yield _batch(waiting, index, low, TOP, len(waiting.customers))


def _cut(bucket: _Bucket, rows: int) -> tuple[int, int]:
    """How many customers the next batch takes, and a separator at random between them and the rest.

    Between the last customer's number and the separator there is room for the batch's empty rows.
    """
    count = int(np.searchsorted(bucket.starts, capacity(rows), side="right")) - 1
    while count > 0:
        empty = rows - 1 - int(bucket.starts[count])
        least, most = int(bucket.numbers[count - 1]) + empty, int(bucket.numbers[count]) - 1
        if least <= most:
            return count, least + secrets.randbelow(most - least + 1)
        count -= 1
    raise InputError(f"rows: a customer holds more than a batch of {rows} rows has room for; give --rows more")


def _read_bucket(path: Path, source: BalanceTable, terms: Terms) -> _Bucket:
    parts: dict[str, list[Ints]] = {name: [] for name in _FIELDS}
    names: list[bytes] = []
    with path.open("rb") as stream:
        while first := _part(stream):
            for name in _FIELDS:
                parts[name].append(np.frombuffer(first if name == _FIELDS[0] else _part(stream), dtype="<i8"))
            lengths = np.frombuffer(_part(stream), dtype="<u2")
            text, offset = _part(stream), 0
            for length in lengths.tolist():
                names.append(text[offset : offset + length])
                offset += length
    columns = {name: np.concatenate(arrays) for name, arrays in parts.items()}
    order = np.lexsort((columns["asset"], columns["number"]))
    columns = {name: column[order] for name, column in columns.items()}
    customers = [names[position] for position in order.tolist()]
    return _customers(columns, customers, source, terms)


def _part(stream: BinaryIO) -> bytes:
    """The next part of a frame; nothing at the end."""
    return stream.read(int.from_bytes(stream.read(8), "little"))


def _customers(columns: dict[str, Ints], names: list[bytes], source: BalanceTable, terms: Terms) -> _Bucket:
    number, asset, row = columns["number"], columns["asset"], columns["row"]
    new = np.diff(number, prepend=-1) != 0
    for position in np.flatnonzero(~new).tolist():
        if names[position] != names[position - 1]:
            raise CollisionError("two customers have one account number in this epoch; run again for another nonce")
    if number[0] == 0 or number[-1] >= TOP - RESERVED:
        raise CollisionError("a customer has a reserved account number in this epoch; run again for another nonce")
    twice = np.flatnonzero(~new & (np.diff(asset, prepend=0) == 0))
    if twice.size:
        pair = sorted(row[[twice[0] - 1, twice[0]]].tolist())
        raise InputError(
            f"{source.name}: {source.row_name} {pair[1]}: expected each asset once a customer, got the same customer "
            f"and asset in {source.row_name} {pair[0]}"
        )
    owner = np.cumsum(new) - 1
    split = _split(columns, owner, terms)
    starts = np.searchsorted(split["owner"], np.arange(owner[-1] + 2))
    bucket = _Bucket(
        customers=[names[position] for position in np.flatnonzero(new).tolist()],
        numbers=number[new],
        starts=starts.astype(np.int64),
        **{name: split[name] for name in ("line", "free", "collateral", "debt")},
    )
    _check_margin(bucket, row[new], source, terms)
    return bucket


def _split(columns: dict[str, Ints], owner: Ints, terms: Terms) -> dict[str, Ints]:
    """A row for every tier that a holding's collateral reaches into; what is free or owed stays in the first."""
    first_line = np.array([0, *(rows[0].line for rows in terms.table_rows_of[1:])], dtype=np.int64)
    width = np.array([(1 << QUANTITY_BITS) - 1, *(rows[0].width for rows in terms.table_rows_of[1:])], dtype=np.int64)
    asset, collateral = columns["asset"], columns["collateral"]
    split = {
        "owner": owner,
        "line": first_line[asset],
        "free": columns["equity"] - collateral,
        "collateral": np.minimum(collateral, width[asset]),
        "debt": columns["debt"],
    }
    beyond = np.flatnonzero(collateral > width[asset])
    if not beyond.size:
        return split
    extra: dict[str, list[int]] = {name: [] for name in split}
    for position in beyond.tolist():
        tiers = terms.table_rows_of[int(asset[position])]
        for line, amount in _tiers(tiers, int(collateral[position]))[1:]:
            for name, value in (("owner", int(owner[position])), ("line", line), ("collateral", amount)):
                extra[name].append(value)
            extra["free"].append(0)
            extra["debt"].append(0)
    joined = {name: np.concatenate([split[name], np.array(extra[name], dtype=np.int64)]) for name in split}
    order = np.lexsort((joined["line"], joined["owner"]))
    return {name: column[order] for name, column in joined.items()}


def _tiers(table_rows: tuple[TableRow, ...], collateral: int) -> list[tuple[int, int]]:
    """Split collateral over an asset's table rows, best ratio first."""
    found: list[tuple[int, int]] = []
    for row in table_rows:
        amount = min(collateral, row.width)
        if amount or not found:
            found.append((row.line, amount))
        collateral -= amount
    return found


def _check_margin(bucket: _Bucket, rows: Ints, source: BalanceTable, terms: Terms) -> None:
    """Raise InputError for the first customer whose debts exceed their collateral under the terms' tiers."""
    rate = [0, *(row.rate for row in terms.table_rows)]
    price = [0, *(row.price for row in terms.table_rows)]
    owing = np.unique(np.searchsorted(bucket.starts, np.flatnonzero(bucket.debt), side="right") - 1)
    for customer in owing.tolist():
        part = slice(int(bucket.starts[customer]), int(bucket.starts[customer + 1]))
        lines = bucket.line[part].tolist()
        pledged = zip(lines, bucket.collateral[part].tolist(), bucket.debt[part].tolist(), strict=True)
        if sum(rate[line] * c - price[line] * d for line, c, d in pledged) < 0:
            raise InputError(
                f"{source.name}: {source.row_name} {rows[customer]}: expected the customer's debts to be worth no more "
                "than their collateral under the haircuts of the terms"
            )


def _joined(left: _Bucket, right: _Bucket) -> _Bucket:
    return _Bucket(
        customers=left.customers + right.customers,
        starts=np.concatenate([left.starts, left.starts[-1] + right.starts[1:]]),
        **{
            name: np.concatenate([getattr(left, name), getattr(right, name)])
            for name in ("numbers", "line", "free", "collateral", "debt")
        },
    )


def _without(bucket: _Bucket, count: int) -> _Bucket:
    """The customers after the first `count`."""
    first = int(bucket.starts[count])
    return _Bucket(
        customers=bucket.customers[count:],
        numbers=bucket.numbers[count:],
        starts=bucket.starts[count:] - first,
        **{name: getattr(bucket, name)[first:] for name in ("line", "free", "collateral", "debt")},
    )


def _batch(bucket: _Bucket, index: int, low: int, high: int, count: int) -> Batch:
    last = int(bucket.starts[count])
    return Batch(
        index=index,
        low=low,
        high=high,
        customers=bucket.customers[:count],
        numbers=bucket.numbers[:count],
        starts=bucket.starts[: count + 1],
        **{name: getattr(bucket, name)[:last] for name in ("line", "free", "collateral", "debt")},
    )
