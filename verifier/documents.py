"""Files of the project, read strictly: self-describing JSON documents and the arrays beside them.

A document is one JSON object that begins with `"format": "zkmargin/<kind>", "version": 1`. Large arrays lie beside it
in one uncompressed `.npz`, which the document names in `arrays` and pins by the Keccak-256 of the file in
`arrays_digest`. Reading refuses unknown kinds and versions, repeated and unknown fields, floating-point numbers (an
amount is a decimal string) and any byte too many. `zkmargin.prover.writing` writes them.
"""

from __future__ import annotations

import json
import math
import re
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.hexadecimal import decode_hex
from zkmargin.verifier.keccak import keccak256_of_stream

__all__ = ["Fields", "Shape", "read_arrays", "read_document", "read_format", "read_json"]

VERSION: Final = 1
MAX_DOCUMENT_BYTES: Final = 1 << 26
"""A document larger than this is refused unread: what is large belongs in the arrays."""

MAX_DEPTH: Final = 32
"""How deep arrays and objects may be nested in JSON."""

_STRING: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_NOT_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))

_NPY_MAGIC: Final = b"\x93NUMPY\x01\x00"

Shape = tuple[str, tuple[int, ...]]
"""An array's dtype, as numpy spells it with its byte order ("<u8"), and its exact shape."""


# -- JSON --------------------------------------------------------------------------------------------------------------


def read_json(path: str | Path, *, fraction: Callable[[str], object] | None = None) -> Any:
    """The one JSON value of a file of anybody's: UTF-8, no field twice, bounded in size and depth.

    `fraction` makes a value of the text of a number with a fraction or exponent, such as `decimal.Decimal`; without
    it such numbers are refused. Raises FormatError; OSError when the file cannot be read.
    """
    with Path(path).open("rb") as stream:
        data = stream.read(MAX_DOCUMENT_BYTES + 1)
    if len(data) > MAX_DOCUMENT_BYTES:
        raise FormatError(f"{path}: expected a document of at most {MAX_DOCUMENT_BYTES} bytes, got more")
    try:
        _check_depth(data)
        return json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_float=fraction or _no_fraction,
            parse_constant=_no_fraction,
        )
    except ValueError as error:
        raise FormatError(f"{path}: expected JSON: {_one_line(error)}") from None


def _check_depth(data: bytes) -> None:
    """Raise ValueError for deep nesting. py_ecc lifts Python's recursion limit so far that the parser would overflow
    the stack and end the process."""
    depth = 0
    for bracket in _STRING.sub(b"", data).translate(None, _NOT_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise ValueError(f"nested more than {MAX_DEPTH} deep")


# -- documents ---------------------------------------------------------------------------------------------------------


def read_document(path: str | Path, kind: str) -> dict[str, Any]:
    """The fields of the document of format zkmargin/`kind` at `path`, without `format` and `version`.

    Values are still untrusted: take them through `Fields`. Raises FormatError; OSError when it cannot be read.
    """
    document = read_json(path)
    if not isinstance(document, dict):
        raise FormatError(f"{path}: expected one JSON object, got {_describe(document)}")
    fields = Fields(path, document)
    if (found := fields.text("format")) != f"zkmargin/{kind}":
        raise FormatError(f"{path}: field 'format': expected 'zkmargin/{kind}', got {found[:64]!r}")
    if (version := fields.integer("version", 0, 1 << 31)) != VERSION:
        raise FormatError(
            f"{path}: field 'version': expected {VERSION}, got {version}: a newer zkmargin may be able to read it"
        )
    return {name: value for name, value in document.items() if name not in ("format", "version")}


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
            raise FormatError(f"{beside}: expected an uncompressed .npz: {_one_line(error)}") from None


def _read_members(path: Path, archive: zipfile.ZipFile, shapes: Mapping[str, Shape]) -> dict[str, NDArray[Any]]:
    if sorted(archive.namelist()) != sorted(f"{name}.npy" for name in shapes):
        raise FormatError(f"{path}: expected exactly the arrays {', '.join(sorted(shapes))}")
    return {
        name: _read_member(f"{path}: array {name!r}", archive, archive.getinfo(f"{name}.npy"), *shape)
        for name, shape in shapes.items()
    }


def _read_member(
    where: str, archive: zipfile.ZipFile, member: zipfile.ZipInfo, dtype: str, shape: tuple[int, ...]
) -> NDArray[Any]:
    """One array. Its header is compared with the right one, never parsed: numpy gives it to Python's own parser."""
    if member.compress_type != zipfile.ZIP_STORED:
        raise FormatError(f"{where}: expected it uncompressed")
    expected = _NPY_MAGIC, f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    size = np.dtype(dtype).itemsize * math.prod(shape)
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
            raise FormatError(f"{self._where}: field {unknown[0][:64]!r}: expected no such field")

    def _take(self, name: str) -> Any:
        if name not in self._values:
            raise FormatError(f"{self._where}: field {name!r}: expected it, found no such field")
        self._taken.add(name)
        return self._values[name]

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
        raise ValueError("a field is given twice")
    return fields


def _no_fraction(_: str) -> NoReturn:
    raise ValueError("a number is not an integer; amounts are decimal strings")


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
