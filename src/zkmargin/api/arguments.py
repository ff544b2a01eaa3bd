"""Arguments of the Python API that may be a path or the object that the path stands for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from zkmargin.circuits.statements.attestation import read_recipient
from zkmargin.verifier.instants import parse_seconds

if TYPE_CHECKING:
    from Crypto.PublicKey.ECC import EccKey

PathLike = str | Path
Instant = str | int | datetime
"""ISO-8601 with a time zone, seconds since 1970, or a datetime with a time zone; whole seconds."""
T = TypeVar("T")


def loaded(given: Any, kind: type[T], read: Callable[[Any], T]) -> T:
    """`given` if it is a `kind`, else what `read` makes of it."""
    return given if isinstance(given, kind) else read(given)


def seconds_of(instant: Instant, where: str) -> int:
    """Seconds since 1970. Raises FormatError naming `where`."""
    if isinstance(instant, int):
        return instant
    return parse_seconds(instant if isinstance(instant, str) else instant.isoformat(), where)


def private_key(identity: PathLike | EccKey | None) -> EccKey | None:
    """The X25519 private key of an identity file. Raises FormatError."""
    return read_recipient(identity, private=True) if isinstance(identity, str | Path) else identity
