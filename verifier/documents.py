"""Files of the project, read strictly: self-describing JSON documents and the arrays beside them.

A document is one JSON object that begins with `"format": "zkmargin/<kind>", "version": N`. Large arrays lie beside it
in one uncompressed `.npz`, which the document names in `arrays` and pins by the Keccak-256 of the file in
`arrays_digest`. Reading refuses unknown kinds and versions, repeated and unknown fields, floating-point numbers (an
amount is a decimal string) and any byte too many. `zkmargin.prover.writing` writes them.
"""

from __future__ import annotations

import json
import math
import os
import re
import stat
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.hexadecimal import decode_hex
from zkmargin.verifier.keccak import keccak256_of_stream
from zkmargin.verifier.text import decode_text, one_line, quoted, read_bounded

__all__ = [
    "Fields",
    "Shape",
    "parse_json",
    "parse_object",
    "read_arrays",
    "read_document",
    "read_format",
    "read_json",
    "read_object",
    "version_of",
]

VERSION: Final = 1
"""The version of every kind that `CHANGED` does not name."""
CHANGED: Final[Mapping[str, tuple[int, str]]] = {
    "universe": (2, "make it anew from the instruments; venues attest to the new one"),
    "disclosure": (2, "ask the account to disclose anew"),
    "market": (2, "build the market anew from its instruments, then prove anew"),
    "solvency-terms": (2, "write terms of version 2: docs/solvency.md has an example, and says what caps are"),
    "solvency": (2, "ask the exchange for a statement of version 2"),
    "solvency-inclusion": (2, "ask the exchange for a file of version 2"),
    "solvency-reserves": (2, "sign again for the epoch"),
    "solvency-epoch": (2, "take the balances again with solvency commit"),
    "solvency-batch-proof": (2, "take the balances again with solvency commit"),
}
"""By kind: its version, where formats have changed, and what to do with a file of an older one."""
MAX_DOCUMENT_BYTES: Final = 1 << 26
"""A document larger than this is refused unread: what is large belongs in the arrays."""

MAX_DEPTH: Final = 32
"""How deep arrays and objects may be nested in JSON."""

MAX_VALUES: Final = 1 << 20
"""How many values a document may hold: small values take far more memory than text."""

MAX_NUMBER_CHARACTERS: Final = 128
MAX_EXPONENT_DIGITS: Final = 3

_STRING: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
"""A string, also one without an end: whatever comes, each byte is looked at once."""
_LONG_NUMBER: Final = re.compile(rb"[-+.0-9Ee]{%d}" % (MAX_NUMBER_CHARACTERS + 1))
_LONG_EXPONENT: Final = re.compile(rb"[0-9.][Ee][-+]?[0-9]{%d}" % (MAX_EXPONENT_DIGITS + 1))
_ESCAPE: Final = re.compile(
    r"\\(?:u[Dd][89ABab][0-9A-Fa-f]{2}\\u[Dd][C-Fc-f][0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|.)", re.DOTALL
)
_NOT_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))

_MAX_MEMBER_OVERHEAD: Final = 1 << 12
"""Bytes of an array file beyond the arrays' own, a member: headers and names."""
_NPY_MAGIC: Final = b"\x93NUMPY\x01\x00"

Shape = tuple[str, tuple[int, ...]]
"""An array's dtype, as numpy spells it with its byte order ("<u8"), and its exact shape."""


# -- JSON --------------------------------------------------------------------------------------------------------------


def read_json(path: str | Path, *, fraction: Callable[[str], object] | None = None) -> Any:
    """The one JSON value of a file of anybody's; see `parse_json`. Raises FormatError; OSError."""
    return parse_json(read_bounded(path, MAX_DOCUMENT_BYTES), path, fraction=fraction)


def read_object(path: str | Path) -> dict[str, Any]:
    """The one JSON object of a file; see `parse_json`. Raises FormatError; OSError."""
    return parse_object(read_bounded(path, MAX_DOCUMENT_BYTES), path)


