"""Blinding scalars: where they come from, and how many were drawn."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from zkmargin.verifier.field import SCALAR_MODULUS


class Blinding:
    """Draws uniform field elements from the operating system and counts them.

    `source` replaces the operating system in tests that need the same proof twice; it never has a default that is
    predictable.
    """

    def __init__(self, source: Callable[[], int] | None = None) -> None:
        self._source = source or (lambda: secrets.randbelow(SCALAR_MODULUS))
        self.drawn = 0

    def draw(self, count: int) -> list[int]:
        """`count` independent scalars."""
        self.drawn += count
        return [self._source() for _ in range(count)]

    def __repr__(self) -> str:
        return f"Blinding(drawn={self.drawn})"
