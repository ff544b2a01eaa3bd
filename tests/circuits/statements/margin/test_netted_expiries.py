"""Expiries discounted by their sign, and strikes netted: proofs exist exactly when the evaluator says adequate."""

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
from zkmargin.circuits.markets.positions import positions_from_quantities
from zkmargin.circuits.markets.units import format_decimal
from zkmargin.circuits.policies.policy import Policy
from zkmargin.circuits.policies.solution import assign
from zkmargin.circuits.statements.margin.prover import InadequateError
from zkmargin.verifier.errors import ProofRejected


def chain() -> InstrumentSet:
    """One coin, two expiries, two strikes with call and put and a third with a call alone."""
    base = {"underlying": "BTC", "mark_price_usd": "90000"}
    entries: list[dict[str, Any]] = [{"id": "USD", "kind": "cash"}, {"id": "BTC-PERP", "kind": "perpetual", **base}]
    for days in (20, 90):
        for name in ("80000-C", "80000-P", "95000-C", "95000-P", "120000-C"):
            strike, side = name.split("-")
            entries.append(
                {
                    "id": f"{days}-{name}",
                    "kind": "option",
                    "underlying": "BTC",
                    "mark_price_usd": format_decimal(Decimal(90000) * Decimal("0.04")),
                    "forward_usd": "90000",
                    "implied_vol": "0.6",
                    "expiry": (AS_OF + timedelta(days=days)).isoformat(),
                    "strike_usd": strike,
                    "option_type": {"C": "call", "P": "put"}[side],
                }
            )
    return InstrumentSet.model_validate({"as_of": AS_OF.isoformat(), "instruments": entries})


shares = st.decimals(0, 1, places=4, allow_nan=False, allow_infinity=False).map(format_decimal)
moves = st.decimals("-0.9", 2, places=3, allow_nan=False, allow_infinity=False).map(format_decimal)


def policy_with(first: str, second: str, up: str, rate: str, strikes: int, *, long: str = "0.9") -> Policy:
    table = {
        "factor": "1.1",
        "vol_moves": {"up": {"kind": "relative", "change": up}},
        "scenarios": [
            {"name": "one", "price_move": first, "vol_move": "up"},
            {"name": "two", "price_move": second, "weight": "0.5"},
        ],
        "discounting": {
            "long_base": long, "long_rate": "0.1", "short_base": "1.2", "short_rate": "0.1", "rate": rate
        },
    }  # fmt: skip
    skew = {"base_cap": "0.25", "cap_per_sqrt_year": "-0.1", "minimum_width": "0.01", "width": "2.4"}
    rules = [
        {"kind": "expiry_scenarios", "name": "grid", "tables": {"BTC": table, "*": "refuse"}, "skew": skew},
        {"kind": "strike_netted_shorts", "name": "naked", "rates": {"*": "0.0123"}, "strikes": strikes},
    ]
    return Policy.model_validate({"name": "netted", "flavour": "initial", "quantity_bits": 48, "rules": rules})


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    return policy_with(draw(moves), draw(moves), draw(shares), draw(shares), draw(st.integers(1, 3)))


@st.composite
def books(draw: st.DrawFn, desk: Desk) -> Book:
    quantities = st.decimals(-20, 20, places=1, allow_nan=False, allow_infinity=False)
    names = [listing.id for listing in desk.market.epoch.universe.listings if listing.id != "USD"]
    held = draw(st.dictionaries(st.sampled_from(names), quantities, min_size=1, max_size=6))
    return {**{name: format_decimal(quantity) for name, quantity in held.items()}, "USD": "0"}


def agree(examples: int) -> None:
    @settings(max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.data())
    def check(data: st.DataObject) -> None:
        desk = make_desk(data.draw(policies()), chain())
        book = data.draw(books(desk))
        least = least_cash(desk, book)
        assert least is not None
        desk.verify(desk.prove([with_cash(book, least)]))
        short = with_cash(book, least - 1)
        with pytest.raises(InadequateError):
            desk.prove([short])
        with pytest.raises(ProofRejected, match="pairing"):
            desk.verify(desk.forge([short]))

    check()


def test_the_boundary_unit_of_drawn_policies() -> None:
    agree(6)


@pytest.mark.slow
def test_the_boundary_unit_of_many_drawn_policies() -> None:
    agree(100)


# -- forged witnesses --------------------------------------------------------------------------------------------------


@cache
def desk() -> Desk:
    return make_desk(policy_with("-0.2", "0.3", "0.3", "0.05", 2), chain())


