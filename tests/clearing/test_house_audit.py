"""The audit: every event moves what it says, and a book that holds what nobody brought is noticed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from clearing.test_replay import ALICE, FUND, NAMES, TRADE, commit, story, written
from support.backends import fastest_engine

from zkmargin.clearing.audit import audit
from zkmargin.clearing.replay import Booked, Event, Merged, Released, ReplayError, Sealed, TakenOver, Written
from zkmargin.verifier.curve import G1, INFINITY

UNITS = (commit({0: 1}, 0), commit({4: 1}, 0))


def test_books_are_the_collateral() -> None:
    found = audit(story(), UNITS, fastest_engine())
    assert found.lots == (1500 - 2 - 78, 40)
    assert (found.moved, found.accounts, found.estates) == (INFINITY, 2, 0)


def test_estates_count_until_they_are_merged() -> None:
    lots = {0: 800, 4: 40, 7: 3}
    taken: list[Event] = [
        TakenOver(NAMES[ALICE], 0, commit(lots, TRADE.blinding)),
        Written(NAMES[ALICE], 5, G1(0, 0), commit({}, 1)),
    ]
    assert audit([*story(), *taken], UNITS, fastest_engine()).estates == 1
    merged: list[Event] = [Merged(NAMES[FUND], 0), written(FUND, 0, lots, TRADE.blinding, 1)]
    assert audit([*story(), *taken, *merged], UNITS, fastest_engine()).estates == 0
    with pytest.raises(ReplayError, match="not the collateral"):
        audit([*story(), *taken, merged[0]], UNITS, fastest_engine())


@pytest.mark.parametrize("place", [0, 2, 4, 6, 7, 10, 12, 13])
def test_no_event_that_counts_can_be_altered(place: int) -> None:
    events = story()
    event = events[place]
    match event:
        case Booked() | Released():
            events[place] = replace(event, lots=event.lots + 1)
        case Sealed():
            events[place] = replace(event, d=commit({0: 1}, 0))
        case Written():
            # An account's last book, with a lot of cash out of nothing. Earlier ones are history.
            events[place] = replace(event, c=fastest_engine().combine([event.c, UNITS[0]], [1, 1]))
    with pytest.raises(ReplayError, match="not the collateral"):
        audit(events, UNITS, fastest_engine())


def test_a_token_that_is_not_listed() -> None:
    with pytest.raises(ReplayError, match="listed token"):
        audit([Booked(NAMES[ALICE], 2, 1)], UNITS, fastest_engine())
