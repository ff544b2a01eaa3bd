"""Arguments of the Python API that may be a path or the object that the path stands for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from zkmargin.circuits.markets.epoch import MarketEpoch
from zkmargin.circuits.policies.policy import Policy
from zkmargin.circuits.statements.margin.market import Market, read_market, read_universe_of_market
from zkmargin.prover.kernels import load_backend, native_engine
from zkmargin.prover.kernels.choice import AnyBackend, BackendError
from zkmargin.prover.setup import Setup
from zkmargin.verifier.curve import GroupEngine
from zkmargin.verifier.instants import parse_seconds
from zkmargin.verifier.statements.attestation import universe_id

PathLike = str | Path
Instant = str | int | datetime
"""ISO-8601 with a time zone, seconds since 1970, or a datetime with a time zone; whole seconds."""
T = TypeVar("T")


def loaded(given: Any, kind: type[T], read: Callable[[Any], T]) -> T:
    """`given` if it is a `kind`, else what `read` makes of it."""
    return given if isinstance(given, kind) else read(given)


def loaded_epoch(market: PathLike | Market, setup: Setup) -> tuple[MarketEpoch, bytes]:
    """A market's epoch and its universe's id under the setup, whatever the policy. Raises FormatError."""
    if isinstance(market, Market):
        return market.epoch, universe_id(market.epoch.universe.digest, setup.key)
    return read_universe_of_market(market, setup)


def seconds_of(instant: Instant, where: str) -> int:
    """Seconds since 1970. Raises FormatError naming `where`."""
    if isinstance(instant, int):
        return instant
    return parse_seconds(instant if isinstance(instant, str) else instant.isoformat(), where)


def loaded_market(market: PathLike | Market, policy: Policy, setup: Setup, backend: AnyBackend) -> Market:
    """A market, read with all its checks where it is a path. Raises FormatError."""
    return market if isinstance(market, Market) else read_market(market, policy, setup, backend)


def verifying_engine() -> GroupEngine | None:
    """Native group operations, or None, which means pure Python, where they are missing or not wanted."""
    if load_backend().name == "reference":
        return None
    try:
        return native_engine()
    except BackendError:
        return None
