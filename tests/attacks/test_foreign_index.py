"""The lie: another price as an underlying's index. Told by: the publisher of a market, or a stale feed.

Gained: charges on the index shrink with it: a spot of satoshis, or of a wrapped coin, or yesterday's price, listed last
under the same underlying, took a charge from 1,036,755 to 0.67 USD. Refused: the universe, which venues sign, names
each underlying's index for good; several that could be it are refused unless one is named; it must be fresh at `as_of`.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from support.desk import instruments

from zkmargin.circuits.markets.epoch import MarketEpoch, market_arrays
from zkmargin.circuits.markets.instruments import InstrumentSet
from zkmargin.circuits.markets.universe import Universe
from zkmargin.verifier.errors import FormatError

SATS = {"id": "SATS", "kind": "spot", "underlying": "BTC", "mark_price_usd": "0.000942505"}
WRAPPED = {"id": "WBTC", "kind": "spot", "underlying": "BTC", "mark_price_usd": "93000"}
STALE = "2026-03-01T07:00:00Z"


def document() -> dict[str, Any]:
    return json.loads(json.dumps(instruments().public_data()))


def made(changed: dict[str, Any]) -> InstrumentSet:
    return InstrumentSet.model_validate(changed)


def references(epoch: MarketEpoch) -> dict[str, float]:
    arrays = market_arrays(epoch, max_price_age_seconds=3600)
    return {item.id: float(arrays.reference[item.row]) for item in epoch.universe.listings}


@pytest.mark.parametrize("other", [SATS, WRAPPED], ids=lambda other: other["id"])
def test_the_spot_that_is_called_as_the_underlying_is_its_index(other: dict[str, str]) -> None:
    honest = references(MarketEpoch.build(instruments(), rows=256))
    for place in (0, len(document()["instruments"])):
        changed = document()
        changed["instruments"].insert(place, other)
        epoch = MarketEpoch.build(made(changed), rows=256)
        assert epoch.universe.index_of["BTC"] == "BTC"
        found = references(epoch)
        assert {name: found[name] for name in honest} == honest


def test_a_later_spot_does_not_become_the_index() -> None:
    changed = document()
    changed["instruments"] = [each for each in changed["instruments"] if each["id"] not in ("BTC", "supply-BTC")]
    first = MarketEpoch.build(made(changed), rows=256)
    assert first.universe.index_of["BTC"] == "BTC-PERP"
    changed["instruments"].append(SATS)
    later = MarketEpoch.build(made(changed), previous=first.universe)
    assert later.universe.index_of["BTC"] == "BTC-PERP"
    row = first.universe.by_id["BTC-F600"].row
    arrays = [market_arrays(epoch, max_price_age_seconds=60).reference[row] for epoch in (first, later)]
    assert arrays[0] == arrays[1] > 0


def test_ambiguity_is_refused_and_may_be_named() -> None:
    changed = document()
    changed["instruments"] = [each for each in changed["instruments"] if each["id"] != "BTC"] + [SATS]
    with pytest.raises(FormatError, match="BTC: expected to be told which of BTC-PERP, SATS is its index"):
        MarketEpoch.build(made(changed), rows=256)
    named = MarketEpoch.build(made({**changed, "indices": {"BTC": "BTC-PERP"}}), rows=256)
    assert named.universe.index_of["BTC"] == "BTC-PERP"
    with pytest.raises(FormatError, match="indices: expected for BTC the universe's, BTC-PERP, got SATS"):
        MarketEpoch.build(made({**changed, "indices": {"BTC": "SATS"}}), previous=named.universe)


@pytest.mark.parametrize("index", ["BTC-F1", "USDC", "MISSING"])
def test_a_universe_that_names_another_thing_as_index_is_refused(index: str) -> None:
    universe = Universe.create(instruments().instruments, rows=256)
    slot = universe.underlyings.index("BTC")
    body = universe.model_dump()
    body["indices"] = [index if place == slot else name for place, name in enumerate(universe.indices)]
    with pytest.raises(ValueError, match="indices: expected for BTC a listed spot or perpetual"):
        Universe.model_validate(body)


def test_the_index_is_in_what_venues_sign() -> None:
    universe = Universe.create(instruments().instruments, rows=256)
    slot = universe.underlyings.index("BTC")
    indices = tuple("BTC-PERP" if place == slot else name for place, name in enumerate(universe.indices))
    other = Universe(**{name: getattr(universe, name) for name in Universe.model_fields} | {"indices": indices})
    assert other.digest != universe.digest


def test_a_stale_index_is_refused() -> None:
    universe = Universe.create(instruments().instruments, rows=256)
    for change in ({"price_time": STALE}, None):
        changed = document()
        index = next(each for each in changed["instruments"] if each["id"] == "BTC")
        if change is None:
            changed["instruments"].remove(index)
        else:
            index |= change
        with pytest.raises(FormatError, match="BTC: expected a price of it, fresh at as_of"):
            market_arrays(MarketEpoch(universe, made(changed)), max_price_age_seconds=3600)


def test_an_underlying_without_live_rows_needs_no_index() -> None:
    universe = Universe.create(instruments().instruments, rows=256)
    changed = document()
    changed["instruments"] = [each for each in changed["instruments"] if each.get("underlying") != "BTC"]
    arrays = market_arrays(MarketEpoch(universe, made(changed)), max_price_age_seconds=3600)
    slot = universe.underlyings.index("BTC")
    assert not np.any(arrays.live & (arrays.underlying == slot))