STRADDLE: Book = {"20-95000-C": "-3", "20-95000-P": "-3", "USD": "90000"}
SHORT_STRIKE: Book = {"20-80000-C": "-4", "20-80000-P": "1", "USD": "90000"}


def boundary(book: Book) -> tuple[Book, Book]:
    """The book with the least cash that is adequate, and with half of its requirement less."""
    least = least_cash(desk(), book)
    assert least is not None
    return with_cash(book, least), with_cash(book, least - 10**8)


@pytest.mark.parametrize("index", [0, 1])
def test_a_debt_that_is_called_an_asset_breaks_its_own_constraint(index: int) -> None:
    """What an expiry in debt loses beyond an asset's discount, forged to nothing."""
    enough, short = boundary(STRADDLE)
    name = next(
        scalar.name
        for scalar in desk().policy.constraints(desk().market.epoch.universe.shape).scalars
        if scalar.name.startswith(f"grid.spread[{index}].debt") and _value(STRADDLE, scalar.name)
    )
    honest, nothing = forge(desk(), enough, {})
    assert not nothing
    desk().verify(honest)
    forged, broken = forge(desk(), short, {name: 0})
    assert f"{name}.bound[0]" in broken
    with pytest.raises(ProofRejected, match="pairing"):
        desk().verify(forged)


def _value(book: Book, name: str) -> int:
    made = desk()
    universe = made.market.epoch.universe
    lots = positions_from_quantities(universe, book).lots
    return assign(made.policy.constraints(universe.shape), universe, made.market.columns, lots).values[name]


def names_of(part: str) -> list[str]:
    made = desk()
    scalars = made.policy.constraints(made.market.epoch.universe.shape).scalars
    return [scalar.name for scalar in scalars if part in scalar.name and _value(STRADDLE, scalar.name)]


def test_options_sold_at_a_strike_and_called_bought_break_their_own_constraint() -> None:
    enough, short = boundary(SHORT_STRIKE)
    made = desk()
    scalars = made.policy.constraints(made.market.epoch.universe.shape).scalars
    (name,) = (s.name for s in scalars if ".sold[" in s.name and _value(SHORT_STRIKE, s.name))
    made.verify(forge(made, enough, {})[0])
    forged, broken = forge(made, enough, {name: 0})
    assert broken == {f"{name}.bound[0]"}
    with pytest.raises(ProofRejected, match="pairing"):
        made.verify(forged)
    assert not made.evaluate([short]).adequate


def test_a_skew_of_size_nothing_breaks_its_own_constraints() -> None:
    name = names_of("grid.absolute.size")[0]
    enough, _ = boundary(STRADDLE)
    forged, broken = forge(desk(), enough, {name: 0})
    assert broken
    assert all(label.startswith(f"{name}.bound") for label in broken)
    with pytest.raises(ProofRejected, match="pairing"):
        desk().verify(forged)


def test_a_choice_other_than_zero_or_one_breaks_its_own_constraint() -> None:
    """Two lets go of nothing more than one does, and of half of it the field has plenty: only bits are taken."""
    made = desk()
    scalars = made.policy.constraints(made.market.epoch.universe.shape).scalars
    name = next(s.name for s in scalars if s.name.startswith("grid.linear.debt"))
    enough, _ = boundary(STRADDLE)
    for bit, refused in ((0, False), (1, False), (2, True)):
        forged, broken = forge(made, enough, {name: bit})
        if refused:
            assert f"{name}.at_most_one" in broken
        if broken:
            with pytest.raises(ProofRejected, match="pairing"):
                made.verify(forged)
        else:
            made.verify(forged)


def test_a_choice_is_free_and_never_gains() -> None:
    """Where an expiry gains in the skew, the other choice asks for more or as much; where it loses, for the same."""
    made = desk()
    book: Book = {"90-120000-C": "-5", "90-80000-C": "1", "BTC-PERP": "0.1", "USD": "0"}
    least = least_cash(made, book)
    assert least is not None
    scalars = made.policy.constraints(made.market.epoch.universe.shape).scalars
    choices = [s.name for s in scalars if s.name.startswith("grid.") and ".debt[" in s.name and s.indicates is not None]
    gained = [name for name in choices if _value(book, name)]
    assert 0 < len(gained) < len(choices)
    for name in (gained[0], next(name for name in choices if name not in gained)):
        for bit in (0, 1):
            _, broken = forge(made, with_cash(book, least - 1), {name: bit})
            assert broken == {"adequate"}
    made.verify(made.prove([with_cash(book, least)]))
