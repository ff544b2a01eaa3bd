"""Fixed-point units and the decimal strings that enter them.

Amounts of money are integers in `usd_e12` (10^-12 USD). Quantities are integers of lots, a lot being 10^-k units of the
instrument with k fixed when the instrument is listed. Everything that is summed against a quantity is "per lot".
Rounding is directed by the caller: assets down, liabilities and requirements up.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, PlainSerializer

from zkmargin.verifier.decimals import exact_decimal
from zkmargin.verifier.errors import FormatError

USD_E12: Final = 10**12
"""Units of `usd_e12` in one US dollar."""
VALUE_BITS: Final = 47
"""A per-lot value, profit or loss is below 2^47 usd_e12 in magnitude (140 USD a lot).

The design allows 52 bits. With 47, the sum over 4,096 rows of 60-bit quantities stays below 2^119, so a requirement
or a slack fits two 60-bit limbs; lots are chosen so that a price may still grow a hundredfold.
"""
QUANTITY_BITS: Final = 60
"""A quantity is below 2^60 lots in magnitude."""
PUNITIVE_CHARGE_USD_E12: Final = 1 << (VALUE_BITS - 1)
"""Charge per lot sold short of what has no price: a closed, stale, unlisted or inadmissible row. About 70 USD a lot."""

_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})"
)

ROUNDING_SHIFT: Final = 44
"""exp and log differ by machine in their last bits: a recomputed amount may be off by one unit and 2^-44 of its row."""


_FIRST_INSTANT: Final = datetime(1970, 1, 1, tzinfo=UTC)


class RangeError(FormatError):
    """A number does not fit the fixed-point range of its place. The message names the instrument or the field."""


def fits(values: NDArray[np.int64], bits: int) -> NDArray[np.bool_]:
    """Return where |value| < 2^bits, bits below 63. Without `abs`, which of -2^63 is negative: no int64 holds it."""
    limit = 1 << bits
    return np.asarray((values < limit) & (values > -limit))


def integers(values: NDArray[np.float64], name: str = "a per-lot amount") -> NDArray[np.int64]:
    """Cast integral floats: the one way from prices to public columns. Raises RangeError beyond 2^62, or for NaN."""
    if not np.all(np.abs(values) < float(1 << 62)):
        raise RangeError(f"{name} is beyond 2^62 usd_e12: the market data or the policy's rates are absurd")
    return values.astype(np.int64)


def parse_decimal(text: Any) -> Decimal:
    """A plain decimal string as an exact Decimal: no exponent, no NaN, no infinity. Raises ValueError."""
    if isinstance(text, Decimal):
        if not text.is_finite():
            raise ValueError("expected a finite decimal")
        return text
    if not isinstance(text, str):
        raise ValueError("expected a decimal string such as '1.25', not a number")
    return exact_decimal(text)


def format_decimal(value: Decimal) -> str:
    """The shortest plain decimal string equal to `value`."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("", "-0") else text


def parse_instant(text: Any) -> datetime:
    """An ISO-8601 instant with a time zone, as a UTC datetime. Raises ValueError."""
    if isinstance(text, datetime):
        if text.tzinfo is None:
            raise ValueError("expected an instant with a time zone")
        return _in_utc(text)
    if not isinstance(text, str) or not _INSTANT.fullmatch(text):
        raise ValueError("expected an ISO-8601 instant with time zone such as '2026-01-02T08:00:00Z'")
    return _instant(text)


@lru_cache(maxsize=1024)
def _instant(text: str) -> datetime:
    """A market's instruments share a few dozen expiries."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("expected an instant whose date, time and offset exist") from None
    return _in_utc(instant)


def _in_utc(instant: datetime) -> datetime:
    """An instant in UTC, from 1970 to 9999 as signed documents have them."""
    try:
        moved = instant.astimezone(UTC)
    except OverflowError:
        moved = None
    if moved is None or moved < _FIRST_INSTANT:
        raise ValueError("expected an instant of the years 1970 to 9999 in UTC")
    return moved


def format_instant(value: datetime) -> str:
    """ISO-8601 in UTC with a Z; fractions of a second only when there are any."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def format_usd_e12(amount: int) -> str:
    """An integer of usd_e12 as an exact decimal string of USD."""
    sign, magnitude = ("-" if amount < 0 else ""), abs(amount)
    whole, fraction = divmod(magnitude, USD_E12)
    digits = f"{fraction:012d}".rstrip("0")
    return f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}"


def machine_rounding(scale: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return how many units a row's recomputed amount may be off on another machine.

    scale: (n,), the largest number that the row's arithmetic starts from, at least 0, below 2^62. Result: (n,).
    """
    return 1 + (integers(np.floor(scale), "a price") >> ROUNDING_SHIFT)


def _parse_shared(text: Any) -> Decimal:
    return _shared_decimal(text) if isinstance(text, str) else parse_decimal(text)


@lru_cache(maxsize=1024)
def _shared_decimal(text: str) -> Decimal:
    """A chain's options share forwards, strikes and volatilities. Remembered, so for public data only."""
    return parse_decimal(text)


ExactDecimal = Annotated[Decimal, BeforeValidator(_parse_shared), PlainSerializer(format_decimal, return_type=str)]
"""A pydantic field: decimal string in JSON, exact Decimal in Python."""
Instant = Annotated[datetime, BeforeValidator(parse_instant), PlainSerializer(format_instant, return_type=str)]
"""A pydantic field: ISO-8601 string with time zone in JSON, UTC datetime in Python."""
