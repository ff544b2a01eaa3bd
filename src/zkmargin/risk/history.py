"""A price history: closing prices of some underlyings at equal steps, published, and named by its digest."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import Field, StringConstraints, model_validator

from zkmargin.circuits.markets.instruments import InstrumentSet, Underlying
from zkmargin.circuits.markets.models import StrictModel, canonical_json, parse_model
from zkmargin.circuits.markets.units import ExactDecimal, Instant
from zkmargin.verifier.decimals import in_units
from zkmargin.verifier.documents import read_document
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.instants import MAX_SECONDS
from zkmargin.verifier.keccak import keccak256

KIND: Final = "history"
HISTORY_DOMAIN: Final = b"zkmargin/history/v1"
RETURN_SCALE: Final = 10**12
"""Returns are integers in units of 10^-12."""

Price = Annotated[ExactDecimal, Field(gt=0, lt=Decimal(10) ** 15)]


class History(StrictModel):
    """Prices at `start`, `start` + step, ...; `source` and `licence` say whose they are, or that they are generated."""

    start: Instant
    step_seconds: Annotated[int, Field(ge=60, le=31 * 86400)]
    source: Annotated[str, StringConstraints(min_length=1, max_length=1000)]
    licence: Annotated[str, StringConstraints(min_length=1, max_length=1000)]
    prices: dict[Underlying, Annotated[tuple[Price, ...], Field(strict=False, min_length=3, max_length=100_000)]]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.prices or len({len(series) for series in self.prices.values()}) > 1:
            raise ValueError("prices: expected series of one length")
        if (MAX_SECONDS - self.start.timestamp()) < self.step_seconds * self.steps:
            raise ValueError("prices: expected the last one before the year 10000")
        return self

    @property
    def steps(self) -> int:
        """Number of returns."""
        return len(next(iter(self.prices.values()))) - 1

    @property
    def end(self) -> datetime:
        """When the last price was."""
        return self.start + timedelta(seconds=self.step_seconds * self.steps)

    @cached_property
    def digest(self) -> bytes:
        """Names the history: what a calibration is bound to."""
        return keccak256(HISTORY_DOMAIN + canonical_json(self.model_dump(mode="json")))

    @cached_property
    def returns(self) -> dict[str, tuple[int, ...]]:
        """Simple returns by underlying, (steps,), units of 10^-12, away from zero: exact integers on every machine."""
        return {name: tuple(_return(*pair) for pair in pairwise(p)) for name, p in self.prices.items()}


def read_history(path: str | Path) -> History:
    """A history document. Raises FormatError naming the field; OSError when it cannot be read."""
    document = read_document(path, KIND)
    body = {key: value for key, value in document.items() if key not in ("format", "version")}
    return parse_model(History, body, str(path))


def with_history(data: InstrumentSet, history: History) -> InstrumentSet:
    """An epoch's data that names a history. Raises FormatError where it names another."""
    digest = "0x" + history.digest.hex()
    if data.history not in (None, digest):
        raise FormatError(f"instruments: history: expected {digest}, which is the history's digest, got {data.history}")
    return data.model_copy(update={"history": digest})


def _return(before: Decimal, after: Decimal) -> int:
    """(after - before) / before, rounded away from zero."""
    digits = max(-int(before.as_tuple().exponent), -int(after.as_tuple().exponent), 0)
    first, second = int(in_units(before, digits)), int(in_units(after, digits))
    change = abs(second - first) * RETURN_SCALE
    size = -(-change // first)
    return size if second >= first else -size
