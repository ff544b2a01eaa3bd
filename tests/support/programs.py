"""Small programs that between them use every kind of column and constraint, and honest data for each."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Final

from zkmargin.circuits.language import CompiledProgram, HintContext, Program, Vector, compile_program, given
from zkmargin.circuits.language.recording import PACKING_SHIFT

ROWS: Final = 32
ROW_BITS: Final = 15
SCENARIOS: Final = 2


@dataclass(frozen=True)
class Case:
    """A compiled program and everything that a statement about it is made from, in the clear.

    venues: for each holding the book of every venue; market: the values of each market column; columns: private
    vectors for hints that ask by name.
    """

    program: CompiledProgram
    venues: Mapping[str, Sequence[Sequence[int]]]
    market: Mapping[str, Sequence[int]]
    scalars: Mapping[str, int]
    columns: Mapping[str, Sequence[int]] = field(default_factory=dict)

    def net(self, holding: str) -> list[int]:
        """A holding, added up over its venues."""
        return [sum(book) for book in zip(*self.venues[holding], strict=True)]

    def with_scalars(self, **scalars: int) -> Case:
        """The same, with other public inputs."""
        return replace(self, scalars={**self.scalars, **scalars})

    def with_venues(self, holding: str, books: Sequence[Sequence[int]]) -> Case:
        """The same, with other books."""
        return replace(self, venues={**self.venues, holding: books})


# -- margin ------------------------------------------------------------------------------------------------------------


def define_margin(p: Program, slack_bits: int = 30, net_bits: int = 15) -> None:
    """Net equity less a charge on gross size is at least a threshold in every scenario."""
    net = p.holding("net")
    price = p.market("price", 10)
    pnl = [p.market(f"pnl[{j}]", 10, signed=True) for j in range(SCENARIOS)]
    rate = p.market("rate", 8)
    size = p.sign_split(net, net_bits, label="net").absolute
    threshold = p.public_scalar("threshold", 30)
    for j in range(SCENARIOS):
        p.require_sum_at_least(net * (price + pnl[j]) - size * rate, threshold, bits=slack_bits, label=f"scenario[{j}]")


@cache
def margin() -> Case:
    """A solvent account at two venues. The private scalars live in the holding's own magnitude column."""
    return margin_case(compile_program(define_margin, name="margin", rows=ROWS, row_bits=ROW_BITS))


def margin_case(program: CompiledProgram, seed: int = 1) -> Case:
    """Honest data for any compilation of `define_margin`."""
    draw = random.Random(seed)
    active = program.active_rows
    market = {"price": [draw.randrange(100, 900) for _ in range(active)]}
    for j in range(SCENARIOS):
        market[f"pnl[{j}]"] = [draw.randrange(-80, 80) for _ in range(active)]
    market["rate"] = [draw.randrange(1, 60) for _ in range(active)]
    books = [[draw.randrange(-500, 2000) for _ in range(active)] for _ in range(2)]
    return Case(program, {"net": books}, market, {"threshold": 1000})


def slacks(case: Case) -> list[int]:
    """What each scenario of a margin program leaves above the threshold."""
    net, market = case.net("net"), case.market
    return [
        sum(
            q * (price + pnl) - abs(q) * rate
            for q, price, pnl, rate in zip(net, market["price"], market[f"pnl[{j}]"], market["rate"], strict=True)
        )
        - case.scalars["threshold"]
        for j in range(SCENARIOS)
    ]


def insolvent_case(case: Case) -> Case:
    """A margin case that misses its threshold in every scenario."""
    case = case.with_scalars(threshold=(1 << 30) - 1)
    if max(slacks(case)) >= 0:
        raise ValueError("the account is too rich to be made insolvent by its threshold")
    return case


# -- packed ------------------------------------------------------------------------------------------------------------


def define_packed(p: Program, shift: int = PACKING_SHIFT) -> None:
    """The value of a holding is at least a threshold in two scenarios that share one market column."""
    net = p.holding("net")
    scenarios = p.packed_market("value[0] & value[1]", 10, shift=shift, signed=True)
    p.sign_split(net, ROW_BITS, label="net")
    threshold = p.public_scalar("threshold", 12)

    def part(index: int) -> Callable[[HintContext], int]:
        def hint(context: HintContext) -> int:
            total = context.sum(net * Vector(p.graph, scenarios.node))
            low = (total + (1 << shift >> 1)) % (1 << shift) - (1 << shift >> 1)
            value = low if index == 0 else (total - low) >> shift
            return value - context.scalar(threshold)

        return hint

    slack = [p.private_scalar(f"slack[{j}]", 30, part(j)) for j in range(2)]
    p.require_packed_sums(scenarios, net, [threshold + slack[0], threshold + slack[1]], label="packed")


@cache
def packed() -> Case:
    """A solvent account; the parts of a row's market value are its values in either scenario."""
    return packed_case(compile_program(define_packed, name="packed", rows=ROWS, row_bits=ROW_BITS), PACKING_SHIFT)


def packed_case(program: CompiledProgram, shift: int, low: int = 10, high: int = 900) -> Case:
    """Honest data for any compilation of `define_packed`: values of the first scenario from `low` to `high`."""
    draw = random.Random(3)
    active = program.active_rows
    parts = [(draw.randrange(low, high), draw.randrange(10, 900)) for _ in range(active)]
    books = [[draw.randrange(0, 1500) for _ in range(active)] for _ in range(2)]
    values = [first + (second << shift) for first, second in parts]
    return Case(program, {"net": books}, {"value[0] & value[1]": values}, {"threshold": 1000})


