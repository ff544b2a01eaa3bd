"""Books rebuilt from events and one key, by the account and by the risk key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from support.backends import fastest_engine

from zkmargin.clearing.replay import (
    Booked,
    Event,
    Merged,
    Reblinded,
    Released,
    Replay,
    ReplayError,
    Sealed,
    TakenOver,
    Written,
    reblinding_secret,
)
from zkmargin.clearing.seals import Opening, SealError, public_key, seal
from zkmargin.verifier.curve import G1, G1_GENERATOR
from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.statements.clearing import House

RISK, ALICE, BOB, FUND = ((number).to_bytes(32, "big") for number in (11, 12, 13, 14))
NAMES = {ALICE: bytes(19) + b"\xa1", BOB: bytes(19) + b"\xb0", FUND: bytes(19) + b"\xf0"}
HOUSE = House(1, bytes(19) + b"\1", bytes(19) + b"\2", bytes(19) + b"\3", bytes(19) + b"\4")
ROWS = (0, 4)
TRADE = Opening({0: -120, 7: 3}, 987654321)


def commit(lots: Mapping[int, int], blinding: int) -> G1:
    logarithm = sum((1000 + row) ** 3 * quantity for row, quantity in lots.items()) + 77 * blinding
    return fastest_engine().combine([G1_GENERATOR], [logarithm % SCALAR_MODULUS])


def traded(key: bytes, opening: Opening, fee: int = 0) -> Sealed:
    d = commit(opening.lots, opening.blinding)
    data = seal(opening, d, house=HOUSE, account=NAMES[key], risk=public_key(RISK), own=public_key(key))
    return Sealed(NAMES[key], d, fee, data)


def written(key: bytes, index: int, lots: dict[int, int], blinding: int, b: int) -> Written:
    return Written(NAMES[key], index, commit(lots, blinding), commit({}, b))


def story() -> list[Event]:
    """Alice deposits, trades with Bob, reblinds, folds ether in, withdraws."""
    rho = reblinding_secret(ALICE, HOUSE, NAMES[ALICE], 2)
    other = -TRADE
    return [
        Booked(NAMES[ALICE], 0, 1000),
        written(ALICE, 0, {0: 1000}, 0, 1),
        Booked(NAMES[BOB], 0, 500),
        written(BOB, 0, {0: 500}, 0, 1),
        traded(ALICE, TRADE, fee=2),
        written(ALICE, 1, {0: 878, 7: 3}, TRADE.blinding, 1),
        traded(BOB, other),
        written(BOB, 1, {0: 620, 7: -3}, other.blinding, 1),
        Reblinded(NAMES[ALICE], commit({}, rho)),
        written(ALICE, 2, {0: 878, 7: 3}, TRADE.blinding, 1 + rho),
        Booked(NAMES[ALICE], 1, 40),
        written(ALICE, 3, {0: 878, 4: 40, 7: 3}, TRADE.blinding, 1 + rho),
        Released(NAMES[ALICE], 0, 78),
        written(ALICE, 4, {0: 800, 4: 40, 7: 3}, TRADE.blinding, 1 + rho),
    ]


def test_the_account_rebuilds_its_book_from_its_key() -> None:
    replay = Replay(HOUSE, ROWS, ALICE, commit, own=NAMES[ALICE])
    replay.run(story())
    book = replay.book(NAMES[ALICE])
    assert dict(book.lots) == {0: 800, 4: 40, 7: 3}
    assert book.c.blinding == TRADE.blinding
    assert book.b == 1 + reblinding_secret(ALICE, HOUSE, NAMES[ALICE], 2)
    assert book.count == 5
    assert repr(book) == "OpenBook(5 checkpoints)"
    assert NAMES[BOB] not in replay.books


def test_the_risk_key_rebuilds_every_first_point_and_no_second() -> None:
    replay = Replay(HOUSE, ROWS, RISK, commit)
    replay.run(story())
    assert dict(replay.book(NAMES[ALICE]).lots) == {0: 800, 4: 40, 7: 3}
    assert dict(replay.book(NAMES[BOB]).lots) == {0: 620, 7: -3}
    assert replay.book(NAMES[ALICE]).b is None


def test_another_key_rebuilds_nothing() -> None:
    with pytest.raises(SealError):
        Replay(HOUSE, ROWS, BOB, commit, own=NAMES[ALICE]).run(story())


@pytest.mark.parametrize("missing", [0, 10, 12])
def test_a_missing_event_is_noticed(missing: int) -> None:
    events = story()
    del events[missing]
    with pytest.raises(ReplayError, match="do not add up to the first point"):
        Replay(HOUSE, ROWS, ALICE, commit, own=NAMES[ALICE]).run(events)


def test_a_reblinding_that_is_not_the_accounts_is_noticed() -> None:
    events = story()
    events[8] = Reblinded(NAMES[ALICE], commit({}, 5))
    with pytest.raises(ReplayError, match="do not add up to the reblinding"):
        Replay(HOUSE, ROWS, ALICE, commit, own=NAMES[ALICE]).run(events)
    events = story()
    last = events[-1]
    assert isinstance(last, Written)
    events[-1] = replace(last, b=commit({}, 1))
    with pytest.raises(ReplayError, match="do not add up to the second point"):
        Replay(HOUSE, ROWS, ALICE, commit, own=NAMES[ALICE]).run(events)


def test_an_estate_is_opened_by_the_risk_key_and_merged_by_the_fund() -> None:
    lots = {0: 800, 4: 40, 7: 3}
    ending: list[Event] = [
        TakenOver(NAMES[ALICE], 0, commit(lots, TRADE.blinding)),
        Written(NAMES[ALICE], 5, G1(0, 0), commit({}, 1)),
        Booked(NAMES[FUND], 0, 300),
        written(FUND, 0, {0: 300}, 0, 1),
        Merged(NAMES[FUND], 0),
        written(FUND, 1, {0: 1100, 4: 40, 7: 3}, TRADE.blinding, 1),
    ]
    risk = Replay(HOUSE, ROWS, RISK, commit)
    risk.run([*story(), *ending[:4]])
    estate = risk.estates[0]
    assert dict(estate.lots) == lots
    risk.run(ending[4:])
    assert dict(risk.book(NAMES[FUND]).lots) == {0: 1100, 4: 40, 7: 3}
    assert dict(risk.book(NAMES[ALICE]).lots) == {}
    alone = Replay(HOUSE, ROWS, FUND, commit, own=NAMES[FUND])
    with pytest.raises(ReplayError, match="expected its opening from the risk key"):
        alone.run(ending)
    told = Replay(HOUSE, ROWS, FUND, commit, own=NAMES[FUND], estates={0: estate})
    told.run(ending)
    assert dict(told.book(NAMES[FUND]).lots) == {0: 1100, 4: 40, 7: 3}
    alice = Replay(HOUSE, ROWS, ALICE, commit, own=NAMES[ALICE])
    alice.run([*story(), *ending])
    assert dict(alice.book(NAMES[ALICE]).lots) == {}
    assert alice.book(NAMES[ALICE]).b == 1
