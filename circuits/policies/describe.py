"""A policy in words: every parameter with its unit, where its numbers come from, and how two policies differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from zkmargin.circuits.markets.epoch import MarketEpoch
from zkmargin.circuits.markets.models import parse_model
from zkmargin.circuits.policies.policy import Policy, find_shipped, read_shipped, shipped_policies
from zkmargin.circuits.policies.shipped import Shipped
from zkmargin.verifier.errors import FormatError

UNITS: Final = {
    "add": "times the loss",
    "admitted_kinds": "kinds",
    "alpha": "times the add-on, or weight of the last squared return",
    "as_of": "date",
    "base": "fraction of the index",
    "beta": "weight of the last variance",
    "base_cap": "fraction of volatility",
    "by": "group",
    "cap_per_sqrt_year": "fraction of volatility per square root of a year",
    "cap": "standard deviation over the horizon",
    "change": "fraction of volatility",
    "correlation": "correlation",
    "cover": "times the requirement",
    "decay": "weight of a step before",
    "description": "text",
    "exposure": "kind of exposure",
    "factor": "times the loss",
    "factors": "fraction of the value that counts, or times the loss",
    "flavour": "initial or maintenance",
    "floor": "standard deviation over the horizon",
    "floor_days": "days",
    "from_usd": "USD",
    "classes": "supervisory parameters, or refuse",
    "hedged_rate": "fraction of hedged dollar delta",
    "hedging_set": "name of a hedging set",
    "history": "digest of a price history",
    "horizon_steps": "steps of the history",
    "initial_fraction": "fraction of notional",
    "instruments": "instruments",
    "kind": "kind of rule",
    "kinds": "kinds",
    "long_base": "factor on an option's value",
    "long_run_steps": "steps of the history",
    "long_power": "power of 30 days over days to expiry",
    "long_rate": "per year",
    "look_ahead_days": "days",
    "maintenance_fraction": "fraction of the initial fraction",
    "margin_period_days": "days, of business for an add-on",
    "max_attestation_age_seconds": "seconds",
    "max_leverage": "times",
    "max_price_age_seconds": "seconds",
    "measure": "what is measured",
    "minimum": "fraction of the index",
    "minimum_vol": "volatility per square root of a year",
    "minimum_width": "log-moneyness",
    "missing_open_interest": "what an absent open interest means",
    "most": "USD, a share of open interest, or times the value",
    "most_share": "fraction of gross notional",
    "move": "standard deviation: fraction of price, or volatility",
    "multiply": "times the loss per year to expiry",
    "name": "name",
    "net_rate": "fraction of net dollar delta",
    "netting": "group",
    "of": "what a rate is of",
    "open_interest_lower_cap_usd": "USD",
    "open_interest_upper_cap_usd": "USD",
    "option_volatility": "volatility",
    "other_kinds": "what other kinds count for",
    "points": "volatility",
    "price_move": "fraction of the price, or of the scan range",
    "price_scan_range": "fraction of the price",
    "quantity_bits": "bits of a quantity in lots",
    "rate": "fraction of index or price",
    "rate_move": "change of the yearly rate",
    "rates": "fraction of index or price",
    "ratio": "fraction of the value that counts",
    "risk_factor": "times scenario losses and floors",
    "settlement_window_seconds": "seconds",
    "short_base": "factor on an option's value",
    "short_power": "power of 30 days over days to expiry",
    "short_rate": "per year",
    "shrinkage": "fraction of a correlation",
    "side": "long, short or both",
    "strikes": "strikes of an expiry",
    "stress_weight": "fraction of the variance",
    "supervisory_factor": "fraction of adjusted notional",
    "tables": "parameters, or refuse",
    "tiers": "tiers",
    "tolerance": "fraction of the forward",
    "underlying": "underlying",
    "underlyings": "underlyings",
    "unshocked_underlyings": "underlyings",
    "validity_seconds": "seconds",
    "venue_keys": "Ethereum address by venue",
    "venues": "venues",
    "vol_move": "name of a volatility move",
    "width": "log-moneyness per square root of a year",
    "volatility": "standard deviation of a step",
    "warm_up": "steps of the history",
    "weight": "times the loss",
    "z": "standard deviations",
}
"""What every field of a policy is in. A field without one fails a test."""


@dataclass(frozen=True)
class Parameter:
    """One number or word of a policy: where it stands, what it is, in which unit."""

    path: str
    value: str
    unit: str


@dataclass(frozen=True)
class Difference:
    """A parameter that two policies do not share; None where one has none."""

    path: str
    left: str | None
    right: str | None


def parameters(policy: Policy) -> tuple[Parameter, ...]:
    """Every parameter, rules by their names and tables by underlying."""
    return tuple(_walk("", policy.model_dump(mode="json", exclude_none=True), ""))


def _walk(path: str, value: Any, field: str) -> Iterator[Parameter]:
    if isinstance(value, dict):
        for key, item in value.items():
            # The key of a table is an underlying or a name, and what stands below is in the table's unit.
            yield from _walk(f"{path}.{key}" if path else key, item, key if key in UNITS else field)
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        for index, item in enumerate(value):
            named = item.get("name") if isinstance(item, dict) else None
            yield from _walk(f"{path}[{named or index}]", item, field)
    elif isinstance(value, list):
        yield Parameter(path, ", ".join(map(str, value)), UNITS.get(field, ""))
    else:
        yield Parameter(path, str(value), UNITS.get(field, ""))


def differences(left: Policy, right: Policy) -> tuple[Difference, ...]:
    """What two policies do not share, in the order of the left one's parameters, then what only the right one has."""
    ours = {item.path: item.value for item in parameters(left)}
    theirs = {item.path: item.value for item in parameters(right)}
    paths = [*ours, *(path for path in theirs if path not in ours)]
    return tuple(
        Difference(path, ours.get(path), theirs.get(path)) for path in paths if ours.get(path) != theirs.get(path)
    )


