"""What the prover of margin statements refuses before it proves, called as a service calls it."""

from __future__ import annotations

from datetime import timedelta
from functools import cache

import pytest
from support.desk import AS_OF, Book, Desk, desk_setup, instruments, preset_desk

import zkmargin
from zkmargin.circuits.markets.instruments import InstrumentSet
from zkmargin.circuits.markets.positions import PositionsError
from zkmargin.circuits.statements.margin.market import build_market
from zkmargin.verifier.statements.margin import MarginProof

NAME = "paradex"
LATER = AS_OF + timedelta(hours=2)
"""The instruments that expire within the hour have expired."""


@cache
def later_desk() -> Desk:
    """The desk's universe two hours later: expired instruments keep their rows and have no price."""
    desk, data = preset_desk(NAME), instruments().model_dump(mode="json")
    alive = [
        each for each in data["instruments"] if each.get("expiry") is None or each["expiry"] > LATER.isoformat()[:19]
    ]
    assert 0 < len(alive) < len(data["instruments"])
    moved = InstrumentSet.model_validate({"as_of": LATER.isoformat(), "instruments": alive})
    market = build_market(moved, desk.policy, desk_setup(), desk.backend, previous=desk.market.epoch.universe)
    assert market.universe == desk.market.universe
    return Desk(desk.policy, market, desk.setup, desk.backend)


def prove_later(books: list[Book]) -> MarginProof:
    """Attested before the expiry, proven after it."""
    return later_desk().prover.prove(*preset_desk(NAME).attest(books))


@pytest.mark.parametrize("expired", ["BTC-F1", "BTC-1-94000-C", "BTC-1-94000-P"])
@pytest.mark.parametrize("quantity", ["1", "-1"])
def test_an_expired_instrument_is_refused_though_the_account_is_rich(expired: str, quantity: str) -> None:
    with pytest.raises(PositionsError, match=rf"opening of venue1: .* got {expired}, which expired"):
        prove_later([{"USD": "100000000"}, {expired: quantity}])


def test_an_expired_instrument_is_refused_where_two_venues_offset_it() -> None:
    with pytest.raises(PositionsError, match=r"opening of venue0: .* got BTC-F1, which expired"):
        prove_later([{"USD": "100000000", "BTC-F1": "2"}, {"BTC-F1": "-2"}])


def test_the_api_and_the_service_refuse_alike() -> None:
    pairs = preset_desk(NAME).attest([{"USD": "100000000", "BTC-F1": "1"}])
    desk = later_desk()
    with pytest.raises(PositionsError) as by_service:
        desk.prover.prove(*pairs)
    with pytest.raises(PositionsError) as by_api:
        zkmargin.prove_margin(desk.market, desk.policy, *pairs, desk.setup)
    assert str(by_api.value) == str(by_service.value)


def test_what_has_not_expired_is_proven_and_verified() -> None:
    desk = later_desk()
    desk.verify(prove_later([{"USD": "100000000", "BTC-F600": "1"}, {"BTC-600-94000-C": "-1"}]))
