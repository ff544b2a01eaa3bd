"""What a command may spend: a ceiling that its user sets, over everything that it signs."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_UP, Decimal
from typing import Final

from zkmargin.chain.errors import ChainError

WEI_PER_COIN: Final = 10**18
DEFAULT_CEILING_WEI: Final = WEI_PER_COIN // 10
"""A tenth of the chain's coin: enough to deploy at 3 gwei, or for some sixty submissions at that price."""
MAX_GAS: Final = 1 << 32
MAX_GAS_PRICE_WEI: Final = 1 << 64


@dataclass
class Ceiling:
    """Most that a command's transactions may cost, in wei, value and fees.

    A transaction counts with its whole gas limit at its highest price when it is signed: what a node says of the price
    beforehand, or of the cost afterwards, changes nothing.
    """

    limit: int = DEFAULT_CEILING_WEI
    signed: int = 0
    """What all transactions signed so far may cost."""

    def spend(self, cost: int, what: str) -> None:
        """Count a transaction that is about to be signed. Raises ChainError when it would exceed the ceiling."""
        if cost < 0 or self.signed + cost > self.limit:
            raise ChainError(
                f"{what}: expected a cost within the ceiling of {format_coins(self.limit)}, got up to "
                f"{format_coins(self.signed + cost)} by what the node says of gas and fees; nothing was signed. If its "
                "figures are right, give a higher --max-cost"
            )
        self.signed += cost


def format_coins(wei: int) -> str:
    """Return an amount in the chain's coin, rounded up to six decimals."""
    return f"{(Decimal(wei) / WEI_PER_COIN).quantize(Decimal('0.000001'), ROUND_UP).normalize():f}"


def parse_coins(text: str, where: str) -> int:
    """Return the wei of an amount in the chain's coin. Raises ChainError."""
    whole, _, fraction = text.partition(".")
    if not (text.isascii() and whole.isdigit() and len(whole) <= 12 and (fraction.isdigit() or "." not in text)):
        raise ChainError(f"{where}: expected an amount in the chain's coin such as 0.05, got {text[:40]!r}")
    if len(fraction) > 18:
        raise ChainError(f"{where}: expected at most 18 decimals, got {len(fraction)}")
    return int(whole) * WEI_PER_COIN + int(fraction.ljust(18, "0"))
