"""The integer evaluator against an independent calculation, on random books and on the boundary unit."""

from __future__ import annotations

import json
from decimal import Decimal
from functools import cache

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.markets import small_market
from support.reference_margin import reference_margin

from zkmargin.circuits.markets.epoch import MarketEpoch
from zkmargin.circuits.markets.positions import Positions, positions_from_quantities
from zkmargin.circuits.markets.units import RangeError
from zkmargin.circuits.policies.constraints import Constraints
from zkmargin.circuits.policies.evaluate import evaluate_margin
from zkmargin.circuits.policies.policy import (
    ONE_UNDERLYING,
    Policy,
    find_shipped,
    load_policy,
    preset_names,
    shipped_policies,
)
from zkmargin.circuits.policies.solution import assign
from zkmargin.circuits.statements.margin.market import build_epoch

SUPERSEDED = tuple(shipped.alias for shipped in shipped_policies() if shipped != find_shipped(shipped.name))
POLICY_NAMES = (*preset_names(), *ONE_UNDERLYING, "value-at-risk", "account-netting", "by-underlying")
EVERY_POLICY = (*POLICY_NAMES, *(pytest.param(alias, marks=pytest.mark.slow) for alias in SUPERSEDED))
FLOAT_ERROR = 1e-9
"""Relative error granted to the floating-point reference."""


BY_UNDERLYING = {
    "name": "by-underlying",
    "flavour": "initial",
    "risk_factor": "0.9",
    "rules": [
        {
            "kind": "scenario_tables",
            "name": "grid",
            "netting": "account",
            "look_ahead_days": "1",
            "tables": {
                "BTC": {
                    "factor": "1.15",
                    "vol_moves": {"up": {"kind": "relative", "change": "0.3"}},
                    "discounting": {"long_base": "0.98", "long_rate": "0.1", "short_base": "1.02", "short_rate": "0.1"},
                    "scenarios": [
                        {"name": "apart", "price_move": "-0.1", "vol_move": "up", "rate_move": "0.15"},
                        {"name": "rally", "price_move": "0.2", "rate_move": "-0.07"},
                    ],
                    "margin_period_days": "2.5",
                },
                "*": {
                    "scenarios": [
                        {"name": "apart", "price_move": "0.1"},
                        {"name": "rally", "price_move": "0.3", "weight": "0.7"},
                    ]
                },
                "DOGE": "refuse",
            },
        },
        {
            "kind": "short_option_margin",
            "name": "standard",
            "tables": {
                "BTC": {"call": {"base": "0.15", "minimum": "0.1"}, "put": {"base": "0.15", "minimum": "0.12"}},
                "*": {"call": {"base": "0.3", "minimum": "0.2"}, "put": {"base": "0.4", "minimum": "0.3"}},
            },
        },
        {
            "kind": "position_leverage",
            "name": "leverage",
            "tiers": {
                "BTC": [
                    {"from_usd": "0", "max_leverage": "40"},
                    {"from_usd": "1000000", "max_leverage": "20"},
                    {"from_usd": "2000000.5", "max_leverage": "3"},
                ],
                "*": [{"from_usd": "0", "max_leverage": "10"}, {"from_usd": "70000", "max_leverage": "5"}],
            },
        },
        {
            "kind": "size_charge",
            "name": "size",
            "kinds": ["perpetual", "spot"],
            "tiers": {
                "BTC": [{"from_usd": "0", "rate": "0"}, {"from_usd": "500000", "rate": "0.02"}],
                "*": [{"from_usd": "0", "rate": "0.001"}, {"from_usd": "10000", "rate": "0.05"}],
            },
        },
        {"kind": "short_option_minimum", "name": "som", "rates": {"BTC": "0.01", "*": "0.04"}},
        {
            "kind": "delta_charge",
            "name": "delta",
            "rates": {
                "ETH": {"net_rate": "0.03", "hedged_rate": "0.01"},
                "*": {"net_rate": "0.02", "hedged_rate": "0.04"},
            },
        },
        {
            "kind": "basis_contingency",
            "name": "basis",
            "tables": {
                "BTC": {"factor": "1.2", "price_move": "0.05", "add": "0.5", "multiply": "2"},
                "*": {"price_move": "0.1", "add": "1", "multiply": "1"},
            },
        },
        {
            "kind": "unit_contingencies",
            "name": "unit",
            "charges": [
                {"kinds": ["perpetual"], "side": "both", "rates": {"BTC": "0.01", "*": "0.03"}},
                {"kinds": ["option"], "side": "short", "rate": "0.005"},
            ],
        },
        {
            "kind": "collateral_factors",
            "name": "haircuts",
            "kinds": ["spot"],
            "other_kinds": "full",
            "factors": {"BTC": "0.9", "USDC": "0.99", "*": "0.5"},
        },
        {
            "kind": "tiered_haircuts",
            "name": "sizes",
            "kinds": ["supply"],
            "other_kinds": "full",
            "tiers": {"*": [{"from_usd": "0", "ratio": "0.9"}, {"from_usd": "100000", "ratio": "0.4"}]},
        },
    ],
}
"""Every parameter that can be given by underlying, and haircuts beside derivatives."""


