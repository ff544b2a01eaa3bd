"""The writing of a trust file; `zkmargin.verifier.statements.trust` says what is in it, and reads it."""

from __future__ import annotations

from pathlib import Path

from zkmargin.prover.writing import write_document
from zkmargin.verifier.ethereum import format_address
from zkmargin.verifier.instants import format_seconds
from zkmargin.verifier.statements.trust import KIND, Trust, by_venue


def write_trust(path: str | Path, trust: Trust) -> None:
    """Write a trust file, whole or not at all."""
    named, _ = by_venue(trust.attestors)
    venues = {venue: sorted(format_address(key) for key in keys) for venue, keys in sorted(named.items())}
    at = None if trust.at is None else format_seconds(trust.at)
    write_document(path, KIND, {"setup": str(trust.setup), "venues": venues, "at": at})
