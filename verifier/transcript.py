"""Fiat-Shamir: what is absorbed, in what order. The contract in `contracts/` hashes the same bytes.

One 32-byte state, started from everything that is fixed before the proof; each round's bytes are absorbed whole and the
round's challenges drawn after. All lengths are fixed by the circuit, whose digest comes first, so no two different
histories give the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.keccak import keccak256

PROOF_DOMAIN: Final = b"zkmargin/proof/v2"


class Transcript:
    """A running Keccak-256 state. A challenge is the state modulo r: no value is likelier than 6 / 2^256 < 1.2 / r."""

    def __init__(self, preamble: bytes, domain: bytes = PROOF_DOMAIN) -> None:
        self._state = keccak256(domain + preamble)

    def absorb(self, message: bytes) -> None:
        """Replace the state by keccak256(state || message)."""
        self._state = keccak256(self._state + message)

    def digest(self) -> bytes:
        """The state: 32 bytes that bind everything absorbed."""
        return self._state

    def challenge(self) -> int:
        """Move the state on (keccak256 of itself) and return it modulo r: each call gives a new challenge."""
        self._state = keccak256(self._state)
        return int.from_bytes(self._state, "big") % SCALAR_MODULUS


@dataclass(frozen=True)
class Challenges:
    """The challenges of one proof, in the paper's names."""

    alpha: int
    """LogUp: where the fractions are evaluated. Drawn after every looked-up column and the multiplicities."""
    gamma: int
    """Sums: their powers weigh the sum constraints. Drawn after every column that a sum reads."""
    y: int
    """Quotient: its powers weigh the identities."""
    zeta: int
    """The point of evaluation."""
    v: int
    """Opening: its powers weigh the claims. Drawn after the evaluations."""
    z: int
    """Opening: where the batched claim is tested. Drawn after the first opening point."""
    beta: int = 0
    """Fraction sums: their powers join the parts of a key. Drawn after alpha and gamma, where a circuit has any."""
