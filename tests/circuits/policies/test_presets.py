"""Shipped policies: landed digests, dated files against their sources, and the sources' own formulas done again here.

The formulas below share nothing with the product but the parsed market and the numbers in presets/sources.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from typing import Any, Final

import numpy as np
import pytest
from support.markets import AS_OF, SPOTS, small_market
from support.reference_margin import black, normal

from zkmargin.circuits.markets.epoch import MarketEpoch
from zkmargin.circuits.markets.instruments import InstrumentSet
from zkmargin.circuits.markets.positions import positions_from_quantities
from zkmargin.circuits.policies import generation
from zkmargin.circuits.policies.evaluate import evaluate_margin
from zkmargin.circuits.policies.policy import (
    PRESETS,
    PolicyError,
    find_shipped,
    load_policy,
    preset_names,
    read_shipped,
    shipped_policies,
)
from zkmargin.circuits.policies.shipped import read_source
from zkmargin.circuits.statements.margin.market import build_epoch

YEAR: Final = 365 * 86400.0
LANDED: Final = {
    "span@2026-11": "32e13f95ee29112f71a63158ad28de557df0af510e40429f3e3378a6ab8bc560",
    "derive-pmrm2@2025-06": "f3a003a13c570a810f1bccce8dbad282b636d094bfcba279567f0be40cf77c2a",
    "paradex@2026-03": "74c668a3971f204a89f1a7e31742a173b64c593cd73c2405d25795114b4e70ac",
    "perpetual-tiers@2024-08": "c1d3934ec66556c7498b6efd228f099eaf735fbefe83e8eff33e78d604a57876",
    "collateral-factors@2025-02": "5388f9bdab859d9bd641e8bddc496a128a300489a0972ce0f6843896fbfe1a98",
    "tiered-haircuts@2026-05": "aece8b7a8b9774c9db122e0a404b4f9dd668c24e1baf8a5f539df3beb3f25fc8",
    "span-maintenance@2026-11": "095f30a71540aa370c19a8cfa60a2d0d8416450b2e8d8f3def57631d237d2df0",
    "derive-pmrm2-maintenance@2025-06": "59bd14dcd52c98dd598e5f3f61090ec9fc82e20005d3b916bc43d1562d68e53a",
    "paradex-maintenance@2026-03": "cf732543acc54fb023d163348d7711817fc1bebc46b4f279667637b38b54a698",
    "perpetual-tiers-maintenance@2024-08": "2b727eb63604544198da1d59dd5ecb2b6a7b5a8baeee7cf485a3d671d670379a",
    "collateral-factors-maintenance@2025-02": "6af5da314e445eb7d76f796b6c4192ec276180df9c1c2febfc09d4405d5565ab",
    "tiered-haircuts-maintenance@2026-05": "05caa3998dd5d3c6b68d3e8ab944166caf2088491ee7cae9b59a840099822940",
}


@pytest.mark.parametrize(("alias", "digest"), LANDED.items())
def test_landed_files_keep_their_digests(alias: str, digest: str) -> None:
    assert load_policy(alias).digest.hex() == digest
    assert load_policy(f"0x{digest}") == load_policy(alias)


def test_dated_files_are_what_their_sources_give() -> None:
    assert generation.stale() == []
    written = {path.name for path in generation.FOLDER.glob("*.json")}
    assert written == {shipped.file_name for shipped in shipped_policies()}


def test_a_plain_name_is_the_newest_version() -> None:
    for name in preset_names():
        dates = [shipped.version.dated for shipped in shipped_policies() if shipped.name == name]
        assert dates == sorted(set(dates))
        newest = find_shipped(name)
        assert newest is not None
        assert newest.version.dated == dates[-1]
        assert load_policy(name) == read_shipped(newest)
    for shipped in shipped_policies():
        policy = load_policy(shipped.alias)
        assert policy.name == shipped.name
        assert policy.as_of in (None, shipped.version.as_of)
        assert (policy.as_of is None) == (shipped.version.parameters is None)


def test_every_number_has_a_document() -> None:
    for preset in PRESETS:
        for version in read_source(preset).versions:
            assert all(document.title and document.date for document in version.documents)


@pytest.mark.parametrize("name", ["paradex@2020-01", "paradex@", "span@2026-1", "0x" + "00" * 32])
def test_a_version_that_is_not_shipped_is_refused(name: str) -> None:
    with pytest.raises(PolicyError, match=r"policy: expected"):
        load_policy(name)


@pytest.mark.parametrize("name", ["derive-pmrm2", "paradex"])
@pytest.mark.parametrize("flavour", ["", "-maintenance"])
def test_an_underlying_without_parameters_is_not_admitted(name: str, flavour: str) -> None:
    policy = load_policy(name + flavour)
    epoch = build_epoch(small_market(), policy)
    long = evaluate_margin(policy, epoch, positions_from_quantities(epoch.universe, {"DOGE-PERP": "1000"}))
    assert (long.nlv_usd_e12, long.requirement_usd_e12) == (0, 0)
    short = positions_from_quantities(epoch.universe, {"DOGE-PERP": "-0.1", "USD": "100"})
    assert not evaluate_margin(policy, epoch, short).adequate


# -- the sources' formulas, done again ---------------------------------------------------------------------------------


def market() -> InstrumentSet:
    """The small market, its cheap coin renamed to one that the sources have parameters for."""
    text = json.dumps(small_market().to_json()).replace("DOGE", "HYPE")
    body = {key: value for key, value in json.loads(text).items() if key not in ("format", "version")}
    return InstrumentSet.model_validate(body)


def shocked_vol(vol: float, days: float, change: float, minimum: float) -> float:
    power = 0.3 if days <= 30 else 0.13
    return max(vol * max(0.0, 1 + change * (30 / max(days, 1.0)) ** power), minimum)


def by_underlying(epoch: MarketEpoch, book: dict[str, float]) -> dict[str, list[tuple[Any, float]]]:
    held: dict[str, list[tuple[Any, float]]] = defaultdict(list)
    for instrument in epoch.data.instruments:
        if book.get(instrument.id) and instrument.kind != "cash":
            held[instrument.underlying].append((instrument, book[instrument.id]))
    return held


def worth(instrument: Any, shift: float, vol: float | None = None) -> float:
    if instrument.kind != "option":
        return float(instrument.mark_price_usd) * float(getattr(instrument, "index", 1)) * (1 + shift)
    years = (instrument.expiry - AS_OF).total_seconds() / YEAR
    own = float(instrument.implied_vol) if vol is None else vol
    forward = float(instrument.forward_usd) * (1 + shift)
    return black(forward, float(instrument.strike_usd), own, years, instrument.option_type == "call")


def derive(epoch: MarketEpoch, book: dict[str, float], flavour: str, parameters: Any) -> float:
    """PMRMLib_2: an expiry's net shocked value discounted by its sign; skew, basis; static contingencies."""
    total = 0.0
    for name, held in by_underlying(epoch, book).items():
        if name not in parameters["assets"]:
            continue
        p, index = parameters["assets"][name], float(SPOTS.get(name, SPOTS["DOGE"]))
        factor = float(p["factors"][flavour])
        losses = [0.0]
        for price, move, weight in p["scenarios"]:
            change = {"up": float(p["vol"]["up"]), "down": -float(p["vol"]["down"]), "none": 0.0}[move]
            minimum = float(p["vol"]["minimum_up"]) if move == "up" else 0.0
            profit, by_expiry = 0.0, defaultdict(float)
            for i, q in held:
                if i.kind != "option":
                    profit += q * (worth(i, float(price) - 1) - worth(i, 0))
                    continue
                days = (i.expiry - AS_OF).total_seconds() / 86400
                vol = (
                    float(i.implied_vol) if move == "none" else shocked_vol(float(i.implied_vol), days, change, minimum)
                )
                by_expiry[days] += q * worth(i, float(price) - 1, vol)
                profit -= q * worth(i, 0)
            for days, value in by_expiry.items():
                rate = float(p["discounts"]["rate"]) * days / 365
                long, short = float(p["discounts"]["long_base"]), float(p["discounts"]["short_base"])
                profit += value * (min(1.0, long * math.exp(-rate)) if value > 0 else short * math.exp(rate))
            losses.append(-float(weight) * profit)
        options = [(i, q, (i.expiry - AS_OF).total_seconds() / YEAR) for i, q in held if i.kind == "option"]
        for bend in (False, True):
            by_expiry = defaultdict(float)
            for i, q, years in options:
                cap, width = max(0.0, 0.25 - 0.1 * math.sqrt(years)), max(0.01, 4 * 0.6 * math.sqrt(years))
                k = math.log(float(i.strike_usd) / float(i.forward_usd))
                tilt = min(cap, max(-cap, (abs(k) if bend else k) * cap / width))
                by_expiry[years] += q * (worth(i, 0, float(i.implied_vol) * max(0.0, 1 + tilt)) - worth(i, 0))
            losses.append(sum(map(abs, by_expiry.values())))
        basis: dict[float, list[float]] = defaultdict(lambda: [0.0, 0.0])
        for i, q, years in options:
            for side, price in enumerate((p["basis"]["up"], p["basis"]["down"])):
                basis[years][side] -= q * (worth(i, float(price) - 1) - worth(i, 0))
        losses.append(sum(max(0.0, *both) * (0.5 + 2 * years) for years, both in basis.items()))
        total += factor * max(losses)
        for i, q in held:
            kind = {"perpetual": "perpetual", "option": "option"}.get(i.kind, "base_haircut")
            rate = float(p[kind]["maintenance"]) + float(p[kind]["initial_extra"]) * (flavour == "initial")
            counted = {"option": max(-q, 0.0), "future": 0.0, "perpetual": abs(q)}.get(i.kind, max(q, 0.0))
            total += counted * rate * (index if i.kind in ("option", "perpetual") else worth(i, 0))
    return total


