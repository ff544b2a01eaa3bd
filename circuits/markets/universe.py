"""Universes: which instrument is which row, for good.

A venue's attestation commits to rows, so a row never changes hands: a universe is extended by giving new instruments
free rows, while expired ones keep theirs, closed. The last rows of the domain are left to private scalars.

Rows are laid out by risk group. Row i belongs to segment i mod S (S a power of two), and every segment belongs, for the
universe's life, to one *bucket*: one expiry slot of one underlying slot, or the account itself (cash). So a group of
rows is a union of cosets of the evaluation domain, whose indicator a verifier can evaluate in constant time, and the
verifying key of a policy depends on the layout only, never on what is listed in it or on who holds what.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from zkmargin.circuits.markets.instruments import CASH_ID, Cash, Instrument, InstrumentId, Kind, Underlying
from zkmargin.circuits.markets.models import StrictModel, canonical_json, parse_model
from zkmargin.circuits.markets.units import ExactDecimal, Instant, format_instant
from zkmargin.verifier.documents import read_document
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.keccak import keccak256

UNIVERSE_DOMAIN: Final = b"zkmargin/universe/v1"
ACCOUNT_BUCKET: Final = -1
"""Bucket of the rows that belong to no underlying: cash."""
MIN_ROWS: Final = 64
MAX_ROWS: Final = 1 << 20


class UniverseError(FormatError):
    """An instrument does not fit a universe. The message names it."""


class Listing(StrictModel):
    """One row's instrument: what of it never changes. The lot is 10^-lot_exponent units."""

    row: Annotated[int, Field(ge=0)]
    id: InstrumentId
    kind: Kind
    underlying: Underlying
    lot_exponent: Annotated[int, Field(ge=0, le=12)]
    expiry: Instant | None = None
    strike_usd: ExactDecimal | None = None
    option_type: Literal["call", "put"] | None = None


@dataclass(frozen=True)
class UniverseShape:
    """What a compiled statement may depend on besides the policy.

    `instrument_rows` come first, private scalars after.
    """

    rows: int
    instrument_rows: int
    underlying_slots: int
    expiry_slots: int