@cache
def policy_named(name: str) -> Policy:
    if find_shipped(name) is not None:
        return load_policy(name)
    if name == "by-underlying":
        return Policy.model_validate(BY_UNDERLYING)
    body = load_policy("span").to_json()
    del body["format"], body["version"]
    if name == "account-netting":
        body["rules"][0]["netting"] = "account"
        return Policy.model_validate({**body, "name": name, "cover": "1.25", "risk_factor": "0.937"})
    factors = [
        {"underlying": u, "exposure": e, "move": m}
        for u in ("BTC", "ETH")
        for e, m in (("delta", "0.04"), ("gamma", "0.04"), ("vega", "0.05"))
    ]
    matrix = [["1" if i == j else "0.6" if abs(i - j) == 3 else "-0.1" for j in range(6)] for i in range(6)]
    rule = {"kind": "value_at_risk", "name": "var", "z": "2.33", "factors": factors, "correlation": matrix}
    return Policy.model_validate({**body, "name": name, "rules": [*body["rules"], rule]})


@cache
def setting(name: str) -> tuple[MarketEpoch, Constraints, dict[str, np.ndarray]]:
    policy = policy_named(name)
    market = build_epoch(small_market(), policy)
    return market, policy.constraints(market.universe.shape), policy.public_columns(market)


def quantities_of(market: MarketEpoch, positions: Positions) -> dict[str, float]:
    return {
        item.id: int(positions.lots[item.row]) / 10**item.lot_exponent
        for item in market.universe.listings
        if positions.lots[item.row]
    }


@st.composite
def books(draw: st.DrawFn, market: MarketEpoch) -> Positions:
    """Sparse, dense, all short, dust, one giant, deep tails, expiring within the hour; cash of either sign."""
    listings = market.universe.listings
    style = draw(st.sampled_from(["sparse", "dense", "short", "dust", "giant", "tails", "expiring"]))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    lots = np.zeros(market.universe.rows, dtype=np.int64)
    for item in listings:
        if item.id == "USD":
            lots[item.row] = int(rng.integers(-(10**14), 10**14))
            continue
        if style == "tails" and not ("-0.3-" in item.id or "-3-" in item.id):
            continue
        if style == "expiring" and "-1-" not in item.id and "F1" not in item.id:
            continue
        if style in ("sparse", "giant") and rng.random() < 0.8:
            continue
        size = int(10 ** rng.uniform(0, 3 if style == "dust" else 11))
        lots[item.row] = -size if style == "short" else size * int(rng.choice([-1, 1]))
    if style == "giant":
        item = listings[draw(st.integers(0, len(listings) - 1))]
        lots[item.row] = draw(st.sampled_from([-1, 1])) * ((1 << 60) - 1)
    return Positions(market.universe.digest, lots)


