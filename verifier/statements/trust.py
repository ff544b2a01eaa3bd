"""Whom and what a verifier trusts: which keys are which venues', and which setup; as a file, in place of many options.

| field | value |
|---|---|
| `setup` | the digest that the setup must have, 0x and 64 digits, or "ceremony" for the known ceremony's |
| `venues` | an object: a venue's name, and the addresses of its keys, any of which may have signed |
| `at` | null, or the time to judge by, ISO-8601: for statements of the past |
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from zkmargin.verifier.documents import Fields, read_document
from zkmargin.verifier.errors import FormatError, ProofRejected
from zkmargin.verifier.ethereum import format_address, parse_address
from zkmargin.verifier.instants import format_seconds, parse_seconds
from zkmargin.verifier.srs import SetupError, SetupKey
from zkmargin.verifier.statements.attestation import Attestation, Attestor, check_venue

KIND: Final = "trust"
CEREMONY: Final = "ceremony"
MAX_KEYS: Final = 16
"""Keys of one venue: the one in use, and those before it."""
MAX_VENUES: Final = 64


class TrustError(FormatError):
    """Whom to trust is not said, or is said in a way that cannot be right."""


@dataclass(frozen=True)
class RequiredSetup:
    """Which setup a verifier accepts: the one with this digest, or, where it is None, the known ceremony's."""

    digest: bytes | None

    def __str__(self) -> str:
        return CEREMONY if self.digest is None else f"0x{self.digest.hex()}"

    def check(self, key: SetupKey, where: str) -> None:
        """Raise SetupError naming `where` unless [x]_2 is the required one."""
        if self.digest is None and key.ceremony is None:
            raise SetupError(
                f"{where}: expected the known ceremony's setup, got 0x{key.digest.hex()}, whose [x]_2 is another"
            )
        if self.digest is not None and self.digest != key.digest:
            raise SetupError(f"{where}: expected the setup {self}, got 0x{key.digest.hex()}")


def parse_required_setup(text: str, where: str) -> RequiredSetup:
    """A required setup from "ceremony" or a digest. Raises FormatError."""
    if text == CEREMONY:
        return RequiredSetup(None)
    digits = text[2:] if text.startswith("0x") else ""
    if len(digits) != 64 or set(digits) - set("0123456789abcdef"):
        raise FormatError(f"{where}: expected {CEREMONY!r}, or a digest as 0x and 64 lower-case hexadecimal digits")
    return RequiredSetup(bytes.fromhex(digits))


def is_unsafe(key: SetupKey, required: RequiredSetup | None, *, development: bool) -> bool:
    """Return whether nobody vouches for the setup's x: it is not the known ceremony's, nor one that the verifier named.

    A setup that calls itself a development setup stays unsafe whoever names it.
    """
    return key.ceremony is None and (development or required is None)


# -- who signed --------------------------------------------------------------------------------------------------------


def check_attestors(attestations: Collection[Attestation], attestors: Iterable[bytes | Attestor]) -> None:
    """Raise ProofRejected unless exactly the given attestors signed; with none given, anybody may have.

    An attestor that is given with a venue signs for that venue only, which may have several; one without a venue stands
    for one venue that no other is given for. Raises TrustError when a key is given for two venues: what one key signs
    is one venue's word.
    """
    trusted = [each if isinstance(each, Attestor) else Attestor(each) for each in attestors]
    if not trusted:
        return
    named, bare = by_venue(trusted)
    signed_by: dict[bytes, str] = {}
    for attestation in attestations:
        venue, signer = attestation.claimed.venue, attestation.attestor
        if signer not in named.get(venue, bare):
            raise ProofRejected(
                f"{format_address(signer)} signed the attestation of {venue} and is not a trusted attestor of it"
            )
        if signer in signed_by:
            raise ProofRejected(
                f"{format_address(signer)} signed the attestations of {signed_by[signer]} and {venue}: a key stands "
                "for one venue"
            )
        signed_by[signer] = venue
    attested = set(signed_by.values())
    for venue in sorted(set(named) - attested):
        missing = format_address(min(named[venue]))
        raise ProofRejected(f"trusted attestor {missing} of {venue} has not attested")
    for address in sorted(bare - set(signed_by)):
        raise ProofRejected(f"trusted attestor {format_address(address)} has not attested")


def by_venue(attestors: Iterable[Attestor]) -> tuple[dict[str, set[bytes]], set[bytes]]:
    """The keys of each venue, and those without a venue. Raises TrustError for a key that is given for two venues."""
    named: dict[str, set[bytes]] = {}
    owner: dict[bytes, str | None] = {}
    for each in attestors:
        if owner.setdefault(each.address, each.venue) != each.venue:
            venues = " and ".join(sorted(venue or "any venue" for venue in {owner[each.address], each.venue}))
            raise TrustError(
                f"attestor {format_address(each.address)}: expected a key of one venue, got it for {venues}: what one "
                "key signs is one venue's word"
            )
        if each.venue is not None:
            named.setdefault(each.venue, set()).add(each.address)
    return named, {address for address, venue in owner.items() if venue is None}


# -- the file ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trust:
    """A trust file: the setup to be used, the keys of every venue that must have signed, the time to judge by."""

    setup: RequiredSetup
    attestors: tuple[Attestor, ...]
    at: int | None = None

    def __post_init__(self) -> None:
        named, bare = by_venue(self.attestors)
        if bare or not 1 <= len(named) <= MAX_VENUES or any(len(keys) > MAX_KEYS for keys in named.values()):
            raise TrustError(f"trust: expected 1 to {MAX_VENUES} venues, each with 1 to {MAX_KEYS} keys of its own")

    def to_json(self) -> dict[str, Any]:
        """Return the document's fields."""
        named, _ = by_venue(self.attestors)
        venues = {venue: sorted(format_address(key) for key in keys) for venue, keys in sorted(named.items())}
        at = None if self.at is None else format_seconds(self.at)
        return {"setup": str(self.setup), "venues": venues, "at": at}


def read_trust(path: str | Path) -> Trust:
    """A trust file. Raises FormatError; OSError when it cannot be read."""
    where = str(path)
    fields = Fields(path, read_document(path, KIND))
    setup = parse_required_setup(fields.text("setup"), f"{where}: field 'setup'")
    time = fields.raw("at")
    if time is not None and not isinstance(time, str):
        raise FormatError(f"{where}: field 'at': expected null or ISO-8601 text")
    venues = fields.raw("venues")
    fields.finish()
    if not isinstance(venues, dict):
        raise FormatError(f"{where}: field 'venues': expected an object")
    attestors = []
    for venue, keys in venues.items():
        name = check_venue(venue, f"{where}: field 'venues'")
        if not isinstance(keys, list) or not keys or not all(isinstance(key, str) for key in keys):
            raise FormatError(f"{where}: field 'venues.{name}': expected a list of addresses")
        attestors += [Attestor(parse_address(key, f"{where}: field 'venues.{name}'"), name) for key in keys]
    at = None if time is None else parse_seconds(time, f"{where}: field 'at'")
    try:
        return Trust(setup, tuple(attestors), at)
    except TrustError as error:
        raise TrustError(f"{where}: {error}") from None
