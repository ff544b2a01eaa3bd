"""Tables of comma-separated values, read strictly and a block at a time.

One opener for every CSV file: a byte order mark is dropped; lines end in LF or CR LF; fields are parted by commas; a
field may be quoted, its quotes doubled, and holds no line break and no tab. What line 1 holds instead is said.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.text import decode_text, one_line, quoted

__all__ = ["count_lines", "read_table"]

MAX_LINE_CHARACTERS: Final = 1 << 14
_MAX_LINE_BYTES: Final = 4 * MAX_LINE_CHARACTERS
_BLOCK_BYTES: Final = 1 << 20


def read_table(
    path: str | Path,
    columns: Sequence[str],
    *,
    optional: Sequence[str] = (),
    others: bool = False,
    most: int | None = None,
) -> Iterator[tuple[int, list[str]]]:
    """The rows of a CSV file, each with its line number from 1: the fields of `columns`, in that order.

    The header is exactly `columns`, and perhaps the first of `optional` after them, which then belong to each row; with
    `others` it names `columns` in any order and among others. Empty lines count as lines and as nothing else. most:
    bytes of the whole file. Raises FormatError naming the line; OSError when the file cannot be read.
    """
    with Path(path).open("rb") as stream:
        blocks = _blocks(stream, path, most)
        block = next(blocks, [""])
        places, width = _header(path, block[0], columns, optional, others=others)
        all_of_them = places == list(range(width))
        first, block = 2, block[1:]
        while True:
            for line, fields in enumerate(_split(path, first, block), first):
                if not fields:
                    continue
                if len(fields) != width:
                    raise FormatError(f"{path}: line {line}: expected {width} fields, got {len(fields)}")
                yield line, fields if all_of_them else [fields[place] for place in places]
            first += len(block)
            following = next(blocks, None)
            if following is None:
                return
            block = following


def count_lines(path: str | Path) -> int:
    """How many lines a file has; a last one without an end counts. Raises OSError."""
    count, last = 0, b"\n"
    with Path(path).open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            count, last = count + block.count(b"\n"), block[-1:]
    return count + (last != b"\n")


def _blocks(stream: BinaryIO, path: str | Path, most: int | None) -> Iterator[list[str]]:
    """The lines of a stream without their ends, some thousands at a time."""
    rest, line, taken = b"", 1, 0
    while True:
        block = stream.read(_BLOCK_BYTES)
        taken += len(block)
        if most is not None and taken > most:
            raise FormatError(f"{path}: expected at most {most} bytes, got more")
        data = rest + block
        cut = data.rfind(b"\n") + 1 if block else len(data)
        rest = data[cut:]
        if cut:
            text = decode_text(data[:cut], path, bom=line == 1, first_line=line)
            lines = text.removesuffix("\n").replace("\r\n", "\n").removesuffix("\r").split("\n")
            _check_lines(path, text, lines, line)
            line += len(lines)
            yield lines
        if len(rest) > _MAX_LINE_BYTES:
            # A line without an end is usually one of zeros, or a file whose lines end in CR.
            text = decode_text(rest.rstrip(bytes(range(0x80, 0x100))), path, bom=line == 1, first_line=line)
            _check_lines(path, text, [text], line)
        if not block:
            return


def _check_lines(path: str | Path, text: str, lines: Sequence[str], first: int) -> None:
    """Raise FormatError for a CR inside a line, and for a line that is too long."""
    for position, line in enumerate(lines) if "\r" in text else ():
        if "\r" in line:
            raise FormatError(
                f"{path}: line {first + position}: expected lines that end in LF or CR LF, got CR alone, as old "
                "Macintosh programs write; save it with LF"
            )
    if max(map(len, lines)) > MAX_LINE_CHARACTERS:
        position = next(i for i, line in enumerate(lines) if len(line) > MAX_LINE_CHARACTERS)
        raise FormatError(f"{path}: line {first + position}: expected at most {MAX_LINE_CHARACTERS} characters")


def _split(path: str | Path, first: int, lines: Sequence[str]) -> list[list[str]]:
    """The fields of each line."""
    try:
        rows = list(csv.reader(lines, strict=True))
    except csv.Error:
        rows = []
    tab = "\t" in "".join(lines)
    if len(rows) == len(lines) and not tab:
        return rows
    # A field that does not end in its line takes other lines with it: say where it begins.
    for line, text in enumerate(lines, first):
        if "\t" in text:
            raise FormatError(f"{path}: line {line}: expected fields without tabs, got one with a tab")
        try:
            list(csv.reader([text], strict=True))
        except csv.Error as error:
            what = one_line(error)
            if "unexpected end" in what:
                what = "a quoted field with a line break in it, or without an end"
            raise FormatError(f"{path}: line {line}: expected comma-separated values, got {what}") from None
    raise FormatError(f"{path}: line {first}: expected comma-separated values")


def _header(
    path: str | Path, text: str, columns: Sequence[str], optional: Sequence[str], *, others: bool
) -> tuple[list[int], int]:
    """Where in a row each column stands, and how many fields a row has."""
    expected = f"expected the columns {', '.join(columns)}" if others else f"expected the header {','.join(columns)}"
    where = f"{path}: line 1: {expected}"
    if not text:
        raise FormatError(f"{where}, got an empty line")
    for separator, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if separator in text and "," not in text:
            raise FormatError(f"{where}, got {quoted(text)}, parted by {name}; save it with commas")
    found = _split(path, 1, [text])[0]
    twice = next((name for i, name in enumerate(found) if name in found[:i]), None)
    if twice is not None:
        raise FormatError(f"{where}, got {quoted(twice)} twice in {quoted(text)}")
    missing = [name for name in columns if name not in found]
    if others and missing:
        raise FormatError(f"{where}; {missing[0]!r} is missing in {quoted(text)}")
    wanted = [*columns, *optional[: max(0, len(found) - len(columns))]]
    if not others and found != wanted:
        raise FormatError(f"{where}, got {quoted(text)}")
    return [found.index(name) for name in wanted], len(found)
