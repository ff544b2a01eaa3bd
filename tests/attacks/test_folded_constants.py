"""The lie: constants whose product is huge, folded modulo r into one that looks small. Told by: a program's author.

Gained: the compiler reads magnitudes from constants, so a sum that wraps around r passes for one that cannot, and what
holds modulo r is taken for what holds of integers. Refused: constants stand for integers, and fold as integers, with
the bound that every coefficient has.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkmargin.circuits.language import CompileError, Program, compile_program
from zkmargin.circuits.language.graph import Graph
from zkmargin.circuits.markets.universe import UniverseShape
from zkmargin.circuits.policies.policy import load_policy
from zkmargin.verifier.circuit import CircuitError
from zkmargin.verifier.expression import Constant, Operator
from zkmargin.verifier.field import SCALAR_MODULUS, centred

HALF = SCALAR_MODULUS // 2
BIG = 1 << 200
SMALL = pow(BIG, -1, SCALAR_MODULUS) * 7 % SCALAR_MODULUS
"""BIG times SMALL is 7 modulo r, and about 2^450 as an integer."""


def compiled(define: Callable[[Program], object]) -> None:
    compile_program(define, name="attack", rows=32, row_bits=15)


@pytest.mark.parametrize("order", ["columns first", "constants first"])
def test_a_product_of_450_bits_that_is_seven_modulo_r(order: str) -> None:
    factor = min(SMALL, SCALAR_MODULUS - SMALL)

    def define(p: Program) -> None:
        net = p.holding("net")
        q = p.sign_split(net, 15, label="net").absolute
        if order == "constants first":
            p.require_sum(q * ((q * 0 + BIG) * factor), 0, label="sneaky")
        else:
            p.require_zero(q * ((q * 0 + BIG) * factor) - q, label="sneaky")

    with pytest.raises(CompileError, match=r"^constant: constants fold to 2\*\*4[45][0-9] or more in magnitude"):
        compiled(define)


@pytest.mark.parametrize("operator", ["add", "subtract"])
def test_sums_of_constants_are_bounded_as_well(operator: str) -> None:
    def define(p: Program) -> None:
        nothing = p.market("price", 5) * 0
        left = nothing + HALF
        right = nothing + (HALF if operator == "add" else -HALF)
        p.require_zero(left + right if operator == "add" else left - right, label="sneaky")

    with pytest.raises(CompileError, match=r"^constant: constants fold to 2\*\*253"):
        compiled(define)


@given(st.integers(-HALF, HALF), st.integers(-HALF, HALF), st.sampled_from(list(Operator)))
def test_what_folds_is_the_integer(left: int, right: int, operator: Operator) -> None:
    exact = {Operator.ADD: left + right, Operator.SUBTRACT: left - right, Operator.MULTIPLY: left * right}[operator]
    graph = Graph()
    if abs(exact) > HALF:
        with pytest.raises(CompileError, match="constants fold"):
            graph.binary(operator, graph.constant(left), graph.constant(right))
        return
    node = graph.nodes[graph.binary(operator, graph.constant(left), graph.constant(right))]
    assert isinstance(node, Constant)
    assert centred(node.value) == exact


# -- the kind: what a program declares and no constraint reads ---------------------------------------------------------


def net_and(declare: Callable[[Program], object]) -> Callable[[Program], None]:
    def define(p: Program) -> None:
        size = p.sign_split(p.holding("net"), 15, label="net").absolute
        p.require_sum_at_least(size * p.market("price", 5), 0, bits=30, label="worth")
        declare(p)

    return define


@pytest.mark.parametrize(
    ("declare", "says"),
    [
        (lambda p: p.market("rate", 5), "rate: no constraint reads this market column"),
        (lambda p: p.packed_market("rates", 5), "rates: no constraint reads this market column"),
        (lambda p: p.market("rate", 5) * 0, "rate: no constraint reads this market column"),
        (lambda p: p.public_scalar("floor", 30), "floor: no sum reads this public scalar"),
        (lambda p: p.public_scalar("floor", 30) * 0, "floor: no sum reads this public scalar"),
        (lambda p: p.holding("second"), "second: no constraint reads this column"),
    ],
)
def test_what_no_constraint_reads_is_refused(declare: Callable[[Program], object], says: str) -> None:
    """A published column or number that nothing reads looks to a reader as if the proof were about it."""
    compiled(net_and(lambda p: None))
    with pytest.raises(CircuitError, match=says):
        compiled(net_and(declare))


def test_a_rule_by_expiry_publishes_nothing_where_nothing_expires() -> None:
    """Its columns would be of no constraint; with an expiry in the universe they are."""
    policy = load_policy("derive-pmrm2")
    for expiries, expected in ((0, False), (1, True)):
        shape = UniverseShape(rows=1024, instrument_rows=768, underlying_slots=2, expiry_slots=expiries)
        declared = {column.name for column in policy.constraints(shape).columns}
        assert any(name.startswith("skew.") for name in declared) is expected
