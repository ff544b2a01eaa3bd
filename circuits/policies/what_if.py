"""What if: a market moved, or a book traded at its marks. For an owner's eyes; nothing here is ever proven."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import ROUND_FLOOR, Decimal
from typing import Any, Final

import numpy as np

from zkmargin.circuits.markets import black76
from zkmargin.circuits.markets.epoch import MarketEpoch
from zkmargin.circuits.markets.instruments import CASH_ID, Instrument, InstrumentSet
from zkmargin.circuits.markets.positions import Positions, positions_from_quantities
from zkmargin.circuits.markets.units import USD_E12
from zkmargin.verifier.errors import FormatError

_STEP: Final = Decimal(1).scaleb(-12)


def moved(epoch: MarketEpoch, moves: Mapping[str, Decimal]) -> MarketEpoch:
    """The epoch after relative moves by underlying (`*`: every other); an option's mark moves with its model value.

    Raises FormatError for an underlying that is not there and for a move of -100 % or beyond.
    """
    known = {instrument.underlying for instrument in epoch.data.instruments}
    for name, move in moves.items():
        if name != "*" and name not in known:
            raise FormatError(f"--move: expected an underlying of the market, got {name!r}")
        if not -1 < move <= 100:
            raise FormatError(f"--move: {name}: expected a move above -1, such as -0.1 for -10 %, got {move}")
    instruments = tuple(_moved(epoch, item, moves) for item in epoch.data.instruments)
    return MarketEpoch(epoch.universe, InstrumentSet.model_construct(as_of=epoch.as_of, instruments=instruments))


def _moved(epoch: MarketEpoch, instrument: Instrument, moves: Mapping[str, Decimal]) -> Instrument:
    move = moves.get(instrument.underlying, moves.get("*", Decimal(0)))
    if instrument.kind == "cash" or not move:
        return instrument
    factor = 1 + move
    changed: dict[str, Any] = {}
    if instrument.kind == "option":
        forward = instrument.forward_usd * factor
        observed = instrument.price_time or epoch.as_of
        years = (instrument.expiry - observed).total_seconds() / black76.SECONDS_PER_YEAR
        vol, strike = float(instrument.implied_vol), float(instrument.strike_usd)
        call = instrument.option_type == "call"
        before = float(black76.price(float(instrument.forward_usd), strike, vol, years, call))
        after = float(black76.price(float(forward), strike, vol, years, call))
        mark = max(float(instrument.mark_price_usd) + after - before, 0.0)
        changed = {"forward_usd": _price(forward), "mark_price_usd": Decimal(repr(mark)).quantize(_STEP)}
    else:
        changed = {"mark_price_usd": _price(instrument.mark_price_usd * factor)}
    return instrument.model_copy(update=changed)


def _price(value: Decimal) -> Decimal:
    return max(value.quantize(_STEP), _STEP)


def traded(epoch: MarketEpoch, trades: Mapping[str, Decimal]) -> Positions:
    """What trades at marks add to a book: the quantities, and the cash paid or received, rounded against the account.

    Raises PositionsError for an instrument that is not listed, FormatError for one without a price.
    """
    change = positions_from_quantities(epoch.universe, trades)
    lots = change.lots.copy()
    cash = epoch.universe.by_id[CASH_ID]
    paid = Decimal(0)
    for name, quantity in trades.items():
        instrument = epoch.by_row.get(epoch.universe.by_id[name].row)
        if instrument is None:
            raise FormatError(f"--trade: {name}: expected an instrument with a price in this epoch")
        if name == CASH_ID:
            continue
        paid += quantity * instrument.mark_price_usd * getattr(instrument, "index", Decimal(1))
    lots[cash.row] += math.floor((-paid).scaleb(cash.lot_exponent).to_integral_value(ROUND_FLOOR))
    return Positions(epoch.universe.digest, np.asarray(lots, dtype=np.int64))


def unmatched_derivatives(epoch: MarketEpoch, netted: Positions) -> str | None:
    """A warning when perpetuals and futures are worth their notional because no entry stands in the cash row."""
    notional = 0
    names = []
    for listing in epoch.universe.listings:
        instrument = epoch.by_row.get(listing.row)
        lots = int(netted.lots[listing.row])
        if listing.kind in ("perpetual", "future") and instrument is not None and lots:
            notional += int(Decimal(lots).scaleb(-listing.lot_exponent) * instrument.mark_price_usd * USD_E12)
            names.append(listing.id)
    cash = epoch.universe.by_id[CASH_ID]
    money = int(Decimal(int(netted.lots[cash.row])).scaleb(-cash.lot_exponent) * USD_E12)
    if not notional or (2 * money < -notional if notional > 0 else 2 * money > -notional):
        return None
    shown = ", ".join(names[:3]) + (" and others" if len(names) > 3 else "")
    return (
        f"{shown}: a perpetual or future is worth quantity times mark, less what it was entered at, which belongs in "
        "the USD row (or in the column entry_price); no such amount stands against it here, so that its whole "
        "notional counts as worth"
    )
