"""For every constraint of a batch an exchange that breaks it and repairs everything else.

The prover's own check names exactly what is broken; without the check the verifier rejects what the prover makes.
Totals are committed as forged: nothing here is caught by a commitment that does not fit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest
from support.solvency import (
    BTC,
    BTC_HIGH,
    BTC_LOW,
    CUSTOMERS,
    ROWS,
    USD,
    USD_LINE,
    batch,
    recommitted,
    statement_of,
)
from support.statements import Statement

from zkmargin.prover.errors import UnsatisfiedError
from zkmargin.verifier.errors import ProofRejected
from zkmargin.verifier.field import inverse
from zkmargin.verifier.statements.solvency.accounts import Row

Forgery = Callable[[Statement], tuple[Statement, set[str]]]
EQUITY, DEBT, COLLATERAL = "equity totals", "debt totals", "collateral totals"
# Rows of the batch: 0 is the lower separator.
ANNA, BELA, CARL, DORA, EMIL, FRED = 1, 2, 5, 6, 8, 9
TOP_DIGIT: Final = 9


@pytest.fixture(scope="module")
def honest() -> Statement:
    return statement_of(batch())


def shift_digits(s: Statement, label: str, row: int, by: int) -> Statement:
    """A ranged column's value moved."""
    digits = [name for name in s.circuit.witness if name.startswith(f"{label}.digit[")]
    value = sum(s.column(name)[row] << (s.circuit.table_bits * k) for k, name in enumerate(digits))
    return s.with_digits(label, row, value + by)


def relist(s: Statement, row: int, line: int, values: tuple[int, int, int, int] | None = None) -> Statement:
    """Another line in a row, with its public numbers or others; multiplicities follow."""
    names = ("asset", "rate", "price", "width")
    public = {name: s.backend.to_ints(s.assignment.market.values[k]) for k, name in enumerate(names, 1)}
    given = values or tuple(public[name][line] for name in names)
    old = s.column("line")[row]
    forged = s.forge({"line": {row: line}, **{name: {row: v} for name, v in zip(names, given, strict=True)}})
    return forged.shift("listing.multiplicity", old, -1).shift("listing.multiplicity", line, 1)


# -- balances ----------------------------------------------------------------------------------------------------------


def dummy_customer_with_negative_equity(s: Statement) -> tuple[Statement, set[str]]:
    forged = shift_digits(s, "free", ANNA, -60_000)
    return forged.shift(EQUITY, BTC, -60_000), {f"free.digit[{TOP_DIGIT}]"}


def negative_debt_counts_as_equity_in_margin(s: Statement) -> tuple[Statement, set[str]]:
    forged = shift_digits(shift_digits(s, "debt", ANNA, -7), "surplus", ANNA, 7 * 100)
    return forged.shift(DEBT, BTC, -7), {f"debt.digit[{TOP_DIGIT}]"}


def negative_collateral_lowers_equity(s: Statement) -> tuple[Statement, set[str]]:
    # Carl's surplus would be negative, and is made up for by a debt below zero.
    forged = shift_digits(shift_digits(s, "collateral", CARL, -10), "collateral.room", CARL, 10)
    forged = shift_digits(forged, "debt", CARL, -9).shift(EQUITY, BTC, -10).shift(DEBT, BTC, -9)
    forged = forged.shift(COLLATERAL, BTC, -10)
    return forged, {f"collateral.digit[{TOP_DIGIT}]", f"debt.digit[{TOP_DIGIT}]"}


def collateral_beyond_its_tier(s: Statement) -> tuple[Statement, set[str]]:
    # All of Bela's collateral counts at 90 %: 20,000 lots more in the first tier, none in the second.
    forged = shift_digits(shift_digits(s, "collateral", BELA, 20_000), "collateral", BELA + 1, -20_000)
    forged = shift_digits(shift_digits(forged, "collateral.room", BELA, -20_000), "collateral.room", BELA + 1, 20_000)
    gain = 20_000 * 90
    forged = forged.shift("running", BELA + 1, gain).shift("running", BELA + 2, gain - 20_000 * 50)
    forged = shift_digits(forged, "surplus", BELA + 2, gain - 20_000 * 50)
    return forged, {f"collateral.room.digit[{TOP_DIGIT}]"}


