"""Untrusted text: bounded bytes, UTF-8 and nothing else.

What is refused is named: UTF-16, a byte that is not UTF-8, NUL and other control characters. Text that a message quotes
is clipped and escaped. What a person cannot see is shown as its code. docs/formats.md says what each format does.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from pathlib import Path
from typing import Final

from zkmargin.verifier.errors import FormatError

__all__ = ["decode_text", "is_visible", "one_line", "quoted", "read_bounded", "shown"]

QUOTED_CHARACTERS: Final = 64
_BOM: Final = codecs.BOM_UTF8
_UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_UTF16_ZEROS: Final = ([False, True, False, True], [True, False, True, False])
"""Which of the first four bytes are zero in UTF-16 of Latin letters without a byte order mark."""
_CONTROLS: Final = bytes(set(range(0x20)) - set(b"\t\n\r")) + b"\x7f"
_NOT_CONTROLS: Final = bytes(set(range(256)) - set(_CONTROLS))
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_UNSEEN_CATEGORIES: Final = ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp")
"""Controls, formats (zero widths, directions), unassigned, private use, surrogates, line and paragraph separators."""
_UNSEEN: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters and marks without a shape: joiners, fillers, inherent vowels, the empty Braille cell."""
_VARIATIONS: Final = ((0x180B, 0x180F), (0xFE00, 0xFE0F), (0xE0100, 0xE01EF))
"""Selectors of another shape for the character before: two texts that look alike and are not."""

_CHUNK_BYTES: Final = 1 << 20
"""What is read at a time: a call for as much as is allowed takes that much memory for a small file too."""


def quoted(value: object, most: int = QUOTED_CHARACTERS) -> str:
    """Text as an error message quotes it: escaped, in quotes, and at most `most` characters of it."""
    text = str(value)
    return repr(text) if len(text) <= most else f"{text[:most]!r}..."


def one_line(error: object, most: int = 200) -> str:
    """An exception's message in one clipped line, without characters that a terminal would obey."""
    text = " ".join(str(error)[: 4 * most].split())[:most]
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text) or type(error).__name__


def read_bounded(path: str | Path, most: int) -> bytes:
    """The bytes of a file of at most `most` bytes. Raises FormatError for more, having read no more; OSError."""
    data = bytearray()
    with Path(path).open("rb") as stream:
        while chunk := stream.read(min(_CHUNK_BYTES, most + 1 - len(data))):
            data += chunk
    if len(data) > most:
        raise FormatError(f"{path}: expected at most {most} bytes, got more")
    return bytes(data)


def decode_text(data: bytes, where: object, *, bom: bool = False, first_line: int = 1) -> str:
    """UTF-8 text without control characters other than tab, LF and CR. Raises FormatError naming what came instead.

    bom: whether a byte order mark at the beginning is dropped; else it is refused.
    """
    if data.startswith(_BOM):
        if not bom:
            raise FormatError(
                f"{where}: expected UTF-8 without a byte order mark, got one (BOM) at the beginning; save it without"
            )
        data = data[len(_BOM) :]
    if data.startswith(_UTF16) or [not byte for byte in data[:4]] in _UTF16_ZEROS:
        raise FormatError(f"{where}: expected UTF-8, got what looks like UTF-16; save it as UTF-8")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = first_line + data.count(b"\n", 0, error.start)
        raise FormatError(
            f"{where}: line {line}: expected UTF-8, got a byte that is part of no character; save it as UTF-8"
        ) from None
    # Two quick looks at the bytes; nearly every text passes both.
    if data.translate(None, _NOT_CONTROLS) or b"\xc2" in data:
        found = _CONTROL.search(text)
        if found is not None:
            line = first_line + text.count("\n", 0, found.start())
            raise FormatError(f"{where}: line {line}: expected no control characters, got {_name(found[0])}")
    return text


def _name(control: str) -> str:
    return "NUL, a byte of zero" if control == "\0" else f"U+{ord(control):04X}"


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
