"""An independent margin calculation in floating point: straight from the formulas of docs/policies.md, row by row.

Nothing is shared with the product but the parsed models: prices, scenarios, greeks and tiers are done again with
`math`, maxima are taken with `max`, and there are no columns, no lots and no constraints.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from zkmargin.circuits.markets.epoch import MarketEpoch
from zkmargin.circuits.policies.policy import Policy

YEAR = 365 * 86400.0


@dataclass
class Holding:
    instrument: Any
    quantity: float
    years: float
    index: float

    @property
    def price(self) -> float:
        base = float(self.instrument.mark_price_usd)
        return base * float(getattr(self.instrument, "index", 1) or 1)

    @property
    def is_option(self) -> bool:
        return bool(self.instrument.kind == "option")

    def value(self, shift: float = 0.0, vol: float | None = None, years: float | None = None) -> float:
        """Model value per unit after a relative move of the price."""
        if not self.is_option:
            return self.price * (1 + shift)
        i = self.instrument
        return black(
            float(i.forward_usd) * (1 + shift),
            float(i.strike_usd),
            float(i.implied_vol) if vol is None else vol,
            self.years if years is None else years,
            i.option_type == "call",
        )


@dataclass
class Reference:
    nlv: float = 0.0
    slack: float = 0.0
    gross: float = 0.0
    """Sum of |amounts| that were added up: what floating-point error is relative to."""
    groups: dict[str, list[float]] = field(default_factory=lambda: defaultdict(lambda: [0.0]))
    charges: float = 0.0
    deductions: float = 0.0
    epoch: Any = None

    def netted_strikes(self, most: int) -> set[tuple[str, Any, Any]]:
        """Of each expiry the strikes nearest to the forward at which there is both a call and a put."""
        found: dict[tuple[str, Any], dict[Any, set[str]]] = defaultdict(lambda: defaultdict(set))
        forwards = {}
        for i in self.epoch.data.instruments:
            if i.kind == "option":
                found[i.underlying, i.expiry][i.strike_usd].add(i.option_type)
                forwards[i.underlying, i.expiry] = i.forward_usd
        kept = set()
        for (name, expiry), strikes in found.items():
            forward = forwards[name, expiry]
            both = sorted((abs(k / forward - 1), k) for k, sides in strikes.items() if len(sides) == 2)
            kept |= {(name, expiry, k) for _, k in both[:most]}
        return kept


def normal(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2))


def black(f: float, k: float, vol: float, years: float, call: bool) -> float:
    v = vol * math.sqrt(max(years, 0.0))
    if v == 0 or f <= 0:
        return max(f - k if call else k - f, 0.0)
    d1 = math.log(f / k) / v + v / 2
    if call:
        return f * normal(d1) - k * normal(d1 - v)
    return k * normal(v - d1) - f * normal(-d1)


def greeks(h: Holding) -> tuple[float, float, float]:
    i = h.instrument
    if not h.is_option:
        return 1.0, 0.0, 0.0
    f, k, call = float(i.forward_usd), float(i.strike_usd), i.option_type == "call"
    v = float(i.implied_vol) * math.sqrt(h.years)
    if v == 0:
        step = 0.5 if f == k else float(f > k)
        return (step if call else step - 1), 0.0, 0.0
    d1 = math.log(f / k) / v + v / 2
    density = math.exp(-d1 * d1 / 2) / math.sqrt(2 * math.pi)
    return normal(d1) - (0 if call else 1), density / (f * v), f * density * math.sqrt(h.years)


def reference_margin(policy: Policy, epoch: MarketEpoch, quantities: dict[str, float]) -> Reference:
    out = Reference(epoch=epoch)
    index: dict[str, float] = {}
    for kind in ("perpetual", "spot"):
        index.update({i.underlying: float(i.mark_price_usd) for i in epoch.data.instruments if i.kind == kind})
    holdings = []
    for i in epoch.data.instruments:
        quantity = quantities.get(i.id, 0.0)
        if not quantity:
            continue
        if i.kind not in policy.admitted_kinds or _refused(policy, i.underlying):
            lot = 10.0 ** -epoch.universe.by_id[i.id].lot_exponent
            punitive = max(-quantity, 0.0) / lot * float(1 << 46) / 1e12
            out.charges += punitive
            out.gross += punitive
            continue
        seen = i.price_time or epoch.as_of
        years = (i.expiry - seen).total_seconds() / YEAR if i.kind == "option" else 0.0
        own = float(i.forward_usd if i.kind == "option" else i.mark_price_usd)
        holdings.append(Holding(i, quantity, years, index.get(i.underlying, own)))
    for h in holdings:
        out.nlv += h.quantity * h.price
        out.gross += abs(h.quantity) * (h.price + 8 * h.index)
    moving = [h for h in holdings if h.instrument.kind != "cash"]
    moving = [h for h in moving if h.instrument.underlying not in policy.unshocked_underlyings]
    for rule in policy.rules:
        globals()[f"_{rule.kind}"](rule, out, holdings, moving)
    cover, factor = float(policy.cover), float(policy.risk_factor)
    requirement = cover * (factor * sum(max(losses) for losses in out.groups.values()) + out.charges)
    if policy.measure == "asset_cover":
        assets = sum(h.quantity * h.price for h in holdings if h.quantity > 0)
        debts = -sum(h.quantity * h.price for h in holdings if h.quantity < 0)
        out.slack = assets - out.deductions - cover * debts - requirement
    else:
        out.slack = out.nlv - out.deductions - requirement
    out.gross *= cover * max(factor, 1.0)
    return out


def _table(table: Any, name: str) -> Any:
    return table[name] if name in table else table["*"]


def _refused(policy: Policy, name: str) -> bool:
    if name in policy.unshocked_underlyings:
        return False
    tables = [getattr(rule, field, None) for rule in policy.rules for field in ("tables", "rates", "classes")]
    return any(_table(table, name) == "refuse" for table in tables if table)


def _own(rule: Any, field: str, tables: str, name: str) -> float:
    """A parameter given once, or in a table by underlying, either directly or as a field of its entry."""
    table = getattr(rule, tables, None)
    if table is None:
        return float(getattr(rule, field))
    entry = _table(table, name)
    return float(getattr(entry, field, entry))


def _moved_vol(move: Any, vol: float, years: float) -> float:
    if move is None:
        return vol
    if move.kind == "relative":
        return vol * (1 + float(move.change))
    if move.kind == "absolute":
        return max(0.0, vol + float(move.points))
    days = years * 365
    power = float(move.short_power if days <= 30 else move.long_power)
    factor = 1 + float(move.change) * (30 / max(days, float(move.floor_days))) ** power
    return max(vol * max(factor, 0.0), float(move.minimum_vol))


def _scenario_tables(rule: Any, out: Reference, holdings: list[Holding], moving: list[Holding]) -> None:
    losses: dict[tuple[str, int], float] = defaultdict(float)
    for h in moving:
        name = h.instrument.underlying
        table = _table(rule.tables, name)
        largest = 0.0
        long, short = _penalties(table, h)
        for index, scenario in enumerate(table.scenarios):
            weight = float(scenario.weight) * float(table.factor)
            move = table.vol_moves.get(scenario.vol_move) if scenario.vol_move else None
            vol = _moved_vol(move, float(h.instrument.implied_vol), h.years) if h.is_option else None
            shift = float(scenario.price_move) * math.sqrt(float(table.margin_period_days or 1))
            shift = (1 + shift) * math.exp(float(scenario.rate_move or 0) * _dated(h, out)) - 1
            value = h.value(shift, vol, max(h.years - float(rule.look_ahead_days) / 365, 0.0))
            group = "" if rule.netting == "account" else name
            losses[group, index] -= weight * h.quantity * (value - h.value() - (long - short) / 2 * value)
            largest = max(largest, weight * value)
        out.charges += abs(h.quantity) * (long + short) / 2 * largest
    for (group, _), loss in losses.items():
        out.groups[group].append(loss)


def _dated(h: Holding, out: Reference) -> float:
    """Years to expiry of what has one."""
    if h.instrument.kind != "future":
        return h.years
    return float((h.instrument.expiry - out.epoch.as_of).total_seconds()) / YEAR


def _scenario_grid(rule: Any, out: Reference, holdings: list[Holding], moving: list[Holding]) -> None:
    look_ahead = float(rule.look_ahead_days) / 365
    largest: dict[str, float] = {}
    for scenario in rule.scenarios:
        losses: dict[str, float] = defaultdict(float)
        weight = float(scenario.weight)
        for h in moving:
            name = h.instrument.underlying
            scan = 1.0 if rule.price_scan_range is None else float(_table(rule.price_scan_range, name))
            move = rule.vol_moves.get(scenario.vol_move) if scenario.vol_move else None
            vol = _moved_vol(move, float(h.instrument.implied_vol), h.years) if h.is_option else None
            shift = (1 + float(scenario.price_move) * scan) * math.exp(
                float(scenario.rate_move or 0) * _dated(h, out)
            ) - 1
            value = h.value(shift, vol, max(h.years - look_ahead, 0.0))
            long, short = _penalties(rule, h)
            profit = value - h.value() - (long - short) / 2 * value
            losses["" if rule.netting == "account" else name] -= weight * h.quantity * profit
            largest[h.instrument.id] = max(largest.get(h.instrument.id, 0.0), weight * value)
        for group, loss in losses.items():
            out.groups[group].append(loss)
    for h in moving:
        long, short = _penalties(rule, h)
        out.charges += abs(h.quantity) * (long + short) / 2 * largest[h.instrument.id]


def _penalties(rule: Any, h: Holding) -> tuple[float, float]:
    if rule.discounting is None or not h.is_option:
        return 0.0, 0.0
    d = rule.discounting
    long = 1 - min(1.0, float(d.long_base) * math.exp(-float(d.long_rate) * h.years))
    return long, max(1.0, float(d.short_base) * math.exp(float(d.short_rate) * h.years)) - 1


def _expiry_scenarios(rule: Any, out: Reference, holdings: list[Holding], moving: list[Holding]) -> None:
    """Each expiry's net value discounted by its sign; shocked model less mark; skew by expiry in absolute value."""
    for name in {h.instrument.underlying for h in moving}:
        table, mine = _table(rule.tables, name), [h for h in moving if h.instrument.underlying == name]
        expiries = {h.instrument.expiry for h in mine if h.is_option}
        losses = [0.0]
        for scenario in table.scenarios:
            profit = sum(h.quantity * h.price * float(scenario.price_move) for h in mine if not h.is_option)
            move = table.vol_moves.get(scenario.vol_move) if scenario.vol_move else None
            for expiry in expiries:
                held = [h for h in mine if h.is_option and h.instrument.expiry == expiry]
                value = 0.0
                for h in held:
                    left = h.years * YEAR / (rule.settlement_window_seconds or 1e-9)
                    shift = float(scenario.price_move) * min(1.0, left)
                    value += h.quantity * h.value(shift, _moved_vol(move, float(h.instrument.implied_vol), h.years))
                profit += _by_sign(table.discounting, held[0].years, value) - sum(h.quantity * h.price for h in held)
            losses.append(-float(scenario.weight) * profit)
        for bend in (False, True) if rule.skew is not None else ():
            total = 0.0
            for expiry in expiries:
                held = [h for h in mine if h.is_option and h.instrument.expiry == expiry]
                value = sum(h.quantity * h.value(0.0, _skewed(rule.skew, h, bend)) for h in held)
                total += abs(
                    _by_sign(table.discounting, held[0].years, value) - sum(h.quantity * h.price for h in held)
                )
            losses.append(total)
        out.groups[name].append(float(table.factor) * max(losses))