def paradex(epoch: MarketEpoch, book: dict[str, float], flavour: str, parameters: Any) -> float:
    """max(scan, minimum delta) by underlying, halved for maintenance; no provisions."""
    total = 0.0
    for name, held in by_underlying(epoch, book).items():
        if name not in parameters["assets"]:
            continue
        p, index = parameters["assets"][name], float(SPOTS.get(name, SPOTS["DOGE"]))
        losses, net, gross = [0.0], 0.0, 0.0
        for price, change, weight in p["scenarios"]:
            minimum = float(p["minimum_vol"]) if float(change) > 0 else 0.0
            loss = 0.0
            for i, q in held:
                vol = None
                if i.kind == "option":
                    days = (i.expiry - AS_OF).total_seconds() / 86400
                    vol = shocked_vol(float(i.implied_vol), days, float(change), minimum)
                loss -= q * (worth(i, float(price), vol) - worth(i, 0))
            losses.append(float(weight) * loss)
        for i, q in held:
            delta = 1.0
            if i.kind == "option":
                spread = float(i.implied_vol) * math.sqrt((i.expiry - AS_OF).total_seconds() / YEAR)
                d1 = math.log(float(i.forward_usd) / float(i.strike_usd)) / spread + spread / 2 if spread else -math.inf
                if not spread and float(i.forward_usd) > float(i.strike_usd):
                    d1 = math.inf
                delta = (normal(d1) if math.isfinite(d1) else float(d1 > 0)) - (i.option_type == "put")
            scale = float(getattr(i, "index", 1)) if i.kind in ("supply", "borrow") else 1.0
            net += q * delta * index * min(scale, 1.0)
            gross += abs(q * delta * index)
        unhedged, hedged = map(float, p["delta_charge"])
        losses.append(unhedged * abs(net) + hedged * max(0.0, gross - abs(net)) / 2)
        total += max(losses) * (1.0 if flavour == "initial" else float(parameters["maintenance_factor"]))
    return total


