"""Make the sample that ships with zkmargin: a market from a public model, and three venues' books that hedge each
other.

    python examples/make_sample.py [FOLDER]        (default: src/zkmargin/sample)

Market. Spots, carry and smiles are invented but typical; nothing is copied from any exchange. Forwards are
F = S exp(carry T). Implied volatility is SSVI (J. Gatheral, A. Jacquier, "Arbitrage-free SVI volatility surfaces",
2014):

    w(k) = theta / 2 (1 + rho phi k + sqrt((phi k + rho)^2 + 1 - rho^2)),   k = ln(K / F),  vol = sqrt(w / T),
    theta = atm_vol(T)^2 T,   phi = eta / (theta^gamma (1 + theta)^(1 - gamma)),

and options are marked with Black-76. Expiries follow the listing calendar of crypto options: days, Fridays, month ends.

Books. `kestrel` is an options venue: volatility is sold there, mostly calls, and some wings are bought. `marlin` trades
perpetuals and futures: it holds the hedge of kestrel's delta. `harbor` lends: ether is supplied against borrowed
dollars and solana, which marlin and kestrel hedge in turn. Each book has a few dozen lines drawn with a fixed seed.
Cash is set so that each venue alone holds about half of what `derive-pmrm2@2026-08` asks of it; netted, the deltas
cancel and it is ample.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
from numpy.random import Generator

from zkmargin.circuits.markets import black76
from zkmargin.circuits.markets.epoch import MarketEpoch
from zkmargin.circuits.markets.instruments import (
    Borrow,
    Cash,
    Future,
    Instrument,
    InstrumentSet,
    Option,
    Perpetual,
    Spot,
    Supply,
)
from zkmargin.circuits.markets.positions import positions_from_quantities
from zkmargin.circuits.markets.units import USD_E12
from zkmargin.circuits.policies.evaluate import MarginResult, evaluate_margin
from zkmargin.circuits.policies.policy import Policy, load_policy
from zkmargin.circuits.statements.margin.market import build_epoch

SEED = 20260105
AS_OF = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
EXPIRY_DAYS = (2, 4, 11, 25, 53, 81, 172, 263)
"""7 and 9 January, 16 January, 30 January, 27 February, 27 March, 26 June, 25 September 2026, 08:00 UTC."""
FUTURE_DAYS = (25, 81, 172, 263)
STRIKES = 23
POLICY = "derive-pmrm2"
SIZED_UNDER = "derive-pmrm2@2026-08"
"""What cash is set by: a dated version, so that the books stay when the policy's newest version changes."""
FUNDED = 0.5
"""Share of its own requirement that each venue's book holds."""

Book = dict[str, Decimal]


@dataclass(frozen=True)
class Model:
    """One underlying: spot in USD, carry, at-the-money volatility from short to long, and SSVI shape."""

    spot: Decimal
    carry: float
    short_vol: float
    long_vol: float
    rho: float
    eta: float
    gamma: float
    strike_step: Decimal
    quantity_step: Decimal
    open_interest: Decimal


MODELS = {
    "BTC": Model(Decimal("94250.5"), 0.055, 0.46, 0.52, -0.12, 1.4, 0.45, Decimal(500), Decimal("0.1"), Decimal(31250)),
    "ETH": Model(Decimal("3284.25"), 0.05, 0.68, 0.66, -0.08, 1.3, 0.45, Decimal(25), Decimal(1), Decimal(742000)),
    "SOL": Model(Decimal("188.4"), 0.06, 0.84, 0.80, -0.05, 1.2, 0.45, Decimal(1), Decimal(10), Decimal(9650000)),
}


