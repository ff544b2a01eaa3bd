"""Synthetic customers: heavy-tailed balances, 1 to 30 assets each out of many, one in ten with a margin account.

Amounts follow a Pareto law with index 1.2 in USD, from 10 USD up; the number of assets falls off geometrically; popular
assets are Zipf-distributed. Margin accounts pledge up to 90 % of one asset and owe less than half of that.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import polars as pl

from zkmargin.verifier.statements.solvency.terms import Asset, Chain, Terms, Tier

MARGIN_SHARE = 0.1
MAX_ASSETS_HELD = 30


def many_assets(count: int, *, totals: str = "hidden", coverage: str = "asset") -> Terms:
    """Assets with prices from a hundredth of a cent to 100,000 USD and three haircut tiers each."""
    draw = np.random.default_rng(count)
    prices = 10 ** draw.uniform(-4, 5, count)
    ratios = (Fraction(95, 100), Fraction(85, 100), Fraction(1, 2))
    tiers = tuple(Tier(Fraction(b), r) for b, r in zip((0, 100_000, 1_000_000), ratios, strict=True))
    caps = (Fraction(10**15), Fraction(10**15))
    assets = tuple(
        Asset(f"A{i:03d}", 8 if price > 1 else 4, Fraction(f"{price:.6f}"), tiers, Fraction(9, 10), *caps)
        for i, price in enumerate(prices)
    )
    chains = (Chain("eip155:1", 21_000_000, b"\xab" * 32),)
    return Terms("Harbor", 1_767_340_800, 14, coverage, True, totals, assets, chains, identifier="document")


def write_balances(path: Path, terms: Terms, customers: int, seed: int = 1) -> int:
    """Write a Parquet file of so many customers' holdings, in no order; returns how many holdings there are."""
    draw = np.random.default_rng(seed)
    held = np.minimum(draw.geometric(0.22, customers), min(MAX_ASSETS_HELD, len(terms.assets)))
    owner = np.repeat(np.arange(customers), held)
    rank = np.concatenate([np.arange(count) for count in held]) if customers < 1000 else _ranks(held)
    # Distinct assets of one customer: a Zipf-distributed start, then steps.
    start = np.minimum(draw.zipf(1.3, customers) - 1, len(terms.assets) - 1)
    asset = (np.repeat(start, held) + rank * (1 + np.repeat(draw.integers(0, 3, customers), held))) % len(terms.assets)
    frame = pl.DataFrame({"owner": owner, "asset": asset}).unique(maintain_order=True)
    owner, asset = frame["owner"].to_numpy(), frame["asset"].to_numpy()
    usd = np.minimum(10 * (1 + draw.pareto(1.2, len(owner))), 1e8)
    price = np.array([float(each.price_usd) for each in terms.assets])[asset]
    decimals = np.array([each.decimals for each in terms.assets])[asset]
    lots = np.maximum((usd / price * 10.0**decimals).astype(np.int64), 1)
    margin = draw.random(customers) < MARGIN_SHARE
    first = np.diff(owner, prepend=-1) != 0
    second = np.roll(first, 1) & ~first
    collateral = np.where(margin[owner] & first, lots * 9 // 10, 0)
    pledged = np.zeros(customers)
    pledged[owner[first]] = (collateral * price / 10.0**decimals)[first]
    debt = np.where(margin[owner] & second, (0.4 * pledged[owner] / price * 10.0**decimals).astype(np.int64), 0)
    frame = pl.DataFrame(
        {
            "customer": pl.Series(owner).cast(pl.String).str.zfill(9),
            "asset": pl.Series([each.id for each in terms.assets]).gather(pl.Series(asset)),
            **{
                name: _decimal(column, decimals)
                for name, column in (("equity", lots), ("debt", debt), ("collateral", collateral))
            },
        }
    )
    frame.sample(fraction=1, shuffle=True, seed=seed).write_parquet(path)
    return frame.height


def _ranks(held: np.ndarray) -> np.ndarray:
    starts = np.repeat(np.cumsum(held) - held, held)
    return np.arange(held.sum()) - starts


def _decimal(lots: np.ndarray, decimals: np.ndarray) -> pl.Series:
    """Lots as decimal text."""
    scale = 10**decimals
    whole = pl.Series(lots // scale).cast(pl.String)
    part = pl.Series(lots % scale).cast(pl.String)
    # All assets of the generator have 4 or 8 decimals.
    padded = pl.select(
        pl.when(pl.Series(decimals) == 8).then(part.str.zfill(8)).otherwise(part.str.zfill(4))
    ).to_series()
    return whole + "." + padded