def parse_json(
    data: bytes, where: object, *, fraction: Callable[[str], object] | None = None, controls: bool = False
) -> Any:
    """The one JSON value of untrusted bytes: UTF-8, no field twice, bounded in size, depth and length of numbers.

    `fraction` makes a value of the text of a number with a fraction or exponent, such as `decimal.Decimal`; without
    it such numbers are refused. `controls`: whether strings may hold control characters, such as a compiler's messages
    do. Raises FormatError in one line that says `where` and quotes no value.
    """
    if len(data) > MAX_DOCUMENT_BYTES:
        raise FormatError(f"{where}: expected a document of at most {MAX_DOCUMENT_BYTES} bytes, got more")
    text = decode_text(data, where)
    try:
        _check_structure(data)
        if b"\\" in data:
            _check_escapes(text, controls=controls)
        return json.loads(
            text, object_pairs_hook=_unique, parse_float=fraction or _no_fraction, parse_constant=_no_constant
        )
    except ValueError as error:
        raise FormatError(f"{where}: expected JSON: {one_line(error)}") from None


def parse_object(data: bytes, where: object) -> dict[str, Any]:
    """The one JSON object of untrusted bytes; see `parse_json`. Raises FormatError."""
    value = parse_json(data, where)
    if not isinstance(value, dict):
        raise FormatError(f"{where}: expected one JSON object, got {_describe(value)}")
    return value


def _check_structure(data: bytes) -> None:
    """Raise ValueError for deep nesting, many values and long numbers, before anything is built or recurses."""
    # A value has at most a name and a text, two quotes each. Counting comes first: the rest takes time by the string.
    if data.count(b'"') > 4 * MAX_VALUES:
        raise ValueError(f"more than {MAX_VALUES} values")
    bare = _STRING.sub(b'"', data)
    brackets = bare.translate(None, _NOT_BRACKETS)
    if bare.count(b",") + len(brackets) // 2 > MAX_VALUES:
        raise ValueError(f"more than {MAX_VALUES} values")
    depth = 0
    for bracket in brackets:
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise ValueError(f"nested more than {MAX_DEPTH} deep")
    if _LONG_NUMBER.search(bare):
        raise ValueError(f"a number is longer than {MAX_NUMBER_CHARACTERS} characters")
    if _LONG_EXPONENT.search(bare):
        raise ValueError(f"the exponent of a number has more than {MAX_EXPONENT_DIGITS} digits")


def _check_escapes(text: str, *, controls: bool) -> None:
    """Raise ValueError for half of a surrogate pair, and for control characters, written as escapes."""
    for escape in _ESCAPE.finditer(text):
        spelled = escape[0]
        if spelled[1] == "u" and len(spelled) == 6:
            code = int(spelled[2:], 16)
            if 0xD800 <= code < 0xE000:
                raise ValueError(f"a string holds {spelled}, half of a surrogate pair, which is no character")
            control = code < 0x20 or 0x7F <= code < 0xA0
        else:
            control = spelled[1] in "bfnrt"
        if control and not controls:
            raise ValueError(f"a string holds the control character {spelled}")


# -- documents ---------------------------------------------------------------------------------------------------------


def read_document(path: str | Path, kind: str, *, bare: bool = False) -> dict[str, Any]:
    """The fields of the document of format zkmargin/`kind` at `path`, without `format` and `version`.

    bare: whether the two may be missing, in what people write by hand. Values are still untrusted: take them through
    `Fields`. Raises FormatError; OSError when it cannot be read.
    """
    document = read_object(path)
    if not bare or "format" in document or "version" in document:
        fields = Fields(path, document)
        if (found := fields.text("format")) != f"zkmargin/{kind}":
            raise FormatError(f"{path}: field 'format': expected 'zkmargin/{kind}', got {quoted(found)}")
        current = version_of(kind)
        if (version := fields.integer("version", 0, 1 << 31)) != current:
            remedy = "a newer zkmargin may be able to read it" if version > current else CHANGED.get(kind, (0, ""))[1]
            where = f"{path}: field 'version': expected {current}, got {version}"
            raise FormatError(f"{where}: {remedy}" if remedy else where)
    return {name: value for name, value in document.items() if name not in ("format", "version")}