def room_that_is_not_what_is_left(s: Statement) -> tuple[Statement, set[str]]:
    return shift_digits(s, "collateral.room", DORA, 1), {"collateral.room.recomposed"}


# -- listing -----------------------------------------------------------------------------------------------------------


def better_haircut_than_listed(s: Statement) -> tuple[Statement, set[str]]:
    forged = s.forge({"rate": {BELA + 1: 90}}).shift("running", BELA + 2, 20_000 * 40)
    return shift_digits(forged, "surplus", BELA + 2, 20_000 * 40), {"listing"}


def debt_without_a_price(s: Statement) -> tuple[Statement, set[str]]:
    return shift_digits(s.forge({"price": {BELA + 2: 0}}), "surplus", BELA + 2, 90_000 * 100), {"listing"}


def tier_beyond_the_table(s: Statement) -> tuple[Statement, set[str]]:
    # Line 4 does not exist; the forger gives it all of BTC's value and room, and strikes it off the multiplicities.
    row = BELA + 1
    step = 4 - BTC_HIGH
    forged = relist(s, row, 4, (BTC, 100, 100, 1 << 59))
    forged = shift_digits(forged, "line.step", row - 1, step).with_digits("line.step", row, 0)
    forged = shift_digits(forged, "line.step", row, 0)
    forged = forged.shift("running", row + 1, 20_000 * 50)
    width = s.column("width")[row]
    forged = shift_digits(forged, "collateral.room", row, (1 << 59) - width)
    # Bela's third line is line 3, so that her lines no longer rise either.
    return shift_digits(forged, "surplus", row + 1, 20_000 * 50), {"listing", "line.order"}


def asset_of_another_line(s: Statement) -> tuple[Statement, set[str]]:
    # Anna's BTC are booked as USD: equity moves between totals.
    forged = s.forge({"asset": {ANNA: USD}})
    return forged.shift(EQUITY, BTC, -30_000).shift(EQUITY, USD, 30_000), {"listing"}


def real_asset_on_the_empty_line(s: Statement) -> tuple[Statement, set[str]]:
    return relist(s, DORA + 1, 0, (USD, 0, 0, 0)), {"listing", "line.order", "collateral.room.recomposed"}


def uses_counted_twice(s: Statement) -> tuple[Statement, set[str]]:
    return s.shift("listing.multiplicity", BTC_LOW, 1).shift("listing.multiplicity", USD_LINE, -1), {"listing"}


def one_tier_used_twice(s: Statement) -> tuple[Statement, set[str]]:
    row = BELA + 1
    forged = shift_digits(relist(s, row, BTC_LOW), "line.step", row - 1, -1)
    forged = shift_digits(forged, "line.step", row, 1)
    widths = s.column("width")
    forged = shift_digits(forged, "collateral.room", row, widths[BELA] - widths[row])
    forged = forged.shift("running", row + 1, 20_000 * 40)
    return shift_digits(forged, "surplus", row + 1, 20_000 * 40), {f"line.step.digit[{0}]"}


# -- customers ---------------------------------------------------------------------------------------------------------


def customer_with_a_number_used_before(s: Statement) -> tuple[Statement, set[str]]:
    # Carl's number is Bela's: an id collision, or one customer counted as two.
    forged = s.shift("account", CARL, -1000)
    forged = shift_digits(forged, "account.gap", CARL - 1, -1000)
    return shift_digits(forged, "account.gap", CARL, 1000), {f"account.gap.digit[{TOP_DIGIT}]"}


def customer_split_in_two(s: Statement) -> tuple[Statement, set[str]]:
    # Dora's second row becomes a customer of its own with her number.
    forged = s.forge({"first": {DORA + 1: 1}, "last": {DORA: 1}})
    forged = forged.with_digits("line.step", DORA, 0)
    forged = replace_scalar(forged, "accounts", 1)
    return forged, {"account.order"}


