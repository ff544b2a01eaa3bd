"""A market epoch: one universe, one moment, the public data of every row as arrays.

`market_arrays` turns an epoch into per-lot numpy vectors, the common ground of all risk rules. A row is *live* when its
instrument has fresh data and has not expired; any other row is worth nothing and punitive to be short of.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal, localcontext
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from zkmargin.circuits.markets.black76 import SECONDS_PER_YEAR
from zkmargin.circuits.markets.instruments import CASH_ID, KINDS, Cash, Instrument, InstrumentSet
from zkmargin.circuits.markets.units import USD_E12, VALUE_BITS, RangeError
from zkmargin.circuits.markets.universe import Listing, Universe
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.keccak import keccak256

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
DATA_DOMAIN: Final = b"zkmargin/epoch-data/v1"
KIND_CODE: Final = {kind: code for code, kind in enumerate(KINDS)}


@dataclass(frozen=True)
class MarketEpoch:
    """Public data of one moment over a universe. Rows whose instrument has no data at `as_of` are stale."""

    universe: Universe
    data: InstrumentSet

    def __repr__(self) -> str:
        return f"MarketEpoch({self.as_of.isoformat()}, {len(self.data.instruments)} instruments, {self.universe!r})"

    def __post_init__(self) -> None:
        for instrument in self.data.instruments:
            listing = self.universe.by_id.get(instrument.id)
            if listing is None:
                raise FormatError(f"{instrument.id}: expected an instrument of the universe; extend the universe first")
            if (listing.kind, listing.underlying) != (instrument.kind, instrument.underlying):
                raise FormatError(f"{instrument.id}: expected the universe's {listing.kind} on {listing.underlying}")
        for settlement in self.data.settlements or ():
            listing = self.universe.by_id.get(settlement.id)
            if listing is None or listing.kind == "cash":
                raise FormatError(f"settlement of {settlement.id}: expected an instrument of the universe")
            if listing.expiry is not None and settlement.settled_at < listing.expiry:
                raise FormatError(f"settlement of {settlement.id}: expected settled_at no earlier than its expiry")

    @property
    def as_of(self) -> datetime:
        """The moment of the data."""
        return self.data.as_of

    @cached_property
    def data_digest(self) -> bytes:
        """Names the whole of what a policy is applied to: universe, time, every field of every instrument."""
        return keccak256(DATA_DOMAIN + self.universe.digest + self.data.canonical())

    @cached_property
    def by_row(self) -> dict[int, Instrument]:
        """The instrument with data in each row; cash always has some."""
        found: dict[int, Instrument] = {self.universe.by_id[CASH_ID].row: Cash(id=CASH_ID, kind="cash")}
        found.update({self.universe.by_id[i.id].row: i for i in self.data.instruments})
        return found

    def is_expired(self, listing: Listing) -> bool:
        """Whether a listing has expired at `as_of`."""
        return listing.expiry is not None and listing.expiry <= self.as_of

    @classmethod
    def build(cls, data: InstrumentSet, *, previous: Universe | None = None, rows: int | None = None) -> MarketEpoch:
        """The epoch of `data` over `previous` extended by what is new, or over a new universe of `rows` rows.

        Raises UniverseError or FormatError naming the instrument; an expired instrument in `data` is refused.
        """
        cls.refuse_expired(data)
        if previous is None:
            return cls(Universe.create(data.instruments, rows=rows), data)
        if rows is not None and rows != previous.rows:
            raise FormatError(f"universe: expected {rows} rows as the setup has, got {previous.rows}")
        return cls(previous.extend(data.instruments), data)

    @staticmethod
    def refuse_expired(data: InstrumentSet) -> None:
        """Raise FormatError naming an instrument that has expired at `as_of`: its holder is owed cash, not this."""
        for instrument in data.instruments:
            if instrument.kind in ("future", "option") and instrument.expiry <= data.as_of:
                raise FormatError(f"{instrument.id}: expected an expiry after as_of; it has expired, leave it out")


@dataclass(frozen=True, eq=False)
class MarketArrays:
    """Per-row public data, each (rows,), values per lot in usd_e12. Floats are for risk; `value` is exact.

    value: floor of the worth of a long lot; `inexact` says where the floor lost something.
    price: the same as a float. forward: what the row's payoff is written on, per lot: an option's forward, otherwise
    `price`. reference: the underlying's index price per lot, on which contingencies are charged. strike, vol, years,
    is_call: options only, else 0. underlying: slot, negative for none. live: fresh and not expired.
    """

    kind: Ints
    underlying: Ints
    live: Bools
    value: Ints
    inexact: Bools
    price: Floats
    forward: Floats
    reference: Floats
    strike: Floats
    vol: Floats
    years: Floats
    is_call: Bools
    open_interest_usd: Floats
    """Notional of a perpetual's open interest in USD; NaN where the epoch does not say."""

    def is_kind(self, *kinds: str) -> Bools:
        """(rows,) whether a live row is of one of `kinds`."""
        return np.asarray(self.live & np.isin(self.kind, [KIND_CODE[kind] for kind in kinds]))  # type: ignore[index]