def perpetual_tiers(epoch: MarketEpoch, book: dict[str, float], flavour: str, parameters: Any) -> float:
    """The larger of both venues' margins of the whole book, perpetuals alone."""
    dydx = hyperliquid = 0.0
    for name, held in by_underlying(epoch, book).items():
        markets, tables = parameters["dydx"]["markets"], parameters["hyperliquid"]["assets"]
        tier = parameters["dydx"]["tiers"][markets.get(name, markets["*"])]
        notional = sum(abs(q) * worth(i, 0) for i, q in held if i.kind == "perpetual")
        base = float(tier["initial_ppm"]) / 1e6
        low, high = float(tier["lower_cap_usd"]), float(tier["upper_cap_usd"])
        for i, q in held:
            if i.kind != "perpetual":
                continue
            rate = base * float(tier["maintenance_fraction_ppm"]) / 1e6
            if flavour == "initial":
                interest = float(i.open_interest) * float(i.mark_price_usd)
                scaled = min(1.0, max(0.0, (interest - low) / (high - low))) if high else 0.0
                rate = base + scaled * (1 - base)
            dydx += abs(q) * worth(i, 0) * rate
        table = tables.get(name, tables["*"])
        steps = [tuple(map(float, s)) for s in parameters["hyperliquid"]["tables"].get(table, [["0", table]])]
        if flavour == "initial":
            hyperliquid += notional / max((start, most) for start, most in steps if notional >= start)[1]
        else:
            ends = [start for start, _ in steps[1:]] + [math.inf]
            parts = zip(steps, ends, strict=True)
            hyperliquid += sum(max(0.0, min(notional, end) - start) / most / 2 for (start, most), end in parts)
    return max(dydx, hyperliquid)


