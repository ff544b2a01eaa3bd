"""The lie: columns a little beside what the prices and the policy make of them. Told by: the publisher of a market.

Gained: the tolerance for floating point was one for a whole column, of its largest amount, and held where amounts are
exact: 10^18 lots of junk on a row without a price moved -4,000,000 USD to +400,000, and with the punitive 2^46 in its
column a charge on a coin of 10^-7 USD fell from 2,005 units to 977. Refused: what is exact is compared exactly, and the
rest within a unit and 2^-44 of the row's own price or forward.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.desk import Desk, instruments, preset_desk

from zkmargin.circuits.markets.epoch import MarketEpoch
from zkmargin.circuits.markets.instruments import InstrumentSet
from zkmargin.circuits.markets.units import PUNITIVE_CHARGE_USD_E12
from zkmargin.circuits.policies.policy import load_policy
from zkmargin.circuits.statements.margin.market import Market, read_market, write_market
from zkmargin.verifier.errors import FormatError


@pytest.fixture(scope="module")
def desk() -> Desk:
    return preset_desk("span")


def altered(market: Market, column: str, row: int, by: int) -> Market:
    columns = {name: values.copy() for name, values in market.columns.items()}
    columns[column][row] += by
    return replace(market, columns=columns)


def refused(desk: Desk, market: Market, folder: Path) -> bool:
    """Whether the columns are refused; the commitments, which a publisher would make of them, are not looked at."""
    write_market(folder / "m.json", market)
    try:
        read_market(folder / "m.json", desk.policy, desk.setup, desk.backend, check_commitments=False)
    except FormatError as error:
        assert "what its prices and the policy give" in str(error)  # noqa: PT017 - any other error is a failure
        return True
    return False


def test_junk_on_a_row_without_a_price_is_refused_in_every_column(desk: Desk, tmp_path: Path) -> None:
    market = desk.market
    used = {item.row for item in market.epoch.universe.listings}
    dead = next(row for row in range(market.epoch.universe.instrument_rows) if row not in used)
    scalar = market.epoch.universe.rows - 1
    for name in market.columns:
        for row in (dead, scalar):
            for by in (1, -1):
                if market.columns[name][row] + by >= 0 or "scenario" in name:
                    assert refused(desk, altered(market, name, row, by), tmp_path), (name, row, by)
    assert market.columns["charge.short"][dead] == PUNITIVE_CHARGE_USD_E12


@pytest.mark.parametrize("instrument", ["USD", "USDC", "BTC", "BTC-PERP", "BTC-600-94000-C"])
@pytest.mark.parametrize("by", [1, -1])
def test_worth_is_exact(desk: Desk, tmp_path: Path, instrument: str, by: int) -> None:
    row = desk.market.epoch.universe.by_id[instrument].row
    assert refused(desk, altered(desk.market, "value", row, by), tmp_path)


def test_what_floating_point_may_do_is_accepted_and_no_more(desk: Desk, tmp_path: Path) -> None:
    market = desk.market
    row = market.epoch.universe.by_id["BTC-600-94000-C"].row
    name = next(name for name in market.columns if name not in ("value", "charge.short", "charge.long"))
    allowed = int(desk.policy.rounding(market.epoch, market.columns)[name][row])
    assert 1 <= allowed <= 2
    for by in (allowed, -allowed):
        assert not refused(desk, altered(market, name, row, by), tmp_path)
    for by in (allowed + 1, -allowed - 1):
        assert refused(desk, altered(market, name, row, by), tmp_path)


@pytest.mark.parametrize("policy", ["span", "derive-pmrm2", "paradex", "perpetual-tiers", "collateral-factors"])
def test_no_tolerance_is_more_than_a_thousandth_of_a_cheap_coins_charge(policy: str) -> None:
    """A tenth of a millionth of a dollar a coin, beside rows with punitive charges."""
    cheap = {"id": "PEPE", "kind": "spot", "underlying": "PEPE", "mark_price_usd": "0.0000001"}
    data = InstrumentSet.model_validate(
        {**instruments().public_data(), "instruments": [*instruments().instruments, cheap]}
    )
    rules = load_policy(policy)
    epoch = MarketEpoch.build(data, rows=512)
    columns = rules.public_columns(epoch)
    row = epoch.universe.by_id["PEPE"].row
    for name, allowed in rules.rounding(epoch, columns).items():
        amount = abs(int(columns[name][row]))
        assert allowed[row] <= 1
        assert allowed[row] == 0 or amount == 0 or allowed[row] <= 1 + amount // 1000
        assert not np.any(allowed[columns[name] == PUNITIVE_CHARGE_USD_E12])
