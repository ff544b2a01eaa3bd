"""Whom a verification trusts: from a trust file, from addresses, from the policy, or nobody when that is asked for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from zkmargin.api.arguments import PathLike
from zkmargin.prover.setup import Setup
from zkmargin.verifier.errors import ProofRejected
from zkmargin.verifier.ethereum import parse_address
from zkmargin.verifier.statements.attestation import Attestation, Attestor, check_venue, parse_attestor
from zkmargin.verifier.statements.trust import (
    RequiredSetup,
    Trust,
    TrustError,
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

    Raises TrustError unless keys come from exactly one place or anybody's are asked for, SetupError for another setup.
    """
    file = read_trust(trust) if isinstance(trust, str | Path) else trust
    given = _attestors(attestors)
    if (bool(given) + (file is not None) + any_attestor) > 1:
        raise TrustError("expected one of --trust, --attestor and --any-attestor, got several: say once who is trusted")
    if file is not None:
        given = file.attestors
    by_venue(given)
    if not (given or of_policy or any_attestor):
        raise TrustError(
            "expected to be told whose signatures count: a key for every venue, by --trust FILE or --attestor "
            "VENUE=0x.. (names alone bind nobody); or --any-attestor, and then the verdict says UNAUTHENTICATED"
        )
    required = None if require_setup is None else parse_required_setup(require_setup, "--require-setup")
    for each, where in ((required, "--require-setup"), (None if file is None else file.setup, "--trust")):
        if each is not None:
            each.check(setup.key, where)
    wanted = required or (None if file is None else file.setup)
    return Trusted(given, tuple(of_policy), wanted, None if file is None else file.at)


def _attestors(given: Attestors) -> tuple[Attestor, ...]:
    if isinstance(given, Mapping):
        return tuple(
            Attestor(key if isinstance(key, bytes) else parse_address(key, venue), check_venue(venue, "attestors"))
            for venue, key in given.items()
        )
    return tuple(Attestor(each) if isinstance(each, bytes) else parse_attestor(each, "--attestor") for each in given)