# -- catalogue ---------------------------------------------------------------------------------------------------------


def define_catalogue(p: Program) -> None:
    """One of every kind of constraint; private scalars of one to four rows in columns of their own."""
    spot, perp = p.holding("spot"), p.holding("perp")
    price, drift = p.market("price", 10), p.market("drift", 10, signed=True)
    weight = p.fixed("weight", [1 + row % 3 for row in range(p.rows)])
    group = p.mask("group", 4, [0, 1])
    first, last = p.unit(0), p.unit(p.rows - 1)
    floor, tally = p.public_scalar("floor", 20), p.public_scalar("tally", 10)

    spot_size = p.sign_split(spot, 13, label="spot").absolute
    perp_size = p.sign_split(perp, 13, label="perp").absolute

    gross = p.product(spot_size, weight, label="gross")
    hedged = p.boolean("hedged", lambda context: context.sparse({1: 1, 3: 1, 6: 1}))
    chosen = p.witness("chosen", p.select(hedged, gross, weight))
    p.require_zero(chosen - p.select(hedged, gross, weight), label="chosen.select")
    running = p.witness("running", lambda context: context.backend.prefix_sum(context.evaluate(gross)))
    p.require_zero((1 - last) * (p.following(running) - running - gross), label="running.step")
    p.require_zero(first * running, label="running.start")

    rate = p.ranged("rate", 7, lambda context: context.sparse({0: 127, 1: 31, 2: 32, 5: 96}))
    p.require_range(perp_size + rate, 14, label="headroom")

    count = p.private_scalar("count", 15, lambda context: context.sum(hedged))
    p.require_sum(hedged, count, label="count.sum")
    total = p.private_scalar("total", 30, lambda context: context.sum(gross))
    p.require_sum(gross, total, label="total.sum")
    p.require_sum_at_least(spot * (price + drift), floor, bits=45, label="equity")
    p.require_sum_at_least(group * gross * price + perp_size, 7, bits=60, label="stress")
    p.require_sum(hedged * weight, tally, label="tally.sum")

    placed = p.place([total, 3 * total - floor, count + 2], label="placed")
    weighted = p.product(placed, weight, label="weighted")
    p.require_sum(first * weighted, total, label="weighted.sum")


@cache
def catalogue() -> Case:
    """Two holdings, at two and three venues, in fewer rows than the domain would allow."""
    program = compile_program(define_catalogue, name="catalogue", rows=ROWS, row_bits=ROW_BITS, active_rows=12)
    draw = random.Random(2)
    active = program.active_rows
    spot = [[draw.randrange(-400, 2000) for _ in range(active)] for _ in range(2)]
    perp = [[draw.randrange(-900, 900) for _ in range(active)] for _ in range(3)]
    market = {
        "price": [draw.randrange(100, 900) for _ in range(active)],
        "drift": [draw.randrange(-80, 80) for _ in range(active)],
    }
    # hedged * weight: rows 1, 3 and 6 weigh 2, 1 and 1.
    return Case(program, {"spot": spot, "perp": perp}, market, {"floor": 5000, "tally": 4})


# -- grouped -----------------------------------------------------------------------------------------------------------

AMOUNTS: Final = [(row * row + 3) % 16 for row in range(ROWS)]
GROUPS: Final = [(5 * row + 1) % 4 for row in range(ROWS)]
FEES: Final = [30, 33, 36, 39]


def define_grouped(p: Program) -> None:
    """Fraction sums: amounts by group, and each row's fee looked up in a public list by its group."""
    index, fee = p.fixed("index", list(range(p.rows))), p.market("fee", 10)
    amount = p.ranged("amount", 4, given("amount"))
    group, charged, totals = (p.witness(name, given(name)) for name in ("group", "charged", "totals"))
    p.require_grouped_sums_equal((amount, [group]), (totals, [index]), label="by group")
    p.lookup([group, charged], [index, fee], given("uses"), label="list")
    p.require_row(totals, 2, p.public_scalar("total of group 2", 10), label="published")


@cache
def grouped() -> Case:
    """Amounts in four groups."""
    program = compile_program(define_grouped, name="grouped", rows=ROWS, digit_bits=4)
    totals = [sum(a for a, g in zip(AMOUNTS, GROUPS, strict=True) if g == group) for group in range(len(FEES))]
    columns = {
        "amount": AMOUNTS,
        "group": GROUPS,
        "charged": [FEES[g] for g in GROUPS],
        "totals": totals,
        "uses": [GROUPS.count(group) for group in range(len(FEES))],
    }
    return Case(program, {}, {"fee": FEES}, {"total of group 2": totals[2]}, columns=columns)


# -- ballot ------------------------------------------------------------------------------------------------------------


def define_ballot(p: Program) -> None:
    """No holding, no market column, no lookup; one column that is only ever read a row ahead."""
    vote = p.boolean("vote", lambda context: context.sparse({1: 1, 4: 1, 5: 1}))
    echo = p.witness("echo", lambda context: context.sparse({2: 1, 5: 1, 6: 1}))
    p.require_zero(p.following(echo) - vote, label="echo.delay")
    p.require_sum(vote, p.public_scalar("tally", 6), label="tally.sum")


@cache
def ballot() -> Case:
    """Three votes."""
    return Case(compile_program(define_ballot, name="ballot", rows=ROWS), {}, {}, {"tally": 3})


CASES: Final = (margin, packed, catalogue, grouped, ballot)
"""Every program, for tests that hold for all."""
