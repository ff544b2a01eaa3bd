"""Whom a verification trusts: from a trust file, from addresses, from the policy, or nobody when that is asked for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from zkmargin.api.arguments import PathLike, address_of, attestors_of, loaded, naming
from zkmargin.prover.setup import Setup
from zkmargin.verifier.errors import ArgumentError, ProofRejected
from zkmargin.verifier.srs import SetupKey
from zkmargin.verifier.statements.attestation import Attestation, Attestor, check_venue
from zkmargin.verifier.statements.trust import (
    RequiredSetup,
    Trust,
    by_venue,
    check_attestors,
    is_unsafe,
    parse_required_setup,
    read_trust,
)

Attestors = Collection[str | bytes | Attestor] | Mapping[str, str | bytes]
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


NOBODY: Final = Trusted((), (), None, None)
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

    Raises ArgumentError unless keys come from exactly one place or anybody's are asked for, SetupError for another
    setup.
    """
    file = None if trust is None else loaded(trust, Trust, read_trust, "trust")
    given = _attestors(attestors)
    if (bool(given) + (file is not None) + any_attestor) > 1:
        raise ArgumentError(
            "trust", "expected one of trust, attestors and any_attestor, got several: say once who is trusted"
        )
    if file is not None:
        given = file.attestors
    with naming("attestors"):
        by_venue(given)
    if not (given or of_policy or any_attestor):
        raise ArgumentError(
            "trust",
            "expected to be told whose signatures count: a key for every venue, by a trust file or as VENUE=0x.. by "
            "--attestor (names alone bind nobody); or --any-attestor, and then the verdict says UNAUTHENTICATED",
        )
    required = required_setup(require_setup, setup.key)
    if file is not None:
        file.setup.check(setup.key, "trust")
        required = required or file.setup
    return Trusted(given, tuple(of_policy), required, None if file is None else file.at)


def required_setup(text: str | None, key: SetupKey) -> RequiredSetup | None:
    """Return the setup that `require_setup` names. Raises ArgumentError, SetupError when [x]_2 is not that one's."""
    if text is None:
        return None
    with naming("require_setup"):
        required = parse_required_setup(text, "require_setup")
    required.check(key, "require_setup")
    return required


def _attestors(given: Attestors) -> tuple[Attestor, ...]:
    if not isinstance(given, Mapping):
        return tuple(each if isinstance(each, Attestor) else Attestor(each) for each in attestors_of(given))
    with naming("attestors"):
        return tuple(
            Attestor(address_of(key, "attestors"), check_venue(venue, "attestors")) for venue, key in given.items()
        )
