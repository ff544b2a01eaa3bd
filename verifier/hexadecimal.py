"""Hexadecimal text: the one parser of untrusted 0x strings.

Canonical text is 0x and an even number of lower-case digits, so that equal bytes have one spelling in files that are
compared or hashed.
"""

from __future__ import annotations

from typing import Final

from zkmargin.verifier.errors import FormatError

_DIGITS: Final = frozenset("0123456789abcdef")


def decode_hex(text: object, least: int, most: int) -> bytes | None:
    """Return the `least` to `most` bytes that canonical text stands for, None if it is no such text."""
    if not isinstance(text, str) or not text.startswith("0x") or not 2 * least <= len(text) - 2 <= 2 * most:
        return None
    digits = text[2:]
    return None if len(digits) % 2 or not _DIGITS.issuperset(digits) else bytes.fromhex(digits)


def parse_hex(text: object, where: str, *, most: int) -> bytes:
    """Return at most `most` bytes. Raises FormatError naming `where`."""
    data = decode_hex(text, 0, most)
    if data is None:
        raise FormatError(f"{where}: expected 0x and lower-case hexadecimal digits, at most {most} bytes")
    return data


def parse_hex_exactly(text: object, where: str, *, length: int) -> bytes:
    """Return exactly `length` bytes. Raises FormatError naming `where`."""
    data = decode_hex(text, length, length)
    if data is None:
        raise FormatError(f"{where}: expected 0x and {2 * length} lower-case hexadecimal digits")
    return data