def _by_sign(d: Any, years: float, value: float) -> float:
    own = math.exp(-float(d.rate) * years)
    if value > 0:
        return value * own * float(d.long_base) * math.exp(-float(d.long_rate) * years)
    return value * min(1.0, own * float(d.short_base) * math.exp(float(d.short_rate) * years))


def _skewed(shape: Any, h: Holding, bend: bool) -> float:
    root = math.sqrt(h.years)
    cap = max(0.0, float(shape.base_cap) + float(shape.cap_per_sqrt_year) * root)
    width = max(float(shape.minimum_width), float(shape.width) * root)
    k = math.log(float(h.instrument.strike_usd) / float(h.instrument.forward_usd))
    k = abs(k) if bend else k
    return float(h.instrument.implied_vol) * max(0.0, 1 + min(cap, max(-cap, k * cap / width)))


def _strike_netted_shorts(rule: Any, out: Reference, holdings: list[Holding], moving: list[Holding]) -> None:
    sold: dict[tuple[str, Any, Any], list[float]] = defaultdict(list)
    for h in holdings:
        if h.is_option:
            rate = float(_table(rule.rates, h.instrument.underlying)) * h.index
            sold[h.instrument.underlying, h.instrument.expiry, h.instrument.strike_usd].append(h.quantity * rate)
    for key, amounts in sold.items():
        if key in out.netted_strikes(rule.strikes):
            out.charges += max(0.0, -sum(amounts))
        else:
            out.charges += sum(max(0.0, -amount) for amount in amounts)


