"""Decimal amounts: one grammar for every format, matched on the text as it came, before anything is converted.

    amount = ["-"] digits ["." digits]      1 to 30 ASCII digits on either side of the point

No plus sign, exponent, blank, separator of thousands or digit of another script; at least one digit on both sides of a
point. What matches means what `decimal.Decimal` makes of it, exactly.
"""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from typing import Final

DECIMAL_PATTERN: Final = r"-?[0-9]{1,30}(?:\.[0-9]{1,30})?"
EXPECTED_DECIMAL: Final = "a plain decimal such as '1.25', of ASCII digits, without exponent, NaN or infinity"
_DECIMAL: Final = re.compile(DECIMAL_PATTERN)


def is_decimal(text: str) -> bool:
    """Whether a text is an amount."""
    return _DECIMAL.fullmatch(text) is not None


def exact_decimal(text: str) -> Decimal:
    """The amount that a text states. Raises ValueError saying what was expected, and not what came."""
    if not is_decimal(text):
        raise ValueError(f"expected {EXPECTED_DECIMAL}")
    return Decimal(text)


def in_units(amount: Decimal, decimals: int) -> Fraction:
    """An amount in units of 10^-decimals, exactly: a whole number when it has no more decimals than that."""
    return Fraction(amount) * Fraction(10**decimals)


def decimals_of(amount: Decimal) -> int:
    """How many digits an amount has after the point, zeros at the end aside."""
    _, digits, exponent = amount.as_tuple()
    text = "".join(map(str, digits))
    return max(0, -int(exponent) - (len(text) - len(text.rstrip("0")))) if any(digits) else 0
