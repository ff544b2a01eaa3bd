"""What a batch of customers proves, and what the settlement proves over all batches.

A batch has one row a customer, asset and haircut tier: cost follows what customers hold, whatever the number of listed
assets. Hidden: everything in the rows. Public: two separators that all account numbers of the batch lie between, how
many accounts there are, and commitments to the totals of equity, debt and collateral by asset.

    accounts    first = 1 where a customer's rows begin; numbers rise strictly from customer to customer, from `low` in
                the first row to `high` in the last, which belong to nobody
    record      only in a customer's first row: what binds their balances to their inclusion file
    listing     (line, asset, rate, price, width) is a line of the public table, by a lookup of tuples; a customer's
                lines rise strictly, so that no tier of an asset is used twice
    balances    free, collateral and debt are at least 0; collateral fits its tier's width; equity = free + collateral
    margin      over each customer's rows, sum of rate * collateral - price * debt is at least 0, by a running value
                that starts again at every customer
    totals      equity, debt and collateral by asset number, by fraction sums, equal the committed columns

The settlement adds up the batches' commitments to equity and shows that what is public (reserves, and debts where they
count) covers it, asset by asset or in value. Where debts count, their totals are published, and those of collateral:
no circuit hides what makes liabilities smaller.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from zkmargin.circuits.language.compiler import CompiledProgram, compile_program
from zkmargin.circuits.language.program import Program
from zkmargin.circuits.language.recording import given
from zkmargin.circuits.language.traced import Vector
from zkmargin.verifier.circuit import MIN_ROWS
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.statements.solvency.accounts import ACCOUNT_BITS
from zkmargin.verifier.statements.solvency.terms import PRICE_BITS, QUANTITY_BITS, TABLE, TABLE_BITS

MAX_DIGIT_BITS: Final = 16
MAX_BATCH_ROWS: Final = 1 << 20
SURPLUS_BITS: Final = QUANTITY_BITS + PRICE_BITS
"""A customer's collateral value less debts stays below 2^112."""
COUNT_BITS: Final = 24
TOTAL_BITS: Final = 100
"""Totals over up to 2^20 batches of 2^20 rows of 60 bits."""
RESERVE_TOTAL_BITS: Final = 100
"""Reserves of one asset over all attestations, at most 2^10 of them of `reserves.ATTESTED_LOTS_BITS`."""
COVER_BITS: Final = 1 + max(RESERVE_TOTAL_BITS, TOTAL_BITS)
"""Reserves and counted debts of one asset together."""
EQUITY: Final = "equity totals"
DEBT: Final = "debt totals"
COLLATERAL: Final = "collateral totals"


def digit_bits(rows: int) -> int:
    """Width of the range table of a batch."""
    return min(MAX_DIGIT_BITS, rows.bit_length() - 1)


