"""docs/formats.md is true: its first table names what the code reads and writes, its second what readers do."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
from support.shelf import READERS, Reader

from borders.hostile import BOM, CSV, DEEP, JSON, Spoil, last_column_again, spoilt, with_field
from zkmargin.verifier.documents import MAX_DEPTH, MAX_EXPONENT_DIGITS, MAX_NUMBER_CHARACTERS, MAX_VALUES, version_of
from zkmargin.verifier.errors import FormatError

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
COLUMNS: Final[Mapping[str, Callable[[Reader], bool]]] = {
    "documents": lambda reader: reader.family == "document",
    "venue's JSON": lambda reader: reader.family == "venue",
    "keystores": lambda reader: reader.family == "keystore",
    "positions": lambda reader: reader.name == "positions",
    "balances": lambda reader: reader.name == "balances, CSV",
    "keys": lambda reader: reader.family == "key",
}
OF_A_PART: Final = (
    "deployment",
    "format of a file",
    "market, its epoch",
    "market, its universe",
    "market, for the chain",
)


def table(first_heading: str) -> list[dict[str, str]]:
    """A table of the page, a row a dictionary."""
    lines = iter(PAGE.splitlines())
    header = next(line for line in lines if line.startswith(f"| {first_heading} |"))
    names = [cell.strip() for cell in header.strip("|").split("|")]
    next(lines)
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append(dict(zip(names, (cell.strip() for cell in line.strip("|").split("|")), strict=True)))
    return rows


def test_every_kind_is_listed(made_shelf: Path) -> None:
    listed = {row["kind"].strip("`"): row for row in table("kind")}
    source = "\n".join(
        path.read_text()
        for room in ("verifier", "prover", "circuits", "src/zkmargin")
        for path in (ROOT / room).rglob("*.py")
        if "node_modules" not in path.parts
    )
    named = set(re.findall(r'KIND: Final = "([a-z-]+)"', source))
    assert named <= set(listed)
    found: dict[str, bool] = {}
    for path in made_shelf.rglob("*.json"):
        document = json.loads(path.read_text())
        if "format" in document:
            kind = document["format"].removeprefix("zkmargin/")
            assert document["version"] == version_of(kind) == int(listed[kind]["version"])
            found[kind] = "arrays" in document
    assert set(found) == set(listed)
    assert all(bool(listed[kind]["arrays"]) == arrays for kind, arrays in found.items())
    for kind, row in listed.items():
        code = (ROOT / row["read by"].strip("`")).read_text()
        assert f'"{kind}"' in code, row


def number(value: bytes) -> Mapping[str, Spoil]:
    """A number, in a field of JSON or as an amount of a table."""
    return {"json": with_field(value), "csv": lambda data: re.sub(rb",[0-9.]+\n", b"," + value + b"\n", data, count=1)}


def every(*names: str) -> list[Mapping[str, Spoil]]:
    """Cases that other tests name too."""
    return [{kind: cases[name][0] for kind, cases in (("json", JSON), ("csv", CSV)) if name in cases} for name in names]


def amount_of_json(data: bytes) -> bytes:
    """A JSON document in which the first number with a point, as text or bare, has an exponent."""
    for pattern in (rb'"([0-9]+\.[0-9]+)"', rb"(?<=[ :])([0-9]+\.[0-9]+)"):
        if found := re.search(pattern, data):
            return data[: found.end(1)] + b"e0" + data[found.end(1) :]
    return with_field(b"1e0")(data)


ROWS: Final[Mapping[str, Sequence[Mapping[str, Spoil]]]] = {
    "byte order mark (UTF-8)": [dict.fromkeys(("json", "csv", "key"), lambda data: BOM + data)],
    "UTF-16, with or without a mark": [
        dict.fromkeys(("json", "csv", "key"), lambda data: data.decode().encode("utf-16")),
        dict.fromkeys(("json", "csv", "key"), lambda data: data.decode().encode("utf-16-le")),
    ],
    "bytes that are not UTF-8": [dict.fromkeys(("json", "csv", "key"), lambda data: data + b"\xff")],
    "NUL": [dict.fromkeys(("json", "csv", "key"), lambda data: data + b"\0")],
    "other control characters": [
        dict.fromkeys(("json", "csv", "key"), lambda data: data + b"\x0b"),
        dict.fromkeys(("json", "csv", "key"), lambda data: data + b"\xc2\x85"),
    ],
    "control characters as escapes": every("NUL as an escape", "ESC as an escape", "a line break as an escape"),
    "half a surrogate pair as an escape": every("half a surrogate pair", "the other half"),
    "tabs between tokens or fields": [
        {"json": lambda data: data.replace(b":", b":\t", 1), "csv": CSV["a tab"][0]},
        {"json": lambda data: data + b"\t", "csv": CSV["tabs"][0]},
    ],
    "lines that end in CR LF": [dict.fromkeys(("json", "csv", "key"), lambda data: data.replace(b"\n", b"\r\n"))],
    "lines that end in CR alone": [dict.fromkeys(("json", "csv"), lambda data: data.replace(b"\n", b"\r"))],
    "empty lines at the end": [dict.fromkeys(("json", "csv", "key"), lambda data: data + b"\n\n")],
    "`;` instead of commas": [dict.fromkeys(("json", "csv"), lambda data: data.replace(b",", b";"))],
    "line breaks in quotes": every("a line break in a string") + every("a quoted line break"),
    "numbers with a fraction or exponent": [{"json": with_field(value)} for value in (b"1.5", b"1e3", b"1E-3")],
    "amounts with an exponent": [{"json": amount_of_json, "csv": number(b"1e3")["csv"]}],
    "exponents of more than 3 digits": [number(b"1e9999"), number(b"1e99999999999999999999"), number(b"1E-0001")],
    "numbers of more than 128 characters": [number(b"9" * 129), number(b"0." + b"1" * 127)],
    "NaN and Infinity": [number(b"NaN"), number(b"Infinity"), number(b"-Infinity")],
    "a field or column twice": [*every("a field twice"), {"csv": last_column_again}],
    "nesting of more than 32": [{"json": with_field(b"[" * n + b"]" * n)} for n in (32, DEEP)],
    "more than 1,048,576 values": [{"json": with_field(b"[" + b"0," * (MAX_VALUES + 1) + b"0]")}],
    "an unknown field or column": [
        {
            "json": with_field(b"1"),
            "csv": lambda data: b"".join(
                line + (b",0" if at else b",more") + b"\n" for at, line in enumerate(data.rstrip().split(b"\n"))
            ),
        }
    ],
}
MANY: Final = "more than 1,048,576 values"


def test_the_limits_are_the_ones_of_the_page() -> None:
    assert (MAX_DEPTH, MAX_EXPONENT_DIGITS, MAX_NUMBER_CHARACTERS, f"{MAX_VALUES:,}") == (32, 3, 128, "1,048,576")
    assert [row["what came"] for row in table("what came")] == list(ROWS)


@pytest.mark.parametrize("row", table("what came"), ids=lambda row: row["what came"])
def test_every_cell(shelf: Path, row: dict[str, str]) -> None:
    name = row["what came"]
    for column, belongs in COLUMNS.items():
        readers = [reader for reader in READERS if belongs(reader)]
        for reader in readers[:1] if name == MANY else readers:
            kind = {"csv": "csv", "key": "key"}.get(reader.family, "json")
            cases = [case[kind] for case in ROWS[name] if kind in case]
            cell = row[column]
            if cell == "-":
                assert kind != "json" or reader.family == "keystore"
                continue
            if reader.name in OF_A_PART and name == "amounts with an exponent":
                continue
            if reader.name in OF_A_PART and name == "an unknown field or column":
                cell = "ignored"
            assert cases
            for spoil in cases:
                check(shelf, reader, spoil((shelf / reader.file).read_bytes()), cell)


def check(shelf: Path, reader: Reader, data: bytes, cell: str) -> None:
    outcome: Any = "accepted"
    with spoilt(shelf / reader.file, data):
        try:
            reader.read(shelf)
        except FormatError as error:
            outcome = error
    assert (outcome != "accepted") == (cell == "refused"), (reader.name, data[:200], cell, outcome)
