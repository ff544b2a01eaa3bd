"""Text from files: what of it a person can see, and what a terminal or a page is given instead of the rest."""

from __future__ import annotations

import unicodedata
from typing import Final

_UNSEEN_CATEGORIES: Final = ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp")
"""Controls, formats (zero widths, directions), unassigned, private use, surrogates, line and paragraph separators."""
_UNSEEN: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters and marks without a shape: joiners, fillers, inherent vowels, the empty Braille cell."""
_VARIATIONS: Final = ((0x180B, 0x180F), (0xFE00, 0xFE0F), (0xE0100, 0xE01EF))
"""Selectors of another shape for the character before: two texts that look alike and are not."""


def is_visible(character: str) -> bool:
    """Return whether a character shows: the space does, and every other thing that looks like one does not."""
    if " " <= character <= "~":
        return True
    category = unicodedata.category(character)
    if category in _UNSEEN_CATEGORIES or category == "Zs" or character in _UNSEEN:
        return False
    return not any(low <= ord(character) <= high for low, high in _VARIATIONS)


def shown(text: str) -> str:
    """Return text for a terminal or a page: what does not show stands escaped, so that it can neither hide nor act."""
    return "".join(c if is_visible(c) else c.encode("unicode_escape").decode() for c in text)
