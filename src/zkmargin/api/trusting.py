"""Whom a verification trusts: from a trust file, from addresses, from the policy, or nobody when that is asked for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from zkmargin.api.arguments import PathLike, attestors_of, loaded, naming
from zkmargin.prover.setup import Setup
from zkmargin.prover.writing import write_document
from zkmargin.verifier.errors import ArgumentError, ProofRejected
from zkmargin.verifier.ethereum import parse_address
from zkmargin.verifier.srs import SetupError, SetupKey
from zkmargin.verifier.statements.attestation import Attestation, Attestor, check_venue
from zkmargin.verifier.statements.trust import (
    KIND,
    RequiredSetup,
    Trust,
    by_venue,
    check_attestors,
    is_unsafe,
    parse_required_setup,
    read_trust,
)

Attestors = Collection[str | bytes] | Mapping[str, str | bytes]
"""Addresses, as bytes or as text with or without VENUE= before it; or addresses by venue."""


@dataclass(frozen=True)
class Trusted:
    """Who must have signed (nobody in particular when both are empty), which setup, the time to judge by if one is set.

    attestors: as given. of_policy: the keys that the policy binds its venues to.
    """

    attestors: tuple[Attestor, ...]
    of_policy: tuple[Attestor, ...]
    setup: RequiredSetup | None
    at: int | None

    def unsafe(self, setup: Setup) -> bool:
        """Return whether nobody vouches for the setup's x."""
        return is_unsafe(setup.key, self.setup, development=setup.development)

    def authenticates(self, attestations: Collection[Attestation]) -> bool:
        """Return whether keys that were given beforehand, one for every venue, signed these attestations."""
        try:
            check_attestors(attestations, self.of_policy)
            check_attestors(attestations, self.attestors)
        except ProofRejected:
            return False
        return bool(self.attestors or self.of_policy)


NOBODY = Trusted((), (), None, None)
"""Who makes a statement trusts nobody's signatures in particular."""


def trusted(
    setup: Setup,
    *,
    attestors: Attestors = (),
    trust: PathLike | Trust | None = None,
    any_attestor: bool = False,
    require_setup: str | None = None,
    of_policy: Collection[Attestor] = (),
) -> Trusted:
    """Read and check whom to trust. of_policy: the keys that the policy binds venues to, which are checked in any case.

    Raises ArgumentError unless keys come from exactly one place or anybody's are asked for, and for another setup than
    the required one; FormatError for a malformed trust file.
    """
    file = trust if trust is None else loaded(trust, Trust, read_trust, "trust")
    given = _attestors(attestors)
    if (bool(given) + (file is not None) + any_attestor) > 1:
        raise ArgumentError(
            "trust", "expected one of a trust file, attestors and any attestor, got several: say once who is trusted"
        )
    if file is not None:
        given = file.attestors
    with naming("attestors"):
        by_venue(given)
    if not (given or of_policy or any_attestor):
        raise ArgumentError(
            "attestors",
            "expected to be told whose signatures count: a key for every venue, by a trust file or as VENUE=0x.. "
            "(names alone bind nobody); or that any attestor will do, and then the verdict says UNAUTHENTICATED",
        )
    required = required_setup(require_setup, setup.key)
    if file is not None:
        _check_setup(file.setup, setup.key, "trust")
    wanted = required or (None if file is None else file.setup)
    return Trusted(given, tuple(of_policy), wanted, None if file is None else file.at)


def required_setup(require_setup: str | None, key: SetupKey) -> RequiredSetup | None:
    """Return the setup that is required, None if any may be. Raises ArgumentError when it is another than this one."""
    if require_setup is None:
        return None
    with naming("require_setup"):
        required = parse_required_setup(require_setup, "require_setup")
    _check_setup(required, key, "require_setup")
    return required


def _check_setup(required: RequiredSetup, key: SetupKey, argument: str) -> None:
    try:
        required.check(key, argument)
    except SetupError as error:
        raise ArgumentError(argument, str(error).removeprefix(f"{argument}: ")) from None


def _attestors(given: Attestors) -> tuple[Attestor, ...]:
    if isinstance(given, Mapping):
        with naming("attestors"):
            return tuple(
                Attestor(key if isinstance(key, bytes) else parse_address(key, venue), check_venue(venue, "attestors"))
                for venue, key in given.items()
            )
    return tuple(each if isinstance(each, Attestor) else Attestor(each) for each in attestors_of(given))


# -- what a verdict prints ---------------------------------------------------------------------------------------------


def setup_line(digest: str, ceremony: str | None, *, unsafe: bool) -> str:
    """Return a setup in one line of a table: its digest, and who vouches for it."""
    if ceremony is not None:
        return f"{digest}, {ceremony}"
    return f"{digest}, UNSAFE: nobody vouches that its x is unknown" if unsafe else f"{digest}, as required"


def setup_fields(setup: Setup | SetupKey) -> dict[str, Any]:
    """Return what the JSON of a command that used a setup says of it."""
    return {
        "setup_digest": "0x" + setup.digest.hex(),
        "ceremony": setup.ceremony,
        "unsafe_setup": setup.ceremony is None,
    }


def verdict_word(valid: bool, authenticated: bool, *, word: str = "valid") -> str:
    """Return a verdict in a word, or in more where nobody's signature was asked for."""
    if not valid:
        return "REJECTED"
    return word if authenticated else f"{word}, but UNAUTHENTICATED: anybody may have signed"


def venue_lines(attestors: Mapping[str, str], sequences: Mapping[str, int]) -> str:
    """Return venues with their keys and their attestations' numbers, in one line."""
    return ", ".join(f"{venue}={key} #{sequences[venue]}" for venue, key in attestors.items())


def write_trust(path: PathLike, trust: Trust) -> None:
    """Write a trust file, whole or not at all."""
    write_document(path, KIND, trust.to_json())
