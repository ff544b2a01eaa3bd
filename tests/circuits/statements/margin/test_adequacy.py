"""A proof exists and verifies exactly when the integer evaluator says adequate, on the boundary unit as well."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from support.desk import Book, Desk, instruments, make_desk, preset_desk

from zkmargin.circuits.markets.units import RangeError, format_decimal
from zkmargin.circuits.policies.policy import PRESETS, Policy, load_policy
from zkmargin.circuits.statements.margin.prover import InadequateError
from zkmargin.verifier.errors import ProofRejected

EVERYDAY = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
LONG = settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])

quantities = st.one_of(
    st.decimals(-50, 50, places=4, allow_nan=False, allow_infinity=False),
    st.sampled_from([Decimal(0), Decimal("0.0001"), Decimal("-0.0001"), Decimal(100000), Decimal(-100000)]),
)
cash = st.decimals(-5_000_000, 5_000_000, places=6, allow_nan=False, allow_infinity=False)


@st.composite
def books(draw: st.DrawFn, desk: Desk) -> list[Book]:
    """One to three venues' books of a few instruments; a short of everything, dust and one giant position included."""
    lots = {listing.id: Decimal(1).scaleb(-listing.lot_exponent) for listing in desk.market.epoch.universe.listings}
    names = [name for name in lots if name != "USD"]
    drawn: list[Book] = []
    for _ in range(draw(st.integers(1, 3))):
        held = draw(st.dictionaries(st.sampled_from(names), quantities, max_size=5))
        drawn.append({name: format_decimal(quantity.quantize(lots[name])) for name, quantity in held.items()})
    return [{**drawn[0], "USD": format_decimal(draw(cash))}, *drawn[1:]]


def check(desk: Desk, held: list[Book]) -> None:
    """The three ways to find out agree: the evaluator, the prover, and a prover without scruples at the verifier."""
    if desk.evaluate(held).adequate:
        desk.verify(desk.prove(held))
        return
    with pytest.raises(InadequateError):
        desk.prove(held)
    refuses(desk, held)


def refuses(desk: Desk, held: list[Book]) -> None:
    forged = desk.forge(held)
    with pytest.raises(ProofRejected, match="pairing"):
        desk.verify(forged)


@pytest.mark.parametrize("name", PRESETS)
def test_a_proof_exists_exactly_when_the_evaluator_says_adequate(name: str) -> None:
    desk = preset_desk(name)

    @EVERYDAY
    @given(books(desk))
    def agree(held: list[Book]) -> None:
        check(desk, held)

    agree()


@pytest.mark.slow
@pytest.mark.parametrize("name", [f"{name}{flavour}" for name in PRESETS for flavour in ("", "-maintenance")])
def test_many_books(name: str) -> None:
    desk = preset_desk(name)

    @LONG
    @given(books(desk))
    def agree(held: list[Book]) -> None:
        check(desk, held)

    agree()


@st.composite
def desks(draw: st.DrawFn) -> Desk:
    """A policy with numbers that nobody chose, over prices that nobody saw."""
    preset = load_policy(draw(st.sampled_from(["span", "paradex", "perpetual-tiers", "tiered-haircuts"])))
    fields = {name: value for name, value in preset.to_json().items() if name not in ("format", "version")}
    fields["cover"] = draw(st.sampled_from(["1", "1.25", "1.000001", "99.999999"]))
    fields["risk_factor"] = draw(st.sampled_from(["1", "0.8", "0.000001", "9.999999"]))
    fields["quantity_bits"] = draw(st.sampled_from([48, 60]))
    price = st.decimals(1, 2_000_000, places=4, allow_nan=False, allow_infinity=False).map(format_decimal)
    vol = st.decimals(0, 5, places=4, allow_nan=False, allow_infinity=False).map(format_decimal)
    try:
        return make_desk(Policy.model_validate(fields), instruments(draw(price), draw(price), draw(vol)))
    except RangeError:
        # Refused by the instrument's name, as a price or a rate beyond 2^47 units a lot must be: there is no market.
        reject()


