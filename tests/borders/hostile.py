"""Hostile bytes, by what is wrong with them: made from a valid file, so that nothing else is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from zkmargin.verifier.documents import MAX_DEPTH, MAX_NUMBER_CHARACTERS

DEEP: Final = 99_000
BOM: Final = b"\xef\xbb\xbf"
Spoil = Callable[[bytes], bytes]


@contextmanager
def spoilt(path: Path, data: bytes) -> Iterator[None]:
    """Other bytes in a file, and its own again afterwards."""
    before = path.read_bytes()
    path.write_bytes(data)
    try:
        yield
    finally:
        path.write_bytes(before)


def with_field(value: bytes, name: bytes = b"more") -> Spoil:
    """The object with one more field in front."""

    def spoil(data: bytes) -> bytes:
        start = data.index(b"{") + 1
        return data[:start] + b'"' + name + b'": ' + value + b", " + data[start:]

    return spoil


JSON: Final[Mapping[str, tuple[Spoil, str]]] = {
    "nothing": (lambda data: b"", "expected"),
    "half": (lambda data: data[: len(data) // 2], "expected"),
    "a list": (lambda data: b"[]", "expected"),
    "null": (lambda data: b"null", "expected"),
    "a number": (lambda data: b"7", "expected"),
    "a string": (lambda data: b'"zkmargin/market"', "expected"),
    "deep lists": (lambda data: b"[" * DEEP, f"nested more than {MAX_DEPTH} deep"),
    "deep objects": (lambda data: b'{"a":' * DEEP, f"nested more than {MAX_DEPTH} deep"),
    "deep lists in a field": (with_field(b"[" * DEEP + b"]" * DEEP), f"nested more than {MAX_DEPTH} deep"),
    "deep objects in a field": (
        with_field(b'{"a":' * DEEP + b"1" + b"}" * DEEP),
        f"nested more than {MAX_DEPTH} deep",
    ),
    "a string of quotes without an end": (lambda data: data.rstrip()[:-1] + b', "' + b'\\"' * 10_000, "expected JSON"),
    "a byte order mark": (lambda data: BOM + data, "byte order mark"),
    "UTF-16 with a mark": (lambda data: data.decode().encode("utf-16"), "UTF-16"),
    "UTF-16 without a mark": (lambda data: data.decode().encode("utf-16-le"), "UTF-16"),
    "big-endian UTF-16": (lambda data: data.decode().encode("utf-16-be"), "UTF-16"),
    "a byte that is not UTF-8": (with_field(b'"\xff"'), "expected UTF-8"),
    "a surrogate in UTF-8": (with_field(b'"\xed\xa0\x80"'), "expected UTF-8"),
    "an overlong NUL": (with_field(b'"\xc0\x80"'), "expected UTF-8"),
    "NUL at the end": (lambda data: data + b"\0", "NUL"),
    "NUL in a string": (with_field(b'"\0"'), "NUL"),
    "NUL as an escape": (with_field(rb'"\u0000"'), "control character"),
    "ESC": (with_field(b'"\x1b[2J"'), "U+001B"),
    "ESC as an escape": (with_field(rb'"\u001b[2J"'), "control character"),
    "a line break in a string": (with_field(b'"a\nb"'), "control character"),
    "a line break as an escape": (with_field(rb'"a\nb"'), "control character"),
    "DEL": (with_field(b'"\x7f"'), "U+007F"),
    "a C1 control": (with_field("\u009b".encode().join([b'"', b'"'])), "U+009B"),
    "half a surrogate pair": (with_field(rb'"\ud83d"'), "surrogate"),
    "the other half": (with_field(rb'"\ude00\ud83d"'), "surrogate"),
    "a field twice": (lambda data: with_field(b"1", b"a")(with_field(b"1", b"a")(data)), "given twice: 'a'"),
    "a field of 3 MB twice": (
        lambda data: with_field(b"1", b"a" * 3_000_000)(with_field(b"1", b"a" * 3_000_000)(data)),
        "given twice",
    ),
    "5,000 digits": (with_field(b"9" * 5000), f"longer than {MAX_NUMBER_CHARACTERS}"),
    "5,000 decimals": (with_field(b"0." + b"3" * 5000), f"longer than {MAX_NUMBER_CHARACTERS}"),
    "an exponent without end": (with_field(b"1e99999999999999999999"), "exponent"),
    "a negative exponent without end": (with_field(b"1E-99999999999999999999"), "exponent"),
    "NaN": (with_field(b"NaN"), "NaN is not a number"),
    "Infinity": (with_field(b"-Infinity"), "-Infinity is not a number"),
    "hexadecimal": (with_field(b"0x10"), "expected JSON"),
    "full-width digits": (with_field("１２".encode()), "expected JSON"),
    "a comment": (lambda data: b"// " + data, "expected JSON"),
    "another value after it": (lambda data: data + b"{}", "expected JSON: Extra data"),
    "a trailing comma": (lambda data: data.rstrip()[:-1] + b",}", "expected JSON"),
}
"""What is wrong, how a valid object comes to it, and a part of what every reader says."""


def csv_with(line: bytes) -> Spoil:
    """The table with one more line."""
    return lambda data: data.rstrip(b"\n") + b"\n" + line + b"\n"


def in_header(old: bytes, new: bytes) -> Spoil:
    """The table with something else in its first line."""

    def spoil(data: bytes) -> bytes:
        header, _, rest = data.partition(b"\n")
        return header.replace(old, new) + b"\n" + rest

    return spoil


def last_column_again(data: bytes) -> bytes:
    """The table with its last column, header and all, a second time."""
    return b"".join(line + b"," + line.split(b",")[-1] + b"\n" for line in data.rstrip(b"\n").split(b"\n"))


CSV: Final[Mapping[str, tuple[Spoil, str]]] = {
    "nothing": (lambda data: b"", "line 1: expected the"),
    "an empty first line": (lambda data: b"\n" + data, "line 1: expected the"),
    "no header": (lambda data: data.partition(b"\n")[2], "line 1: expected the"),
    "semicolons": (lambda data: data.replace(b",", b";"), "parted by semicolons"),
    "tabs": (lambda data: data.replace(b",", b"\t"), "parted by tabs"),
    "bars": (lambda data: data.replace(b",", b"|"), "parted by bars"),
    "a blank in the header": (in_header(b",", b", "), "line 1: expected the"),
    "capitals in the header": (lambda data: data[:1].upper() + data[1:], "line 1: expected the"),
    "a column twice": (last_column_again, "twice"),
    "CR alone": (lambda data: data.replace(b"\n", b"\r"), "CR alone"),
    "CR in a line": (csv_with(b"a\rb"), "CR alone"),
    "UTF-16 with a mark": (lambda data: data.decode().encode("utf-16"), "UTF-16"),
    "UTF-16 without a mark": (lambda data: data.decode().encode("utf-16-le"), "UTF-16"),
    "two byte order marks": (lambda data: BOM + BOM + data, "line 1: expected the"),
    "a byte that is not UTF-8": (csv_with(b"\xff"), "expected UTF-8"),
    "NUL": (csv_with(b"\0"), "NUL"),
    "zeros": (lambda data: bytes(1 << 21), "NUL"),
    "ESC": (csv_with(b"\x1b[2J"), "U+001B"),
    "a C1 control": (csv_with("\u009b".encode()), "U+009B"),
    "a tab": (csv_with(b"\t"), "tab"),
    "a quoted line break": (csv_with(b'"a\nb",1'), "a quoted field with a line break in it"),
    "quotes without an end": (csv_with(b'"a'), "a quoted field with a line break in it"),
    "text after quotes": (csv_with(b'"a"b'), "expected comma-separated values"),
    "too few fields": (csv_with(b"a"), "fields, got 1"),
    "too many fields": (csv_with(b"a" + b"," * 30), "fields, got 31"),
    "a line of 1 MB": (csv_with(b"a" * 1_000_000), "expected at most"),
    "a line of 3 MB": (csv_with(b"a" * 3_000_000), "expected at most"),
    "a comment": (csv_with(b"# 1 2 3"), "fields, got 1"),
}
"""The same of tables."""

CSV_ACCEPTED: Final[Mapping[str, Spoil]] = {
    "a byte order mark": lambda data: BOM + data,
    "CR LF": lambda data: data.replace(b"\n", b"\r\n"),
    "no end of the last line": lambda data: data.rstrip(b"\n"),
    "empty lines at the end": lambda data: data + b"\n\n\n",
    "empty lines at the end, CR LF": lambda data: (data + b"\n\n").replace(b"\n", b"\r\n"),
    "empty lines between": lambda data: data.replace(b"\n", b"\n\n"),
    "quoted fields": lambda data: b"\n".join(
        b",".join(b'"' + field + b'"' for field in line.split(b",")) for line in data.rstrip(b"\n").split(b"\n")
    ),
}
"""Other ways to write the same table."""