def whole_digits(bits: int, rows: int) -> int:
    """`bits` rounded up to whole digits, so that no digit needs a lookup of its own for being shorter."""
    width = digit_bits(rows)
    return -(-bits // width) * width


def define_batch(p: Program) -> None:
    """The statement of a batch; see the module."""
    first, last = _segments(p)
    _accounts(p, first, last)
    row = {name: p.witness(name, given(name)) for name in TABLE}
    table = {name: p.market(f"table.{name}", TABLE_BITS[name]) for name in TABLE}
    p.lookup([row[name] for name in TABLE], [table[name] for name in TABLE], given("uses"), label="listing")
    step = p.ranged("line.step", p.digit_bits, given("step"))
    following = p.following(row["line"])
    p.require_zero((1 - last) * (following - row["line"] - 1 - step), label="line.order")

    bits = whole_digits(QUANTITY_BITS, p.rows)
    free, collateral, debt = (p.ranged(name, bits, given(name)) for name in ("free", "collateral", "debt"))
    p.require_range(row["width"] - collateral, bits, label="collateral.room")
    _margin(p, last, row["rate"] * collateral - row["price"] * debt)

    number = p.fixed("number", list(range(p.rows)))
    equity = p.holding(EQUITY)
    owed = p.holding(DEBT)
    pledged = p.holding(COLLATERAL)
    p.require_grouped_sums_equal((free + collateral, [row["asset"]]), (equity, [number]), label="equity.totals")
    p.require_grouped_sums_equal((debt, [row["asset"]]), (owed, [number]), label="debt.totals")
    p.require_grouped_sums_equal((collateral, [row["asset"]]), (pledged, [number]), label="collateral.totals")


def _segments(p: Program) -> tuple[Vector, Vector]:
    """Flags of each customer's first and last row, (rows,) each. The row after a last row is a first one."""
    first = p.boolean("first", given("first"))
    last = p.witness("last", p.following(first))
    p.require_zero(p.following(first) - last, label="last.before_first")
    p.require_sum(first, p.public_scalar("accounts", COUNT_BITS), label="accounts.count")
    return first, last


def _accounts(p: Program, first: Vector, last: Vector) -> None:
    """Account numbers that rise by one and a gap >= 0 after each last row, and nowhere else.

    From `low` in the first row to `high` in the last at most rows * 2^64 steps cannot pass r: they rise over the
    integers, so that all of them lie between.
    """
    account = p.witness("account", given("account"))
    gap = p.ranged("account.gap", whole_digits(ACCOUNT_BITS, p.rows), given("gap"))
    end = p.unit(p.rows - 1)
    rise = p.following(account) - account - last * (gap + 1)
    p.require_zero((1 - end) * rise, label="account.order")
    p.require_row(account, 0, p.public_scalar("low", ACCOUNT_BITS), label="account.low")
    p.require_row(account, p.rows - 1, p.public_scalar("high", ACCOUNT_BITS), label="account.high")
    record = p.witness("record", given("record"))
    p.require_zero((1 - first) * record, label="record.once")


def _margin(p: Program, last: Vector, value: Vector) -> None:
    """In each customer's last row the running value, theirs included, is at least zero.

    value: degree 2, |value| < 2^116 a row: over 2^20 rows far from r / 2.
    """
    running = p.witness("running", given("running"))
    surplus = p.ranged("surplus", whole_digits(SURPLUS_BITS, p.rows), given("surplus"))
    p.require_zero(surplus - last * (running + value), label="surplus.at_last")
    p.require_zero(p.following(running) - running - value + surplus, label="running.restart")


def define_settlement_by_asset(p: Program) -> None:
    """Reserves, and debts where they count, cover the equity of every asset. Rows are asset numbers."""
    cover = p.market("covering", COVER_BITS)
    p.require_range(cover - p.holding(EQUITY), whole_digits(COVER_BITS + 1, p.rows), label="cover")


def define_settlement_by_value(p: Program) -> None:
    """The value of all reserves and counted debts, rounded down, covers that of all equity, prices rounded up."""
    price = p.market("price", PRICE_BITS)
    worth = p.public_scalar("cover_value", COVER_BITS + PRICE_BITS)
    equity = p.holding(EQUITY)
    p.require_range(equity, whole_digits(TOTAL_BITS, p.rows), label=f"{EQUITY}.range")
    bits = COVER_BITS + PRICE_BITS + 1
    slack = p.private_scalar("cover.slack", bits, lambda context: context.scalar(worth) - context.sum(price * equity))
    p.require_sum(price * equity, worth - slack, label="cover")


def check_batch_rows(rows: int) -> None:
    """Raise FormatError unless a batch may have so many rows."""
    if not MIN_ROWS <= rows <= MAX_BATCH_ROWS or rows & (rows - 1):
        raise FormatError(f"rows: expected a power of two from {MIN_ROWS} to {MAX_BATCH_ROWS}, got {rows}")


@lru_cache(maxsize=4)
def compile_batch(rows: int) -> CompiledProgram:
    """The program of a batch; the same for every exchange, epoch and set of assets."""
    check_batch_rows(rows)
    return compile_program(define_batch, name="solvency batch", rows=rows, digit_bits=digit_bits(rows))


@lru_cache(maxsize=8)
def compile_settlement(rows: int, coverage: str) -> CompiledProgram:
    """The program over the equity of batches of so many rows."""
    check_batch_rows(rows)
    define = define_settlement_by_asset if coverage == "asset" else define_settlement_by_value
    return compile_program(define, name=f"solvency settlement by {coverage}", rows=rows, digit_bits=digit_bits(rows))
