"""Positions files: exact lots in, one line for everything else, and never a quantity in an error."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkmargin.circuits.markets.entries import read_positions
from zkmargin.circuits.markets.instruments import InstrumentSet
from zkmargin.circuits.markets.positions import Positions, net, positions_from_quantities
from zkmargin.circuits.markets.units import RangeError
from zkmargin.circuits.markets.universe import Universe
from zkmargin.verifier.errors import FormatError


def make_universe() -> Universe:
    spot = {"id": "BTC", "kind": "spot", "underlying": "BTC", "mark_price_usd": "95000"}
    data = InstrumentSet.model_validate({"as_of": "2026-03-02T08:00:00Z", "instruments": [spot]})
    return Universe.create(data.instruments)


UNIVERSE = make_universe()


def test_reads_signed_exact_lots(tmp_path: Path) -> None:
    path = tmp_path / "book.csv"
    path.write_text("instrument,quantity\nUSD,-1000.25\n\nBTC,0.00000001\n")
    positions = read_positions(path, UNIVERSE)
    assert positions.lots[UNIVERSE.by_id["USD"].row] == -1000250000
    assert positions.lots[UNIVERSE.by_id["BTC"].row] == 1
    assert "1000" not in repr(positions)


@given(st.integers(-(2**60) + 1, 2**60 - 1))
def test_every_lot_survives(lots: int) -> None:
    text = f"{'-' if lots < 0 else ''}{abs(lots) // 10**8}.{abs(lots) % 10**8:08d}"
    positions = positions_from_quantities(UNIVERSE, {"BTC": text})
    assert positions.lots[UNIVERSE.by_id["BTC"].row] == lots


BAD = [
    ("", "line 1: expected the header instrument,quantity"),
    ("instrument;quantity\n", "line 1: expected the header instrument,quantity"),
    (
        "instrument,quantity\nETH,1\n",
        "line 2: field 'instrument': expected one of the universe's instruments, got 'ETH'",
    ),
    ("instrument,quantity\nBTC,1,2\n", "line 2: expected 2 fields, got 3"),
    ("instrument,quantity\nBTC,1\nUSD,5\nBTC,2\n", "line 4: field 'instrument': expected BTC once, got it in line 2"),
    ("instrument,quantity\nBTC,7.123456789\n", "line 2: field 'quantity': expected at most 8 decimals"),
    ("instrument,quantity\nBTC,NaN\n", "line 2: field 'quantity': expected a plain decimal"),
    ("instrument,quantity\nBTC,inf\n", "line 2: field 'quantity': expected a plain decimal"),
    ("instrument,quantity\nBTC,1e3\n", "line 2: field 'quantity': expected a plain decimal"),
    ("instrument,quantity\nBTC,\n", "line 2: field 'quantity': expected a plain decimal"),
    ("instrument,quantity\nBTC, 1\n", "line 2: field 'quantity': expected a plain decimal"),
    ("instrument,quantity\nBTC,11529215046.06846976\n", "line 2: field 'quantity': expected less than 2^60 lots"),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_bad_files_are_refused_in_one_line_without_the_quantity(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "book.csv"
    path.write_text(text)
    with pytest.raises(FormatError, match=re.escape(message)) as caught:
        read_positions(path, UNIVERSE)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert "7.123" not in str(caught.value)
    assert "11529215046" not in str(caught.value)


def test_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "book.csv"
    path.write_bytes(b"instrument,quantity\n\xff,1\n")
    with pytest.raises(FormatError, match="expected UTF-8"):
        read_positions(path, UNIVERSE)


def test_netting_adds_and_checks() -> None:
    half = positions_from_quantities(UNIVERSE, {"BTC": "5764607523.03423488"})
    assert net([half], UNIVERSE).lots.sum() == 2**59
    with pytest.raises(RangeError, match=r"^BTC: netted quantity is not below 2\^60 lots"):
        net([half, half], UNIVERSE)
    with pytest.raises(FormatError, match="positions over another one"):
        net([Positions(b"other", np.zeros(UNIVERSE.rows, dtype=np.int64))], UNIVERSE)