def customer_split_in_two_with_the_gap_repaired(s: Statement) -> tuple[Statement, set[str]]:
    forged, _ = customer_split_in_two(s)
    return forged.with_digits("account.gap", DORA, -1), {f"account.gap.digit[{TOP_DIGIT}]"}


def two_customers_merged(s: Statement) -> tuple[Statement, set[str]]:
    # Fred's debt is carried by Emil: one segment for both, Emil's number, one record.
    forged = s.forge({"first": {FRED: 0}, "last": {EMIL: 0}, "record": {FRED: 0}})
    forged = replace_scalar(forged, "accounts", -1)
    surplus = 50 * 100 - 50 * 100
    assert surplus == 0
    step = s.column("line")[FRED] - s.column("line")[EMIL] - 1
    forged = forged.with_digits("line.step", EMIL, step)
    return forged, {"account.order", f"line.step.digit[{0}]"}


def two_records_for_one_customer(s: Statement) -> tuple[Statement, set[str]]:
    return s.forge({"record": {DORA + 1: 4711}}), {"record.once"}


def first_flag_of_two(s: Statement) -> tuple[Statement, set[str]]:
    forged = s.forge({"first": {DORA + 1: 2}, "last": {DORA: 2}})
    forged = forged.with_digits("account.gap", DORA, -1).with_digits("line.step", DORA, 0)
    forged = forged.forge({"line.step.digit[0]": {DORA: s.column("line.step.digit[0]")[DORA]}})
    return replace_scalar(forged, "accounts", 2), {"first.boolean", f"account.gap.digit[{TOP_DIGIT}]"}


def last_flag_that_hides_an_end(s: Statement) -> tuple[Statement, set[str]]:
    # Anna's segment does not end: her surplus is not shown. Her number and Bela's differ all the same.
    return s.forge({"last": {ANNA: 0}}), {"last.before_first", "account.order", "line.order"}


def number_below_the_separator(s: Statement) -> tuple[Statement, set[str]]:
    forged = shift_digits(s.shift("account", 0, -5), "account.gap", 0, 5)
    return forged, {"account.low"}


def number_above_the_separator(s: Statement) -> tuple[Statement, set[str]]:
    forged = shift_digits(s.shift("account", ROWS - 1, 3), "account.gap", ROWS - 2, 3)
    return forged, {"account.high"}


def accounts_miscounted(s: Statement) -> tuple[Statement, set[str]]:
    return replace_scalar(s, "accounts", -1), {"accounts.count"}


# -- margin ------------------------------------------------------------------------------------------------------------


def debts_beyond_collateral(s: Statement) -> tuple[Statement, set[str]]:
    more = 20_000
    forged = shift_digits(shift_digits(s, "debt", BELA + 2, more), "surplus", BELA + 2, -more * 100)
    top = s.circuit.witness.index("surplus.digit[0]")
    names = [n for n in s.circuit.witness[top:] if n.startswith("surplus.digit[")]
    return forged.shift(DEBT, USD, more), {names[-1]}


