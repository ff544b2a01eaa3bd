"""What a policy prices in a way of its own: rows closed, stale, not admitted, or with a mark not to rely upon."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from zkmargin.circuits.markets.epoch import MarketEpoch, market_arrays
from zkmargin.circuits.markets.universe import Listing
from zkmargin.circuits.policies.policy import Policy
from zkmargin.circuits.policies.rules.marks import MarkCheck, contradictions

TOLERANCE: Final = 0.05
"""Of the forward: how far a mark may be from the model before it is named, in a policy without a `mark_check`."""
WORTHLESS: Final = "worth nothing long, and short more than anything could make good"


@dataclass(frozen=True)
class RowNote:
    """An instrument, why its row is out of the ordinary, and what it is priced as."""

    instrument: str
    reason: str
    priced: str

    def __str__(self) -> str:
        return f"{self.instrument}: {self.reason}: {self.priced}"


def row_notes(policy: Policy, epoch: MarketEpoch) -> tuple[RowNote, ...]:
    """Every row of an epoch that a policy prices in a way of its own, in the order of rows."""
    return tuple(_notes(policy, epoch))


def _notes(policy: Policy, epoch: MarketEpoch) -> Iterator[RowNote]:
    arrays = market_arrays(epoch, max_price_age_seconds=policy.max_price_age_seconds)
    checks = [rule for rule in policy.rules if isinstance(rule, MarkCheck)]
    tolerance = min((float(check.tolerance) for check in checks), default=TOLERANCE)
    broken, far = contradictions(arrays, arrays.is_kind("option"), tolerance)
    for listing in epoch.universe.listings:
        row = listing.row
        if (reason := _closed(policy, epoch, listing, bool(arrays.live[row]))) is not None:
            yield RowNote(listing.id, reason, WORTHLESS)
        elif broken[row]:
            why = "no volatility" if not arrays.vol[row] else "a mark that no-arbitrage bounds exclude"
            bounds = "a long at the lower bound, a short at the upper"
            yield RowNote(listing.id, why, bounds if checks else "as marked")
        elif far[row]:
            worse = "the worse of mark and model" if checks else "as marked"
            yield RowNote(listing.id, f"a mark over {tolerance:.2%} of the forward from the model's value", worse)


def _closed(policy: Policy, epoch: MarketEpoch, listing: Listing, live: bool) -> str | None:
    if listing.kind not in policy.admitted_kinds:
        return f"the policy does not admit {listing.kind}"
    if policy.refuses(listing.underlying) and listing.kind != "cash":
        return f"the policy has no parameters for {listing.underlying}"
    if live:
        return None
    if epoch.is_expired(listing):
        return "expired"
    if listing.row not in epoch.by_row:
        return "no price in this epoch"
    return f"its price is older than {policy.max_price_age_seconds} seconds"


def held(notes: tuple[RowNote, ...], epoch: MarketEpoch, lots: NDArray[np.int64]) -> tuple[RowNote, ...]:
    """The notes on what a book holds; `lots` is (rows,)."""
    return tuple(note for note in notes if lots[epoch.universe.by_id[note.instrument].row])
