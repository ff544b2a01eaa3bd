"""A batch of customers in the clear, and the columns that prove it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from zkmargin.prover.kernels.interface import Backend, P, V
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.keccak import DIGEST_BYTES
from zkmargin.verifier.statements.solvency.accounts import (
    SALT_BYTES,
    Row,
    record_of_digest,
    record_prefix,
    salt_prefix,
)
from zkmargin.verifier.statements.solvency.terms import TABLE, Terms

Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]
EDGE_ROWS: Final = 2
"""The first and the last row of a batch are separators."""
_LIMB: Final = 30


@dataclass(frozen=True, eq=False, repr=False)
class Batch:
    """Customers between two separators, in the order of their account numbers. Secret.

    customers: ids in UTF-8, (C,). numbers: their account numbers, (C,), low < numbers < high. starts: each customer's
    first holding, (C + 1,), from 0 to the number of holdings. line, free, collateral, debt: (holdings,).
    """

    index: int
    low: int
    high: int
    customers: Sequence[bytes]
    numbers: Ints
    starts: Ints
    line: Ints
    free: Ints
    collateral: Ints
    debt: Ints

    @property
    def holdings(self) -> int:
        """Rows that customers take."""
        return len(self.line)

    def rows_of(self, position: int) -> list[Row]:
        """The rows of the customer at `position`."""
        part = slice(*self.starts[position : position + 2].tolist())
        columns = (self.line[part], self.free[part], self.collateral[part], self.debt[part])
        return [Row(*values) for values in zip(*(column.tolist() for column in columns), strict=True)]

    def places_of(self, position: int) -> range:
        """Where in the batch those rows stand."""
        start, stop = self.starts[position : position + 2].tolist()
        return range(1 + start, 1 + stop)

    def __repr__(self) -> str:
        return f"Batch({self.index}, customers={len(self.customers)}, holdings={self.holdings})"


@dataclass(frozen=True, eq=False, repr=False)
class BatchWitness:
    """The columns of a batch by the names of the program's hints, its `TOTALS` by asset number, its public scalars."""

    columns: dict[str, Ints | list[int]]
    totals: dict[str, list[int]]
    scalars: dict[str, int]


def capacity(rows: int) -> int:
    """Holdings that fit a batch of so many rows."""
    return rows - EDGE_ROWS


def records(batch: Batch, epoch: bytes, master: bytes, backend: Backend[V, P]) -> list[int]:
    """Every customer's record: `accounts.record` of each, three native calls for all of them."""
    names = _digests(backend, b"".join(batch.customers), np.array([*map(len, batch.customers)], dtype=np.int64))
    salts = _digests(backend, *_joined(salt_prefix(master), names))[:, :SALT_BYTES]
    rows = _encoded_rows(batch.line, batch.free, batch.collateral, batch.debt)
    heads = np.concatenate([names, salts], axis=1)
    digests = _digests(backend, *_joined(record_prefix(epoch), heads, rows, np.diff(batch.starts)))
    return [record_of_digest(digest.tobytes()) for digest in digests]


def _digests(backend: Backend[V, P], messages: bytes, lengths: Ints) -> Bytes:
    """The digests of messages of these lengths, (messages, 32)."""
    digests = backend.keccak256_many(messages, np.cumsum(lengths, dtype=np.int64))
    return np.frombuffer(digests, dtype=np.uint8).reshape(len(lengths), DIGEST_BYTES)


def _joined(prefix: bytes, heads: Bytes, parts: Bytes | None = None, counts: Ints | None = None) -> tuple[bytes, Ints]:
    """Messages `prefix | head | parts`, and their lengths. heads: (messages, width). parts: (sum of counts, width)."""
    count = len(heads)
    start = np.concatenate([np.tile(np.frombuffer(prefix, dtype=np.uint8), (count, 1)), heads], axis=1)
    if parts is None or counts is None:
        return start.tobytes(), np.full(count, start.shape[1])
    lengths = start.shape[1] + counts * parts.shape[1]
    messages = np.empty(int(lengths.sum()), dtype=np.uint8)
    at_start = np.zeros(messages.size, dtype=bool)
    at_start[(np.cumsum(lengths) - lengths)[:, None] + np.arange(start.shape[1])] = True
    messages[at_start] = start.ravel()
    messages[~at_start] = parts.ravel()
    return messages.tobytes(), lengths


