"""Fraction sums: grouped totals and lookups of tuples, honest, forged, and out of bounds."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from support.programs import ROWS, Case
from support.statements import Statement, make_statement

from zkmargin.circuits.language import CompileError, Program, compile_program
from zkmargin.circuits.language.recording import given
from zkmargin.prover.errors import UnsatisfiedError
from zkmargin.verifier.circuit import CircuitError, Fraction
from zkmargin.verifier.errors import ProofRejected
from zkmargin.verifier.field import SCALAR_MODULUS, inverse

PRICES = [7, 11, 13, 17]
"""The public table: group g costs PRICES[g], beside a fee of 3 g."""
GROUPS = [(5 * row + 1) % 4 for row in range(ROWS)]
AMOUNTS = [(row * row + 3) % 16 for row in range(ROWS)]
TOTALS = [sum(a for a, g in zip(AMOUNTS, GROUPS, strict=True) if g == group) for group in range(4)]


def define(p: Program) -> None:
    """Amounts in groups: totals by group, and the price and fee of each row's group."""
    index = p.fixed("index", list(range(p.rows)))
    price, fee = p.market("price", 10), p.market("fee", 10)
    amount = p.ranged("amount", 4, given("amount"))
    group, paid, charged = (p.witness(name, given(name)) for name in ("group", "paid", "charged"))
    totals = p.holding("totals")
    p.require_grouped_sums_equal((amount, [group]), (totals, [index]), label="totals.by_group")
    p.lookup([group, paid, charged], [index, price, fee], given("uses"), label="price.list")
    p.require_row(group, 0, p.public_scalar("first group", 2), label="first")


def grouped() -> Case:
    fees = [3 * g for g in range(4)]
    columns = {
        "amount": AMOUNTS,
        "group": GROUPS,
        "paid": [PRICES[g] for g in GROUPS],
        "charged": [fees[g] for g in GROUPS],
        "uses": [Counter(GROUPS)[g] for g in range(4)],
    }
    program = compile_program(define, name="grouped", rows=ROWS, digit_bits=4)
    return Case(
        program, {"totals": [TOTALS]}, {"price": PRICES, "fee": fees}, {"first group": GROUPS[0]}, columns=columns
    )


@pytest.fixture(scope="module")
def statement() -> Statement:
    return make_statement(grouped())


def test_honest_totals_and_prices_are_proven(statement: Statement) -> None:
    statement.verify(statement.proof)
    circuit = statement.circuit
    assert [total.label for total in circuit.fractions] == ["totals.by_group", "price.list"]
    assert circuit.helpers == 1 + 2
    assert {column.index for column in circuit.evaluated_market} == {0, 1}


def assert_unprovable(forged: Statement, *labels: str) -> None:
    with pytest.raises(UnsatisfiedError) as refusal:
        forged.prove()
    assert {failure.label for failure in refusal.value.failures} == set(labels)
    with pytest.raises(ProofRejected, match="pairing"):
        forged.verify(forged.prove(check=False))


def test_a_total_off_by_one_is_rejected(statement: Statement) -> None:
    commitments = statement.public.holdings
    assert_unprovable(statement.shift("totals", 2, 1), "totals.by_group")
    assert statement.public.holdings == commitments


def test_an_amount_moved_to_another_group_is_rejected(statement: Statement) -> None:
    row = GROUPS.index(1, 1)
    forged = statement.forge({"group": {row: 2}, "paid": {row: PRICES[2]}, "charged": {row: 6}})
    forged = forged.shift("price.list.multiplicity", 1, -1).shift("price.list.multiplicity", 2, 1)
    assert_unprovable(forged, "totals.by_group")


def test_a_tuple_mixed_from_two_rows_of_the_table_is_rejected(statement: Statement) -> None:
    row = GROUPS.index(1)
    assert_unprovable(statement.forge({"paid": {row: PRICES[0]}}), "price.list")


def test_a_tuple_with_the_same_sum_is_rejected(statement: Statement) -> None:
    """Were the parts of a key added up, one more here and one less there would go unnoticed."""
    row = GROUPS.index(3)
    assert_unprovable(statement.shift("paid", row, 1).shift("charged", row, -1), "price.list")


