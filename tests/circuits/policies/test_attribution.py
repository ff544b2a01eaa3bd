"""Shares of a margin, and what if."""

from __future__ import annotations

from decimal import Decimal

import pytest
from support.markets import SPOTS, small_market

from zkmargin.circuits.markets.positions import PositionsError, positions_from_quantities
from zkmargin.circuits.policies.attribution import attribute
from zkmargin.circuits.policies.evaluate import evaluate_margin
from zkmargin.circuits.policies.policy import load_policy
from zkmargin.circuits.policies.what_if import moved, traded, unmatched_derivatives
from zkmargin.circuits.statements.margin.market import build_epoch
from zkmargin.verifier.errors import FormatError

POLICY = load_policy("span")
EPOCH = build_epoch(small_market(), POLICY)


def book(**quantities: str):  # type: ignore[no-untyped-def]
    return positions_from_quantities(EPOCH.universe, {name.replace("_", "-"): q for name, q in quantities.items()})


BOOKS = {
    "kestrel": book(USD="-100000", BTC_PERP="2", BTC_600_1_C="-3"),
    "marlin": book(USD="300000", ETH_PERP="-10", BTC_600_1_C="1"),
}


def test_shares_come_from_evaluations_without_each_position() -> None:
    shares = attribute(POLICY, EPOCH, BOOKS)
    whole = evaluate_margin(POLICY, EPOCH, BOOKS.values())
    assert shares.result == whole
    assert sum(item.value for item in shares.positions) == whole.nlv_usd_e12
    without = book(USD="200000", BTC_600_1_C="-2", ETH_PERP="-10")
    rest = evaluate_margin(POLICY, EPOCH, without)
    perpetual = next(item for item in shares.positions if item.instrument == "BTC-PERP")
    assert perpetual.requirement == whole.requirement_usd_e12 - rest.requirement_usd_e12
    assert {item.name for item in shares.venues} == {"kestrel", "marlin"}
    for venue in shares.venues:
        alone = evaluate_margin(POLICY, EPOCH, BOOKS[venue.name])
        assert (venue.requirement, venue.slack) == (alone.requirement_usd_e12, alone.slack_usd_e12)


def test_the_binding_pnl_adds_up() -> None:
    shares = attribute(POLICY, EPOCH, BOOKS)
    binding = next(s for s in shares.result.scenarios if s.name == shares.result.worst_scenario)
    assert sum(item.pnl for item in shares.positions) == binding.pnl_usd_e12
    assert {item.underlying for item in shares.positions if item.pnl} <= {binding.name.split()[0]}


def test_greeks_are_those_of_a_small_move() -> None:
    shares = attribute(POLICY, EPOCH, {"one": book(BTC_600_1_C="2")})
    greeks = shares.greeks["BTC"]
    step = Decimal("0.0001")
    held = book(BTC_600_1_C="2")
    up, down = (evaluate_margin(POLICY, moved(EPOCH, {"BTC": sign * step}), held).nlv_usd_e12 for sign in (1, -1))
    forward = next(i for i in EPOCH.data.instruments if i.id == "BTC-600-1-C").forward_usd
    assert abs((up - down) / 1e12 / float(2 * step * forward) - greeks.delta) < 1e-4
    assert greeks.gamma > 0
    assert greeks.vega > 0
    assert attribute(POLICY, EPOCH, {"one": book(ETH_PERP="-3")}).greeks["ETH"].delta == -3


def test_a_trade_at_the_mark_changes_no_worth() -> None:
    trade = traded(EPOCH, {"BTC-PERP": Decimal("1.5"), "supply-ETH": Decimal("-2"), "USD": Decimal(7)})
    worth = evaluate_margin(POLICY, EPOCH, trade).nlv_usd_e12
    assert abs(worth - 7 * 10**12) <= 10**8
    with pytest.raises(PositionsError, match="NONE"):
        traded(EPOCH, {"NONE": Decimal(1)})


def test_a_move_reaches_its_underlying_alone() -> None:
    before = {i.id: i for i in EPOCH.data.instruments}
    after = {i.id: i for i in moved(EPOCH, {"ETH": Decimal("-0.25")}).data.instruments}
    assert after["ETH-PERP"].mark_price_usd == Decimal(SPOTS["ETH"]) * Decimal("0.75")
    assert after["BTC-PERP"] == before["BTC-PERP"]
    assert after["ETH-600-1-P"].mark_price_usd > before["ETH-600-1-P"].mark_price_usd
    everything = {i.id: i for i in moved(EPOCH, {"*": Decimal("0.1"), "USDC": Decimal(0)}).data.instruments}
    assert everything["USDC"] == before["USDC"]
    assert everything["BTC"].mark_price_usd > before["BTC"].mark_price_usd
    for moves in ({"XYZ": Decimal("0.1")}, {"BTC": Decimal(-1)}):
        with pytest.raises(FormatError, match="--move"):
            moved(EPOCH, moves)


def test_a_derivative_without_a_cash_leg_is_noticed() -> None:
    assert "BTC-PERP" in (unmatched_derivatives(EPOCH, book(BTC_PERP="10", USD="100000")) or "")
    assert "BTC-PERP" in (unmatched_derivatives(EPOCH, book(BTC_PERP="-10", USD="100000")) or "")
    assert unmatched_derivatives(EPOCH, book(BTC_PERP="10", USD="-900000")) is None
    assert unmatched_derivatives(EPOCH, book(BTC_PERP="-10", USD="1000000")) is None
    assert unmatched_derivatives(EPOCH, book(BTC="10", USD="100000")) is None
