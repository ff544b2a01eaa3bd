"""What anyone checks of a house without any key: that all books together are the public collateral."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from zkmargin.clearing.replay import (
    CASH_TOKEN,
    Booked,
    Event,
    Merged,
    Released,
    ReplayError,
    Sealed,
    TakenOver,
    Written,
)
from zkmargin.verifier.curve import G1, INFINITY, GroupEngine


@dataclass(frozen=True)
class Audit:
    """A house as its events have it.

    lots: of every listed token, booked. moved: the sum of every D. Trades add up to nothing, so that it is what sweeps
    have taken by rounding, blinded: what `Settlement.swept` says.
    """

    lots: tuple[int, ...]
    moved: G1
    accounts: int
    estates: int


def audit(events: Iterable[Event], units: Sequence[G1], engine: GroupEngine) -> Audit:
    """Add up a house's events. units: [L_row] of every listed token.

    Raises ReplayError when the first points of all accounts and estates are not the collateral and what was swept:
    books that hold what nobody brought. Compare `lots` with `Ledger.collateralOf`, `moved` with `Settlement.swept`,
    `units` with the setup's Lagrange points.
    """
    lots = [0] * len(units)
    books: dict[bytes, G1] = {}
    estates: dict[int, G1] = {}
    moved: list[G1] = []
    for event in events:
        match event:
            case Booked(token=token, lots=more):
                lots[_listed(token, units)] += more
            case Released(token=token, lots=less):
                lots[_listed(token, units)] -= less
            case Sealed(d=d, fee=fee):
                moved.append(d)
                lots[CASH_TOKEN] -= fee
            case TakenOver(estate=estate, c=c):
                estates[estate] = c
            case Merged(estate=estate):
                estates.pop(estate, None)
            case Written(account=account, c=c):
                books[account] = c
    total = _sum([*books.values(), *estates.values()], engine)
    swept = _sum(moved, engine)
    if total != engine.combine([*units, swept], [*lots, 1]):
        raise ReplayError("audit: the books together are not the collateral and what was swept")
    return Audit(tuple(lots), swept, len(books), len(estates))


def _listed(token: int, units: Sequence[G1]) -> int:
    if not 0 <= token < len(units):
        raise ReplayError(f"audit: expected a listed token, got number {token}")
    return token


def _sum(points: Sequence[G1], engine: GroupEngine) -> G1:
    return engine.combine(points, [1] * len(points)) if points else INFINITY