def version_of(kind: str) -> int:
    """The version of documents of format zkmargin/`kind` that is written and read."""
    return CHANGED[kind][0] if kind in CHANGED else VERSION


def read_format(path: str | Path) -> str | None:
    """What kind of document the file at `path` says it is; None if it says nothing that this project knows.

    Raises FormatError when it is not JSON; OSError when it cannot be read.
    """
    document = read_json(path)
    named = document.get("format") if isinstance(document, dict) else None
    prefix = "zkmargin/"
    return named.removeprefix(prefix) if isinstance(named, str) and named.startswith(prefix) else None


def read_arrays(path: str | Path, document: Mapping[str, Any], shapes: Mapping[str, Shape]) -> dict[str, NDArray[Any]]:
    """The arrays beside the document at `path`: exactly those that `shapes` names, read-only, digest checked.

    Nothing is unpickled and nothing larger than `shapes` says is allocated. Raises FormatError naming the array file.
    """
    fields = Fields(path, document)
    name, digest = fields.text("arrays"), fields.hexadecimal("arrays_digest", 32)
    if name != Path(name).name or not name.endswith(".npz"):
        raise FormatError(f"{path}: field 'arrays': expected the bare name of an .npz file in the same folder")
    beside = Path(path).with_name(name)
    try:
        stream = beside.open("rb")
    except FileNotFoundError:
        raise FormatError(f"{beside}: expected the arrays of {path} beside it, found no such file") from None
    with stream:
        # The file is hashed whole, so its size must be what the shapes make of it, or nearly.
        most = sum(_size_of(shape) + _MAX_MEMBER_OVERHEAD for shape in shapes.values()) + _MAX_MEMBER_OVERHEAD
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode) or os.fstat(stream.fileno()).st_size > most:
            raise FormatError(f"{beside}: expected an uncompressed .npz of at most {most} bytes, got more or no file")
        if keccak256_of_stream(stream) != digest:
            raise FormatError(
                f"{beside}: expected the file whose Keccak-256 {path} states, got another: it is damaged or belongs to "
                "another document; make both again or restore both together"
            )
        stream.seek(0)
        try:
            with zipfile.ZipFile(stream) as archive:
                return _read_members(beside, archive, shapes)
        except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError, RuntimeError) as error:
            if isinstance(error, FormatError):
                raise
            raise FormatError(f"{beside}: expected an uncompressed .npz: {one_line(error)}") from None


def _read_members(path: Path, archive: zipfile.ZipFile, shapes: Mapping[str, Shape]) -> dict[str, NDArray[Any]]:
    if sorted(archive.namelist()) != sorted(f"{name}.npy" for name in shapes):
        raise FormatError(f"{path}: expected exactly the arrays {', '.join(sorted(shapes))}")
    return {
        name: _read_member(f"{path}: array {name!r}", archive, archive.getinfo(f"{name}.npy"), *shape)
        for name, shape in shapes.items()
    }


def _size_of(shape: Shape) -> int:
    dtype, lengths = shape
    return np.dtype(dtype).itemsize * math.prod(lengths)


def _read_member(
    where: str, archive: zipfile.ZipFile, member: zipfile.ZipInfo, dtype: str, shape: tuple[int, ...]
) -> NDArray[Any]:
    """One array. Its header is compared with the right one, never parsed: numpy gives it to Python's own parser."""
    if member.compress_type != zipfile.ZIP_STORED:
        raise FormatError(f"{where}: expected it uncompressed")
    expected = _NPY_MAGIC, f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    size = _size_of((dtype, shape))
    with archive.open(member) as stream:
        magic, length = stream.read(len(_NPY_MAGIC)), stream.read(2)
        header = stream.read(int.from_bytes(length, "little")).rstrip()
        if (magic, header) != expected:
            raise FormatError(f"{where}: expected shape {shape} of {dtype}, .npy format 1.0, got {header[:99]!r}")
        data = stream.read(size)
        if len(data) != size or stream.read(1):
            raise FormatError(f"{where}: expected exactly {size} bytes after its header")
    return np.frombuffer(data, dtype).reshape(shape)


