"""Positions with entry prices: a position's worth is its profit, rounded against the account."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.markets import small_market

from zkmargin.circuits.markets.entries import positions_from_entries, read_positions
from zkmargin.circuits.markets.positions import positions_from_quantities
from zkmargin.circuits.policies.evaluate import evaluate_margin
from zkmargin.circuits.policies.policy import load_policy
from zkmargin.circuits.statements.margin.market import build_epoch
from zkmargin.verifier.errors import FormatError

POLICY = load_policy("span")
EPOCH = build_epoch(small_market(), POLICY)
UNIVERSE = EPOCH.universe


def test_a_perpetual_is_worth_its_profit(tmp_path: Path) -> None:
    path = tmp_path / "book.csv"
    path.write_text("instrument,quantity,entry_price\nBTC-PERP,10,107670.5\nUSD,100000,\nBTC,0.5,\n")
    found = read_positions(path, UNIVERSE)
    result = evaluate_margin(POLICY, EPOCH, found)
    profit = 10 * (Decimal("94250.5") - Decimal("107670.5"))
    assert result.nlv_usd_e12 == int((100000 + profit + Decimal("0.5") * Decimal("94250.5")) * 10**12)
    assert not result.adequate


def test_a_contract_multiplier(tmp_path: Path) -> None:
    path = tmp_path / "book.csv"
    path.write_text("instrument,quantity,entry_price,multiplier\nETH-F1,-3,3000.0000001,0.1\nUSD,5,,\n")
    same = positions_from_quantities(UNIVERSE, {"ETH-F1": "-0.3", "USD": "905"})
    assert (read_positions(path, UNIVERSE).lots - same.lots).tolist().count(0) == UNIVERSE.rows
    path.write_text("instrument,quantity,entry_price,multiplier\nETH-F1,3,3000.0000001,0.1\n")
    cash = UNIVERSE.by_id["USD"].row
    assert read_positions(path, UNIVERSE).lots[cash] == -900000001


@given(
    lots=st.integers(-(10**12), 10**12),
    price=st.decimals("0.000001", 10**6, places=9, allow_nan=False, allow_infinity=False),
)
def test_cash_is_rounded_against_the_account(lots: int, price: Decimal) -> None:
    quantity = Decimal(lots).scaleb(-UNIVERSE.by_id["BTC-PERP"].lot_exponent)
    found = positions_from_entries(UNIVERSE, [(2, ["BTC-PERP", f"{quantity:f}", f"{price:f}"])], "book")
    exact = -quantity * price * 10**6
    assert exact - 1 < int(found.lots[UNIVERSE.by_id["USD"].row]) <= exact


def test_a_file_without_entries_is_read_as_ever(tmp_path: Path) -> None:
    path = tmp_path / "book.csv"
    path.write_text("instrument,quantity\nBTC,1\n")
    assert read_positions(path, UNIVERSE).lots[UNIVERSE.by_id["BTC"].row] == 10 ** UNIVERSE.by_id["BTC"].lot_exponent


BAD = [
    ("BTC,1,94000\n", "line 2: field 'entry_price': expected none for spot"),
    ("BTC-PERP,1,-4\n", "line 2: field 'entry_price': expected a positive decimal"),
    ("BTC-PERP,1,1e5\n", "line 2: field 'entry_price': expected a plain decimal"),
    ("BTC-PERP,1\n", "line 2: expected 3 fields, got 2"),
    ("BTC-PERP,1,77123\nBTC-PERP,2,77123\n", "line 3: field 'instrument': expected BTC-PERP once"),
    ("NONE,1,77123\n", "expected one of the universe's instruments"),
    ("BTC-PERP,99999999999999999999,77123\n", "BTC-PERP"),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_a_bad_line_is_refused_without_its_numbers(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "book.csv"
    path.write_text(f"instrument,quantity,entry_price\n{text}")
    with pytest.raises(FormatError, match=re.escape(message)) as caught:
        read_positions(path, UNIVERSE)
    assert "77123" not in str(caught.value)
    assert "99999" not in str(caught.value)
