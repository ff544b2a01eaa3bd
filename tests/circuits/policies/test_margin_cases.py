"""Numbers that venues, exchanges and textbooks published, against ours: equal, or a named difference that asks more."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from zkmargin.circuits.markets.instruments import InstrumentSet
from zkmargin.circuits.markets.models import parse_model
from zkmargin.circuits.markets.positions import positions_from_quantities
from zkmargin.circuits.policies.evaluate import evaluate_margin
from zkmargin.circuits.policies.policy import Policy, load_policy
from zkmargin.circuits.statements.margin.market import build_epoch
from zkmargin.verifier.errors import FormatError

ROOT: Final = Path(__file__).parents[3]
CASES: Final = {case["name"]: case for case in json.loads((ROOT / "tests/vectors/margin/cases.json").read_text())}
REFUSED: Final = {
    "dydx-4-zero-im": "initial_fraction: input should be greater than 0",
    "dydx-5-price-zero": "mark_price_usd: input should be greater than 0",
}
"""What no policy or market may say, by the words that refuse it. docs/policies.md tells why."""
HIGHER: Final = {"paradex-hype-perp": Decimal(40)}
"""Cases that deliberately ask for more than their source, by at most so much. docs/policies.md tells why."""


def body_of(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in ("format", "version")}


def figure(case: dict[str, Any]) -> Decimal:
    """What we compute for a case, in USD."""
    name = case["policy"]
    policy = load_policy(name) if isinstance(name, str) else parse_model(Policy, body_of(name), "policy")
    data = {"as_of": case["as_of"], "instruments": case["instruments"]}
    epoch = build_epoch(parse_model(InstrumentSet, data, "instruments"), policy)
    book = positions_from_quantities(epoch.universe, dict(case["book"]))
    return Decimal(evaluate_margin(policy, epoch, book).to_json()[case["field"]])


@pytest.mark.parametrize("name", [name for name in CASES if name not in REFUSED and name not in HIGHER])
def test_equals_its_source(name: str) -> None:
    expected = Decimal(CASES[name]["expected"])
    assert abs(figure(CASES[name]) - expected) <= max(abs(expected) / 1000, Decimal("0.01"))


@pytest.mark.parametrize("name", HIGHER)
def test_a_deliberate_difference_asks_for_more(name: str) -> None:
    excess = figure(CASES[name]) - Decimal(CASES[name]["expected"])
    assert Decimal("0.01") < excess <= HIGHER[name] + Decimal("0.01")


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_stated_is_refused_by_name(name: str) -> None:
    with pytest.raises(FormatError, match=REFUSED[name]):
        figure(CASES[name])


def test_the_documentation_names_every_case_that_is_not_equal() -> None:
    text = (ROOT / "docs/policies.md").read_text()
    assert not [name for name in (*REFUSED, *HIGHER) if f"`{name}`" not in text]
    assert len(CASES) == 46
    assert all(case["source"] for case in CASES.values())
