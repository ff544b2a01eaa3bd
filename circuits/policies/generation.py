"""The dated presets, made from their sources; `./run generate` writes and compares them.

Every number of a generated file comes from `presets/sources/NAME.json`, which says where it was read; this module knows
the shape of each venue's parameters and nothing else. Landed files are not written.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from zkmargin.circuits.markets.units import format_decimal
from zkmargin.circuits.policies.shipped import FLAVOURS, Version, read_source

Json = dict[str, Any]
FOLDER: Final = Path(__file__).parent / "presets"
ALL_KINDS: Final = ["cash", "spot", "supply", "borrow", "perpetual", "future", "option"]
MARKS: Final[Json] = {"kind": "mark_check", "name": "marks", "tolerance": "0.05"}
"""This project's own: no venue's rule, and nothing where marks agree with the model."""
WIDTH: Final = 118


def generated() -> dict[str, Json]:
    """Every generated policy by file name."""
    files: dict[str, Json] = {}
    for preset, make in MAKERS.items():
        for version in read_source(preset).versions:
            if version.parameters is None:
                continue
            for flavour in FLAVOURS:
                name = preset if flavour == "initial" else f"{preset}-{flavour}"
                files[f"{name}@{version.dated}.json"] = make(name, flavour, version, version.parameters)
    return files


def _policy(name: str, flavour: str, version: Version, description: str, rules: list[Json], **fields: Any) -> Json:
    return {
        "format": "zkmargin/policy",
        "version": 1,
        "name": name,
        "description": description,
        "as_of": version.as_of,
        "flavour": flavour,
        "cover": "1",
        "risk_factor": "1",
        "admitted_kinds": ALL_KINDS,
        "unshocked_underlyings": ["USD", "USDC", "USDT", "DAI"],
        "venues": [],
        "max_attestation_age_seconds": 86400,
        "max_price_age_seconds": 3600,
        "validity_seconds": 86400,
        **fields,
        "rules": rules,
    }


def _term_move(vol: Mapping[str, str], change: str, minimum: str | None = None) -> Json:
    move = {
        "kind": "term",
        "change": change,
        "short_power": vol["short_power"],
        "long_power": vol["long_power"],
        "floor_days": vol["floor_days"],
    }
    return move if minimum is None else {**move, "minimum_vol": minimum}


def _scenario(move: Decimal, vol: str, weight: str) -> Json:
    """A scenario of a relative price move and one of the volatility moves `up`, `down`, `same`."""
    sign = "+" if move > 0 else ""
    title = f"spot {sign}{format_decimal(move * 100)}%, vol {vol}"
    if Decimal(weight) != 1:
        title += f" at {format_decimal(Decimal(weight) * 100)}%"
    scenario = {"name": title, "price_move": format_decimal(move)}
    if vol != "same":
        scenario["vol_move"] = vol
    return scenario if Decimal(weight) == 1 else {**scenario, "weight": weight}


def _total(rates: Mapping[str, str], flavour: str) -> str:
    """A rate of maintenance margin, and what initial margin adds to it."""
    extra = Decimal(rates["initial_extra"]) if flavour == "initial" else Decimal(0)
    return format_decimal(Decimal(rates["maintenance"]) + extra)


def _derive(name: str, flavour: str, version: Version, parameters: Json) -> Json:
    assets: dict[str, Json] = parameters["assets"]
    vol, skew = parameters["vol"], parameters["skew"]
    tables: Json = {}
    for asset, entry in assets.items():
        discounts = entry["discounts"]
        moves = {"none": "same"}
        tables[asset] = {
            "factor": entry["factors"][flavour],
            "vol_moves": {
                "up": _term_move(vol, entry["vol"]["up"], entry["vol"]["minimum_up"]),
                "down": _term_move(vol, format_decimal(-Decimal(entry["vol"]["down"]))),
            },
            "discounting": {
                "long_base": discounts["long_base"],
                "long_rate": discounts["rate"],
                "short_base": discounts["short_base"],
                "short_rate": discounts["rate"],
            },
            "scenarios": [
                _scenario(Decimal(price) - 1, moves.get(move, move), weight)
                for price, move, weight in entry["scenarios"]
            ],
        }
    basis = {}
    for asset, entry in assets.items():
        up, down = Decimal(entry["basis"]["up"]) - 1, 1 - Decimal(entry["basis"]["down"])
        basis[asset] = {
            "factor": entry["factors"][flavour],
            "price_move": format_decimal(max(up, down)),
            "add": entry["basis"]["add"],
            "multiply": entry["basis"]["multiply"],
        }

    def by_asset(field: str, default: str) -> Json:
        return {**{asset: _total(entry[field], flavour) for asset, entry in assets.items()}, "*": default}

    def largest(field: str) -> str:
        return max((_total(entry[field], flavour) for entry in assets.values()), key=Decimal)

    charges = [
        {"kinds": ["perpetual", "future"], "side": "both", "rates": by_asset("perpetual", largest("perpetual"))},
        {"kinds": ["option"], "side": "short", "rates": by_asset("option", largest("option"))},
        {
            "kinds": ["spot", "supply", "borrow"],
            "side": "both",
            "rates": by_asset("base_haircut", "0.03"),
            "of": "price",
        },
    ]
    rules: list[Json] = [
        {"kind": "scenario_tables", "name": "grid", "netting": "underlying", "tables": {**tables, "*": "refuse"}},
        {
            "kind": "skew_contingency",
            "name": "skew",
            "factors": {**{asset: entry["factors"][flavour] for asset, entry in assets.items()}, "*": "1"},
            "base_cap": skew["base_cap"],
            "cap_per_sqrt_year": skew["cap_per_sqrt_year"],
            "minimum_width": skew["minimum_width"],
            "width": format_decimal(Decimal(skew["width_scale"]) * Decimal(skew["vol_static"])),
        },
        {"kind": "basis_contingency", "name": "basis", "tables": {**basis, "*": "refuse"}},
        {"kind": "unit_contingencies", "name": "contingencies", "charges": charges},
        MARKS,
    ]
    description = (
        "Derive (Lyra) portfolio margin 2, parameters by underlying: spot and volatility scenarios with damped tails, "
        "skew and basis contingencies by expiry, discounting by leg (conservative), per-unit contingencies; netted "
        "within each underlying. Other underlyings are not admitted."
    )
    return _policy(name, flavour, version, description, rules)


def _derive_exact(name: str, flavour: str, version: Version, parameters: Json) -> Json:
    """The rules of `derive-pmrm2` of the same date, exactly as the source nets and discounts."""
    preset, dated = parameters["like"].split("@")
    like = next(found for found in read_source(preset).versions if found.dated == dated)
    policy = _derive(name, flavour, version, like.parameters or {})
    grid, skew, basis, contingencies, _ = policy["rules"]  # P&L is less mark, so marks need no rule of their own
    shape = {field: skew[field] for field in ("base_cap", "cap_per_sqrt_year", "minimum_width", "width")}
    tables: Json = {}
    for asset, table in grid["tables"].items():
        tables[asset] = table
        if table != "refuse":
            tables[asset] = {**table, "discounting": {**table["discounting"], "rate": parameters["rate"]}}
    others = [charge for charge in contingencies["charges"] if charge["kinds"] != ["option"]]
    (sold,) = (charge for charge in contingencies["charges"] if charge["kinds"] == ["option"])
    policy["rules"] = [
        {
            "kind": "expiry_scenarios",
            "name": "grid",
            "settlement_window_seconds": parameters["settlement_window_seconds"],
            "skew": shape,
            "tables": tables,
        },
        basis,
        {**contingencies, "charges": others},
        {
            "kind": "strike_netted_shorts",
            "name": "naked",
            "strikes": parameters["strikes"],
            "rates": sold["rates"],
        },
    ]
    policy["description"] = (
        "Derive (Lyra) portfolio margin 2 as it nets: every expiry's net value discounted by its sign in every "
        "scenario, skew included, options sold netted by strike, settlement windows; shocked model less mark. Dearer "
        "to prove than derive-pmrm2, which asks for more. Other underlyings are not admitted."
    )
    return policy


def _paradex(name: str, flavour: str, version: Version, parameters: Json) -> Json:
    assets: dict[str, Json] = parameters["assets"]
    share = Decimal(1) if flavour == "initial" else Decimal(parameters["maintenance_factor"])
    tables: Json = {}
    for asset, entry in assets.items():
        changes = {Decimal(change) for _, change, _ in entry["scenarios"]}
        up, down = max(changes), min(changes)
        if changes != {up, down}:
            raise ValueError(f"{asset}: expected two volatility moves")
        tables[asset] = {
            "vol_moves": {
                "up": _term_move(parameters["vol"], format_decimal(up), entry["minimum_vol"]),
                "down": _term_move(parameters["vol"], format_decimal(down)),
            },
            "scenarios": [
                _scenario(Decimal(price), "up" if Decimal(change) == up else "down", weight)
                for price, change, weight in entry["scenarios"]
            ],
        }
    delta = {
        asset: {"net_rate": entry["delta_charge"][0], "hedged_rate": entry["delta_charge"][1]}
        for asset, entry in assets.items()
    }
    provisions = parameters["provisions"]
    rules: list[Json] = [
        {"kind": "scenario_tables", "name": "scan", "netting": "underlying", "tables": {**tables, "*": "refuse"}},
        {"kind": "delta_charge", "name": "delta", "rates": {**delta, "*": "refuse"}},
        {
            "kind": "unit_contingencies",
            "name": "provisions",
            "charges": [
                {"kinds": ["perpetual", "future"], "side": "both", "rate": provisions["perpetual"]},
                {"kinds": ["option"], "side": "both", "rate": provisions["option"]},
                {"kinds": ["spot", "supply", "borrow"], "side": "both", "rate": provisions["spot"]},
            ],
        },
        MARKS,
    ]
    description = (
        "Paradex portfolio margin, parameters by underlying: the larger of 24 spot and volatility scenarios and a "
        "minimum delta charge, and a provision for fees and funding. Other underlyings are not admitted."
    )
    return _policy(name, flavour, version, description, rules, risk_factor=format_decimal(share))


def _perpetual_tiers(name: str, flavour: str, version: Version, parameters: Json) -> Json:
    dydx, hyperliquid = parameters["dydx"], parameters["hyperliquid"]
    million = Decimal(10) ** 6
    liquidity: Json = {}
    for market, tier_name in dydx["markets"].items():
        tier = dydx["tiers"][tier_name]
        entry = {
            "initial_fraction": format_decimal(Decimal(tier["initial_ppm"]) / million),
            "maintenance_fraction": format_decimal(Decimal(tier["maintenance_fraction_ppm"]) / million),
        }
        if Decimal(tier["upper_cap_usd"]):
            entry["open_interest_lower_cap_usd"] = tier["lower_cap_usd"]
            entry["open_interest_upper_cap_usd"] = tier["upper_cap_usd"]
        liquidity[market] = entry
    # A table's number under 50 is one tier at that leverage.
    leverage = {
        asset: [
            {"from_usd": start, "max_leverage": most}
            for start, most in hyperliquid["tables"].get(table, [["0", table]])
        ]
        for asset, table in hyperliquid["assets"].items()
    }
    notional: Json = {"kind": "position_leverage", "name": "notional", "tiers": leverage}
    if flavour == "maintenance":
        notional = {"kind": "notional_tiers", "name": "notional", "flavour": flavour, "tiers": leverage}
    rules: list[Json] = [
        {
            "kind": "open_interest_margin",
            "name": "open_interest",
            "flavour": flavour,
            "missing_open_interest": "full",
            "tiers": liquidity,
        },
        notional,
    ]
    description = (
        "Perpetuals and futures against cash: by underlying the larger of dYdX v4 margin (fractions that scale with "
        "open interest) and Hyperliquid margin (the whole position at its tier's leverage; maintenance by tiers)."
    )
    return _policy(name, flavour, version, description, rules, admitted_kinds=["cash", "perpetual", "future"])


def _collateral_factors(name: str, flavour: str, version: Version, parameters: Json) -> Json:
    column = FLAVOURS.index(flavour)
    factors = {asset: pair[column] for asset, pair in parameters["assets"].items()}
    description = (
        "Lending: collateral times loan-to-value against debts (maintenance: times liquidation threshold), as Aave v3; "
        "cover is the health factor. What is not listed may be owed but does not count as collateral."
    )
    rules: list[Json] = [{"kind": "collateral_factors", "name": "factors", "factors": factors}]
    kinds = ["cash", "spot", "supply", "borrow"]
    return _policy(name, flavour, version, description, rules, measure="asset_cover", admitted_kinds=kinds)


def _sa_ccr(name: str, flavour: str, version: Version, parameters: Json) -> Json:
    """Initial as unmargined trades; maintenance over the margin period of risk."""
    rule: Json = {
        "kind": "supervisory_add_on",
        "name": "saccr",
        "alpha": parameters["alpha"],
        "classes": {"*": parameters["class"]},
    }
    if flavour == "maintenance":
        rule["margin_period_days"] = parameters["margin_period_days"]
    description = (
        "Basel SA-CCR (CRE52) as a margin: alpha times the aggregate add-on of one hedging set of single names, the "
        "multiplier at one; initial as for unmargined trades, maintenance over a margin period of risk. An exposure "
        "measure: options count by their supervisory delta alone."
    )
    return _policy(name, flavour, version, description, [rule, MARKS])


def _stress(name: str, flavour: str, version: Version, parameters: Json) -> Json:
    """Each scenario a vector of moves, one to an underlying; dollar tokens may lose their peg."""
    up, apart, rate = parameters["vol_up"], parameters["apart"], parameters["rate"]
    falls, rises = parameters["token_moves"]

    def table(fall: str, rise: str, relative: str, token: tuple[str, str]) -> Json:
        moves = [
            ("every coin its worst day", fall, "up", None),
            ("every coin its best day", rise, "up", None),
            ("the first coin up, others down", relative, None, None),
            ("the first coin down, others up", format_decimal(-Decimal(relative)), None, None),
            ("tokens below their peg", token[0], None, None),
            ("tokens above their peg", token[1], None, None),
            ("rates up", "0", None, rate),
            ("rates down", "0", None, format_decimal(-Decimal(rate))),
        ]
        scenarios = [
            {
                "name": title,
                "price_move": move,
                **({} if vol is None else {"vol_move": vol}),
                **({} if rates is None else {"rate_move": rates}),
            }
            for title, move, vol, rates in moves
        ]
        return {"vol_moves": {"up": {"kind": "relative", "change": up}}, "scenarios": scenarios}

    coins = {**parameters["coins"], "*": parameters["other"]}
    tables = {
        coin: table(fall, rise, apart if coin == "BTC" else format_decimal(-Decimal(apart)), ("0", "0"))
        for coin, (fall, rise) in coins.items()
    }
    tables |= {token: table("0", "0", "0", (falls, rises)) for token in parameters["tokens"]}
    rule = {"kind": "scenario_tables", "name": "stress", "netting": "account", "tables": tables}
    factor = "1" if flavour == "initial" else parameters["maintenance_factor"]
    description = (
        "Historical and hypothetical stresses, each one vector of moves over the account: every coin's worst and best "
        "day, the first coin against the others, dollar tokens off their peg either way, rates."
    )
    unshocked = {"unshocked_underlyings": ["USD"]}
    return _policy(name, flavour, version, description, [rule, MARKS], risk_factor=factor, **unshocked)


MAKERS: Final[Mapping[str, Callable[[str, str, Version, Json], Json]]] = {
    "derive-pmrm2": _derive,
    "derive-pmrm2-exact": _derive_exact,
    "paradex": _paradex,
    "perpetual-tiers": _perpetual_tiers,
    "collateral-factors": _collateral_factors,
    "regulatory-sa-ccr": _sa_ccr,
    "stress": _stress,
}


def render(value: Any, indent: int = 0) -> str:
    """JSON of which what fits a line is one line."""
    flat = json.dumps(value)
    if not isinstance(value, dict | list) or len(flat) + indent <= WIDTH:
        return flat
    inner = " " * (indent + 2)
    if isinstance(value, dict):
        items = [f"{inner}{json.dumps(key)}: {render(item, indent + 2)}" for key, item in value.items()]
        return "{\n" + ",\n".join(items) + "\n" + " " * indent + "}"
    return "[\n" + ",\n".join(inner + render(item, indent + 2) for item in value) + "\n" + " " * indent + "]"


def rendered() -> dict[str, str]:
    """The text of every generated file by name."""
    return {name: render(document) + "\n" for name, document in generated().items()}


def stale() -> list[str]:
    """Names of generated files that are absent or differ from their sources."""
    wrong = []
    for name, text in rendered().items():
        path = FOLDER / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            wrong.append(name)
    return wrong
