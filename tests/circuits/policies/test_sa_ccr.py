"""SA-CCR: the Committee's five worked examples by formulas of their own, and the rule against what it can state.

Inputs and exposures of the examples: presets/sources/regulatory-sa-ccr.json names where they were read.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

import pytest
from support.desk import AS_OF, make_desk
from support.forging import least_cash, with_cash

from zkmargin.circuits.markets.instruments import InstrumentSet
from zkmargin.circuits.markets.positions import positions_from_quantities
from zkmargin.circuits.policies.evaluate import evaluate_margin
from zkmargin.circuits.policies.policy import Policy
from zkmargin.circuits.statements.margin.circuit import UniverseLayout, compile_margin
from zkmargin.circuits.statements.margin.market import build_epoch
from zkmargin.circuits.statements.margin.prover import InadequateError
from zkmargin.verifier.errors import ProofRejected

MARGINED: Final = 1.5 * math.sqrt(14 / 250)
"""Weekly calls: 9 + 5 business days."""


def duration(start: float, end: float) -> float:
    return (math.exp(-0.05 * start) - math.exp(-0.05 * end)) / 0.05


SWAPTION_DELTA: Final = -0.5 * math.erfc((math.log(0.06 / 0.05) / 0.5 + 0.25) / math.sqrt(2))
RATES: Final = {
    "USD": (0.0, -10000 * duration(0, 4), 10000 * duration(0, 10)),
    "EUR": (0.0, 0.0, 5000 * duration(1, 11) * SWAPTION_DELTA),
}
"""Effective notionals below one year, to five years, beyond."""
CREDIT: Final = {
    "AA": (10000 * duration(0, 3), 0.0038, 0.5),
    "BBB": (-10000 * duration(0, 6), 0.0054, 0.5),
    "IG": (10000 * duration(0, 5), 0.0038, 0.8),
}
"""Adjusted notional with its sign, supervisory factor, correlation."""


def of_rates(maturity: float = 1.0) -> float:
    def effective(d: Sequence[float]) -> float:
        a, b, c = d
        return math.sqrt(a * a + b * b + c * c + 1.4 * a * b + 1.4 * b * c + 0.6 * a * c)

    return 0.005 * maturity * sum(effective(buckets) for buckets in RATES.values())


def of_credit() -> float:
    common = sum(rho * factor * d for d, factor, rho in CREDIT.values())
    return math.sqrt(common**2 + sum((1 - rho * rho) * (factor * d) ** 2 for d, factor, rho in CREDIT.values()))


def of_commodities(maturity: float | None = None) -> float:
    nine_months = math.sqrt(0.75) if maturity is None else maturity
    other = 1.0 if maturity is None else maturity
    return 0.18 * (abs(10000 * nine_months - 20000 * other) + 10000 * other)


def exposure(value: float, add_on: float, collateral: float = 0.0, replacement: float = 0.0) -> float:
    """1.4 (RC + multiplier * add-on)."""
    net = value - collateral
    multiplier = min(1.0, 0.05 + 0.95 * math.exp(net / (2 * 0.95 * add_on)))
    return 1.4 * (max(net, replacement, 0.0) + multiplier * add_on)


@pytest.mark.parametrize(
    ("found", "published"),
    [
        (exposure(60, of_rates()), 569),
        (exposure(-20, of_credit()), 381),
        (exposure(20, of_commodities()), 5406),
        (exposure(40, of_rates() + of_credit()), 936),
        (exposure(80, of_rates(MARGINED) + of_commodities(MARGINED), 200, 0 + 5 - 150), 1879),
    ],
)
def test_the_formulas_give_the_committees_exposures(found: float, published: int) -> None:
    assert round(found) == published


def policy_of(classes: dict[str, Any], **fields: Any) -> Policy:
    rule = {"kind": "supervisory_add_on", "name": "saccr", "classes": classes, **fields}
    return Policy.model_validate({"name": "saccr", "flavour": "initial", "rules": [rule]})


def cls(hedging_set: str, factor: str, rho: str, volatility: str = "0.7") -> dict[str, str]:
    parameters = {"supervisory_factor": factor, "correlation": rho, "option_volatility": volatility}
    return {"hedging_set": hedging_set, **parameters}


def market(*entries: dict[str, Any]) -> InstrumentSet:
    instruments = [{"id": "USD", "kind": "cash"}, *entries]
    return InstrumentSet.model_validate({"as_of": AS_OF.isoformat(), "instruments": instruments})


def add_on(policy: Policy, data: InstrumentSet, book: dict[str, str]) -> float:
    epoch = build_epoch(data, policy)
    positions = positions_from_quantities(epoch.universe, book)
    return evaluate_margin(policy, epoch, positions).requirement_usd_e12 / 1e12 / 1.4


def forward(name: str, underlying: str, days: float) -> dict[str, Any]:
    expiry = (AS_OF + timedelta(days=days)).isoformat()
    return {"id": name, "kind": "future", "underlying": underlying, "mark_price_usd": "100", "expiry": expiry}


DOLLARS: Final = 20.0
"""What squaring in dollars and rounding may cost, over all components."""


@pytest.mark.parametrize(("period", "maturity"), [(None, None), (14, MARGINED)])
def test_the_rule_gives_the_add_on_of_the_commodities(period: int | None, maturity: float | None) -> None:
    classes = {"OIL": cls("energy", "0.18", "0.4"), "SILVER": cls("metals", "0.18", "0.4"), "*": "refuse"}
    policy = policy_of(classes, **({} if period is None else {"margin_period_days": period}))
    data = market(forward("A", "OIL", 365 * 0.75), forward("B", "OIL", 730), forward("C", "SILVER", 1825))
    found = add_on(policy, data, {"A": "100", "B": "-200", "C": "100", "USD": "0"})
    assert of_commodities(maturity) <= found <= of_commodities(maturity) + DOLLARS


def test_the_rule_gives_the_add_on_of_the_credit_names() -> None:
    classes = {name: cls("credit", str(factor), str(rho)) for name, (_, factor, rho) in CREDIT.items()}
    entries = [
        {"id": f"{name}-PERP", "kind": "perpetual", "underlying": name, "mark_price_usd": f"{abs(d):.4f}"}
        for name, (d, _, _) in CREDIT.items()
    ]
    book = {f"{name}-PERP": "1" if d > 0 else "-1" for name, (d, _, _) in CREDIT.items()}
    found = add_on(policy_of({**classes, "*": "refuse"}), market(*entries), {**book, "USD": "0"})
    assert of_credit() <= found <= of_credit() + DOLLARS


def test_a_proof_exists_exactly_at_the_boundary() -> None:
    """The norm is a cone's, whose every constraint test_forged_witness.py breaks; here the charge is one unit short."""
    classes = {"BTC": cls("equity", "0.32", "0.5", "1.2"), "*": cls("other", "0.1", "0.2")}
    desk = make_desk(policy_of(classes))
    book = {"BTC-PERP": "-2", "BTC-600-94000-C": "3", "USD": "0"}
    least = least_cash(desk, book)
    assert least is not None
    desk.verify(desk.prove([with_cash(book, least)]))
    short = with_cash(book, least - 1)
    with pytest.raises(InadequateError):
        desk.prove([short])
    with pytest.raises(ProofRejected, match="pairing"):
        desk.verify(desk.forge([short]))
    assert Decimal(least) > 0


def test_the_rows_of_a_norm_are_counted_as_they_are_compiled() -> None:
    """A universe is searched by this count: one row too few and no epoch can be built."""
    policy = policy_of({"BTC": cls("equity", "0.32", "0.5"), "*": cls("other", "0.1", "0.2")})
    epoch = build_epoch(market(forward("A", "BTC", 90), forward("B", "ETH", 90)), policy)
    compiled = compile_margin(policy, UniverseLayout.of(epoch.universe)).compiled
    assert policy.constraints(epoch.universe.shape).scalar_rows == sum(len(rows) for rows in compiled.scalar_rows)
