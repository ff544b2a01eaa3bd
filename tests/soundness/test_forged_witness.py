"""For every kind of constraint a forger who breaks it and repairs everything else.

The prover's own check names exactly what is broken and where; a prover without the check gets a proof that the
verifier rejects.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import pytest
from support.backends import fastest_backend
from support.programs import ballot, catalogue, margin, margin_case, slacks
from support.statements import Statement, make_statement

from zkmargin.circuits.language import WitnessRangeError, check_constraints
from zkmargin.prover.errors import UnsatisfiedError
from zkmargin.prover.kernels import load_backend
from zkmargin.verifier.errors import ProofRejected
from zkmargin.verifier.field import centred, inverse

Failures = set[tuple[str, int | None]]
Forgery = Callable[[Statement], tuple[Statement, Failures]]


def assert_unprovable(forged: Statement, failures: Failures) -> None:
    """The prover names `failures` and nothing else, and the verifier rejects what it makes with its check off."""
    with pytest.raises(UnsatisfiedError) as refusal:
        forged.prove()
    assert {(failure.label, failure.row) for failure in refusal.value.failures} == failures
    proof = forged.prove(check=False)
    with pytest.raises(ProofRejected, match="pairing"):
        forged.verify(proof)


# -- elementwise constraints -------------------------------------------------------------------------------------------


def free_column_off_by_one(s: Statement) -> tuple[Statement, Failures]:
    return s.shift("chosen", 4, 1), {("chosen.select", 4)}


def select_takes_the_other_branch(s: Statement) -> tuple[Statement, Failures]:
    # Row 3 is hedged: `chosen` must be gross, and the forger takes the weight instead.
    return s.forge({"chosen": {3: 1}}), {("chosen.select", 3)}


def product_moves_value_between_rows(s: Statement) -> tuple[Statement, Failures]:
    # Total, groups and running sum stay right: only the product itself is false.
    forged = s.shift("gross", 2, 1).shift("gross", 3, -1).shift("chosen", 3, -1).shift("running", 3, 1)
    return forged, {("gross.value", 2), ("gross.value", 3)}


def flag_of_minus_one(s: Statement) -> tuple[Statement, Failures]:
    # Rows 2 and 5 have the same weight, so count and tally stay right.
    gross, chosen, weight = s.column("gross"), s.column("chosen"), 3
    assert s.column("hedged")[2] == s.column("hedged")[5] == 0
    changes = {"hedged": {2: -1, 5: 1}, "chosen": {2: 2 * chosen[2] - gross[2], 5: gross[5]}}
    assert chosen[2] == weight
    return s.forge(changes), {("hedged.boolean", 2)}


def running_column_jumps(s: Statement) -> tuple[Statement, Failures]:
    return s.shift("running", 5, 1), {("running.step", 4), ("running.step", 5)}


def running_column_starts_elsewhere(s: Statement) -> tuple[Statement, Failures]:
    shifted = {row: value + 9 for row, value in enumerate(s.column("running"))}
    return s.forge({"running": shifted}), {("running.start", 0)}


def value_placed_outside_its_rows(s: Statement) -> tuple[Statement, Failures]:
    # Row 7 weighs 2.
    return s.shift("placed", 7, 5).shift("weighted", 7, 10), {("placed.elsewhere", 7)}


def product_of_placed_scalars_invented(s: Statement) -> tuple[Statement, Failures]:
    return s.shift("weighted", 4, 1), {("weighted.value", 4)}


# -- ranges ------------------------------------------------------------------------------------------------------------


def digit_outside_the_table(s: Statement) -> tuple[Statement, Failures]:
    # The rate of row 2 is 32: digits (0, 1) become (32, 0), the same number.
    return s.forge({"rate.digit[0]": {2: 32}, "rate.digit[1]": {2: 0}}), {("rate.digit[0]", 2)}


def negative_digit(s: Statement) -> tuple[Statement, Failures]:
    return s.forge({"rate.digit[0]": {2: -32}, "rate.digit[1]": {2: 2}}), {("rate.digit[0]", 2)}


def top_digit_wider_than_the_rest_of_the_bits(s: Statement) -> tuple[Statement, Failures]:
    # A rate has 7 bits; 128 fits the two digits' ten, and the headroom is repaired.
    perp_size = abs(centred(s.column("perp")[2]))
    return s.with_digits("rate", 2, 128).with_digits("headroom", 2, perp_size + 128), {("rate.top", 2)}


def recomposition_off_by_one(s: Statement) -> tuple[Statement, Failures]:
    row = 5
    true = abs(centred(s.column("perp")[row])) + 96
    return s.with_digits("headroom", row, true + 1), {("headroom.recomposed", row)}


# -- scalars and sums --------------------------------------------------------------------------------------------------


def private_scalar_of_one_row(s: Statement) -> tuple[Statement, Failures]:
    forged = s.with_scalar("count", 4).shift("placed", 2, 1).shift("weighted", 2, 3)
    return forged, {("count.sum", None)}


def private_scalar_of_two_rows(s: Statement) -> tuple[Statement, Failures]:
    forged = s.with_scalar("total", s.scalar("total") + 1)
    forged = forged.shift("placed", 0, 1).shift("placed", 1, 3).shift("weighted", 0, 1).shift("weighted", 1, 6)
    return forged, {("total.sum", None)}


def private_scalar_of_three_rows(s: Statement) -> tuple[Statement, Failures]:
    return s.with_scalar("equity.slack", s.scalar("equity.slack") + (1 << 30)), {("equity", None)}


def private_scalar_of_four_rows(s: Statement) -> tuple[Statement, Failures]:
    return s.with_scalar("stress.slack", s.scalar("stress.slack") + (1 << 45)), {("stress", None)}


def carry_pushed_into_a_lower_row(s: Statement) -> tuple[Statement, Failures]:
    # 2^15 more in a row and one less in the next is the same scalar, but no longer digits.
    rows = s.program.scalar_rows[[p.label for p in s.program.recording.private].index("total")]
    value = s.scalar("total")
    low, high = value % (1 << 15), value >> 15
    assert high > 0
    forged = s.with_digits("scalars", rows[0], low + (1 << 15)).with_digits("scalars", rows[1], high - 1)
    assert forged.scalar("total") == value
    return forged, {("scalars.digit[2]", rows[0])}


def placed_scalar_off_by_one(s: Statement) -> tuple[Statement, Failures]:
    return s.shift("placed", 1, 1).shift("weighted", 1, 2), {("placed[1]", None)}


def another_public_scalar(s: Statement) -> tuple[Statement, Failures]:
    floor, tally = s.public.scalars
    return s.with_public(scalars=(floor, tally + 1)), {("tally.sum", None)}


CATALOGUE_FORGERIES: Final[tuple[Forgery, ...]] = (
    free_column_off_by_one,
    select_takes_the_other_branch,
    product_moves_value_between_rows,
    flag_of_minus_one,
    running_column_jumps,
    running_column_starts_elsewhere,
    value_placed_outside_its_rows,
    product_of_placed_scalars_invented,
    digit_outside_the_table,
    negative_digit,
    top_digit_wider_than_the_rest_of_the_bits,
    recomposition_off_by_one,
    private_scalar_of_one_row,
    private_scalar_of_two_rows,
    private_scalar_of_three_rows,
    private_scalar_of_four_rows,
    carry_pushed_into_a_lower_row,
    placed_scalar_off_by_one,
    another_public_scalar,
)


@pytest.mark.parametrize("forgery", CATALOGUE_FORGERIES, ids=lambda forgery: forgery.__name__)
def test_a_broken_constraint_is_named_by_the_prover_and_rejected_by_the_verifier(
    catalogue_statement: Statement, forgery: Forgery
) -> None:
    forged, failures = forgery(catalogue_statement)
    assert_unprovable(forged, failures)


# -- signed holdings ---------------------------------------------------------------------------------------------------


def long_position(s: Statement, multiple_of: int = 1) -> tuple[int, int]:
    """The first row with a positive quantity, a multiple of a number, and the quantity."""
    net = [centred(q) for q in s.column("net")]
    return next((row, q) for row, q in enumerate(net) if q > 0 and q % multiple_of == 0)


def with_charge_lowered(s: Statement, row: int, by: int) -> Statement:
    """The slacks as they would be if the charged size in `row` were less by `by`."""
    rate = margin().market["rate"][row]
    for j in range(2):
        s = s.with_scalar(f"scenario[{j}].slack", s.scalar(f"scenario[{j}].slack") + by * rate)
    return s


def short_called_long(s: Statement) -> tuple[Statement, Failures]:
    # (S - 2 s) a becomes a: what is owed becomes what is owned.
    case = margin()
    row, q = next((row, centred(q)) for row, q in enumerate(s.column("net")) if centred(q) < 0)
    forged = s.forge({"net.negative": {row: 0}})
    for j in range(2):
        gained = -2 * q * (case.market["price"][row] + case.market[f"pnl[{j}]"][row])
        forged = forged.with_scalar(f"scenario[{j}].slack", forged.scalar(f"scenario[{j}].slack") + gained)
    return forged, {("net.split", row)}


def long_called_short_of_a_negative_magnitude(s: Statement) -> tuple[Statement, Failures]:
    # |q| = S a becomes -q: the charge becomes a credit.
    row, q = long_position(s)
    forged = s.forge({"net.negative": {row: 1}}).with_digits("net.magnitude", row, -q)
    return with_charge_lowered(forged, row, 2 * q), {("net.magnitude.digit[2]", row)}


def sign_of_minus_a_half(s: Statement) -> tuple[Statement, Failures]:
    # With s = -1/2 and half the magnitude q = (S - 2 s) a holds, and half the size is charged.
    row, q = long_position(s, multiple_of=2)
    forged = s.forge({"net.negative": {row: -inverse(2)}}).with_digits("net.magnitude", row, q // 2)
    return with_charge_lowered(forged, row, q // 2), {("net.negative", row)}


def sign_in_an_inactive_row(_: Statement) -> tuple[Statement, Failures]:
    # A row of a slack of exactly zero, so that q = (0 - 2 s) 0 still holds there.
    case = margin()
    worst = min(range(2), key=lambda j: slacks(case)[j])
    s = make_statement(case.with_scalars(threshold=case.scalars["threshold"] + slacks(case)[worst]))
    row = s.program.scalar_rows[worst][0]
    return s.forge({"net.negative": {row: 1}}), {("net.negative", row)}


def slack_sold_as_a_position(s: Statement) -> tuple[Statement, Failures]:
    # With s = -1 in a row of a slack, s a and (S - 2 s) a would count the slack's digits as a short, or as a long.
    row = next(r for r in range(s.program.active_rows, s.circuit.rows) if s.column("net.magnitude.digit[0]")[r])
    return s.forge({"net.negative": {row: -1}}), {("net.negative", row), ("net.split", row)}


def magnitude_off_by_one(s: Statement) -> tuple[Statement, Failures]:
    row, q = long_position(s)
    market, forged = margin().market, s.with_digits("net.magnitude", row, q - 1)
    for j in range(2):
        lost = market["price"][row] + market[f"pnl[{j}]"][row] - market["rate"][row]
        forged = forged.with_scalar(f"scenario[{j}].slack", forged.scalar(f"scenario[{j}].slack") - lost)
    return forged, {("net.split", row)}


def slack_one_too_high(s: Statement) -> tuple[Statement, Failures]:
    return s.with_scalar("scenario[1].slack", s.scalar("scenario[1].slack") + 1), {("scenario[1]", None)}


def threshold_lowered_in_the_prover_alone(s: Statement) -> tuple[Statement, Failures]:
    return s.with_public(scalars=(s.public.scalars[0] + 1,)), {("scenario[0]", None), ("scenario[1]", None)}


MARGIN_FORGERIES: Final[tuple[Forgery, ...]] = (
    short_called_long,
    long_called_short_of_a_negative_magnitude,
    sign_of_minus_a_half,
    sign_in_an_inactive_row,
    slack_sold_as_a_position,
    magnitude_off_by_one,
    slack_one_too_high,
    threshold_lowered_in_the_prover_alone,
)


@pytest.mark.parametrize("forgery", MARGIN_FORGERIES, ids=lambda forgery: forgery.__name__)
def test_a_forged_size_is_named_by_the_prover_and_rejected_by_the_verifier(
    margin_statement: Statement, forgery: Forgery
) -> None:
    forged, failures = forgery(margin_statement)
    assert_unprovable(forged, failures)


def test_the_reference_back_end_refuses_a_forged_size_as_well() -> None:
    forged, failures = short_called_long(make_statement(margin(), load_backend("reference")))
    assert_unprovable(forged, failures)


def test_a_holding_in_an_inactive_row_breaks_its_split() -> None:
    case = catalogue()
    books = [[*book, *[0] * 3, 7] for book in case.venues["spot"]]
    richer, honest = make_statement(case.with_venues("spot", books), check=False), make_statement(case)
    assert richer.column("spot")[15] == 14
    # Every other column is as if the row were empty, which is how the circuit reads it.
    assignment = replace(honest.assignment, holdings=richer.assignment.holdings)
    assert_unprovable(replace(honest, public=richer.public, assignment=assignment), {("spot.split", 15)})


def test_a_holding_in_a_scalar_row_breaks_its_split() -> None:
    # The magnitude column holds a slack there: were the row active, the slack would be charged as a position.
    case = margin()
    row = case.program.active_rows
    books = [[*case.venues["net"][0], 7], [*case.venues["net"][1], 0]]
    honest = make_statement(case)
    forged = make_statement(case.with_venues("net", books), check=False)
    for j in range(2):
        forged = forged.with_scalar(f"scenario[{j}].slack", honest.scalar(f"scenario[{j}].slack"))
    assert_unprovable(forged, {("net.split", row)})


def test_a_vote_of_a_half_is_refused_without_any_lookup(ballot_statement: Statement) -> None:
    half = inverse(2)
    forged = ballot_statement.forge({"vote": {2: half, 4: half}, "echo": {3: half, 5: half}})
    assert_unprovable(forged, {("vote.boolean", 2), ("vote.boolean", 4)})


# -- columns that are committed elsewhere ------------------------------------------------------------------------------


def test_another_portfolio_than_the_committed_one_is_rejected(margin_statement: Statement) -> None:
    """Every constraint holds, but not about the venues' commitments: the split's identity does not hold for them."""
    case = margin()
    richer = [[q + 50 for q in case.venues["net"][0]], case.venues["net"][1]]
    forged = make_statement(case.with_venues("net", richer)).with_public(holdings=margin_statement.public.holdings)
    proof = forged.prove()
    with pytest.raises(ProofRejected, match="pairing"):
        forged.verify(proof)


def test_an_unknown_blinding_scalar_of_a_commitment_is_rejected(margin_statement: Statement) -> None:
    stranger = make_statement(margin(), seed=1)
    forged = stranger.with_public(holdings=margin_statement.public.holdings)
    with pytest.raises(ProofRejected, match="pairing"):
        forged.verify(forged.prove())


def test_better_prices_than_the_published_ones_are_rejected(margin_statement: Statement) -> None:
    case = margin()
    richer = {**case.market, "price": [price + 10 for price in case.market["price"]]}
    forged = make_statement(type(case)(case.program, case.venues, richer, case.scalars))
    forged = forged.with_public(market=margin_statement.public.market)
    with pytest.raises(ProofRejected, match="pairing"):
        forged.verify(forged.prove())


@pytest.mark.parametrize("entry", [0, 3])
def test_false_multiplicities_are_refused_and_rejected(margin_statement: Statement, entry: int) -> None:
    counts = margin_statement.backend.to_ints(margin_statement.assignment.multiplicities)
    counts[entry] += 1
    forged = margin_statement.with_multiplicities(counts)
    assert_unprovable(forged, {("multiplicities", None)})


# -- false statements --------------------------------------------------------------------------------------------------


def test_a_slack_of_exactly_zero_proves_and_of_minus_one_does_not() -> None:
    case = margin()
    surplus = slacks(case)
    worst = min(range(2), key=lambda j: surplus[j])
    most = case.scalars["threshold"] + surplus[worst]

    exact = make_statement(case.with_scalars(threshold=most))
    assert exact.scalar(f"scenario[{worst}].slack") == 0
    exact.verify(exact.prove())

    with pytest.raises(WitnessRangeError) as refusal:
        make_statement(case.with_scalars(threshold=most + 1))
    assert (refusal.value.label, refusal.value.row) == (f"scenario[{worst}].slack", None)
    beyond = make_statement(case.with_scalars(threshold=most + 1), check=False)
    assert_unprovable(beyond, {(f"scenario[{worst}]", None)})


def test_an_insolvent_account_is_refused_in_every_scenario_that_it_fails() -> None:
    case = margin().with_scalars(threshold=(1 << 30) - 1)
    assert max(slacks(case)) < 0
    with pytest.raises(WitnessRangeError, match=r"scenario\[0\]\.slack"):
        make_statement(case)
    forged = make_statement(case, check=False)
    assert_unprovable(forged, {("scenario[0]", None), ("scenario[1]", None)})
    found = check_constraints(case.program, fastest_backend(), forged.inputs)
    assert {(failure.label, failure.row) for failure in found} == {("scenario[0]", None), ("scenario[1]", None)}


def test_a_quantity_beyond_its_bits_is_refused_with_label_and_row() -> None:
    case = margin_case(margin().program)
    books = [list(book) for book in case.venues["net"]]
    books[0][9] = 1 << 15
    books[1][9] = 0
    with pytest.raises(WitnessRangeError) as refusal:
        make_statement(case.with_venues("net", books))
    assert (refusal.value.label, refusal.value.row) == ("net.magnitude", 9)


def test_votes_that_do_not_come_to_the_tally_are_refused() -> None:
    forged = make_statement(ballot().with_scalars(tally=2))
    assert_unprovable(forged, {("tally.sum", None)})
