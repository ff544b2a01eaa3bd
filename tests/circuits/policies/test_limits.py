"""Limits and marks: against the independent calculation, at the boundary, and with forged witnesses."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np
import pytest
from support.desk import Book, Desk, make_desk
from support.markets import small_market
from support.reference_margin import limit_rooms, reference_margin

from zkmargin.circuits.markets.positions import positions_from_quantities
from zkmargin.circuits.policies.evaluate import evaluate_margin
from zkmargin.circuits.policies.policy import Policy
from zkmargin.circuits.policies.row_notes import row_notes
from zkmargin.circuits.statements.margin.market import build_epoch
from zkmargin.circuits.statements.margin.prover import InadequateError
from zkmargin.verifier.errors import ProofRejected

GRID: Final = {
    "kind": "scenario_grid",
    "name": "grid",
    "netting": "underlying",
    "scenarios": [{"name": "down", "price_move": "-0.1"}, {"name": "up", "price_move": "0.1"}],
}


def limit(measure: str, by: str = "underlying", **most: str) -> dict[str, Any]:
    table = {"*" if name == "rest" else name: amount for name, amount in most.items()}
    return {"kind": "limit", "name": measure[:20], "measure": measure, "by": by, "most": table}


LIMITS: Final[dict[str, list[dict[str, Any]]]] = {
    "gross": [limit("gross_notional", BTC="500000", rest="20000.5")],
    "gross of the account": [limit("gross_notional", "account", rest="600000")],
    "net": [limit("net_notional", BTC="300000", rest="1000")],
    "delta": [limit("delta", BTC="200000", rest="30000")],
    "delta of the account": [limit("delta", "account", rest="200000")],
    "vega": [limit("vega", BTC="1000", rest="10")],
    "position": [limit("position", BTC="2.5", ETH="60.25", rest="100000")],
    "open interest": [limit("open_interest_share", BTC="0.01", rest="0.0001")],
    "leverage": [{"kind": "leverage_limit", "name": "leverage", "most": "3.5"}],
    "concentration": [{"kind": "concentration_limit", "name": "spread", "most_share": "0.75"}],
    "restricted instrument": [{"kind": "restricted", "name": "banned", "instruments": ["BTC-PERP"]}],
    "restricted underlying": [{"kind": "restricted", "name": "banned", "underlyings": ["DOGE"], "side": "short"}],
    "restricted kind": [{"kind": "restricted", "name": "banned", "kinds": ["option"], "side": "short"}],
}


def policy_of(rules: list[dict[str, Any]]) -> Policy:
    return Policy.model_validate({"name": "limited", "flavour": "initial", "rules": [GRID, *rules]})


@pytest.mark.parametrize("name", LIMITS)
def test_limits_agree_with_an_independent_calculation(name: str) -> None:
    policy = policy_of(LIMITS[name])
    epoch = build_epoch(small_market(), policy)
    columns = policy.public_columns(epoch)
    rng = np.random.default_rng(11)
    names = [i.id for i in epoch.data.instruments if i.kind != "cash"]
    kept = set()
    for _ in range(120):
        book = {"USD": str(int(rng.integers(0, 10**6)))}
        for index in rng.choice(len(names), int(rng.integers(1, 6)), replace=False):
            cheap = names[index].startswith(("DOGE", "supply-DOGE", "borrow-DOGE"))
            scale = 10 ** rng.uniform(3, 6) if cheap else 10 ** rng.uniform(-2, 1.3)
            digits = min(3, epoch.universe.by_id[names[index]].lot_exponent)
            book[names[index]] = f"{rng.choice([-1, 1]) * scale:.{digits}f}"
        result = evaluate_margin(policy, epoch, positions_from_quantities(epoch.universe, book), columns=columns)
        quantities = {key: float(value) for key, value in book.items() if float(value)}
        expected = limit_rooms(policy, epoch, quantities)
        found = {item.name: item.room / 1e12 for item in result.limits}
        for title, room in expected.items():
            if "restricted" in title:
                assert (found[title] < 0) == (room < 0)
                continue
            size = 1e-9 * (1 + sum(abs(q) for q in quantities.values()) * 1e5)
            assert room - 0.01 - size <= found[title] <= room + size
        assert all(found[title] >= 0 for title in found.keys() - expected.keys())
        assert result.adequate == (result.slack_usd_e12 >= 0 and not result.exceeded)
        kept |= {not result.exceeded}
    assert kept == {True, False}


@cache
def desk(name: str) -> Desk:
    return make_desk(policy_of(LIMITS[name]))


RICH: Final = "9000000"
KEPT_AND_BROKEN: Final[dict[str, tuple[Book, Book]]] = {
    "gross": ({"BTC-PERP": "5.3", "USD": RICH}, {"BTC-PERP": "-5.4", "USD": RICH}),
    "gross of the account": ({"BTC-PERP": "6", "USD": RICH}, {"BTC-PERP": "3", "BTC-F600": "-4", "USD": RICH}),
    "net": ({"BTC-PERP": "6", "BTC-F600": "-3", "USD": RICH}, {"BTC-PERP": "-3.2", "USD": RICH}),
    "delta": ({"BTC-PERP": "2", "USD": RICH}, {"BTC-PERP": "2.2", "USD": RICH}),
    "delta of the account": ({"BTC-PERP": "-2", "USD": RICH}, {"BTC-PERP": "-2.2", "USD": RICH}),
    "position": ({"BTC-PERP": "2.499999", "USD": RICH}, {"BTC-PERP": "2.50000001", "USD": RICH}),
    "vega": ({"BTC-600-94000-C": "-2", "USD": RICH}, {"BTC-600-94000-C": "-20", "USD": RICH}),
    "open interest": ({"BTC-PERP": "312.49", "USD": "90000000"}, {"BTC-PERP": "312.6", "USD": "90000000"}),
    "leverage": ({"BTC-PERP": "3", "USD": "-200000"}, {"BTC-PERP": "3", "USD": "-203000"}),
    "restricted instrument": ({"BTC": "1", "USD": RICH}, {"BTC-PERP": "0.00000001", "USD": RICH}),
    "restricted kind": ({"BTC-600-94000-C": "1", "USD": RICH}, {"BTC-600-94000-C": "-0.001", "USD": RICH}),
}


@pytest.mark.parametrize("name", KEPT_AND_BROKEN)
def test_a_book_beyond_a_limit_has_no_proof(name: str) -> None:
    made = desk(name)
    kept, broken = KEPT_AND_BROKEN[name]
    assert made.evaluate([kept]).adequate
    made.verify(made.prove([kept]))
    result = made.evaluate([broken])
    assert result.slack_usd_e12 >= 0
    assert result.exceeded
    assert not result.adequate
    with pytest.raises(InadequateError, match="a limit of policy limited is exceeded") as refusal:
        made.prove([broken])
    assert result.exceeded[0].name in str(refusal.value)
    with pytest.raises(ProofRejected, match="pairing"):
        made.verify(made.forge([broken]))


def test_a_concentrated_book_has_no_proof() -> None:
    made = desk("concentration")
    spread = {"BTC": "1", "USDC": "40000", "USD": RICH}
    made.verify(made.prove([spread]))
    broken = {"BTC": "1", "USD": RICH}
    assert [item.name for item in made.evaluate([broken]).exceeded] == ["BTC spread: concentration"]
    with pytest.raises(ProofRejected, match="pairing"):
        made.verify(made.forge([broken]))


# -- marks -------------------------------------------------------------------------------------------------------------

CHECKED: Final = policy_of([{"kind": "mark_check", "name": "marks", "tolerance": "0.05"}])


def test_a_wrong_mark_is_priced_by_its_rule_and_named() -> None:
    data = small_market()
    epoch = build_epoch(data, CHECKED)
    columns = CHECKED.public_columns(epoch)
    notes = {note.instrument: note for note in row_notes(CHECKED, epoch)}
    assert "no volatility" in notes["BTC-1-1.25-C"].reason
    assert "no-arbitrage" in notes["BTC-600-0.3-C"].reason
    assert "from the model" in notes["BTC-7200-1.25-C"].reason
    assert "BTC-PERP" not in notes
    for instrument in data.instruments:
        if instrument.kind != "option":
            continue
        for quantity in (2.0, -2.0):
            book = positions_from_quantities(epoch.universe, {instrument.id: str(int(quantity))})
            slack = evaluate_margin(CHECKED, epoch, book, columns=columns).slack_usd_e12 / 1e12
            expected = reference_margin(CHECKED, epoch, {instrument.id: quantity}).slack
            assert expected - 0.01 <= slack <= expected + 1e-6


def test_a_stale_or_closed_row_is_named() -> None:
    data = small_market()
    late = data.instruments[5].model_copy(update={"price_time": data.as_of.replace(hour=0)})
    later = data.model_copy(update={"instruments": (*data.instruments[:5], late, *data.instruments[6:])})
    epoch = build_epoch(later, CHECKED)
    notes = {note.instrument: note for note in row_notes(CHECKED, epoch)}
    assert "older than 3600 seconds" in notes[late.id].reason
    assert "worth nothing long" in notes[late.id].priced


def test_notes_come_without_a_rule_as_well() -> None:
    plain = policy_of([])
    notes = {note.instrument: note for note in row_notes(plain, build_epoch(small_market(), plain))}
    assert notes["BTC-600-0.3-C"].priced == "as marked"
