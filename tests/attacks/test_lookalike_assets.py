"""The lie: "you have 12.5 BTC", in an asset called "BTC " that the terms price at a dollar. Told by an exchange.

Reserves cover by value, and customers see an asset's name and their amount, not its price: the file is right, the
statement valid, and 12.5 dollars are owed. Refused: names that differ in nothing seen, or in capital letters alone.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from support.solvency import terms

from zkmargin.verifier.statements.solvency.terms import TermsError

BITCOIN = terms().assets[0]


@pytest.mark.parametrize(
    "name", ["BTC ", " BTC", "BTC.", "BTC-", "btc", "Btc", "BTC  1", "BTC._1", "", "B\u0422C", "BTC\u200b"]
)
def test_no_asset_looks_like_another(name: str) -> None:
    dust = replace(BITCOIN, id=name, price_usd=Fraction(1), tiers=BITCOIN.tiers[:1])
    with pytest.raises(TermsError, match=r"assets: .*expected a name"):
        terms(assets=(BITCOIN, dust), coverage="value")


@pytest.mark.parametrize("name", ["BTC.b", "BTC 1", "stBTC", "BTC-USD", "1INCH", "a" * 64])
def test_what_looks_different_is_different(name: str) -> None:
    other = replace(BITCOIN, id=name)
    assert terms(assets=(BITCOIN, other)).numbers[name] == 2


@pytest.mark.parametrize("name", ["Harbor ", "Harbor.", "H  arbor", "a" * 65, ""])
def test_an_exchange_has_a_name_that_can_be_seen(name: str) -> None:
    with pytest.raises(TermsError, match="exchange"):
        terms(exchange=name)
