"""Deribit's public book summary as instruments.

Reads the answer of `public/get_book_summary_by_currency?kind=option` (with or without the JSON-RPC envelope). Inverse
options are quoted in coin; their dollar price is mark_price * underlying_price, so that a mark, its forward and its
implied volatility agree under Black-76. The index, and the futures that forwards are quoted on, become instruments too,
as books of options are hedged with them. Anything unexpected is refused: nothing is skipped.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any, Final

from zkmargin.circuits.markets.instruments import CASH_ID, Cash, Future, Instrument, InstrumentSet, Option, Spot
from zkmargin.circuits.markets.models import Model, parse_model
from zkmargin.circuits.markets.units import format_decimal
from zkmargin.verifier.documents import read_json
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.text import quoted

_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_NAME: Final = re.compile(r"([A-Z0-9]{2,10})-([0-9]{1,2})([A-Z]{3})([0-9]{2})-([0-9]{1,9}(?:d[0-9]{1,6})?)-([CP])")
_FUTURE: Final = re.compile(r"([A-Z0-9]{2,10})-([0-9]{1,2})([A-Z]{3})([0-9]{2})")
_SETTLEMENT_HOUR: Final = 8
"""Deribit's contracts expire at 08:00 UTC."""
_MOST_USD: Final = 10**15
_EXACT_DIGITS: Final = 60
"""Digits of a product of two numbers below 10^15 with 12 decimals, and some to spare."""
_DECIMALS: Final = Decimal(1).scaleb(-12)


def import_deribit(path: str | Path) -> InstrumentSet:
    """The instruments of a saved book summary, `as_of` its latest entry; each keeps its own `price_time`.

    Raises FormatError naming file, entry, field, expected and got.
    """
    path = Path(path)
    document = read_json(path, fraction=Decimal)
    if isinstance(document, dict) and isinstance(document.get("error"), dict):
        said = document["error"].get("message")
        raise FormatError(f"{path}: expected a book summary, got Deribit's error {quoted(said)}; ask it again")
    entries = document.get("result") if isinstance(document, dict) else document
    if not isinstance(entries, list) or not entries:
        raise FormatError(f"{path}: field 'result': expected a non-empty list of book summaries")
    options: dict[str, Option] = {}
    futures: dict[str, Future] = {}
    index: dict[str, tuple[datetime, Decimal]] = {}
    for position, entry in enumerate(entries):
        at = _Entry(path, position, entry)
        option = at.option()
        if option.id in options:
            raise at.error("instrument_name", "each instrument once", option.id)
        options[option.id] = option
        observed = option.price_time or option.expiry
        if (future := at.future(option)) is not None:
            known = futures.get(future.id)
            if known is None or (known.price_time or observed) <= observed:
                futures[future.id] = future
        if option.underlying not in index or index[option.underlying][0] <= observed:
            index[option.underlying] = (observed, at.decimal("estimated_delivery_price", positive=True))
    as_of = max(option.price_time for option in options.values() if option.price_time is not None)
    for option in options.values():
        if option.expiry <= as_of:
            raise FormatError(f"{path}: {option.id}: expected an expiry after {as_of.isoformat()}; it has expired")
    spots = [
        _made(
            Spot,
            f"{path}: {name}",
            {"id": name, "kind": "spot", "underlying": name, "mark_price_usd": price, "price_time": observed},
        )
        for name, (observed, price) in index.items()
    ]
    ordered = sorted(options.values(), key=lambda o: (o.underlying, o.expiry, o.strike_usd, o.option_type))
    listed = sorted(futures.values(), key=lambda future: (future.underlying, future.expiry))
    instruments: list[Instrument] = [Cash(id=CASH_ID, kind="cash"), *spots]
    instruments += listed
    instruments += ordered
    return _made(InstrumentSet, str(path), {"as_of": as_of, "instruments": tuple(instruments)})


def _made(model: type[Model], where: str, fields: dict[str, Any]) -> Model:
    """An instrument of exact numbers in the grammar of amounts. Raises FormatError for one that cannot be."""
    return parse_model(model, {n: format_decimal(v) if isinstance(v, Decimal) else v for n, v in fields.items()}, where)


