"""Disclosure of one number about an account's holdings: one instrument's quantity, or one linear exposure.

Public: the weights w (a unit vector for a quantity), the venues' commitments, the amount. Hidden: the netted
quantities q. Constraint: sum_i w_i part(q_i) = amount, over the integers, with |q_i| < 2^60 on instrument rows and zero
elsewhere; part is q itself, or |q| for the gross notional. Nothing else is shown, and to one auditor for one purpose.

A bare opening of the commitment at one row would be shorter, but it could be passed on under another auditor's name.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from zkmargin.circuits.language.compiler import CompiledProgram, compile_program
from zkmargin.circuits.language.program import Program
from zkmargin.circuits.markets import black76
from zkmargin.circuits.markets.epoch import MarketArrays, MarketEpoch, market_arrays
from zkmargin.circuits.markets.units import QUANTITY_BITS, integers, machine_rounding
from zkmargin.circuits.markets.universe import UniverseShape
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.statements.disclosure import AMOUNT_BITS, EXPOSURES

Ints = NDArray[np.int64]

HOLDING: Final = "net"
WEIGHT_BITS: Final = 62
USD_SCALE: Final = 12
COIN_SCALE: Final = 18
ANY_AGE_SECONDS: Final = 10 * 366 * 86400
"""Prices of any age count: a disclosure has no policy to say which are stale."""


class DisclosureError(FormatError):
    """What is to be disclosed is not in this universe, or a disclosure's weights are not what they should be."""


@dataclass(frozen=True)
class Exposure:
    """What is disclosed. kind: one of `EXPOSURES`; subject: an instrument, or the underlying of a delta, else ""."""

    kind: str
    subject: str = ""

    @classmethod
    def parse(cls, text: str) -> Exposure:
        """From `quantity:INSTRUMENT`, `delta:UNDERLYING`, `value` or `gross-notional`. Raises DisclosureError."""
        kind, colon, subject = text.partition(":")
        needs_subject = kind in ("quantity", "delta")
        if kind not in EXPOSURES or needs_subject != bool(subject) or (colon and not subject):
            raise DisclosureError(
                f"exposure: expected quantity:INSTRUMENT, delta:UNDERLYING, value or gross-notional, got {text[:80]!r}"
            )
        return cls(kind, subject)

    def __str__(self) -> str:
        return f"{self.kind}:{self.subject}" if self.subject else self.kind

    def unit(self) -> str:
        """What the amount is counted in."""
        return self.subject if self.subject else "USD"


@dataclass(frozen=True)
class Weights:
    """An exposure over an epoch, amounts in 10^-scale. row: of a quantity; values: of any other, (rows,) int64.

    rounding: (rows,) int64, what a weight may be off by on another machine: zero but for options' deltas.
    """

    scale: int
    row: int | None
    values: Ints | None
    rounding: Ints | None = None


def exposure_weights(epoch: MarketEpoch, exposure: Exposure) -> Weights:
    """The public weights per lot. Raises DisclosureError when the epoch does not have the subject.

    value: what a long lot is worth, rounded down, usd_e12. gross-notional: the underlying's index price, usd_e12, of
    all but cash, times |quantity|. delta: d value / d forward, in coins, e18, of what is on the underlying.
    """
    universe = epoch.universe
    if exposure.kind == "quantity":
        listing = universe.by_id.get(exposure.subject)
        if listing is None:
            raise DisclosureError(
                f"exposure: expected one of the universe's instruments, got {exposure.subject[:64]!r}"
            )
        return Weights(listing.lot_exponent, listing.row, None)
    arrays = market_arrays(epoch, max_price_age_seconds=ANY_AGE_SECONDS)
    if exposure.kind == "value":
        return Weights(USD_SCALE, None, np.where(arrays.live, arrays.value, 0))
    if exposure.kind == "gross-notional":
        priced = arrays.live & ~arrays.is_kind("cash")
        return Weights(USD_SCALE, None, _rounded(np.where(priced, arrays.reference, 0.0)))
    if exposure.subject not in universe.underlyings or not exposure.subject:
        raise DisclosureError(f"exposure: expected one of the universe's underlyings, got {exposure.subject[:64]!r}")
    on_it = arrays.live & (arrays.underlying == universe.underlyings.index(exposure.subject))
    coins, deltas = _deltas(epoch, arrays)
    rounding = np.where(on_it & arrays.is_kind("option"), machine_rounding(coins), 0)
    return Weights(COIN_SCALE, None, _rounded(np.where(on_it, deltas, 0.0)), rounding)


def compile_disclosure(exposure: Exposure, shape: UniverseShape, row: int | None) -> CompiledProgram:
    """The program of an exposure over a universe's shape; `row` is a quantity's."""
    return _compile(shape, row, exposure.kind == "gross-notional")


@lru_cache(maxsize=64)
def _compile(shape: UniverseShape, row: int | None, gross: bool) -> CompiledProgram:
    def define(program: Program) -> None:
        weight = program.market("weight", WEIGHT_BITS, signed=True) if row is None else program.unit(row)
        holding = program.holding(HOLDING)
        absolute = program.sign_split(holding, QUANTITY_BITS, label=HOLDING).absolute
        positive = program.public_scalar("positive", AMOUNT_BITS)
        negative = program.public_scalar("negative", AMOUNT_BITS)
        program.require_sum(weight * (absolute if gross else holding), positive - negative, label="amount")

    return compile_program(
        define, name="disclosure", rows=shape.rows, row_bits=QUANTITY_BITS, active_rows=shape.instrument_rows
    )


def _deltas(epoch: MarketEpoch, arrays: MarketArrays) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(rows,) coins in a lot, and coins that it gains or loses like, times 10^18; zero where there is no instrument."""
    coins = np.zeros(epoch.universe.rows, dtype=np.float64)
    for listing in epoch.universe.listings:
        instrument = epoch.by_row.get(listing.row)
        if instrument is not None and instrument.kind != "cash":
            index = float(instrument.index) if instrument.kind in ("supply", "borrow") else 1.0
            coins[listing.row] = index * 10.0 ** (COIN_SCALE - listing.lot_exponent)
    options = arrays.is_kind("option")
    strike = np.where(options, arrays.strike, 1.0)
    greeks = black76.greeks(arrays.forward, strike, arrays.vol, arrays.years, arrays.is_call)
    return coins, np.asarray(np.where(options, greeks.delta, 1.0) * coins)


def _rounded(values: NDArray[np.float64]) -> Ints:
    """Nearest integers. Raises DisclosureError beyond 2^62."""
    if not np.all(np.abs(values) < float(1 << WEIGHT_BITS)):
        raise DisclosureError(f"weights: expected less than 2^{WEIGHT_BITS} a lot, got more: the prices are absurd")
    return integers(np.rint(values), "a weight")