def main(folder: Path) -> None:
    """Write instruments, books and a manifest, and print the margin of each book alone and of all together."""
    data = make_market()
    policy = load_policy(POLICY)
    market = build_epoch(data, policy)
    sized_under = load_policy(SIZED_UNDER)
    books = make_books(sized_under, build_epoch(data, sized_under), np.random.default_rng(SEED))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "instruments.json").write_text(_compact(data.to_json()), encoding="utf-8")
    for venue, book in books.items():
        lines = [f"{name},{format(quantity, 'f')}" for name, quantity in book.items()]
        (folder / f"{venue}.csv").write_text("\n".join(["instrument,quantity", *lines]) + "\n", encoding="utf-8")
    manifest = {"policy": POLICY, "instruments": "instruments.json", "venues": {v: f"{v}.csv" for v in books}}
    (folder / "sample.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    print(f"{len(data.instruments)} instruments, {market.universe.rows} rows")
    for venue, book in books.items():
        _print(venue, margin(policy, market, book))
    netted = margin(policy, market, *books.values())
    _print("netted", netted)
    if not netted.adequate or any(margin(policy, market, book).adequate for book in books.values()):
        raise SystemExit(
            "the sample does not tell its story: expected each venue inadequate, and all together adequate"
        )


def make_market() -> InstrumentSet:
    """Cash, and for every underlying spot, lending, a perpetual, futures and an option surface."""
    instruments: list[Instrument] = [Cash(id="USD", kind="cash")]
    instruments += [
        Spot(id="USDC", kind="spot", underlying="USDC", mark_price_usd=Decimal("0.9999")),
        _lending(Supply, "USDC", Decimal("0.9999"), "1.142317"),
        _lending(Borrow, "USDC", Decimal("0.9999"), "1.187705"),
    ]
    for name, model in MODELS.items():
        instruments.append(Spot(id=name, kind="spot", underlying=name, mark_price_usd=model.spot))
        instruments.append(_lending(Supply, name, model.spot, "1.021844"))
        instruments.append(_lending(Borrow, name, model.spot, "1.034420"))
        perpetual = (model.spot * Decimal("1.0002")).quantize(Decimal("0.0001"))
        instruments.append(
            Perpetual(
                id=f"{name}-PERP",
                kind="perpetual",
                underlying=name,
                mark_price_usd=perpetual,
                open_interest=model.open_interest,
            )
        )
        for days in FUTURE_DAYS:
            expiry = AS_OF + timedelta(days=days)
            instruments.append(
                Future(
                    id=f"{name}-{_date(expiry)}",
                    kind="future",
                    underlying=name,
                    mark_price_usd=_forward(model, days),
                    expiry=expiry,
                )
            )
        for days in EXPIRY_DAYS:
            instruments += _surface(name, model, days)
    return InstrumentSet(as_of=AS_OF, instruments=tuple(instruments))


def make_books(policy: Policy, market: MarketEpoch, rng: Generator) -> dict[str, Book]:
    """The three books, cash last; see the module."""
    options = [i for i in market.data.instruments if i.kind == "option"]
    kestrel: Book = {}
    delta = dict.fromkeys(MODELS, 0.0)
    for option in options:
        model = MODELS[option.underlying]
        size = _size(option, model, rng)
        if size:
            kestrel[option.id] = size
            delta[option.underlying] += float(size) * _delta(option)
    lent = Decimal(2600)
    harbor: Book = {
        "supply-ETH": lent,
        "borrow-USDC": Decimal(-4100000),
        "borrow-SOL": Decimal(-21000),
        "USDC": Decimal(350000),
    }
    delta["ETH"] += float(lent) * 1.021844
    delta["SOL"] -= 21000 * 1.034420
    marlin: Book = {}
    entry = Decimal(0)
    for name, model in MODELS.items():
        share = {f"{name}-PERP": 0.7, f"{name}-{_date(AS_OF + timedelta(days=81))}": 0.3}
        for instrument, weight in share.items():
            quantity = _round(Decimal(str(-delta[name] * weight)), model.quantity_step)
            marlin[instrument] = quantity
            entry += quantity * _price(market.data, instrument)
    # The quote leg of perpetuals and futures: bought notional has been paid for out of cash.
    marlin["USD"] = -_round(entry, Decimal(1))
    books = {"kestrel": kestrel, "marlin": marlin, "harbor": harbor}
    for book in books.values():
        alone = margin(policy, market, book)
        missing = Decimal(int(FUNDED * alone.requirement_usd_e12) - alone.nlv_usd_e12) / USD_E12
        book["USD"] = book.get("USD", Decimal(0)) + _round(missing, Decimal(5000))
    return books


def margin(policy: Policy, market: MarketEpoch, *books: Mapping[str, Decimal]) -> MarginResult:
    """The margin of one or several books, netted."""
    return evaluate_margin(policy, market, [positions_from_quantities(market.universe, book) for book in books])


def _lending(kind: type[Supply] | type[Borrow], name: str, price: Decimal, index: str) -> Supply | Borrow:
    word = kind.__name__.lower()
    return kind.model_validate(
        {"id": f"{word}-{name}", "kind": word, "underlying": name, "mark_price_usd": price, "index": Decimal(index)}
    )


def _forward(model: Model, days: int) -> Decimal:
    return Decimal(str(round(float(model.spot) * float(np.exp(model.carry * days / 365)), 4)))


def _surface(name: str, model: Model, days: int) -> list[Instrument]:
    """Calls and puts at `STRIKES` strikes within three standard deviations."""
    expiry, years = AS_OF + timedelta(days=days), days / 365
    forward = _forward(model, days)
    atm = model.long_vol + (model.short_vol - model.long_vol) * float(np.exp(-years / 0.25))
    theta = atm * atm * years
    phi = model.eta / (theta**model.gamma * (1 + theta) ** (1 - model.gamma))
    found: dict[Decimal, list[Instrument]] = {}
    for z in np.linspace(-3.0, 3.0, STRIKES):
        raw = float(forward) * float(np.exp(z * np.sqrt(theta)))
        step = model.strike_step * (1 if abs(z) < 1 or years < 0.05 else 2 if abs(z) < 2 else 4)
        strike = _round(Decimal(str(raw)), step)
        k = float(np.log(float(strike) / float(forward)))
        w = theta / 2 * (1 + model.rho * phi * k + np.sqrt((phi * k + model.rho) ** 2 + 1 - model.rho**2))
        vol = Decimal(str(round(float(np.sqrt(w / years)), 6)))
        pair: list[Instrument] = []
        for side in ("call", "put"):
            mark = float(black76.price(float(forward), float(strike), float(vol), years, side == "call"))
            pair.append(
                Option(
                    id=f"{name}-{_date(expiry)}-{format(strike, 'f')}-{side[0].upper()}",
                    kind="option",
                    underlying=name,
                    mark_price_usd=Decimal(str(round(mark, 8))).quantize(Decimal("1e-8")),
                    forward_usd=forward,
                    implied_vol=vol,
                    expiry=expiry,
                    strike_usd=strike,
                    option_type=side,
                )
            )
        found.setdefault(strike, pair)
    return [option for _, pair in sorted(found.items()) for option in pair]


def _size(option: Option, model: Model, rng: Generator) -> Decimal:
    """What kestrel holds of an option: some out of the money, sold near the money, bought in the wings."""
    in_the_money = (option.strike_usd < option.forward_usd) == (option.option_type == "call")
    if rng.random() > 0.22 or in_the_money:
        return Decimal(0)
    deviations = abs(float(np.log(float(option.strike_usd) / float(option.forward_usd)))) / 0.15
    lots = float(rng.lognormal(3.0, 0.6))
    if option.option_type == "put":
        lots *= 0.45
    notional_step = 94250.5 / float(model.spot) / 4
    sign = 1 if deviations > 2.2 else -1
    return _round(Decimal(str(sign * lots * notional_step * (0.8 if sign > 0 else 1.0))), model.quantity_step)


def _delta(option: Option) -> float:
    years = (option.expiry - AS_OF).total_seconds() / black76.SECONDS_PER_YEAR
    terms = (float(option.forward_usd), float(option.strike_usd), float(option.implied_vol), years)
    return float(black76.greeks(*terms, option.option_type == "call").delta)


def _price(data: InstrumentSet, name: str) -> Decimal:
    return next(i.mark_price_usd for i in data.instruments if i.id == name)


def _round(value: Decimal, step: Decimal) -> Decimal:
    return (value / step).to_integral_value() * step


def _date(moment: datetime) -> str:
    return f"{moment.day}{moment.strftime('%b%y').upper()}"


def _compact(document: Mapping[str, object]) -> str:
    """JSON with one instrument a line."""
    head = {name: value for name, value in document.items() if name != "instruments"}
    entries = document["instruments"]
    lines = (
        ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in entries) if isinstance(entries, list) else ""
    )
    return json.dumps(head)[:-1] + ', "instruments": [\n' + lines + "\n]}\n"


def _print(name: str, result: MarginResult) -> None:
    verdict = "adequate" if result.adequate else "under-margined"
    nlv, requirement = (round(value / USD_E12) for value in (result.nlv_usd_e12, result.requirement_usd_e12))
    print(f"{name:8} {verdict:15} NLV {nlv:>12,} requirement {requirement:>12,}  worst: {result.worst_scenario}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent / "src" / "zkmargin" / "sample")
