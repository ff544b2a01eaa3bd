"""`derive-pmrm2-exact` against its source's contract, done again in floating point: equal, not only never below."""

from __future__ import annotations

import importlib
import math
import sys
from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import numpy as np
import pytest
from support.markets import AS_OF
from support.reference_margin import black

from zkmargin.circuits.markets.epoch import MarketEpoch
from zkmargin.circuits.markets.instruments import InstrumentSet
from zkmargin.circuits.markets.positions import positions_from_quantities
from zkmargin.circuits.policies.evaluate import evaluate_margin
from zkmargin.circuits.policies.policy import Policy, PolicyError, load_policy
from zkmargin.circuits.policies.shipped import read_source
from zkmargin.circuits.statements.margin.market import build_epoch
from zkmargin.demo.run import read_sample
from zkmargin.verifier.contracts.table import TableError
from zkmargin.verifier.errors import FormatError

INDEX: Final = 94250.5
SECONDS: Final = (1000, 30 * 86400, 200 * 86400)
STRIKES: Final = (70000, 90000, 100000, 130000)
YEAR: Final = 365 * 86400.0
P: Final[Any] = next(v for v in read_source("derive-pmrm2").versions if v.dated == "2026-08").parameters
EXTRA: Final[Any] = read_source("derive-pmrm2-exact").versions[-1].parameters


def market() -> InstrumentSet:
    """One coin at 94,250.50: three expiries, one within the settlement window; marks as the venue's model has them."""
    base = {"underlying": "BTC", "mark_price_usd": str(INDEX)}
    entries: list[dict[str, Any]] = [
        {"id": "USD", "kind": "cash"},
        {"id": "BTC", "kind": "spot", **base},
        {"id": "BTC-PERP", "kind": "perpetual", **base},
    ]
    for seconds in SECONDS:
        for strike in STRIKES:
            for side in ("C", "P"):
                mark = value(seconds, strike, side) * discount(seconds)
                entries.append(
                    {
                        "id": f"{seconds}-{strike}-{side}",
                        "kind": "option",
                        "underlying": "BTC",
                        "mark_price_usd": f"{mark:.10f}" if mark > 1e-9 else "0.0000000001",
                        "forward_usd": str(INDEX),
                        "implied_vol": "0.55",
                        "expiry": (AS_OF + timedelta(seconds=seconds)).isoformat(),
                        "strike_usd": str(strike),
                        "option_type": {"C": "call", "P": "put"}[side],
                    }
                )
    return InstrumentSet.model_validate({"as_of": AS_OF.isoformat(), "instruments": entries})


def discount(seconds: float) -> float:
    return math.exp(-float(EXTRA["rate"]) * seconds / YEAR)


def value(seconds: float, strike: float, side: str, spot: float = 1.0, vol: float = 0.55) -> float:
    moving = min(1.0, seconds / 1800)
    forward = INDEX * moving * spot + INDEX * (1 - moving)
    return black(forward, strike, vol, seconds / YEAR, side == "C")


def source(book: Mapping[str, float], flavour: str) -> float:
    """What PMRMLib_2_1.sol asks beyond the portfolio's mark, of options, perpetual and the coin itself."""
    p = P["assets"]["BTC"]
    initial = flavour == "initial"
    options = [(*name.split("-"), q) for name, q in book.items() if name[0].isdigit()]
    expiries: dict[int, list[tuple[int, str, float]]] = defaultdict(list)
    for seconds, strike, side, q in options:
        expiries[int(seconds)].append((int(strike), side, float(q)))
    linear = book.get("BTC-PERP", 0.0) + book.get("BTC", 0.0)
    mtm = {e: discount(e) * sum(q * value(e, k, side) for k, side, q in held) for e, held in expiries.items()}

    def discounted(e: int, shocked: float) -> float:
        tau, rate = e / YEAR, float(p["discounts"]["rate"])
        positive = float(p["discounts"]["long_base"]) * math.exp(-tau * rate)
        negative = min(1 / discount(e), float(p["discounts"]["short_base"]) / math.exp(-tau * rate))
        return discount(e) * shocked * (positive if shocked >= 0 else negative)

    worst = 0.0
    for price, move, weight in p["scenarios"]:
        profit = linear * INDEX * (float(price) - 1)
        for e, held in expiries.items():
            scale = (30 / max(e / 86400, 1.0)) ** (0.3 if e <= 30 * 86400 else 0.13)
            vol = {
                "up": max(0.55 * (1 + float(p["vol"]["up"]) * scale), float(p["vol"]["minimum_up"])),
                "down": 0.55 * max(0.0, 1 - float(p["vol"]["down"]) * scale),
                "none": 0.55,
            }[move]
            profit += discounted(e, sum(q * value(e, k, side, float(price), vol) for k, side, q in held)) - mtm[e]
        worst = min(worst, float(weight) * profit)
    for bend in (False, True):
        total = 0.0
        for e, held in expiries.items():
            root = math.sqrt(e / YEAR)
            cap, width = 0.25 - 0.1 * root, max(0.01, 4 * 0.6 * root)
            shocked = 0.0
            for k, side, q in held:
                moneyness = abs(math.log(k / INDEX)) if bend else math.log(k / INDEX)
                vol = 0.55 * max(0.0, 1 + min(cap, max(-cap, moneyness * cap / width)))
                shocked += q * value(e, k, side, vol=vol)
            total -= abs(discounted(e, shocked) - mtm[e])
        worst = min(worst, total)
    basis = 0.0
    for e, held in expiries.items():
        moves = [
            sum(
                q * (black(INDEX * float(p["basis"][way]), k, 0.55, e / YEAR, s == "C") - value(e, k, s))
                for k, s, q in held
            )
            for way in ("up", "down")
        ]
        basis += min(0.0, *moves) * (0.5 + 2 * e / YEAR)
    requirement = -min(worst, basis) * float(p["factors"][flavour])
    net: dict[tuple[int, int], float] = defaultdict(float)
    for e, held in expiries.items():
        for k, _, q in held:
            net[e, k] += q
    naked = sum(max(0.0, -q) for q in net.values())

    def rate(field: str) -> float:
        return float(p[field]["maintenance"]) + (float(p[field]["initial_extra"]) if initial else 0.0)

    requirement += INDEX * (naked * rate("option") + abs(book.get("BTC-PERP", 0.0)) * rate("perpetual"))
    return requirement + INDEX * book.get("BTC", 0.0) * rate("base_haircut")