def shipped_as(policy: Policy) -> Shipped | None:
    """Which shipped file has this policy's digest."""
    for shipped in shipped_policies():
        if shipped.name == policy.name and read_shipped(shipped).digest == policy.digest:
            return shipped
    return None


def remarks(policy: Policy, epoch: MarketEpoch | None = None) -> tuple[str, ...]:
    """What a risk officer should know of a policy, and which of a market's underlyings it has no parameters for."""
    found = []
    shipped = shipped_as(policy)
    if shipped is not None and (newest := find_shipped(shipped.name)) != shipped and newest is not None:
        found.append(f"superseded by {newest.alias}, as of {newest.version.as_of}")
    if policy.as_of is None and shipped is None:
        found.append("as_of: no day is stated for its parameters")
    if not policy.venues:
        found.append("venues: none is named, so whoever verifies a proof names who must attest")
    kinds = {rule.kind for rule in policy.rules}
    grids = kinds & {"scenario_grid", "scenario_tables", "expiry_scenarios"}
    options = "option" in policy.admitted_kinds and policy.measure == "equity"
    if options and not grids and not kinds & {"short_option_margin", "supervisory_add_on"}:
        found.append("admitted_kinds: options are admitted, and no rule margins them")
    if options and grids - {"expiry_scenarios"} and "mark_check" not in kinds:
        found.append("rules: no mark_check, so an option whose mark contradicts the model is worth its mark")
    if kinds & {"scenario_grid"} and all(
        getattr(rule, "price_scan_range", None) is None for rule in policy.rules if rule.kind == "scenario_grid"
    ):
        found.append("rules: a scenario_grid without price_scan_range moves every underlying alike, small coins too")
    if epoch is not None:
        for name in epoch.universe.underlyings:
            if name and policy.refuses(name):
                found.append(f"{name}: the policy has no parameters for it: worth nothing long, punitive short")
    return tuple(found)


def derived(policy: Policy, name: str, settings: Mapping[str, str]) -> Policy:
    """A policy under a new name, some fields set from text, lists by commas. Raises FormatError naming the field."""
    body = {key: value for key, value in policy.to_json().items() if key not in ("format", "version")}
    fixed = ("name", "rules", "as_of")
    body.pop("as_of", None)
    body["name"] = name
    for field, text in settings.items():
        before = Policy.model_fields.get(field)
        if before is None or field in fixed:
            allowed = ", ".join(key for key in Policy.model_fields if key not in fixed)
            raise FormatError(f"{field}: expected one of {allowed}")
        if isinstance(body[field], list):
            body[field] = [item for item in text.split(",") if item]
        elif isinstance(body[field], int):
            if not text.isascii() or not text.isdigit() or len(text) > 12:
                raise FormatError(f"{field}: expected a whole number, got {text[:32]!r}")
            body[field] = int(text)
        else:
            body[field] = text
    return parse_model(Policy, body, name)
