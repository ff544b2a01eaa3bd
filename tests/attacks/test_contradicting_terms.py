"""The lie: an instrument with a listed one's name and other terms. Told by: the publisher of a market.

Gained: a short call at 10,000 for June, as venues had signed it, priced as one at 100,000,000 that expires in minutes:
a requirement of 400 where 5,407 was due. Refused: every term of every instrument is compared with the universe's
listing, by the same comparison when a universe is extended, when an epoch is made and when a market is read.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.desk import Desk, instruments, preset_desk

from zkmargin.circuits.markets.epoch import MarketEpoch
from zkmargin.circuits.markets.instruments import InstrumentSet
from zkmargin.circuits.markets.universe import Listing, Universe, UniverseError
from zkmargin.circuits.statements.margin.market import read_epoch, read_market, read_named_epoch, write_market
from zkmargin.verifier.errors import FormatError

OPTION = "BTC-600-94000-C"
FUTURE = "BTC-F600"
OTHER_TERMS: dict[str, tuple[str, dict[str, Any]]] = {
    "kind": ("BTC-PERP", {"kind": "spot", "open_interest": None}),
    "underlying": (OPTION, {"underlying": "USDC"}),
    "expiry": (OPTION, {"expiry": "2026-03-02T07:17:00Z"}),
    "expiry of a future": (FUTURE, {"expiry": "2026-03-02T07:17:00Z"}),
    "strike_usd": (OPTION, {"strike_usd": "100000000"}),
    "option_type": (OPTION, {"option_type": "put"}),
}


@pytest.fixture(scope="module")
def desk() -> Desk:
    return preset_desk("span")


def contradicting(case: str) -> InstrumentSet:
    document = json.loads(json.dumps(instruments().public_data()))
    name, change = OTHER_TERMS[case]
    entry = next(each for each in document["instruments"] if each["id"] == name)
    entry |= change
    for field in [field for field, value in entry.items() if value is None]:
        del entry[field]
    return InstrumentSet.model_validate(document)


def test_every_term_of_a_listing_has_a_case() -> None:
    fixed_by_the_universe = {"row", "id", "lot_exponent"}
    assert {case.partition(" ")[0] for case in OTHER_TERMS} == set(Listing.model_fields) - fixed_by_the_universe


@pytest.mark.parametrize("case", OTHER_TERMS)
def test_a_contradicting_term_is_refused(case: str) -> None:
    universe = Universe.create(instruments().instruments, rows=256)
    term = case.partition(" ")[0]
    with pytest.raises(UniverseError, match=f"field '{term}'"):
        MarketEpoch(universe, contradicting(case))
    with pytest.raises(UniverseError, match=f"field '{term}'"):
        universe.extend(contradicting(case).instruments)


@pytest.mark.parametrize("case", OTHER_TERMS)
def test_a_market_file_with_it_is_refused_by_every_reader(desk: Desk, tmp_path: Path, case: str) -> None:
    path = tmp_path / "m.json"
    write_market(path, desk.market)
    document = json.loads(path.read_text())
    document["instruments"] = contradicting(case).public_data()["instruments"]
    path.write_text(json.dumps(document))
    term = case.partition(" ")[0]
    for read in (
        lambda: read_market(path, desk.policy, desk.setup, desk.backend),
        lambda: read_named_epoch(path, desk.setup),
        lambda: read_epoch(path, desk.policy),
    ):
        with pytest.raises(FormatError, match=f"field '{term}'"):
            read()