def refusal(act: Callable[[list[Book]], object], held: list[Book]) -> str:
    """What a netted quantity beyond the policy's range is refused with; empty when none is."""
    try:
        act(held)
    except RangeError as error:
        return str(error)
    except InadequateError:
        pass
    return ""


def any_policy_and_prices(examples: int) -> None:
    @settings(EVERYDAY, max_examples=examples, report_multiple_bugs=False)
    @given(st.data())
    def agree(data: st.DataObject) -> None:
        desk = data.draw(desks())
        held = data.draw(books(desk))
        if refused := refusal(desk.evaluate, held):
            assert refusal(desk.prove, held) == refused
        else:
            check(desk, held)

    agree()


def test_any_policy_and_prices() -> None:
    any_policy_and_prices(10)


@pytest.mark.slow
def test_many_policies_and_prices() -> None:
    any_policy_and_prices(300)


def with_cash(held: list[Book], micro_usd: int) -> list[Book]:
    return [{**held[0], "USD": format_decimal(Decimal(micro_usd).scaleb(-6))}, *held[1:]]


def least_cash(desk: Desk, held: list[Book]) -> int:
    """The fewest micro-dollars that make the books adequate: more cash never makes them worse."""
    low, high = -(10**14), 10**17
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if desk.evaluate(with_cash(held, middle)).adequate else (middle, high)
    return high


BOOKS: dict[str, list[Book]] = {
    "short options": [{"BTC-600-94000-C": "-3", "BTC-1-94000-P": "-2"}, {"BTC-PERP": "1.5"}],
    "lending": [{"supply-BTC": "2"}, {"borrow-USDC": "-50000"}, {"USDC": "1234.5678"}],
}


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("held", BOOKS.values(), ids=BOOKS)
def test_one_unit_decides(name: str, held: list[Book]) -> None:
    desk = preset_desk(name)
    least = least_cash(desk, held)
    enough, short = with_cash(held, least), with_cash(held, least - 1)
    desk.verify(desk.prove(enough))
    assert not desk.evaluate(short).adequate
    with pytest.raises(InadequateError) as caught:
        desk.prove(short)
    assert caught.value.result.worst_scenario in str(caught.value)
    refuses(desk, short)


def test_a_value_at_risk_add_on_and_a_cover_level() -> None:
    """A policy that nobody shipped: a correlated value at risk beside scenarios, and 125 % cover."""
    floor = load_policy("span")
    rule = {
        "kind": "value_at_risk",
        "name": "var",
        "z": "2.33",
        "factors": [
            {"underlying": "BTC", "exposure": "delta", "move": "0.04"},
            {"underlying": "BTC", "exposure": "gamma", "move": "0.04"},
            {"underlying": "BTC", "exposure": "vega", "move": "0.05"},
        ],
        "correlation": [["1", "0.1", "-0.6"], ["0.1", "1", "0.2"], ["-0.6", "0.2", "1"]],
    }
    fields = {name: value for name, value in floor.to_json().items() if name not in ("format", "version")}
    policy = Policy.model_validate({**fields, "name": "covered", "cover": "1.25", "rules": [*fields["rules"], rule]})
    desk = make_desk(policy)
    held = BOOKS["short options"]
    least = least_cash(desk, held)
    assert least > least_cash(preset_desk("span"), held)
    desk.verify(desk.prove(with_cash(held, least)))
    refuses(desk, with_cash(held, least - 1))


def test_a_giant_position_and_an_empty_book() -> None:
    desk = preset_desk("span")
    desk.verify(desk.prove([{}]))
    desk.verify(desk.prove([{"BTC": "10000000000"}, {"BTC": "-9999999999.99999999"}]))
    check(desk, [{"BTC": "11529215046"}])
