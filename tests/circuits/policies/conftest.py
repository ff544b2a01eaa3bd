"""Markets that the policies are tried on."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.markets import small_market

from zkmargin.circuits.markets.instruments import InstrumentSet
from zkmargin.connectors.deribit import import_deribit

CHAIN = Path(__file__).parents[2] / "vectors" / "deribit" / "btc-options-2020-05-21.json"


@pytest.fixture(scope="session")
def small_data() -> InstrumentSet:
    return small_market()


@pytest.fixture(scope="session")
def deribit_data() -> InstrumentSet:
    return import_deribit(CHAIN)