@cache
def setting(flavour: str) -> tuple[Policy, MarketEpoch, dict[str, Any]]:
    policy = load_policy("derive-pmrm2-exact" + ("-maintenance" if flavour == "maintenance" else ""))
    epoch = build_epoch(market(), policy)
    return policy, epoch, policy.public_columns(epoch)


def ours(book: Mapping[str, float], flavour: str) -> float:
    policy, epoch, columns = setting(flavour)
    positions = positions_from_quantities(epoch.universe, {name: f"{q:.3f}" for name, q in book.items()})
    return evaluate_margin(policy, epoch, positions, columns=columns).requirement_usd_e12 / 1e12


def agrees(flavour: str, books: int) -> None:
    rng = np.random.default_rng(books)
    names = [f"{e}-{k}-{side}" for e in SECONDS for k in STRIKES for side in "CP"] + ["BTC", "BTC-PERP"]
    for _ in range(books):
        book = {
            names[index]: round(float(rng.choice([-1, 1]) * 10 ** rng.uniform(-2, 1.5)), 3)
            for index in rng.choice(len(names), int(rng.integers(1, 10)), replace=False)
        }
        book["BTC"] = abs(book.get("BTC", 0.0))
        expected, found = source(book, flavour), ours(book, flavour)
        assert expected - 0.01 <= found <= expected + max(0.01, expected / 1000), book


@pytest.mark.parametrize("flavour", ["initial", "maintenance"])
def test_equals_its_source(flavour: str) -> None:
    agrees(flavour, 80)


@pytest.mark.slow
@pytest.mark.parametrize("flavour", ["initial", "maintenance"])
def test_equals_its_source_on_1000_books(flavour: str) -> None:
    agrees(flavour, 1000)


def test_a_box_of_thirty_days_costs_what_it_costs_at_the_venue() -> None:
    """Bought and sold at two strikes: worth the same whatever happens, so only its discount is asked."""
    e = 30 * 86400
    box = {f"{e}-90000-C": 1.0, f"{e}-100000-C": -1.0, f"{e}-90000-P": -1.0, f"{e}-100000-P": 1.0}
    expected = 10000 * discount(e) * (1 - 0.98 * math.exp(-0.1 * 30 / 365))
    assert abs(source(box, "initial") - expected) < 0.01
    assert abs(ours(box, "initial") - expected) < 0.01
    conservative = load_policy("derive-pmrm2")
    epoch = build_epoch(market(), conservative)
    positions = positions_from_quantities(epoch.universe, {name: str(q) for name, q in box.items()})
    assert evaluate_margin(conservative, epoch, positions).requirement_usd_e12 / 1e12 > 5 * expected


def test_it_never_asks_for_more_than_the_conservative_preset() -> None:
    """Where marks are the model's, netting by expiry and strike can only lower what legs by themselves are asked."""
    rng = np.random.default_rng(5)
    conservative = load_policy("derive-pmrm2")
    epoch = build_epoch(market(), conservative)
    columns = conservative.public_columns(epoch)
    for _ in range(30):
        book = {f"{SECONDS[1]}-{k}-{s}": round(float(rng.normal() * 5), 2) for k in STRIKES for s in "CP"}
        positions = positions_from_quantities(epoch.universe, {name: str(q) for name, q in book.items()})
        by_leg = evaluate_margin(conservative, epoch, positions, columns=columns).requirement_usd_e12 / 1e12
        assert ours(book, "initial") <= by_leg * 1.005 + 0.01


def test_discounts_that_would_favour_debts_are_refused() -> None:
    body = load_policy("derive-pmrm2-exact").to_json()
    del body["format"], body["version"]
    body["rules"][0]["tables"]["BTC"]["discounting"]["short_base"] = "0.97"
    with pytest.raises(ValueError, match="short_base: expected at least long_base"):
        Policy.model_validate(body)
    with pytest.raises(PolicyError, match="derive-pmrm2-exact@2026-08"):
        load_policy("derive-pmrm2-exact@2020-01")
    assert issubclass(PolicyError, FormatError)


@pytest.mark.slow
def test_its_budget_over_one_coin_with_six_slots_for_expiries() -> None:
    """What docs/policies.md states: 4,096 rows, under 2.6 million gas; a seventh slot is beyond a contract."""
    sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))
    snapshots = importlib.import_module("snapshots")
    data = read_sample().data
    coin = [i for i in data.instruments if i.kind == "cash" or i.underlying == "BTC"]
    expiries = sorted({i.expiry for i in coin if i.kind == "option"})

    def preset(count: int) -> Any:
        kept = tuple(i for i in coin if getattr(i, "expiry", None) in (None, *expiries[:count]))
        part = SimpleNamespace(data=data.model_copy(update={"instruments": kept}))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(snapshots, "read_sample", lambda: part)
            return snapshots.preset("derive-pmrm2-exact")

    counted = preset(4)
    assert counted["rows"] == 4096
    assert counted["verifier_gas"] < 2_600_000
    with pytest.raises(TableError, match="addresses"):
        preset(5)