def market_arrays(epoch: MarketEpoch, *, max_price_age_seconds: int) -> MarketArrays:
    """The arrays of an epoch; data older than `max_price_age_seconds` at `as_of` is stale.

    Raises RangeError naming the instrument whose price does not fit 2^47 usd_e12 a lot, FormatError for a perpetual
    with funding, which no rule takes off its mark.
    """
    universe = epoch.universe
    n = universe.rows
    index_usd = _index_prices(epoch)
    kind, value = np.full(n, -1, dtype=np.int64), np.zeros(n, dtype=np.int64)
    live, inexact, is_call = (np.zeros(n, dtype=np.bool_) for _ in range(3))
    price, forward, reference, strike, vol, years = (np.zeros(n, dtype=np.float64) for _ in range(6))
    open_interest = np.full(n, np.nan, dtype=np.float64)
    for listing in universe.listings:
        row = listing.row
        kind[row] = KIND_CODE[listing.kind]
        instrument = epoch.by_row.get(row)
        if instrument is None or epoch.is_expired(listing):
            continue
        observed = instrument.price_time or epoch.as_of
        if (epoch.as_of - observed).total_seconds() > max_price_age_seconds:
            continue
        live[row] = True
        exact = _value_per_lot(instrument, listing)
        value[row] = math.floor(exact)
        inexact[row] = value[row] != exact
        if value[row] >= 1 << VALUE_BITS:
            raise RangeError(
                f"{listing.id}: expected a price below 2^{VALUE_BITS} usd_e12 per lot of 10^-{listing.lot_exponent}, "
                "got more; list it anew with a finer lot"
            )
        price[row] = float(exact)
        per_unit = float(USD_E12) / 10.0**listing.lot_exponent
        forward[row] = price[row]
        own = float(instrument.mark_price_usd)
        if instrument.kind == "option":
            own = float(instrument.forward_usd)
            forward[row] = own * per_unit
            strike[row] = float(instrument.strike_usd) * per_unit
            vol[row] = float(instrument.implied_vol)
            years[row] = (instrument.expiry - observed).total_seconds() / SECONDS_PER_YEAR
            is_call[row] = instrument.option_type == "call"
        if instrument.kind == "perpetual" and instrument.funding_usd:
            raise FormatError(f"{listing.id}: field 'funding_usd': expected none or 0: no rule values funding")
        if instrument.kind == "perpetual" and instrument.open_interest is not None:
            open_interest[row] = float(instrument.open_interest * instrument.mark_price_usd)
        reference[row] = index_usd.get(listing.underlying, own) * per_unit
    return MarketArrays(
        kind=kind,
        underlying=universe.underlying_of_row,
        live=live,
        value=value,
        inexact=inexact,
        price=price,
        forward=forward,
        reference=reference,
        strike=strike,
        vol=vol,
        years=years,
        is_call=is_call,
        open_interest_usd=open_interest,
    )


def _value_per_lot(instrument: Instrument, listing: Listing) -> Decimal:
    """Worth of one long lot in usd_e12, exactly."""
    with localcontext() as context:
        context.prec = 100
        context.rounding = ROUND_FLOOR
        worth = instrument.mark_price_usd * USD_E12
        if instrument.kind in ("supply", "borrow"):
            worth *= instrument.index
        return worth.scaleb(-listing.lot_exponent)


def _index_prices(epoch: MarketEpoch) -> dict[str, float]:
    """USD index price by underlying: its spot price, or else its perpetual's mark."""
    found: dict[str, float] = {}
    for kind in ("perpetual", "spot"):
        for instrument in epoch.data.instruments:
            if instrument.kind == kind:
                found[instrument.underlying] = float(instrument.mark_price_usd)
    return found