class _Entry:
    """One book summary, with errors that say where."""

    def __init__(self, path: Path, position: int, value: Any) -> None:
        self._where = f"{path}: result[{position}]"
        if not isinstance(value, dict):
            raise FormatError(f"{self._where}: expected an object, got {type(value).__name__}")
        self._value = value

    def error(self, field: str, expected: str, got: object) -> FormatError:
        return FormatError(f"{self._where}.{field}: expected {expected}, got {quoted(got, 48)}")

    def text(self, field: str) -> str:
        value = self._value.get(field)
        if not isinstance(value, str):
            raise self.error(field, "a string", value)
        return value

    def decimal(self, field: str, *, positive: bool = False) -> Decimal:
        value = self._value.get(field)
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise self.error(field, "a number", value)
        number = Decimal(value)
        if number < 0 or (positive and number == 0) or number >= _MOST_USD or number != number.quantize(_DECIMALS):
            raise self.error(
                field, f"a {'positive' if positive else 'non-negative'} number of at most 12 decimals", value
            )
        return number

    def option(self) -> Option:
        name = self.text("instrument_name")
        match = _NAME.fullmatch(name)
        if match is None:
            raise self.error("instrument_name", "an option such as BTC-26JUN20-10000-C", name)
        base, day, month, year, strike, side = match.groups()
        if self.text("base_currency") != base:
            raise self.error("base_currency", base, self.text("base_currency"))
        in_coin = self.text("quote_currency") == base
        forward = self.decimal("underlying_price", positive=True)
        mark = self.decimal("mark_price")
        strike_usd = Decimal(strike.replace("d", "."))
        if strike_usd == 0:
            raise self.error("instrument_name", "a positive strike", name)
        vol = self.decimal("mark_iv") / 100
        if vol > 10:
            raise self.error("mark_iv", "at most 1000 per cent", self._value["mark_iv"])
        with localcontext(prec=_EXACT_DIGITS):
            worth = mark * forward if in_coin else mark
        if worth >= _MOST_USD:
            raise self.error("mark_price", f"a mark that is worth less than {_MOST_USD} USD", self._value["mark_price"])
        fields: dict[str, Any] = {
            "id": name,
            "kind": "option",
            "underlying": base,
            "mark_price_usd": worth,
            "forward_usd": forward,
            "implied_vol": vol,
            "expiry": self._expiry("instrument_name", name, day, month, year),
            "strike_usd": strike_usd,
            "option_type": "call" if side == "C" else "put",
            "price_time": self._observed(),
        }
        return _made(Option, self._where, fields)

    def future(self, option: Option) -> Future | None:
        """The listed future that the option's forward is the price of; None for a synthetic one."""
        name = self.text("underlying_index")
        if name.startswith("SYN.") or name == "index_price":
            return None
        match = _FUTURE.fullmatch(name)
        if match is None or match[1] != option.underlying:
            raise self.error("underlying_index", f"a future on {option.underlying}, or SYN. and its name", name)
        fields = {
            "id": name,
            "kind": "future",
            "underlying": option.underlying,
            "mark_price_usd": option.forward_usd,
            "expiry": self._expiry("underlying_index", name, match[2], match[3], match[4]),
            "price_time": option.price_time,
        }
        return _made(Future, self._where, fields)

    def _observed(self) -> datetime:
        value = self._value.get("creation_timestamp")
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 1 << 43:
            raise self.error("creation_timestamp", "milliseconds since 1970", value)
        return datetime.fromtimestamp(value // 1000, UTC).replace(microsecond=value % 1000 * 1000)

    def _expiry(self, field: str, name: str, day: str, month: str, year: str) -> datetime:
        try:
            return datetime(2000 + int(year), _MONTHS.index(month) + 1, int(day), _SETTLEMENT_HOUR, tzinfo=UTC)
        except ValueError:
            raise self.error(field, "a date such as 26JUN20", name) from None
