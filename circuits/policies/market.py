"""Market epochs that a policy can be proven on: the universe leaves room for the policy's private scalars."""

from __future__ import annotations

from typing import Final

from zkmargin.circuits.markets.epoch import MarketEpoch
from zkmargin.circuits.markets.instruments import InstrumentSet
from zkmargin.circuits.markets.universe import MAX_ROWS, MIN_ROWS, Universe, UniverseError
from zkmargin.circuits.policies.policy import Policy

_SCALAR_SHARES: Final = (4, 2, 8, 16)
"""Shares 1/s of a universe's rows to try to leave to private scalars, most usual first."""


def build_market(
    policy: Policy, data: InstrumentSet, *, rows: int | None = None, previous: Universe | None = None
) -> MarketEpoch:
    """The epoch of `data`, over `previous` extended by what is new, or over a new universe of `rows` rows.

    `rows` is the number of rows of the setup; without it the smallest sufficient power of two is taken. Raises
    UniverseError when instruments and the policy's private scalars do not fit, FormatError for expired instruments.
    """
    if previous is not None:
        epoch = MarketEpoch.build(data, previous=previous, rows=rows)
        needed = policy.obligations(epoch.universe.shape).scalar_rows
        if needed > previous.rows - previous.instrument_rows:
            raise UniverseError(
                f"universe: policy {policy.name} needs {needed} rows for private scalars, the universe leaves "
                f"{previous.rows - previous.instrument_rows}; start a new universe"
            )
        return epoch
    sizes = [rows] if rows is not None else [MIN_ROWS << k for k in range((MAX_ROWS // MIN_ROWS).bit_length())]
    MarketEpoch.refuse_expired(data)
    for size in sizes:
        for share in _SCALAR_SHARES:
            try:
                universe = Universe.create(data.instruments, rows=size, scalar_rows=size // share)
            except UniverseError:
                continue
            if policy.obligations(universe.shape).scalar_rows <= universe.rows - universe.instrument_rows:
                return MarketEpoch(universe, data)
    raise UniverseError(
        f"universe: {len(data.instruments)} instruments and the private scalars of policy {policy.name} do not fit "
        f"{sizes[-1]} rows; take a larger setup"
    )