def _basis_contingency(rule: Any, out: Reference, holdings: list[Holding], moving: list[Holding]) -> None:
    totals: dict[tuple[str, Any], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for h in moving:
        if h.instrument.kind not in ("option", "future"):
            continue
        name = h.instrument.underlying
        scale = 1.0 if rule.tables is None else float(_table(rule.tables, name).factor)
        add, multiply = _own(rule, "add", "tables", name), _own(rule, "multiply", "tables", name)
        factor = scale * (add + multiply * h.years)
        for side, sign in enumerate((1, -1)):
            profit = h.value(sign * _own(rule, "price_move", "tables", name)) - h.value()
            totals[h.instrument.underlying, h.instrument.expiry][side] -= h.quantity * factor * profit
    by_underlying: dict[str, float] = defaultdict(float)
    for (name, _), sides in totals.items():
        by_underlying[name] += max(0.0, *sides)
    for name, loss in by_underlying.items():
        out.groups[name].append(loss)


def _skew_contingency(rule: Any, out: Reference, holdings: list[Holding], moving: list[Holding]) -> None:
    for shape in ("linear", "absolute"):
        profits: dict[tuple[str, Any], float] = defaultdict(float)
        for h in moving:
            if not h.is_option:
                continue
            root = math.sqrt(h.years)
            cap = max(0.0, float(rule.base_cap) + float(rule.cap_per_sqrt_year) * root)
            width = max(float(rule.minimum_width), float(rule.width) * root)
            k = math.log(float(h.instrument.strike_usd) / float(h.instrument.forward_usd))
            k = abs(k) if shape == "absolute" else k
            vol = float(h.instrument.implied_vol) * max(0.0, 1 + min(cap, max(-cap, k * cap / width)))
            factor = 1.0 if rule.factors is None else float(_table(rule.factors, h.instrument.underlying))
            change = factor * h.quantity * (h.value(0.0, vol) - h.value())
            profits[h.instrument.underlying, h.instrument.expiry] += change
        by_underlying: dict[str, float] = defaultdict(float)
        for (name, _), profit in profits.items():
            by_underlying[name] += abs(profit)
        for name, loss in by_underlying.items():
            out.groups[name].append(loss)


def _unit_contingencies(rule: Any, out: Reference, holdings: list[Holding], moving: list[Holding]) -> None:
    for charge in rule.charges:
        for h in holdings:
            side = "long" if h.quantity > 0 else "short"
            if h.instrument.kind in charge.kinds and charge.side in (side, "both"):
                base = h.index if charge.of == "reference" else h.price
                out.charges += abs(h.quantity) * _own(charge, "rate", "rates", h.instrument.underlying) * base


def _short_option_minimum(rule: Any, out: Reference, holdings: list[Holding], moving: list[Holding]) -> None:
    totals: dict[str, float] = defaultdict(float)
    for h in holdings:
        if h.is_option and h.quantity < 0:
            totals[h.instrument.underlying] += (
                -h.quantity * _own(rule, "rate", "rates", h.instrument.underlying) * h.index
            )
    for name, loss in totals.items():
        out.groups[name].append(loss)


def _delta_charge(rule: Any, out: Reference, holdings: list[Holding], moving: list[Holding]) -> None:
    net: dict[str, float] = defaultdict(float)
    gross: dict[str, float] = defaultdict(float)
    for h in moving:
        delta = h.quantity * greeks(h)[0] * h.index
        net[h.instrument.underlying] += delta
        gross[h.instrument.underlying] += abs(delta)
    for name, delta in net.items():
        hedged = (gross[name] - abs(delta)) / 2
        net_rate, hedged_rate = (_own(rule, field, "rates", name) for field in ("net_rate", "hedged_rate"))
        out.groups[name].append(net_rate * abs(delta) + hedged_rate * hedged)


def _open_interest_margin(rule: Any, out: Reference, holdings: list[Holding], moving: list[Holding]) -> None:
    totals: dict[str, float] = defaultdict(float)
    for h in holdings:
        if h.instrument.kind not in rule.kinds:
            continue
        tier = _table(rule.tiers, h.instrument.underlying)
        rate = float(tier.initial_fraction)
        if rule.flavour == "maintenance":
            rate *= float(tier.maintenance_fraction)
        elif tier.scales:
            units = getattr(h.instrument, "open_interest", None)
            missing = math.inf if rule.missing_open_interest == "full" else 0.0
            notional = missing if units is None else float(units) * float(h.instrument.mark_price_usd)
            low, high = float(tier.open_interest_lower_cap_usd), float(tier.open_interest_upper_cap_usd)
            rate = min(1.0, rate + max(0.0, (notional - low) / (high - low)) * (1 - rate))
        totals[h.instrument.underlying] += abs(h.quantity) * h.price * rate
    for name, loss in totals.items():
        out.groups[name].append(loss)


def _tiered(steps: list[tuple[float, float]], amount: float) -> float:
    """The amount cut at the boundaries, each part at its own rate."""
    ends = [boundary for boundary, _ in steps[1:]] + [math.inf]
    return sum(max(0.0, min(amount, end) - start) * rate for (start, rate), end in zip(steps, ends, strict=True))


def _notional_tiers(rule: Any, out: Reference, holdings: list[Holding], moving: list[Holding]) -> None:
    totals: dict[str, float] = defaultdict(float)
    for h in holdings:
        if h.instrument.kind in rule.kinds:
            totals[h.instrument.underlying] += abs(h.quantity) * h.price
    share = 1.0 if rule.flavour == "initial" else 0.5
    for name, notional in totals.items():
        steps = [(float(t.from_usd), share / float(t.max_leverage)) for t in _table(rule.tiers, name)]
        out.groups[name].append(_tiered(steps, notional))


def _size_charge(rule: Any, out: Reference, holdings: list[Holding], moving: list[Holding]) -> None:
    totals: dict[str, float] = defaultdict(float)
    for h in holdings:
        if h.instrument.kind in rule.kinds:
            totals[h.instrument.underlying] += abs(h.quantity) * h.price
    for name, notional in totals.items():
        out.charges += _tiered([(float(t.from_usd), float(t.rate)) for t in _table(rule.tiers, name)], notional)


def _position_leverage(rule: Any, out: Reference, holdings: list[Holding], moving: list[Holding]) -> None:
    totals: dict[str, float] = defaultdict(float)
    for h in holdings:
        if h.instrument.kind in rule.kinds:
            totals[h.instrument.underlying] += abs(h.quantity) * h.price
    for name, notional in totals.items():
        reached = [tier for tier in _table(rule.tiers, name) if notional >= float(tier.from_usd)]
        out.groups[name].append(notional / float(reached[-1].max_leverage))


def _short_option_margin(rule: Any, out: Reference, holdings: list[Holding], moving: list[Holding]) -> None:
    for h in holdings:
        if h.is_option and h.quantity < 0:
            terms = getattr(_table(rule.tables, h.instrument.underlying), h.instrument.option_type)
            strike, index = float(h.instrument.strike_usd), h.index
            otm = max(strike - index if h.instrument.option_type == "call" else index - strike, 0.0)
            out.charges += -h.quantity * max(float(terms.base) * index - otm, float(terms.minimum) * index)


def _collateral_factors(rule: Any, out: Reference, holdings: list[Holding], moving: list[Holding]) -> None:
    for h in holdings:
        if h.quantity > 0:
            counted = h.instrument.kind in rule.kinds
            other = float(rule.other_kinds == "full")
            factor = float(_table(rule.factors, h.instrument.underlying)) if counted else other
            out.deductions += h.quantity * h.price * (1 - factor)


def _tiered_haircuts(rule: Any, out: Reference, holdings: list[Holding], moving: list[Holding]) -> None:
    totals: dict[str, float] = defaultdict(float)
    for h in holdings:
        if h.quantity > 0 and h.instrument.kind not in rule.kinds:
            out.deductions += h.quantity * h.price * float(rule.other_kinds != "full")
        elif h.quantity > 0:
            totals[h.instrument.underlying] += h.quantity * h.price
    for name, value in totals.items():
        steps = [(float(t.from_usd), float(t.ratio)) for t in _table(rule.tiers, name)]
        out.deductions += value - _tiered(steps, value)


def _value_at_risk(rule: Any, out: Reference, holdings: list[Holding], moving: list[Holding]) -> None:
    exposures = []
    for factor in rule.factors:
        total = 0.0
        for h in moving:
            if h.instrument.underlying != factor.underlying:
                continue
            delta, gamma, vega = greeks(h)
            f = float(h.instrument.forward_usd) if h.is_option else h.price
            step = f * float(factor.move)
            amounts = {"delta": delta * step, "gamma": gamma * step * step / 2, "vega": vega * float(factor.move)}
            total += h.quantity * amounts[factor.exposure]
        exposures.append(total)
    square = sum(
        a * b * float(rule.correlation[i][j]) for i, a in enumerate(exposures) for j, b in enumerate(exposures)
    )
    out.charges += float(rule.z) * math.sqrt(max(square, 0.0))


def _supervisory_add_on(rule: Any, out: Reference, holdings: list[Holding], moving: list[Holding]) -> None:
    """CRE52: by hedging set, what all move alike and what each underlying does by itself."""
    sets: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(lambda: [0.0, 0.0]))
    for h in moving:
        entry = _table(rule.classes, h.instrument.underlying)
        if h.instrument.kind not in rule.kinds:
            continue
        expiry = getattr(h.instrument, "expiry", None)
        years = 1.0 if expiry is None else (expiry - out.epoch.as_of).total_seconds() / YEAR
        maturity = math.sqrt(min(1.0, max(years, 10 / 250)))
        if rule.margin_period_days is not None:
            maturity = 1.5 * math.sqrt(rule.margin_period_days / 250)
        delta, base = 1.0, h.price
        if h.is_option:
            base, k = float(h.instrument.forward_usd), float(h.instrument.strike_usd)
            v = float(entry.option_volatility) * math.sqrt(h.years)
            delta = normal(math.log(base / k) / v + v / 2) - (h.instrument.option_type == "put")
        amount = h.quantity * delta * base * maturity * float(entry.supervisory_factor)
        found = sets[entry.hedging_set][h.instrument.underlying]
        found[0] += amount
        found[1] = float(entry.correlation)
    for found in sets.values():
        common = sum(rho * amount for amount, rho in found.values())
        own = sum((1 - rho * rho) * amount * amount for amount, rho in found.values())
        out.charges += float(rule.alpha) * math.sqrt(common * common + own)