@pytest.mark.parametrize("name", EVERY_POLICY)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_evaluator_agrees_with_floating_point_and_never_favours_the_prover(name: str, data: st.DataObject) -> None:
    policy, (market, constraints, columns) = policy_named(name), setting(name)
    positions = data.draw(books(market))
    result = evaluate_margin(policy, market, positions, columns=columns)
    reference = reference_margin(policy, market, quantities_of(market, positions))
    # Rounding: units per lot for prices, scenarios, charges and tiers, and some dollars where squares are taken.
    lots = float(np.abs(positions.lots.astype(object)).sum())
    rounding = (
        (40 * lots * float(policy.cover) * 2) / 1e12
        + 32 * len(columns) * 1e-6
        + 12.0 * ("risk" in name or "ccr" in name)
    )
    error = FLOAT_ERROR * reference.gross + 1e-6
    slack = result.slack_usd_e12 / 1e12
    assert slack <= reference.slack + error
    assert slack >= reference.slack - error - rounding
    assert abs(result.nlv_usd_e12 / 1e12 - reference.nlv) <= error + lots / 1e12
    assert result.adequate == (result.slack_usd_e12 >= 0)
    assert min(s.slack_usd_e12 for s in result.scenarios) == result.slack_usd_e12
    assert result.requirement_usd_e12 == result.nlv_usd_e12 - result.slack_usd_e12
    # Every private scalar has its declared range, so a proof exists exactly when the book is adequate.
    witness = assign(constraints, market.universe, columns, positions.lots)
    for scalar in constraints.all_scalars:
        assert witness.values[scalar.name] < 1 << scalar.bits, scalar.name
        assert witness.values[scalar.name] >= 0 or scalar.name == "adequate.slack"
    assert witness.adequate == result.adequate


@pytest.mark.parametrize("name", EVERY_POLICY)
def test_scalars_stay_in_range_at_the_extremes(name: str) -> None:
    market, constraints, columns = setting(name)
    count, most = market.universe.instrument_rows, (1 << 60) - 1
    rng = np.random.default_rng(7)
    signs = [np.ones(count), -np.ones(count), rng.choice([-1, 1], count)]
    signs += [np.sign(column[:count]) for column in columns.values() if np.any(column < 0)]
    for sign in signs:
        lots = np.zeros(market.universe.rows, dtype=np.int64)
        lots[:count] = sign.astype(np.int64) * most
        witness = assign(constraints, market.universe, columns, lots)
        for scalar in constraints.all_scalars:
            assert witness.values[scalar.name] < 1 << scalar.bits, scalar.name
        assert set(witness.failures) <= {"adequate"}


@pytest.mark.parametrize("name", POLICY_NAMES)
def test_boundary_unit(name: str) -> None:
    """An empty book is adequate with nothing to spare, and owing one cash lot of 10^-6 USD is not."""
    policy, (market, _, columns) = policy_named(name), setting(name)
    result = evaluate_margin(policy, market, positions_from_quantities(market.universe, {}), columns=columns)
    spare = result.slack_usd_e12 if "risk" in name or "ccr" in name else 0
    assert (result.adequate, result.slack_usd_e12) == (spare == 0, spare)
    owing = positions_from_quantities(market.universe, {"USD": "-0.000001"})
    assert not evaluate_margin(policy, market, owing, columns=columns).adequate


