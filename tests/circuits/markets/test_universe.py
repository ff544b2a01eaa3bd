"""Universes, instruments and epochs: stable rows, lots, and what is refused."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from zkmargin.circuits.markets.epoch import MarketEpoch, market_arrays
from zkmargin.circuits.markets.instruments import InstrumentSet, read_instruments
from zkmargin.circuits.markets.units import RangeError
from zkmargin.circuits.markets.universe import Universe, UniverseError, read_universe
from zkmargin.verifier.errors import FormatError

AS_OF = "2026-03-02T08:00:00Z"


def option(name: str = "BTC-C", **changes: Any) -> dict[str, Any]:
    return {
        "id": name,
        "kind": "option",
        "underlying": "BTC",
        "mark_price_usd": "1200.5",
        "forward_usd": "95000",
        "implied_vol": "0.55",
        "expiry": "2026-03-27T08:00:00Z",
        "strike_usd": "100000",
        "option_type": "call",
        **changes,
    }


def spot(name: str, price: str) -> dict[str, Any]:
    return {"id": name, "kind": "spot", "underlying": name, "mark_price_usd": price}


def data(*entries: dict[str, Any], as_of: str = AS_OF) -> InstrumentSet:
    return InstrumentSet.model_validate({"as_of": as_of, "instruments": list(entries)})


def test_lots_hold_a_trillion_of_the_cheap_and_dust_of_the_dear() -> None:
    universe = Universe.create(data(spot("BTC", "95000"), spot("PEPE", "0.0000071"), spot("DAI", "1.0001")).instruments)
    lots = {item.id: item.lot_exponent for item in universe.listings}
    assert lots == {"USD": 6, "BTC": 8, "PEPE": 0, "DAI": 5}
    assert 10**12 * 10 ** lots["PEPE"] < 1 << 60


def test_rows_are_stable_and_new_ones_are_free_ones() -> None:
    first = Universe.create(data(spot("BTC", "95000"), option()).instruments)
    rolled = option("BTC-D", expiry="2026-04-24T08:00:00Z")
    second = first.extend(data(spot("BTC", "96000"), rolled).instruments)
    assert {item.id: item.row for item in first.listings}.items() <= {i.id: i.row for i in second.listings}.items()
    assert second.shape == first.shape
    assert second.segments == first.segments
    assert second.digest != first.digest
    assert first.extend(data(option()).instruments) is first
    # The first option has expired: its row stays, closed.
    later = data(spot("BTC", "96000"), rolled, as_of="2026-04-01T08:00:00Z")
    arrays = market_arrays(MarketEpoch.build(later, previous=second), max_price_age_seconds=60)
    row = second.by_id["BTC-C"].row
    assert not arrays.live[row]
    assert arrays.value[row] == 0


def test_universe_file_round_trips(tmp_path: Path) -> None:
    universe = Universe.create(data(spot("BTC", "95000"), option()).instruments)
    path = tmp_path / "universe.json"
    path.write_text(json.dumps(universe.to_json()))
    assert read_universe(path) == universe
    document = universe.to_json()
    document["segments"] = document["segments"][::-1]
    path.write_text(json.dumps(document))
    with pytest.raises(FormatError, match="of another risk group"):
        read_universe(path)


def test_what_does_not_fit_is_refused_by_name() -> None:
    universe = Universe.create(data(spot("BTC", "95000"), option()).instruments)
    with pytest.raises(UniverseError, match=r"^ETH: no slot left for underlying ETH"):
        universe.extend(data(spot("ETH", "3000")).instruments)
    with pytest.raises(UniverseError, match=r"^BTC-C: field 'strike_usd': expected 100000 as row"):
        universe.extend(data(option(strike_usd="100001")).instruments)
    many = [option(f"C{n}", strike_usd=str(1000 + n)) for n in range(100)]
    with pytest.raises(UniverseError, match="do not fit 64 rows"):
        Universe.create(data(*many).instruments, rows=64)
    late = [option(f"L{n}", expiry=f"2026-0{n}-24T08:00:00Z") for n in range(4, 9)]
    with pytest.raises(UniverseError, match="no slot left for expiry"):
        universe.extend(data(*late).instruments)


def test_price_that_outgrows_its_lot_is_refused_by_name() -> None:
    universe = Universe.create(data(spot("MOON", "0.001")).instruments)
    epoch = MarketEpoch(universe, data(spot("MOON", "15000")))
    with pytest.raises(RangeError, match=r"^MOON: expected a price below 2\^47 usd_e12 per lot of 10\^-2"):
        market_arrays(epoch, max_price_age_seconds=60)


def test_values_are_floored_and_say_so() -> None:
    universe = Universe.create(data(spot("BTC", "95000.12345678")).instruments)
    arrays = market_arrays(MarketEpoch(universe, data(spot("BTC", "95000.12345678"))), max_price_age_seconds=60)
    row = universe.by_id["BTC"].row
    assert (arrays.value[row], bool(arrays.inexact[row])) == (int(Decimal("95000.12345678") * 10**4), True)
    cash = universe.by_id["USD"].row
    assert (arrays.value[cash], bool(arrays.inexact[cash])) == (10**6, False)


BAD = [
    ({"mark_price_usd": 1.5}, "decimal string"),
    ({"mark_price_usd": "NaN"}, "plain decimal"),
    ({"mark_price_usd": "1e5"}, "plain decimal"),
    ({"mark_price_usd": "-1"}, "greater than or equal to 0"),
    ({"implied_vol": "85.05"}, "less than or equal to 10"),
    ({"strike_usd": "0"}, "greater than 0"),
    ({"expiry": "2026-03-27"}, "ISO-8601 instant with time zone"),
    ({"expiry": "2026-03-27T08:00:00"}, "ISO-8601 instant with time zone"),
    ({"option_type": "straddle"}, "'call' or 'put'"),
    ({"kind": "swaption"}, "instruments[0]"),
    ({"index": "1.02"}, "instruments[0].option.index: unknown field"),
    ({"id": "a,b"}, "string should match pattern"),
    ({"id": "USD"}, "the cash row, and only it, is called USD"),
    ({"price_time": "2026-03-02T08:00:01Z"}, "price_time lies after as_of"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_bad_instruments_are_refused_in_one_line(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / "instruments.json"
    path.write_text(json.dumps({"as_of": AS_OF, "instruments": [option(**change)]}))
    with pytest.raises(FormatError) as caught:
        read_instruments(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_duplicates_and_expired_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "instruments.json"
    path.write_text(json.dumps({"as_of": AS_OF, "instruments": [option(), option()]}))
    with pytest.raises(FormatError, match="instrument BTC-C: expected one entry, got two"):
        read_instruments(path)
    with pytest.raises(FormatError, match="BTC-C: expected an expiry after as_of"):
        MarketEpoch.build(data(option(expiry=AS_OF)))
