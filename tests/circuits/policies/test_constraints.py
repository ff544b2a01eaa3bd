"""The intermediate representation: exact sums, bounds that cannot wrap, independence of what is listed."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from zkmargin.circuits.markets.epoch import MarketEpoch
from zkmargin.circuits.markets.instruments import InstrumentSet
from zkmargin.circuits.markets.universe import Universe
from zkmargin.circuits.policies.builder import ConstraintBuilder
from zkmargin.circuits.policies.constraints import (
    ACCOUNT,
    MAX_SCALAR_BITS,
    ConstraintError,
    Group,
    LinearForm,
    Part,
    Term,
)
from zkmargin.circuits.policies.policy import load_policy, preset_names
from zkmargin.circuits.policies.solution import Sums, assign
from zkmargin.circuits.statements.margin.circuit import UniverseLayout, compile_margin
from zkmargin.circuits.statements.margin.market import build_epoch
from zkmargin.verifier.field import SCALAR_MODULUS

PARTS = {
    Part.NET: lambda q: q,
    Part.GROSS: abs,
    Part.LONG: lambda q: max(q, 0),
    Part.SHORT: lambda q: max(-q, 0),
    Part.UNIT: lambda q: 1,
}


def group_mask(universe: Universe, group: Group) -> NDArray[np.bool_]:
    """(rows,) which rows belong to a group; never a row of private scalars.

    A function of the universe's layout alone.
    """
    if group == ACCOUNT:
        return np.asarray(np.arange(universe.rows) < universe.instrument_rows)
    slots = universe.bucket_of_row if group.kind == "bucket" else universe.underlying_of_row
    return np.asarray(slots == group.slot)


def mask_offsets(universe: Universe, group: Group) -> tuple[int, tuple[int, ...]]:
    """(stride, offsets): the group's instrument rows are those of the rows i with i mod stride in offsets.

    Rows of private scalars match too; public columns and quantities are zero there.
    """
    stride = len(universe.segments)
    if group == ACCOUNT:
        return 1, (0,)
    per_slot = 1 if group.kind == "bucket" else universe.expiry_slots + 1
    inside = (bucket >= 0 and bucket // per_slot == group.slot for bucket in universe.segments)
    return stride, tuple(offset for offset, match in enumerate(inside) if match)


@pytest.fixture(scope="module")
def market(small_data: InstrumentSet) -> MarketEpoch:
    return build_epoch(small_data, load_policy("span"))


@given(seed=st.integers(0, 2**32 - 1), bits=st.integers(1, 62), extreme=st.booleans())
@settings(max_examples=40, deadline=None)
def test_sums_are_exact(market: MarketEpoch, seed: int, bits: int, extreme: bool) -> None:
    universe, rng = market.universe, np.random.default_rng(seed)
    count = universe.instrument_rows
    column, lots = np.zeros(universe.rows, dtype=np.int64), np.zeros(universe.rows, dtype=np.int64)
    top = (1 << bits) - 1
    column[:count] = rng.choice([-top, top], count) if extreme else rng.integers(-top, top, count, endpoint=True)
    most = (1 << 60) - 1
    lots[:count] = rng.choice([-most, most], count) if extreme else rng.integers(-most, most, count)
    sums = Sums(universe, {"c": column}, lots)
    groups = [ACCOUNT, Group("underlying", 1), Group("bucket", 2)]
    for part, take in PARTS.items():
        for group in groups:
            mask = group_mask(universe, group)
            expected = sum(int(c) * take(int(q)) for c, q, m in zip(column, lots, mask, strict=True) if m)
            assert sums.term(Term("c", part, group, -3)) == -3 * expected


def test_masks_are_cosets(market: MarketEpoch) -> None:
    universe = market.universe
    groups = [ACCOUNT, *(Group("underlying", s) for s in range(len(universe.underlyings)))]
    groups += [Group("bucket", b) for b in sorted(set(universe.segments) - {-1})]
    for group in groups:
        stride, offsets = mask_offsets(universe, group)
        by_coset = np.isin(np.arange(universe.rows) % stride, offsets)
        instrument_row = np.arange(universe.rows) < universe.instrument_rows
        assert offsets
        assert universe.rows % stride == 0
        assert np.array_equal(by_coset & instrument_row, group_mask(universe, group))


@pytest.mark.parametrize("name", preset_names())
def test_obligations_depend_on_policy_and_layout_alone(name: str, small_data: InstrumentSet) -> None:
    policy = load_policy(name)
    market = build_epoch(small_data, policy)
    fewer = small_data.model_copy(update={"instruments": small_data.instruments[:20]})
    later = MarketEpoch.build(fewer, previous=market.universe)
    assert policy.constraints(later.universe.shape) == policy.constraints(market.universe.shape)
    assert later.universe.segments == market.universe.segments
    assert set(policy.public_columns(later)) == set(policy.public_columns(market))


@pytest.mark.parametrize("name", preset_names())
def test_the_rows_that_scalars_take_are_known_before_compiling(name: str, small_data: InstrumentSet) -> None:
    """`build_epoch` asks the constraints, not the compiler, whether a universe leaves rows for the private scalars."""
    policy = load_policy(name)
    universe = build_epoch(small_data, policy).universe
    program = compile_margin(policy, UniverseLayout.of(universe)).compiled
    taken = sum(len(rows) for rows in program.scalar_rows)
    assert taken == policy.constraints(universe.shape).scalar_rows <= universe.rows - universe.instrument_rows


@pytest.mark.parametrize("name", preset_names())
def test_no_sum_can_wrap_around_the_field(name: str, small_data: InstrumentSet) -> None:
    constraints = load_policy(name).constraints(build_epoch(small_data, load_policy(name)).universe.shape)
    assert max(scalar.bits for scalar in constraints.all_scalars) <= MAX_SCALAR_BITS
    weight = (1 << constraints.quantity_bits) - 1
    bits = {scalar.name: scalar.bits for scalar in constraints.all_scalars}
    for inequality in (*constraints.inequalities, constraints.final):
        total = 1 << inequality.slack_bits
        for term in inequality.value.terms:
            size = abs(term.coefficient) << constraints.by_name[term.column].bits
            total += size * constraints.shape.instrument_rows * (1 if term.part is Part.UNIT else weight)
        total += sum(abs(c) << bits[scalar] for scalar, c in inequality.value.scalars)
        assert total < SCALAR_MODULUS // 2


def test_a_bound_beyond_the_range_is_refused(market: MarketEpoch) -> None:
    builder = ConstraintBuilder(market.universe.shape, 60)
    wide = builder.column("wide", 62, signed=True)
    builder.at_least("fits", LinearForm.of(wide, Part.NET))
    with pytest.raises(ConstraintError, match=r"too_wide: expected at most 240 bits"):
        builder.at_least("too_wide", LinearForm.of(wide, Part.NET, coefficient=1 << 120))
    with pytest.raises(ConstraintError, match=r"fits: expected a new private scalar"):
        builder.at_least("fits")
    with pytest.raises(ConstraintError, match=r"missing: no such public column"):
        builder.at_least("other", LinearForm.of("missing", Part.NET))


@given(values=st.lists(st.integers(-(2**100), 2**100), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_norm_is_an_upper_bound_within_its_rounding(market: MarketEpoch, values: list[int]) -> None:
    universe = market.universe
    builder = ConstraintBuilder(universe.shape, 60)
    columns = {}
    row = universe.by_id["BTC"].row
    lots = np.zeros(universe.rows, dtype=np.int64)
    lots[row] = 1 << 55
    for index, value in enumerate(values):
        name = builder.column(f"x[{index}]", 47, signed=True)
        columns[name] = np.zeros(universe.rows, dtype=np.int64)
        columns[name][row] = max(-(2**47) + 1, min(2**47 - 1, value >> 54))
    cone = builder.cone("norm", [LinearForm.of(name, Part.NET) for name in columns], 40)
    constraints = builder.finish(value=LinearForm(), cover=(1, 1), risk_factor=(1, 1))
    witness = assign(constraints, universe, columns, lots)
    exact = sum((int(column[row]) << 55) ** 2 for column in columns.values())
    bound = (witness.values[cone.magnitude] + math.isqrt(len(values) - 1) + 1) << cone.shift
    assert bound * bound >= exact
    assert bound <= math.isqrt(exact) + ((2 * math.isqrt(len(values)) + 6) << cone.shift)
    assert all(0 <= witness.values[s.name] < 1 << s.bits for s in cone.scalars)


def test_affine_arithmetic_merges_terms() -> None:
    one = LinearForm.of("a", Part.NET) + LinearForm.scalar("s") * 2
    assert one - one == LinearForm()
    assert (one + one) == one * 2
    assert replace(one, constant=5) + LinearForm(constant=-5) == one