@pytest.mark.parametrize("name", ["span", "derive-pmrm2", "paradex", "perpetual-tiers", "account-netting"])
def test_cash_moves_the_boundary_by_exactly_its_lot(name: str) -> None:
    policy, (market, _, columns) = policy_named(name), setting(name)
    book = {"BTC-PERP": "-3.00000007", "ETH-F600": "41.5", "USD": "0"}
    slack = evaluate_margin(policy, market, positions_from_quantities(market.universe, book), columns=columns)
    lots_needed = -(slack.slack_usd_e12 // 10**6)
    for lots, adequate in ((lots_needed, True), (lots_needed - 1, False)):
        book["USD"] = str(Decimal(lots).scaleb(-6))
        result = evaluate_margin(policy, market, positions_from_quantities(market.universe, book), columns=columns)
        assert result.adequate is adequate
        assert 0 <= result.slack_usd_e12 + (0 if adequate else 10**6) < 10**6


@pytest.mark.parametrize("name", ["span", "derive-pmrm2@2025-06", "paradex@2026-03"])
def test_risk_columns_bracket_the_true_profit(name: str) -> None:
    """A long lot's column is at most its P&L; what a short lot is charged for rounding covers the rest."""
    policy, (market, _, columns) = policy_named(name), setting(name)
    grid = policy.rules[0]
    held = {i.id: 1.0 for i in market.data.instruments}
    for instrument in market.data.instruments:
        if instrument.kind == "cash" or instrument.underlying in policy.unshocked_underlyings:
            continue
        item = market.universe.by_id[instrument.id]
        lot_units = 10.0 ** (12 - item.lot_exponent)
        for scenario in grid.scenarios:
            alone = policy.model_copy(
                update={"rules": (grid.model_copy(update={"scenarios": (scenario,), "discounting": None}),)}
            )
            for sign in (1.0, -1.0):
                reference = reference_margin(alone, market, {instrument.id: sign * held[instrument.id]})
                loss = reference.groups[instrument.underlying][-1] * lot_units
                if grid.discounting is None:
                    column = int(columns[grid.column_name(scenario)][item.row])
                    bound = 3 + 1e-12 * abs(loss)
                    assert -sign * column >= loss - (bound if sign < 0 else 1e-12 * abs(loss) + 1e-3)


@pytest.mark.parametrize("name", preset_names())
def test_presets_evaluate_on_the_real_chain(name: str, deribit_data) -> None:  # type: ignore[no-untyped-def]
    policy = load_policy(name)
    market = build_epoch(deribit_data, policy)
    rich = positions_from_quantities(market.universe, {"USD": "1000000", "BTC-26JUN20-9000-C": "5", "BTC": "2"})
    result = evaluate_margin(policy, market, rich)
    assert result.adequate
    poor = positions_from_quantities(market.universe, {"USD": "1000", "BTC-26JUN20-9000-C": "-5"})
    assert not evaluate_margin(policy, market, poor).adequate
    document = result.to_json()
    assert json.loads(json.dumps(document)) == document
    assert {"adequate", "nlv_usd", "requirement_usd", "slack_usd", "worst_scenario", "scenarios"} <= set(document)
    assert Decimal(document["nlv_usd"]) - Decimal(document["requirement_usd"]) == Decimal(document["slack_usd"])


def test_hedges_net_within_an_underlying_and_not_across() -> None:
    policy, (market, _, columns) = policy_named("derive-pmrm2"), setting("derive-pmrm2")

    def requirement(**book: str) -> int:
        quantities = {name.replace("_", "-"): quantity for name, quantity in book.items()}
        positions = positions_from_quantities(market.universe, quantities)
        return evaluate_margin(policy, market, positions, columns=columns).requirement_usd_e12

    hedged = requirement(BTC_F600="1", BTC_PERP="-1")
    alone = requirement(BTC_F600="1")
    other = requirement(BTC_F600="1", ETH_PERP="-30")
    assert hedged < alone / 2 < other


def test_closed_rows_are_worthless_long_and_punitive_short(small_data) -> None:  # type: ignore[no-untyped-def]
    policy = policy_named("span")
    market = build_epoch(small_data, policy)
    kept = tuple(i for i in small_data.instruments if i.id != "ETH-PERP")
    stale = MarketEpoch(market.universe, small_data.model_copy(update={"instruments": kept}))
    long = evaluate_margin(policy, stale, positions_from_quantities(market.universe, {"ETH-PERP": "1000"}))
    assert (long.nlv_usd_e12, long.requirement_usd_e12) == (0, 0)
    book = {"ETH-PERP": "-0.00000001", "USD": "70"}
    assert not evaluate_margin(policy, stale, positions_from_quantities(market.universe, book)).adequate


def test_quantity_bits_are_enforced_by_name() -> None:
    market, _, columns = setting("span")
    narrow = policy_named("span").model_copy(update={"quantity_bits": 48})
    positions = positions_from_quantities(market.universe, {"BTC-PERP": "100000000"})
    with pytest.raises(RangeError, match=r"^BTC-PERP: expected a netted quantity below 2\^48 lots"):
        evaluate_margin(narrow, market, positions, columns=columns)