def _mark_check(rule: Any, out: Reference, holdings: list[Holding], moving: list[Holding]) -> None:
    for h in holdings:
        if not h.is_option:
            continue
        f, k = float(h.instrument.forward_usd), float(h.instrument.strike_usd)
        low, high = (max(f - k, 0.0), f) if h.instrument.option_type == "call" else (max(k - f, 0.0), k)
        model = h.value()
        outside = not low - 1e-6 * f <= h.price <= high + 1e-6 * f
        if not outside and (float(h.instrument.implied_vol) > 0 or h.years <= 0):
            low = high = h.price
            if abs(h.price - model) > float(rule.tolerance) * f:
                low, high = min(model, h.price), max(model, h.price)
        out.charges += (
            h.quantity * max(h.price - low, 0.0) if h.quantity > 0 else -h.quantity * max(high - h.price, 0.0)
        )


def limit_rooms(policy: Policy, epoch: MarketEpoch, quantities: dict[str, float]) -> dict[str, float]:
    """What is left below every limit, by its name in a report."""
    index = {}
    for kind in ("perpetual", "spot"):
        index.update({i.underlying: float(i.mark_price_usd) for i in epoch.data.instruments if i.kind == kind})
    held = []
    for i in epoch.data.instruments:
        years = (i.expiry - epoch.as_of).total_seconds() / YEAR if i.kind == "option" else 0.0
        if quantities.get(i.id):
            own = float(i.forward_usd if i.kind == "option" else i.mark_price_usd)
            held.append(Holding(i, quantities[i.id], years, index.get(i.underlying, own)))
    rooms: dict[str, float] = {}
    for rule in policy.rules:
        if rule.kind == "restricted":
            rooms[f"{rule.name}: restricted"] = -float(any(_is_restricted(rule, h) for h in held))
            continue
        if rule.kind not in ("limit", "leverage_limit", "concentration_limit"):
            continue
        counted = [h for h in held if h.instrument.kind in rule.kinds]
        whole = sum(map(_size, counted))
        groups = sorted({h.instrument.underlying for h in counted})
        if rule.kind == "leverage_limit":
            rooms[f"{rule.name}: leverage"] = float(rule.most) * sum(h.quantity * h.price for h in held) - whole
        elif rule.kind == "concentration_limit":
            for name in groups:
                own = sum(_size(h) for h in counted if h.instrument.underlying == name)
                rooms[f"{name} {rule.name}: concentration"] = float(rule.most_share) * whole - own
        else:
            for name in [""] if rule.by == "account" else groups:
                mine = [h for h in counted if name in ("", h.instrument.underlying)]
                rooms.update(_rooms_of_limit(rule, policy, epoch, name, mine))
    return rooms