def collateral_factors(epoch: MarketEpoch, book: dict[str, float], flavour: str, parameters: Any) -> float:
    """Aave's health factor of one: what collateral lacks of counting in full, debts left where they are."""
    column = ("initial", "maintenance").index(flavour)
    haircuts = (1 - float(parameters["assets"]["USD"][column])) * max(book.get("USD", 0.0), 0.0)
    for name, held in by_underlying(epoch, book).items():
        factor = float(parameters["assets"].get(name, parameters["assets"]["*"])[column])
        for i, q in held:
            if i.kind in ("spot", "supply", "borrow"):
                haircuts += (1 - factor) * max(q, 0.0) * worth(i, 0)
    return haircuts


def sa_ccr(epoch: MarketEpoch, book: dict[str, float], flavour: str, parameters: Any) -> float:
    """CRE52 of one hedging set of single names; test_sa_ccr.py has the Committee's own examples."""
    p = parameters["class"]
    amounts = []
    for held in by_underlying(epoch, book).values():
        total = 0.0
        for i, q in held:
            if i.underlying == "USDC":
                continue
            years = (i.expiry - AS_OF).total_seconds() / YEAR if i.kind in ("option", "future") else 1.0
            maturity = math.sqrt(min(1.0, max(years, 0.04)))
            if flavour == "maintenance":
                maturity = 1.5 * math.sqrt(parameters["margin_period_days"] / 250)
            delta, base = 1.0, worth(i, 0)
            if i.kind == "option":
                base = float(i.forward_usd)
                spread = float(p["option_volatility"]) * math.sqrt(years)
                delta = normal(math.log(base / float(i.strike_usd)) / spread + spread / 2) - (i.option_type == "put")
            total += q * delta * base * maturity * float(p["supervisory_factor"])
        amounts.append(total)
    rho = float(p["correlation"])
    common, own = rho * sum(amounts), (1 - rho * rho) * sum(amount * amount for amount in amounts)
    return float(parameters["alpha"]) * math.sqrt(common * common + own)


