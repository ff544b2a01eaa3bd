"""Parameters by underlying, and the indicator of a tier: proofs exist exactly when the evaluator says adequate."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.desk import AS_OF, Book, Desk, make_desk
from support.forging import forge, least_cash, with_cash

from zkmargin.circuits.markets.instruments import InstrumentSet
from zkmargin.circuits.markets.units import format_decimal
from zkmargin.circuits.policies.policy import Policy
from zkmargin.circuits.statements.margin.prover import InadequateError
from zkmargin.verifier.errors import ProofRejected


def coins() -> InstrumentSet:
    """Two coins and a third that policies refuse: spot, perpetual, future, and options in and out of the money."""
    entries: list[dict[str, Any]] = [{"id": "USD", "kind": "cash"}]
    for name, price in (("BTC", "90000"), ("HYPE", "41.25"), ("DOGE", "0.142")):
        base = {"underlying": name, "mark_price_usd": price}
        expiry = (AS_OF + timedelta(days=20)).isoformat()
        entries += [
            {"id": name, "kind": "spot", **base},
            {"id": f"{name}-PERP", "kind": "perpetual", **base, "open_interest": "1000"},
            {"id": f"{name}-F", "kind": "future", **base, "expiry": expiry},
        ]
        entries += [
            {
                "id": f"{name}-{ratio}-{side[0].upper()}",
                "kind": "option",
                "underlying": name,
                "mark_price_usd": format_decimal(Decimal(price) * Decimal("0.031")),
                "forward_usd": price,
                "implied_vol": "0.7",
                "expiry": expiry,
                "strike_usd": format_decimal(Decimal(price) * Decimal(ratio)),
                "option_type": side,
            }
            for ratio in ("0.8", "1.25")
            for side in ("call", "put")
        ]
    return InstrumentSet.model_validate({"as_of": AS_OF.isoformat(), "instruments": entries})


rates = st.decimals(0, 1, places=4, allow_nan=False, allow_infinity=False).map(format_decimal)
factors = st.decimals("0.1", 3, places=3, allow_nan=False, allow_infinity=False).map(format_decimal)
moves = st.decimals("-0.95", 4, places=3, allow_nan=False, allow_infinity=False).map(format_decimal)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Rules with drawn parameters for BTC, for HYPE or every other coin, and DOGE refused or not."""
    netting = draw(st.sampled_from(["account", "underlying"]))

    def table() -> dict[str, Any]:
        discounting = {"long_base": "0.98", "long_rate": "0.1", "short_base": "1.02", "short_rate": "0.1"}
        return {
            "factor": draw(factors),
            "vol_moves": {"up": {"kind": "relative", "change": draw(rates)}},
            "scenarios": [
                {"name": "one", "price_move": draw(moves), "vol_move": "up"},
                {"name": "two", "price_move": draw(moves), "rate_move": draw(rates)},
            ],
            **({"margin_period_days": draw(st.sampled_from(["0.5", "1"]))} if draw(st.booleans()) else {}),
            **({"discounting": discounting} if draw(st.booleans()) else {}),
        }

    def terms() -> dict[str, Any]:
        return {side: {"base": draw(rates), "minimum": draw(rates)} for side in ("call", "put")}

    def tiers() -> list[dict[str, str]]:
        boundaries = sorted(draw(st.sets(st.integers(1, 2_000_000), max_size=3)))
        leverage = sorted(draw(st.lists(st.integers(1, 50), min_size=4, max_size=4)), reverse=True)
        starts = [0, *boundaries]
        return [{"from_usd": str(b), "max_leverage": str(x)} for b, x in zip(starts, leverage, strict=False)]

    def by_underlying(entry: Any) -> dict[str, Any]:
        return {"BTC": entry(), "*": entry(), **({"DOGE": "refuse"} if refused else {})}

    refused = draw(st.booleans())
    rules: list[dict[str, Any]] = [
        {"kind": "scenario_tables", "name": "grid", "netting": netting, "tables": by_underlying(table)},
        {"kind": "short_option_margin", "name": "options", "tables": by_underlying(terms)},
        {"kind": "position_leverage", "name": "leverage", "tiers": {"BTC": tiers(), "*": tiers()}},
        {
            "kind": "size_charge",
            "name": "size",
            "tiers": {
                name: [{"from_usd": "0", "rate": "0"}, {"from_usd": "90000", "rate": draw(rates)}]
                for name in ("BTC", "*")
            },
        },
        {
            "kind": "collateral_factors",
            "name": "haircuts",
            "kinds": ["spot"],
            "other_kinds": "full",
            "factors": {"BTC": draw(rates), "*": draw(rates)},
        },
    ]
    return Policy.model_validate(
        {
            "name": "drawn",
            "flavour": "initial",
            "cover": draw(st.sampled_from(["1", "1.25"])),
            "risk_factor": draw(st.sampled_from(["1", "0.8"])),
            "quantity_bits": draw(st.sampled_from([48, 60])),
            "rules": rules,
        }
    )