def _size(h: Holding) -> float:
    return abs(h.quantity) * (float(h.instrument.forward_usd) if h.is_option else h.price)


def _is_restricted(rule: Any, h: Holding) -> bool:
    i = h.instrument
    named = i.id in rule.instruments or i.underlying in rule.underlyings or i.kind in rule.kinds
    return named and rule.side in ("both", "long" if h.quantity > 0 else "short")


def _rooms_of_limit(rule: Any, policy: Policy, epoch: MarketEpoch, name: str, mine: list[Holding]) -> dict[str, float]:
    most = float(_table(rule.most, name))
    title = f"{name} {rule.name}: {rule.measure.replace('_', ' ')}".strip()
    if rule.measure == "gross_notional":
        return {title: most - sum(map(_size, mine))}
    if rule.measure == "open_interest_share":
        perpetuals = [i for i in epoch.data.instruments if i.kind == "perpetual" and i.underlying == name]
        interest = sum(float(i.open_interest or 0) * float(i.mark_price_usd) for i in perpetuals)
        used = sum(abs(h.quantity) * h.price for h in mine if h.instrument.kind == "perpetual")
        return {title: most * interest - used}
    net = 0.0
    for h in mine:
        delta, _, vega = greeks(h)
        put = h.is_option and h.instrument.option_type == "put"
        moves = h.instrument.underlying not in policy.unshocked_underlyings
        notional = math.copysign(_size(h), h.quantity) * (-1 if put else 1)
        amounts = {"net_notional": notional, "vega": h.quantity * vega / 100, "position": h.quantity * delta * moves}
        net += amounts.get(rule.measure, h.quantity * delta * h.index * moves)
    return {f"{title}, long": most - net, f"{title}, short": most + net}


def _no_margin(rule: Any, out: Reference, holdings: list[Holding], moving: list[Holding]) -> None:
    """Limits demand no margin; `limit_rooms` has them."""


_limit = _leverage_limit = _concentration_limit = _restricted = _no_margin