# -- fields ------------------------------------------------------------------------------------------------------------


class Fields:
    """The fields of one JSON object, taken one by one as checked values; `finish` refuses what was not taken.

    Every method raises FormatError naming the file (`where`), the field, what was expected and what came. With
    `secret`, messages give the kind of a wrong value and never the value.
    """

    def __init__(self, where: object, values: Mapping[str, Any], *, secret: bool = False) -> None:
        self._where = where
        self._values = values
        self._secret = secret
        self._taken: set[str] = set()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all fields, of an object whose keys are data."""
        return tuple(self._values)

    def integer(self, name: str, low: int, high: int) -> int:
        """An integer in [low, high]."""
        value = self._take(name)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self._refuse(name, f"an integer from {low} to {high}", value)
        return value

    def boolean(self, name: str) -> bool:
        """true or false."""
        value = self._take(name)
        if not isinstance(value, bool):
            self._refuse(name, "true or false", value)
        return value

    def text(self, name: str) -> str:
        """A string."""
        value = self._take(name)
        if not isinstance(value, str):
            self._refuse(name, "a string", value)
        return value

    def hexadecimal(self, name: str, length: int) -> bytes:
        """`length` bytes as 0x and lower-case hexadecimal digits."""
        value = self._take(name)
        data = decode_hex(value, length, length)
        if data is None:
            self._refuse(name, f"0x and {2 * length} lower-case hexadecimal digits", value)
        return data

    def data(self, name: str, most: int) -> bytes:
        """At most `most` bytes as 0x and lower-case hexadecimal digits."""
        value = self._take(name)
        data = decode_hex(value, 0, most)
        if data is None:
            self._refuse(name, f"0x and lower-case hexadecimal digits of at most {most} bytes", value)
        return data

    def array(self, name: str) -> list[Any]:
        """A list, its items still untrusted."""
        value = self._take(name)
        if not isinstance(value, list):
            self._refuse(name, "a list", value)
        return value

    def raw(self, name: str) -> Any:
        """The value as it is, for a model that checks it by itself."""
        return self._take(name)

    def record(self, name: str) -> Fields:
        """A nested object's fields."""
        value = self._take(name)
        if not isinstance(value, dict):
            self._refuse(name, "an object", value)
        return Fields(f"{self._where}: {name}", value, secret=self._secret)

    def optional_record(self, name: str) -> Fields | None:
        """A nested object's fields, or None for null. The field itself must be there."""
        if name in self._values and self._values[name] is None:
            self._taken.add(name)
            return None
        return self.record(name)

    def finish(self, *others: str) -> None:
        """Refuse any field that was neither taken nor is one of `others`."""
        if unknown := sorted(self._values.keys() - self._taken - set(others)):
            raise FormatError(f"{self._where}: field {quoted(unknown[0])}: expected no such field")

    def _take(self, name: str) -> Any:
        if name not in self._values:
            raise FormatError(f"{self._where}: field {name!r}: expected it, found no such field")
        self._taken.add(name)
        return self._values[name]

    def refuse(self, name: str, expected: str) -> NoReturn:
        """Refuse a field that was taken and is not `expected` after all."""
        self._refuse(name, expected, self._values[name])

    def _refuse(self, name: str, expected: str, value: object) -> NoReturn:
        got = _describe(value)
        if not self._secret and isinstance(value, bool | int | str) and len(str(value)) <= 80:
            got = repr(value)
        raise FormatError(f"{self._where}: field {name!r}: expected {expected}, got {got}") from None


_KINDS: Final = {bool: "a boolean", int: "an integer", str: "a string", list: "a list", dict: "an object"}


def _describe(value: object) -> str:
    return "null" if value is None else _KINDS.get(type(value), "another kind of value")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"a field is given twice: {quoted(max(names, key=names.count))}")
    return fields


def _no_fraction(_: str) -> NoReturn:
    raise ValueError("a number is not an integer; amounts are decimal strings")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")
