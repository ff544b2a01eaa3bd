"""What a verifier needs of a powers-of-tau setup: one point of G2, and the digest that names the setup."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

from zkmargin.verifier.curve import G2, encode_g2
from zkmargin.verifier.keccak import keccak256

SRS_DOMAIN: Final = b"zkmargin/srs/v1"


def srs_digest(g2_x: G2) -> bytes:
    """keccak256("zkmargin/srs/v1" || [x]_2): every power follows from x, so one point names the whole setup."""
    return keccak256(SRS_DOMAIN + encode_g2(g2_x))


@dataclass(frozen=True)
class SetupKey:
    """The verifier's half of a setup: [x]_2, a checked point of order r."""

    g2_x: G2

    @cached_property
    def digest(self) -> bytes:
        """The digest that every transcript absorbs."""
        return srs_digest(self.g2_x)
