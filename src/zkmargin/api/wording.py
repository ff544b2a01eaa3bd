"""How verdicts and setups are worded, alike in every table, page and JSON object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zkmargin.prover.setup import Setup
from zkmargin.verifier.srs import SetupKey


def verdict_word(word: str, *, valid: bool, authenticated: bool) -> str:
    """Return a verdict in a word, and in some more where nobody's signature was asked for."""
    if not valid:
        return "REJECTED"
    return word if authenticated else f"{word}, but UNAUTHENTICATED: anybody may have signed"


def setup_line(digest: str, ceremony: str | None, *, unsafe: bool) -> str:
    """Return a setup in one line: its digest, and who vouches for it."""
    if ceremony is not None:
        return f"{digest}, {ceremony}"
    return f"{digest}, UNSAFE: nobody vouches that its x is unknown" if unsafe else f"{digest}, as required"


def setup_fields(setup: Setup | SetupKey) -> dict[str, Any]:
    """Return what the JSON of whatever used a setup says of it."""
    return {
        "setup_digest": "0x" + setup.digest.hex(),
        "ceremony": setup.ceremony,
        "unsafe_setup": setup.ceremony is None,
    }


def venue_line(attestors: Mapping[str, str], sequences: Mapping[str, int]) -> str:
    """Return venues with their keys and the numbers of their attestations, in one line."""
    return ", ".join(f"{venue}={key} #{sequences[venue]}" for venue, key in attestors.items())