def surplus_carried_to_the_next_customer(s: Statement) -> tuple[Statement, set[str]]:
    # What Bela has left over pays for Carl's debt: the running value is not started again.
    left = 100_000 * 90 + 20_000 * 50 - 90_000 * 100
    assert left == 1_000_000
    forged = s.shift("running", CARL, left)
    forged = shift_digits(shift_digits(forged, "debt", CARL, left // 100), "surplus", CARL, 0)
    return forged.shift(DEBT, BTC, left // 100), {"running.restart"}


def surplus_that_is_not_the_running_value(s: Statement) -> tuple[Statement, set[str]]:
    return shift_digits(s, "surplus", EMIL, 17), {"surplus.at_last", "running.restart"}


# -- totals ------------------------------------------------------------------------------------------------------------


def equity_total_off_by_one(s: Statement) -> tuple[Statement, set[str]]:
    return s.shift(EQUITY, BTC, -1), {"equity.totals"}


def debt_total_off_by_one(s: Statement) -> tuple[Statement, set[str]]:
    return s.shift(DEBT, USD, 1), {"debt.totals"}


def collateral_total_off_by_one(s: Statement) -> tuple[Statement, set[str]]:
    return s.shift(COLLATERAL, BTC, -1), {"collateral.totals"}


def collateral_moved_to_another_asset(s: Statement) -> tuple[Statement, set[str]]:
    # The exchange's own token backs the debts, and the published totals say it was USD.
    return s.shift(COLLATERAL, BTC, -1_000).shift(COLLATERAL, USD, 1_000), {"collateral.totals"}


def equity_moved_to_an_asset_beyond_the_list(s: Statement) -> tuple[Statement, set[str]]:
    return s.shift(EQUITY, BTC, -30_000).shift(EQUITY, ROWS - 1, 30_000), {"equity.totals"}


def total_off_by_a_fraction(s: Statement) -> tuple[Statement, set[str]]:
    # Half a lot less of BTC, half a lot more of nothing at all.
    half = inverse(2)
    return s.shift(EQUITY, BTC, -half).shift(EQUITY, 0, half), {"equity.totals"}


def replace_scalar(s: Statement, name: str, by: int) -> Statement:
    position = [scalar.name for scalar in s.circuit.scalars].index(name)
    scalars = list(s.public.scalars)
    scalars[position] += by
    return s.with_public(scalars=tuple(scalars))


FORGERIES: Final[list[Forgery]] = [
    dummy_customer_with_negative_equity,
    negative_debt_counts_as_equity_in_margin,
    negative_collateral_lowers_equity,
    collateral_beyond_its_tier,
    room_that_is_not_what_is_left,
    better_haircut_than_listed,
    debt_without_a_price,
    tier_beyond_the_table,
    asset_of_another_line,
    real_asset_on_the_empty_line,
    uses_counted_twice,
    one_tier_used_twice,
    customer_with_a_number_used_before,
    customer_split_in_two,
    customer_split_in_two_with_the_gap_repaired,
    two_customers_merged,
    two_records_for_one_customer,
    first_flag_of_two,
    last_flag_that_hides_an_end,
    number_below_the_separator,
    number_above_the_separator,
    accounts_miscounted,
    debts_beyond_collateral,
    surplus_carried_to_the_next_customer,
    surplus_that_is_not_the_running_value,
    equity_total_off_by_one,
    debt_total_off_by_one,
    collateral_total_off_by_one,
    collateral_moved_to_another_asset,
    equity_moved_to_an_asset_beyond_the_list,
    total_off_by_a_fraction,
]


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda forgery: forgery.__name__)
def test_forged_batch(honest: Statement, forgery: Forgery) -> None:
    forged, broken = forgery(honest)
    forged = recommitted(forged)
    with pytest.raises(UnsatisfiedError) as refusal:
        forged.prove()
    assert {failure.label for failure in refusal.value.failures} == broken
    with pytest.raises(ProofRejected, match="pairing"):
        forged.verify(forged.prove(check=False))


def test_every_constraint_is_broken_by_some_forgery(honest: Statement) -> None:
    circuit = honest.circuit
    labels = {identity.label for identity in circuit.identities} | {total.label for total in circuit.sums}
    labels |= {total.label for total in circuit.fractions}
    labels |= {lookup.label.split(".digit[")[0] for lookup in circuit.lookups}
    broken = {label.split(".digit[")[0] for forgery in FORGERIES for label in forgery(honest)[1]}
    assert labels == broken


def test_the_honest_batch_is_proven(honest: Statement) -> None:
    honest.verify(honest.proof)


def test_a_batch_of_nobody_is_proven() -> None:
    empty = statement_of(batch({}))
    empty.verify(empty.proof)


def test_a_full_batch_is_proven() -> None:
    many = {f"customer {i}": [Row(BTC_LOW, i, 0, 0)] for i in range(ROWS - 2)}
    full = statement_of(batch(many))
    full.verify(full.proof)
    assert len(CUSTOMERS) == 6
