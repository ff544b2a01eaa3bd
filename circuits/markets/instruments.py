"""Instruments: what can be held, and the public data that value it.

One class a kind, told apart by `kind`; JSON numbers are decimal strings. A quantity is in units of the underlying
(coins, contracts on one coin), negative when short or borrowed. Perpetuals and futures are marked at quantity * mark
price, with the entry notional in the cash row, as dYdX's quote balance does: long 1 BTC perpetual entered at 60,000 is
`1` in the perpetual's row and 60,000 less in the `USD` row. So one number per row values a book at any later epoch.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from zkmargin.circuits.markets.models import StrictModel, canonical_json, parse_model
from zkmargin.circuits.markets.units import ExactDecimal, Instant
from zkmargin.verifier.documents import read_document, version_of
from zkmargin.verifier.errors import FormatError

CASH_ID: Final = "USD"
"""The cash row of every universe."""

Kind = Literal["cash", "spot", "supply", "borrow", "perpetual", "future", "option"]
KINDS: Final[tuple[Kind, ...]] = ("cash", "spot", "supply", "borrow", "perpetual", "future", "option")
"""Kinds in the order of their codes in arrays."""

InstrumentId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/+-]{0,63}$")]
Underlying = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")]
Price = Annotated[ExactDecimal, Field(gt=0, lt=Decimal(10) ** 15)]
SignedPrice = Annotated[ExactDecimal, Field(gt=-(Decimal(10) ** 15), lt=Decimal(10) ** 15)]
Mark = Annotated[ExactDecimal, Field(ge=0, lt=Decimal(10) ** 15)]
AccrualIndex = Annotated[ExactDecimal, Field(gt=0, lt=Decimal(10) ** 9)]
Volatility = Annotated[ExactDecimal, Field(ge=0, le=10)]


class _Instrument(StrictModel):
    """What every instrument has. `price_time` is when its data was observed; absent means the file's `as_of`."""

    id: InstrumentId
    price_time: Instant | None = None


class Cash(_Instrument):
    """US dollars, worth one dollar each. Negative: borrowed."""

    kind: Literal["cash"]
    underlying: Literal["USD"] = "USD"
    mark_price_usd: Annotated[ExactDecimal, Field(ge=1, le=1)] = Decimal(1)


class Spot(_Instrument):
    """A coin held or owed outright."""

    kind: Literal["spot"]
    underlying: Underlying
    mark_price_usd: Price


class Supply(_Instrument):
    """A scaled balance lent out: worth quantity * index * mark price (Aave's aToken scaled balance and index)."""

    kind: Literal["supply"]
    underlying: Underlying
    mark_price_usd: Price
    index: AccrualIndex


class Borrow(_Instrument):
    """A scaled balance borrowed, held as a negative quantity: owes quantity * index * mark price."""

    kind: Literal["borrow"]
    underlying: Underlying
    mark_price_usd: Price
    index: AccrualIndex


class Perpetual(_Instrument):
    """A perpetual swap on one unit.

    `open_interest` (units) is for rules that scale with it. `funding_usd`: what a long unit has paid in funding since
    the contract began, negative when it was paid.
    """

    kind: Literal["perpetual"]
    underlying: Underlying
    mark_price_usd: Price
    funding_usd: SignedPrice | None = None
    open_interest: Annotated[ExactDecimal, Field(ge=0, lt=Decimal(10) ** 18)] | None = None


class Future(_Instrument):
    """A dated future on one unit, settled in dollars; its mark price is its forward."""

    kind: Literal["future"]
    underlying: Underlying
    mark_price_usd: Price
    expiry: Instant
    forward_usd: Price | None = None


class Option(_Instrument):
    """A European option on one unit. `implied_vol` is annualised, 0.85 for 85 %."""

    kind: Literal["option"]
    underlying: Underlying
    mark_price_usd: Mark
    forward_usd: Price
    implied_vol: Volatility
    expiry: Instant
    strike_usd: Price
    option_type: Literal["call", "put"]


Instrument = Annotated[
    Cash | Spot | Supply | Borrow | Perpetual | Future | Option,
    Field(discriminator="kind"),
]


class Settlement(StrictModel):
    """What one unit of a closed instrument paid, once and for all."""

    id: InstrumentId
    payoff_usd: SignedPrice
    settled_at: Instant


Digest = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-f]{64}$")]
_NOT_NOTED: Final[set[str]] = set()


class InstrumentSet(StrictModel):
    """Public data of one moment: `as_of`, and every instrument with a price. Ids are unique.

    history: the digest of the price history that a policy's estimates come from. settlements: what instruments that
    have closed paid; none of them has a price any more. Absent is not the same as empty, which is refused.
    """

    as_of: Instant
    instruments: Annotated[tuple[Instrument, ...], Field(strict=False)]
    history: Digest | None = None
    settlements: Annotated[tuple[Settlement, ...], Field(strict=False, min_length=1)] | None = None

    def __repr__(self) -> str:
        return f"InstrumentSet({self.as_of.isoformat()}, {len(self.instruments)} instruments)"

    __str__ = __repr__

    @model_validator(mode="after")
    def _check(self) -> Self:
        seen: set[str] = set()
        for instrument in self.instruments:
            if instrument.id in seen:
                raise ValueError(f"instrument {instrument.id}: expected one entry, got two")
            seen.add(instrument.id)
            # pydantic's note of which fields were given is nearly half of an instrument's memory, and nobody asks.
            object.__setattr__(instrument, "__pydantic_fields_set__", _NOT_NOTED)
            if (instrument.kind == "cash") != (instrument.id == CASH_ID):
                raise ValueError(f"instrument {instrument.id}: the cash row, and only it, is called {CASH_ID}")
            if instrument.price_time is not None and instrument.price_time > self.as_of:
                raise ValueError(f"instrument {instrument.id}: price_time lies after as_of")
        for settlement in self.settlements or ():
            if settlement.id in seen:
                raise ValueError(f"settlement of {settlement.id}: expected one, of an instrument without a price")
            seen.add(settlement.id)
            if settlement.settled_at > self.as_of:
                raise ValueError(f"settlement of {settlement.id}: settled_at lies after as_of")
        return self

    def public_data(self) -> dict[str, Any]:
        """Every field that is there, as JSON; decimal strings throughout."""
        return self.model_dump(mode="json", exclude_none=True)

    def canonical(self) -> bytes:
        """The one byte string of these data, whatever order they came in."""
        data = self.public_data()
        for name in ("instruments", "settlements"):
            if name in data:
                data[name].sort(key=lambda entry: entry["id"])
        return canonical_json(data)

    def to_json(self) -> dict[str, Any]:
        """A self-describing document."""
        return {"format": "zkmargin/instruments", "version": version_of("instruments"), **self.public_data()}


def read_instruments(path: str | Path) -> InstrumentSet:
    """The instruments of a JSON file. Raises FormatError naming file and field; OSError when it cannot be read."""
    body = read_document(path, "instruments", bare=True)
    entries = body.get("instruments")
    if not isinstance(entries, list):
        raise FormatError(f"{path}: field 'instruments': expected a list of instruments")
    return parse_model(InstrumentSet, body, str(path))
