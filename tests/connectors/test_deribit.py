"""Importing Deribit's book summary: everything is taken, or the file is refused."""

from __future__ import annotations

import json
import re
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from zkmargin.circuits.markets.instruments import read_instruments
from zkmargin.connectors.deribit import import_deribit
from zkmargin.verifier.errors import FormatError

CHAIN = Path(__file__).parents[1] / "vectors" / "deribit" / "btc-options-2020-05-21.json"


def test_imports_the_whole_chain(tmp_path: Path) -> None:
    data = import_deribit(CHAIN)
    assert Counter(i.kind for i in data.instruments) == {"option": 326, "future": 3, "spot": 1, "cash": 1}
    one = next(i for i in data.instruments if i.id == "BTC-25SEP20-8000-C")
    assert one.kind == "option"
    assert (one.strike_usd, one.option_type, one.implied_vol) == (Decimal(8000), "call", Decimal("0.8935"))
    assert one.mark_price_usd == Decimal("0.2645838") * Decimal("9176.84")
    path = tmp_path / "instruments.json"
    path.write_text(json.dumps(data.to_json()))
    assert read_instruments(path) == data


def entry(**changes: Any) -> dict[str, Any]:
    found = json.loads(CHAIN.read_text())["result"][0]
    return {**found, **changes}


BAD = [
    ({"instrument_name": "BTC-22MAY20"}, "result[0].instrument_name: expected an option such as"),
    ({"instrument_name": "BTC-31FEB21-9250-P"}, "result[0].instrument_name: expected a date such as 26JUN20"),
    ({"mark_iv": "85"}, "result[0].mark_iv: expected a number, got '85'"),
    ({"mark_iv": None}, "result[0].mark_iv: expected a number"),
    ({"mark_iv": -1}, "result[0].mark_iv: expected a non-negative number"),
    ({"mark_iv": 5000}, "result[0].mark_iv: expected at most 1000 per cent"),
    ({"underlying_price": 0}, "result[0].underlying_price: expected a positive number"),
    ({"mark_price": True}, "result[0].mark_price: expected a number"),
    ({"underlying_index": "ETH-26JUN20"}, "result[0].underlying_index: expected a future on BTC"),
    ({"base_currency": "ETH"}, "result[0].base_currency: expected BTC"),
    ({"creation_timestamp": 0}, "result[0].creation_timestamp: expected milliseconds"),
    ({"creation_timestamp": 1790103193775}, "it has expired"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_malformed_entries_are_refused(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / "chain.json"
    path.write_text(json.dumps({"result": [entry(**change)]}))
    with pytest.raises(FormatError, match=re.escape(message)) as caught:
        import_deribit(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{}", '{"result": []}', '{"result": [1]}', "[NaN]", '{"result": [{}]}'])
def test_what_is_not_a_summary_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "chain.json"
    path.write_text(text)
    with pytest.raises(FormatError, match=r"chain\.json"):
        import_deribit(path)


def test_the_same_option_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "chain.json"
    path.write_text(json.dumps([entry(), entry()]))
    with pytest.raises(FormatError, match=r"result\[1\]\.instrument_name: expected each instrument once"):
        import_deribit(path)