def test_a_tuple_beyond_the_table_is_rejected(statement: Statement) -> None:
    """Rows past the list cost nothing, and are rows of the table all the same: what is refused is another price."""
    row = GROUPS.index(0)
    assert_unprovable(statement.forge({"paid": {row: 1}, "charged": {row: 1}}), "price.list")


def test_false_multiplicities_are_rejected(statement: Statement) -> None:
    forged = statement.shift("price.list.multiplicity", 0, 1).shift("price.list.multiplicity", 1, -1)
    assert_unprovable(forged, "price.list")


def test_a_digit_out_of_range_cannot_hide_behind_a_fraction(statement: Statement) -> None:
    """What the digit leaves in the range argument, the totals take back: together they are zero, apart they are not."""
    row, beyond = 3, 20
    amounts = statement.column("amount.digit[0]")
    forged = statement.forge({"amount.digit[0]": {row: beyond}})
    forged = forged.shift("totals", GROUPS[row], beyond - amounts[row]).shift("totals", beyond, 1)
    digits, totals = forged.column("amount.digit[0]"), forged.column("totals")
    counts = statement.backend.to_ints(forged.assignment.multiplicities)
    alpha = 987654321

    def over(weight: int, key: int) -> int:
        return weight * inverse(alpha + key)

    ranges = sum(over(1, digit) for digit in digits) - sum(over(counts[t], t) for t in range(16))
    groups = sum(over(digit, group) for digit, group in zip(digits, GROUPS, strict=True))
    groups -= sum(over(total, index) for index, total in enumerate(totals))
    assert ranges % SCALAR_MODULUS
    assert (ranges + groups) % SCALAR_MODULUS == 0
    assert_unprovable(forged, "amount.digit[0]", "totals.by_group")


@pytest.mark.parametrize("count", [1, 2, 3])
def test_any_number_of_sums_with_and_without_lookups(count: int) -> None:
    def several(p: Program) -> None:
        index = p.fixed("index", list(range(p.rows)))
        for k in range(count):
            amount, group = p.witness(f"amount[{k}]", given("amount")), p.witness(f"group[{k}]", given("group"))
            totals = p.witness(f"totals[{k}]", given("totals"))
            p.require_grouped_sums_equal((amount, [group]), (totals, [index]), label=f"by group[{k}]")
        p.require_grouped_sums_equal((1, [index]), (1, [index]), label="constant weights")

    program = compile_program(several, name="several", rows=ROWS)
    columns: dict[str, Any] = {"amount": AMOUNTS, "group": GROUPS, "totals": TOTALS}
    statement = make_statement(Case(program, {}, {}, {}, columns=columns))
    statement.verify(statement.proof)
    assert statement.circuit.helpers == count + 1
    assert_unprovable(statement.shift("totals[0]", 1, 1), "by group[0]")


def test_what_a_fraction_may_not_be() -> None:
    def product(p: Program) -> None:
        a = p.boolean("a", given("a"))
        p.require_grouped_sums_equal((a, [a * a]), (a, [a]), label="squares")

    with pytest.raises(CircuitError, match="squares: numerators and denominators are of degree at most one"):
        compile_program(product, name="product", rows=ROWS)

    def uneven(p: Program) -> None:
        a = p.boolean("a", given("a"))
        p.require_grouped_sums_equal((1, [a, a]), (1, [a]), label="uneven")

    with pytest.raises(CompileError, match="uneven: expected keys of equally many parts"):
        compile_program(uneven, name="uneven", rows=ROWS)
    circuit = grouped().program.circuit
    broken = replace(circuit.fractions[0], fractions=(Fraction(0, ()),))
    with pytest.raises(CircuitError, match="each with a denominator"):
        replace(circuit, fractions=(broken, *circuit.fractions[1:]))
    outside = replace(circuit.fractions[0], fractions=(Fraction(0, (len(circuit.nodes),)),))
    with pytest.raises(CircuitError, match="refers to a node that does not exist"):
        replace(circuit, fractions=(outside, *circuit.fractions[1:]))


def test_the_order_of_sums_is_part_of_the_circuit() -> None:
    circuit = grouped().program.circuit
    assert replace(circuit, fractions=circuit.fractions[::-1]).digest != circuit.digest