def stress(epoch: MarketEpoch, book: dict[str, float], flavour: str, parameters: Any) -> float:
    """The worst of eight vectors of moves over the whole book."""
    losses = [0.0] * 9
    for name, held in by_underlying(epoch, book).items():
        token = name in parameters["tokens"]
        fall, rise = map(float, parameters["coins"].get(name, parameters["other"]))
        apart, rate = float(parameters["apart"]) * (1 if name == "BTC" else -1), float(parameters["rate"])
        below, above = map(float, parameters["token_moves"])
        coin = 0.0 if token else 1.0
        moves = [(coin * fall, 1), (coin * rise, 1), (coin * apart, 0), (-coin * apart, 0)]
        moves += [((1 - coin) * below, 0), ((1 - coin) * above, 0)]
        for i, q in held:
            years = (i.expiry - AS_OF).total_seconds() / YEAR if i.kind in ("option", "future") else 0.0
            vol = float(i.implied_vol) if i.kind == "option" else 0.0
            for index, (move, up) in enumerate(moves):
                shocked = vol * (1 + float(parameters["vol_up"])) if up else vol
                losses[index] -= q * (worth(i, move, shocked) - worth(i, 0))
            for index, sign in ((6, 1), (7, -1)):
                losses[index] -= q * (worth(i, math.exp(sign * rate * years) - 1) - worth(i, 0))
    return max(losses) * (1.0 if flavour == "initial" else float(parameters["maintenance_factor"]))


FORMULAS: Final = {
    "derive-pmrm2": derive,
    "paradex": paradex,
    "perpetual-tiers": perpetual_tiers,
    "collateral-factors": collateral_factors,
    "regulatory-sa-ccr": sa_ccr,
    "stress": stress,
}


def never_asks_for_less(name: str, flavour: str, books: int) -> None:
    policy = load_policy(name if flavour == "initial" else f"{name}-maintenance")
    parameters = read_source(name).versions[-1].parameters
    epoch = build_epoch(market(), policy)
    columns = policy.public_columns(epoch)
    rng = np.random.default_rng(books)
    admitted = [i for i in epoch.data.instruments if i.kind in policy.admitted_kinds and i.kind != "cash"]
    for _ in range(books):
        count = min(len(admitted), int(rng.integers(1, 12)))
        book: dict[str, str] = {"USD": str(int(rng.integers(-(10**6), 10**6)))}
        for index in rng.choice(len(admitted), count, replace=False):
            scale = 10.0 ** rng.uniform(0, 7) / float(SPOTS.get(admitted[index].underlying, SPOTS["DOGE"]))
            decimals = min(3, epoch.universe.by_id[admitted[index].id].lot_exponent)
            book[admitted[index].id] = f"{rng.choice([-1, 1]) * scale:.{decimals}f}"
        positions = positions_from_quantities(epoch.universe, book)
        ours = evaluate_margin(policy, epoch, positions, columns=columns).requirement_usd_e12 / 1e12
        source = FORMULAS[name](epoch, {key: float(value) for key, value in book.items()}, flavour, parameters)
        assert ours >= source - 0.01 - 1e-9 * source


@pytest.mark.parametrize("flavour", ["initial", "maintenance"])
@pytest.mark.parametrize("name", FORMULAS)
def test_no_preset_asks_for_less_than_its_source(name: str, flavour: str) -> None:
    never_asks_for_less(name, flavour, 60)


@pytest.mark.slow
@pytest.mark.parametrize("flavour", ["initial", "maintenance"])
@pytest.mark.parametrize("name", FORMULAS)
def test_no_preset_asks_for_less_than_its_source_on_1000_books(name: str, flavour: str) -> None:
    never_asks_for_less(name, flavour, 1000)