def _encoded_rows(line: Ints, free: Ints, collateral: Ints, debt: Ints) -> Bytes:
    """`accounts.encode_rows` of each row, (rows, 28)."""
    if np.any((line | free | collateral | debt) < 0) or np.any(line >> 32):
        raise FormatError("batch: expected lines below 2^32 and amounts of 0 or more")
    widths = ((line, ">u4"), (free, ">u8"), (collateral, ">u8"), (debt, ">u8"))
    return np.concatenate([column.astype(kind)[:, None].view(np.uint8) for column, kind in widths], axis=1)


def batch_witness(batch: Batch, terms: Terms, rows: int, recorded: Sequence[int]) -> BatchWitness:
    """Every column of a batch. Rows: a separator, the customers', and empty accounts up to the other separator.

    Raises FormatError when the batch does not fit. Never for a customer whose debts exceed their collateral: then no
    proof exists.
    """
    held = batch.holdings
    if held > capacity(rows):
        raise FormatError(f"batch {batch.index}: expected at most {capacity(rows)} holdings, got {held}")
    empty = rows - 1 - held
    first = np.ones(rows, dtype=np.int64)
    account = np.empty(rows, dtype=np.int64)
    account[0] = batch.low
    account[1 + held :] = batch.high - np.arange(empty)[::-1]
    first[1 : 1 + held] = 0
    first[1 + batch.starts[:-1]] = 1
    account[1 : 1 + held] = np.repeat(batch.numbers, np.diff(batch.starts))
    last = np.roll(first, -1)
    rise = np.roll(account, -1) - account
    if np.any(rise[:-1] < last[:-1]):
        raise FormatError(f"batch {batch.index}: expected account numbers that rise between the separators")
    rise[-1] = 1
    columns: dict[str, Ints | list[int]] = {"first": first, "account": account, "gap": rise - last}
    record_column = [0] * rows
    for start, value in zip((1 + batch.starts[:-1]).tolist(), recorded, strict=True):
        record_column[start] = value
    columns["record"] = record_column

    row = {name: np.zeros(rows, dtype=np.int64) for name in ("line", "free", "collateral", "debt")}
    for name, column in row.items():
        column[1 : 1 + held] = getattr(batch, name)
    table = {name: np.array(values, dtype=np.int64) for name, values in terms.table().items()}
    if table["line"].size > rows:
        raise FormatError(f"rows: expected at least one for each of {table['line'].size} lines, got {rows}")
    looked_up = {name: table[name][row["line"]] for name in TABLE}
    columns |= looked_up
    columns["uses"] = np.bincount(row["line"], minlength=table["line"].size)
    step = np.roll(row["line"], -1) - row["line"] - 1
    columns["step"] = np.where(last == 1, 0, step)
    columns |= {name: row[name] for name in ("free", "collateral", "debt")}
    columns["running"], columns["surplus"] = _running(row["collateral"], row["debt"], looked_up, last)
    assets = len(terms.assets) + 1
    return BatchWitness(
        columns=columns,
        totals={
            "equity": _totals(looked_up["asset"], [row["free"], row["collateral"]], assets),
            "debt": _totals(looked_up["asset"], [row["debt"]], assets),
            "collateral": _totals(looked_up["asset"], [row["collateral"]], assets),
        },
        scalars={"low": batch.low, "high": batch.high, "accounts": int(first.sum())},
    )


def _running(
    collateral: Ints, debt: Ints, looked_up: dict[str, Ints], last: Ints
) -> tuple[Ints | list[int], Ints | list[int]]:
    """The running value before each row, and what is left of it in each customer's last row, in exact integers."""
    if not np.any(collateral | debt):
        return np.zeros_like(last), np.zeros_like(last)
    c, d, rate, price = (column.astype(object) for column in (collateral, debt, looked_up["rate"], looked_up["price"]))
    value = c * rate - d * price
    after = np.add.accumulate(value)
    before = after - value
    ends = np.flatnonzero(last)
    starts = np.concatenate([[0], ends + 1])[: ends.size + 1]
    lengths = np.diff(np.concatenate([starts, [len(last)]]))
    running = before - np.repeat(before[starts[lengths > 0]], lengths[lengths > 0])
    surplus = np.where(last == 1, running + value, 0)
    return running.tolist(), surplus.tolist()


def _totals(assets: Ints, amounts: Sequence[Ints], count: int) -> list[int]:
    """Sums by asset number, (count,), in exact integers. Amounts are below 2^60."""
    totals = [0] * count
    for amount in amounts:
        for shift in (0, _LIMB):
            limb = amount >> shift & ((1 << _LIMB) - 1)
            sums = np.zeros(count, dtype=np.int64)
            np.add.at(sums, assets, limb)
            for number, value in enumerate(sums.tolist()):
                totals[number] += value << shift
    return totals