@st.composite
def books(draw: st.DrawFn, desk: Desk) -> Book:
    quantities = st.decimals(-50, 50, places=1, allow_nan=False, allow_infinity=False)
    names = [listing.id for listing in desk.market.epoch.universe.listings if listing.id != "USD"]
    held = draw(st.dictionaries(st.sampled_from(names), quantities, max_size=5))
    cash = draw(st.decimals(-(10**6), 10**7, places=6, allow_nan=False, allow_infinity=False))
    return {**{name: format_decimal(quantity) for name, quantity in held.items()}, "USD": format_decimal(cash)}


def agree(examples: int) -> None:
    @settings(max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.data())
    def check(data: st.DataObject) -> None:
        desk = make_desk(data.draw(policies()), coins())
        book = data.draw(books(desk))
        least = least_cash(desk, book)
        if least is not None:
            desk.verify(desk.prove([with_cash(book, least)]))
        short = book if least is None else with_cash(book, least - 1)
        assert not desk.evaluate([short]).adequate
        with pytest.raises(InadequateError):
            desk.prove([short])
        with pytest.raises(ProofRejected, match="pairing"):
            desk.verify(desk.forge([short]))

    check()


def test_the_boundary_unit_of_drawn_policies() -> None:
    agree(12)


@pytest.mark.slow
def test_the_boundary_unit_of_many_drawn_policies() -> None:
    agree(150)


# -- forged witnesses --------------------------------------------------------------------------------------------------

TIERED = Policy.model_validate(
    {
        "name": "tiered",
        "flavour": "initial",
        "rules": [
            {
                "kind": "position_leverage",
                "name": "leverage",
                "tiers": {
                    "BTC": [{"from_usd": "0", "max_leverage": "40"}, {"from_usd": "180000", "max_leverage": "10"}],
                    "*": [{"from_usd": "0", "max_leverage": "3"}],
                },
            }
        ],
    }
)


@cache
def tiered_desk() -> Desk:
    return make_desk(TIERED, coins())


def test_the_whole_position_is_margined_at_its_tier() -> None:
    desk = tiered_desk()
    for quantity, requirement in (("1.9999", "4499.775"), ("2", "18000"), ("-2", "18000"), ("3", "27000")):
        book = {"BTC-PERP": quantity, "USD": format_decimal(-Decimal(quantity) * 90000 + Decimal(requirement))}
        spare = desk.evaluate([{**book, "USD": format_decimal(Decimal(book["USD"]) + Decimal("0.01"))}])
        assert spare.adequate
        assert not desk.evaluate([{**book, "USD": format_decimal(Decimal(book["USD"]) - Decimal("0.01"))}]).adequate
        assert abs(Decimal(spare.to_json()["requirement_usd"]) - Decimal(requirement)) < Decimal("0.01")
        desk.verify(desk.prove([{**book, "USD": format_decimal(Decimal(book["USD"]) + Decimal("0.01"))}]))


BOOK = {"BTC-PERP": "3", "USD": "-255000"}
"""270,000 USD of a position whose tier asks for 27,000, with a worth of 15,000."""


def reached(desk: Desk) -> str:
    """The bit of BTC's second tier."""
    return f"leverage.reached[1][{desk.market.epoch.universe.underlyings.index('BTC')}]"


@pytest.mark.parametrize(("bit", "breaks"), [(0, "set"), (2, "at_most_one")])
def test_a_forged_tier_breaks_one_constraint_and_is_rejected(bit: int, breaks: str) -> None:
    """A tier called unreached, or a bit of two, with all that follows repaired: one constraint is in the way."""
    desk = tiered_desk()
    name = reached(desk)
    assert not desk.evaluate([BOOK]).adequate
    forged, broken = forge(desk, BOOK, {name: bit})
    assert f"{name}.{breaks}" in broken
    assert bit or broken == {f"{name}.{breaks}"}
    with pytest.raises(ProofRejected, match="pairing"):
        desk.verify(forged)


def test_a_bit_set_where_the_tier_is_not_reached_only_costs() -> None:
    desk = tiered_desk()
    for cash, broken in (("-80000", set()), ("-87000", {"adequate"})):
        book = {"BTC-PERP": "1", "USD": cash}
        honest, nothing = forge(desk, book, {})
        assert not nothing
        desk.verify(honest)
        forged, found = forge(desk, book, {reached(desk): 1})
        assert found == broken
        if not broken:
            desk.verify(forged)
            continue
        with pytest.raises(ProofRejected, match="pairing"):
            desk.verify(forged)


@pytest.mark.parametrize("name", ["DOGE-PERP", "DOGE-0.8-C", "DOGE"])
def test_what_is_refused_is_worth_nothing_in_a_proof(name: str) -> None:
    rules = [
        {
            "kind": "scenario_tables",
            "name": "grid",
            "netting": "underlying",
            "tables": {"BTC": {"scenarios": [{"name": "down", "price_move": "-0.1"}]}, "*": "refuse"},
        }
    ]
    desk = make_desk(Policy.model_validate({"name": "refusing", "flavour": "initial", "rules": rules}), coins())
    desk.verify(desk.prove([{name: "1000", "USD": "0"}]))
    for book in ({name: "1000", "USD": "-1"}, {name: "-1000", "USD": "10000"}):
        assert not desk.evaluate([book]).adequate
        with pytest.raises(ProofRejected, match="pairing"):
            desk.verify(desk.forge([book]))