class Universe(StrictModel):
    """Rows, layout and listings; see the module. Bucket of (underlying slot u, expiry slot e) is u * (E + 1) + e.

    Expiry slot 0 is for what has no expiry; slots 1..E are taken by expiries in the order they appear and never reused.
    An underlying slot named "" is free.
    """

    rows: Annotated[int, Field(ge=MIN_ROWS, le=MAX_ROWS)]
    instrument_rows: int
    underlyings: Annotated[tuple[Underlying | Literal[""], ...], Field(strict=False)]
    expiry_slots: Annotated[int, Field(ge=0, le=256)]
    expiries: Annotated[tuple[Annotated[tuple[Instant, ...], Field(strict=False)], ...], Field(strict=False)]
    segments: Annotated[tuple[int, ...], Field(strict=False)]
    listings: Annotated[tuple[Listing, ...], Field(strict=False)]

    def __repr__(self) -> str:
        return f"Universe({len(self.listings)} listings in {self.rows} rows)"

    __str__ = __repr__

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.rows & (self.rows - 1):
            raise ValueError(f"rows: expected a power of two, got {self.rows}")
        count = len(self.segments)
        if (
            not count
            or count & (count - 1)
            or self.instrument_rows % count
            or not 0 < self.instrument_rows <= self.rows
        ):
            raise ValueError("segments: expected a power of two of them that divides instrument_rows <= rows")
        buckets = len(self.underlyings) * (self.expiry_slots + 1)
        if any(not ACCOUNT_BUCKET <= bucket < buckets for bucket in self.segments):
            raise ValueError(f"segments: expected buckets from {ACCOUNT_BUCKET} to {buckets - 1}")
        named = [name for name in self.underlyings if name]
        if len(set(named)) != len(named) or len(self.expiries) != len(self.underlyings):
            raise ValueError("underlyings: expected distinct names, and the expiries of each")
        if any(len(set(e)) != len(e) or len(e) > self.expiry_slots for e in self.expiries):
            raise ValueError(f"expiries: expected at most {self.expiry_slots} distinct ones an underlying")
        rows = [listing.row for listing in self.listings]
        if rows != sorted(set(rows)) or (rows and rows[-1] >= self.instrument_rows):
            raise ValueError(f"listings: expected strictly increasing rows below {self.instrument_rows}")
        if len({listing.id for listing in self.listings}) != len(self.listings):
            raise ValueError("listings: expected every instrument once")
        if not any(listing.id == CASH_ID for listing in self.listings):
            raise ValueError(f"listings: expected the cash row {CASH_ID}")
        for listing in self.listings:
            if self.segments[listing.row % count] != self.bucket(listing.underlying, listing.kind, listing.expiry):
                raise ValueError(f"listings: {listing.id} lies in row {listing.row}, of another risk group")
        return self

    # -- lookups ------------------------------------------------------------------------------------------------------

    @property
    def shape(self) -> UniverseShape:
        """What compiled statements depend on."""
        return UniverseShape(self.rows, self.instrument_rows, len(self.underlyings), self.expiry_slots)

    @cached_property
    def by_id(self) -> Mapping[str, Listing]:
        """Listings by instrument id."""
        return {listing.id: listing for listing in self.listings}

    def bucket(self, underlying: str, kind: str, expiry: datetime | None) -> int:
        """The bucket of an instrument; raises ValueError if its underlying or expiry has no slot."""
        if kind == "cash":
            return ACCOUNT_BUCKET
        bucket = self._buckets.get((underlying, expiry))
        if bucket is None:
            raise ValueError(f"{underlying}: expected an underlying and expiry with a slot")
        return bucket

    @cached_property
    def _buckets(self) -> Mapping[tuple[str, datetime | None], int]:
        """The bucket of every underlying and expiry that has a slot."""
        return _buckets(self.underlyings, self.expiries, self.expiry_slots)

    @cached_property
    def bucket_of_row(self) -> NDArray[np.int64]:
        """(rows,) bucket of each instrument row; -2 on the rows of private scalars."""
        row = np.arange(self.rows)
        buckets = np.asarray(self.segments, dtype=np.int64)[row % len(self.segments)]
        return np.where(row < self.instrument_rows, buckets, -2)

    @cached_property
    def underlying_of_row(self) -> NDArray[np.int64]:
        """(rows,) underlying slot of each row; negative where there is none."""
        buckets = self.bucket_of_row
        return np.where(buckets >= 0, buckets // (self.expiry_slots + 1), buckets)

    @cached_property
    def digest(self) -> bytes:
        """Names rows, layout and listings: what an attestation is about."""
        return keccak256(UNIVERSE_DOMAIN + canonical_json(self.to_json()))

    def to_json(self) -> dict[str, Any]:
        """A self-describing document."""
        return {"format": "zkmargin/universe", "version": 1, **self.model_dump(mode="json", exclude_none=True)}

    # -- making -------------------------------------------------------------------------------------------------------

    @classmethod
    def create(
        cls,
        instruments: Iterable[Instrument],
        *,
        rows: int | None = None,
        scalar_rows: int | None = None,
        spare_underlyings: int = 0,
        spare_expiries: int = 2,
    ) -> Universe:
        """A new universe over `instruments` (USD is added if absent) with free rows in every group.

        `rows` defaults to the smallest power of two that fits; `scalar_rows` to a quarter of them. Raises UniverseError
        when the instruments do not fit.
        """
        sizes = (rows,) if rows is not None else tuple(1 << k for k in range(6, 21))
        listed = list(instruments)
        for size in sizes:
            universe = cls.fitting(
                listed,
                rows=size,
                scalar_rows=size // 4 if scalar_rows is None else scalar_rows,
                spare_underlyings=spare_underlyings,
                spare_expiries=spare_expiries,
            )
            if universe is not None:
                return universe
        raise UniverseError(f"universe: {len(listed)} instruments do not fit {sizes[-1]} rows; take a larger setup")

    @classmethod
    def fitting(
        cls,
        instruments: Iterable[Instrument],
        *,
        rows: int,
        scalar_rows: int,
        spare_underlyings: int = 0,
        spare_expiries: int = 2,
    ) -> Universe | None:
        """The universe that `create` makes of so many rows, None where the instruments do not fit them.

        Raises UniverseError for instruments that no universe can list.
        """
        listed = list(instruments)
        if not any(instrument.id == CASH_ID for instrument in listed):
            listed.insert(0, Cash(id=CASH_ID, kind="cash"))
        underlyings = tuple(dict.fromkeys(i.underlying for i in listed if i.kind != "cash"))
        expiries = tuple(
            tuple(sorted({e for i in listed if i.underlying == name and (e := _expiry(i)) is not None}))
            for name in underlyings
        )
        slots = max((len(e) for e in expiries), default=0)
        expiry_slots = slots + spare_expiries if slots else 0
        padding = ("",) * spare_underlyings
        instrument_rows = rows - scalar_rows
        segments = _lay_out(listed, underlyings + padding, expiries, expiry_slots, instrument_rows)
        if segments is None:
            return None
        empty = cls.model_construct(
            rows=rows,
            instrument_rows=instrument_rows,
            underlyings=underlyings + padding,
            expiry_slots=expiry_slots,
            expiries=expiries + ((),) * spare_underlyings,
            segments=segments,
            listings=(),
        )
        return empty._list(listed)

    def extend(self, instruments: Iterable[Instrument]) -> Universe:
        """This universe with rows for the instruments it does not list yet; nothing that is listed moves.

        Raises UniverseError when a listed instrument comes back as another, or when a group has no free row left.
        """
        new = []
        for instrument in instruments:
            listing = self.by_id.get(instrument.id)
            if listing is None:
                new.append(instrument)
            elif listing != _listing(instrument, listing.row, listing.lot_exponent):
                raise UniverseError(
                    f"{instrument.id}: expected the {listing.kind} on {listing.underlying} that row {listing.row} "
                    "holds, got one with other terms; give it another id"
                )
        return self._list(new) if new else self

    def _list(self, new: Sequence[Instrument]) -> Universe:
        """`self` with `new` listed in free rows of their buckets, lowest first."""
        underlyings, expiries = list(self.underlyings), [list(e) for e in self.expiries]
        for instrument in new:
            if instrument.kind == "cash":
                continue
            if instrument.underlying not in underlyings:
                if "" not in underlyings:
                    raise UniverseError(f"{instrument.id}: no slot left for underlying {instrument.underlying}")
                underlyings[underlyings.index("")] = instrument.underlying
            slot, expiry = underlyings.index(instrument.underlying), _expiry(instrument)
            if expiry is not None and expiry not in expiries[slot]:
                if len(expiries[slot]) == self.expiry_slots:
                    raise UniverseError(
                        f"{instrument.id}: no slot left for expiry {format_instant(expiry)} of "
                        f"{instrument.underlying}: start a new universe"
                    )
                expiries[slot].append(expiry)
        fields = {name: getattr(self, name) for name in Universe.model_fields}
        fields |= {"underlyings": tuple(underlyings), "expiries": tuple(tuple(e) for e in expiries), "listings": ()}
        draft = Universe.model_construct(**fields)
        taken = {listing.row for listing in self.listings}
        segment_rows: dict[int, list[int]] = {}
        for row in range(self.instrument_rows - 1, -1, -1):
            if row not in taken:
                segment_rows.setdefault(self.segments[row % len(self.segments)], []).append(row)
        listings = list(self.listings)
        for instrument in new:
            free = segment_rows.get(draft.bucket(instrument.underlying, instrument.kind, _expiry(instrument)))
            if not free:
                raise UniverseError(f"{instrument.id}: its risk group has no free row left: start a new universe")
            listings.append(_listing(instrument, free.pop(), choose_lot_exponent(instrument)))
        listings.sort(key=lambda listing: listing.row)
        return Universe(**{**fields, "listings": tuple(listings)})


def read_universe(path: str | Path) -> Universe:
    """The universe of a JSON file. Raises FormatError naming file and field."""
    return parse_model(Universe, read_document(path, "universe"), str(path))


def choose_lot_exponent(instrument: Instrument) -> int:
    """k of the lot 10^-k of a newly listed instrument: fine enough to hold dust, coarse enough to price.

    Dollars: 6. Coins, perpetuals and futures: a lot worth between 10^-5 and 10^-4 USD, so at least 8 significant digits
    of price, but never finer than 10^-8 nor coarser than one unit. Options: a lot of at least a cent of underlying,
    as a cheap option is worth far less than its underlying, and its risk is measured against that.
    """
    if instrument.kind == "cash":
        return 6
    if instrument.kind == "option":
        return min(8, max(0, _floor_log10(instrument.forward_usd) + 2))
    return min(8, max(0, _floor_log10(instrument.mark_price_usd) + 5))


def _floor_log10(value: Decimal) -> int:
    return value.adjusted()


def _expiry(instrument: Instrument) -> datetime | None:
    return instrument.expiry if instrument.kind in ("future", "option") else None


def _listing(instrument: Instrument, row: int, lot_exponent: int) -> Listing:
    option = instrument if instrument.kind == "option" else None
    return Listing(
        row=row,
        id=instrument.id,
        kind=instrument.kind,
        underlying=instrument.underlying,
        lot_exponent=lot_exponent,
        expiry=_expiry(instrument),
        strike_usd=None if option is None else option.strike_usd,
        option_type=None if option is None else option.option_type,
    )


def _buckets(
    underlyings: Sequence[str], expiries: Sequence[Sequence[datetime]], expiry_slots: int
) -> dict[tuple[str, datetime | None], int]:
    """Number the buckets of underlyings, as a whole and by expiry."""
    found: dict[tuple[str, datetime | None], int] = {}
    for slot, underlying in enumerate(underlyings):
        first = slot * (expiry_slots + 1)
        # Free slots share the name "": the first is meant.
        found.setdefault((underlying, None), first)
        if underlying:
            found |= {(underlying, expiry): first + 1 + place for place, expiry in enumerate(expiries[slot])}
    return found


def _lay_out(
    instruments: Sequence[Instrument],
    underlyings: tuple[str, ...],
    expiries: tuple[tuple[datetime, ...], ...],
    expiry_slots: int,
    instrument_rows: int,
) -> tuple[int, ...] | None:
    """The bucket of every segment, or None when the instruments do not fit: whole segments for every bucket.

    The coarsest grid of segments that fits is taken; what is left over goes where it is fullest.
    """
    if instrument_rows <= 0:
        return None
    buckets = _buckets(underlyings, expiries, expiry_slots)
    wanted: Counter[int] = Counter({ACCOUNT_BUCKET: 0})
    wanted.update(dict.fromkeys(range(len(underlyings) * (expiry_slots + 1)), 0))
    wanted.update(
        ACCOUNT_BUCKET if instrument.kind == "cash" else buckets[instrument.underlying, _expiry(instrument)]
        for instrument in instruments
    )
    count = 1
    while count <= instrument_rows:
        capacity = instrument_rows // count
        shares = {bucket: max(1, math.ceil(number / capacity)) for bucket, number in wanted.items()}
        spare = count - sum(shares.values())
        if spare >= 0 and instrument_rows % count == 0:
            for _ in range(spare):
                fullest = max(shares, key=lambda bucket: ((wanted[bucket] + 1) / shares[bucket], -bucket))
                shares[fullest] += 1
            return tuple(bucket for bucket, share in sorted(shares.items()) for _ in range(share))
        count *= 2
    return None
