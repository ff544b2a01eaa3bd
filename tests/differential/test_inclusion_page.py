"""The customers' page and Python take exactly the same inclusion files, and refuse the others alike.

The page's own script, as it is built and shipped, runs in Node on the very bytes that Python reads.
"""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import pytest
from support.backends import fastest_backend, fastest_engine
from support.solvency import CUSTOMERS, MASTER, NONCE, ROWS, batch, epoch, prover, reserves, setup, terms

from zkmargin.circuits.statements.solvency.files import encode_inclusion
from zkmargin.circuits.statements.solvency.inclusion import BatchOpener, InclusionMaker
from zkmargin.circuits.statements.solvency.settlement import settle
from zkmargin.reports.inclusion_page import write_page
from zkmargin.verifier.errors import FormatError, ProofRejected
from zkmargin.verifier.statements.solvency.accounts import account_number
from zkmargin.verifier.statements.solvency.inclusion import read_inclusion, verify_inclusion
from zkmargin.verifier.statements.solvency.statement import Solvency

NODE: Final = shutil.which("node")
FILES: Final = 10_000
TYPED: Final = " Bela\n"
_STUB: Final = """
const element = () => ({ addEventListener() {}, value: "", textContent: CONFIG, tBodies: [] });
globalThis.document = { getElementById: element };
"""
_DRIVER: Final = """
const lines = require("node:fs").readFileSync(0, "latin1").split("\\n").filter(Boolean);
const said = lines.map((line) => {
  try {
    const found = zkmargin.check(new Uint8Array(Buffer.from(line, "base64")), TYPED);
    return "included " + found.balances.map((b) => [b.asset, b.equity, b.debt, b.collateral].join(" ")).join(", ");
  } catch (error) {
    return error instanceof zkmargin.Rejected ? "not included" : "not checked";
  }
});
console.log(said.join("\\n"));
"""


@pytest.fixture(scope="module")
def made() -> tuple[Solvency, bytes]:
    """A statement, and the bytes of bela's file."""
    numbers = {name: account_number(epoch(), name.encode()) for name in CUSTOMERS}
    order = sorted(CUSTOMERS, key=lambda name: numbers[name])
    given = batch({name: CUSTOMERS[name] for name in order}, numbers=[numbers[name] for name in order])
    proven, opening = prover().prove(given, MASTER)
    signed = [reserves({"BTC": "100", "USD": "1000"})]
    statement = settle(terms(), NONCE, ROWS, [proven], [opening], signed, setup(), fastest_backend())
    opener = BatchOpener(prover(), given, proven, MASTER)
    inclusion = InclusionMaker[Any, Any](statement).make(opener, order.index("bela"))
    return statement, encode_inclusion(inclusion, statement.liabilities)


def by_python(statement: Solvency, data: bytes, path: Path) -> str:
    path.write_bytes(data)
    try:
        found, _ = read_inclusion(path)
        shown = verify_inclusion(found, setup().key, statement.liabilities, TYPED, fastest_engine())
    except ProofRejected:
        return "not included"
    except FormatError:
        return "not checked"
    return "included " + ", ".join(f"{b.asset} {b.equity} {b.debt} {b.collateral}" for b in shown)


def by_page(statement: Solvency, data: list[bytes], folder: Path) -> list[str]:
    """What the page's own script says of each."""
    from base64 import b64encode  # noqa: PLC0415

    write_page(folder / "page.html", setup().key, statement)
    page = (folder / "page.html").read_text()
    config = re.search(r'id="config">(.*?)</script>', page)
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert config is not None
    stub = _STUB.replace("CONFIG", json.dumps(config[1]))
    driver = folder / "driver.cjs"
    driver.write_text(stub + scripts[0] + _DRIVER.replace("TYPED", json.dumps(TYPED)))
    lines = b"\n".join(b64encode(each) or b"=" for each in data)
    done = subprocess.run(  # noqa: S603
        [str(NODE), str(driver)], input=lines, capture_output=True, check=True, timeout=600
    )
    return done.stdout.decode().splitlines()


ODD: Final[dict[str, tuple[bytes, bytes]]] = {
    "somebody else's": (b'"bela"', b'"anna"'),
    "another balance": (b'"free":"0"', b'"free":"1"'),
    "a field twice": (b'"rows":64', b'"rows":64,"rows":64'),
    "a field twice, one spelled by escapes": (b'"rows":64', b'"rows":64,"r\\u006fws":64'),
    "a number with a fraction": (b'"rows":64', b'"rows":64.0'),
    "a number with an exponent": (b'"rows":64', b'"rows":6.4e1'),
    "minus zero": (b'"first_row":', b'"first_row":-0,"x":'),
    "a leading zero": (b'"rows":64', b'"rows":064'),
    "a long number": (b'"rows":64', b'"rows":' + b"9" * 129),
    "a space": (b'"rows":64', b'"rows" :\t64\r\n'),
    "an escape for a letter": (b'"bela"', b'"b\\u0065la"'),
    "an escaped slash": (b'"zkmargin/', b'"zkmargin\\/'),
    "a control as an escape": (b'"bela"', b'"bela\\n"'),
    "half a surrogate pair": (b'"bela"', b'"bela\\ud800"'),
    "a surrogate pair": (b'"bela"', b'"bela\\ud83d\\ude00"'),
    "a look-alike": (b'"bela"', '"bel\u0430"'.encode()),
    "a capital letter": (b'"bela"', b'"Bela"'),
    "a space after the name": (b'"bela"', b'"bela "'),
    "a trailing comma": (b'"rows":64', b'"rows":64,'),
    "an unknown field": (b'"rows":64', b'"rows":64,"more":1'),
    "null": (b'"rows":64', b'"rows":null'),
    "true": (b'"rows":64', b'"rows":true'),
    "NaN": (b'"rows":64', b'"rows":NaN'),
    "a string": (b'"rows":64', b'"rows":"64"'),
    "more digits than it needs": (b'"free":"0"', b'"free":"00"'),
    "another script's digits": (b'"free":"0"', '"free":"\uff10"'.encode()),
    "upper-case digits": (b'"0x', b'"0X'),
    "another version": (b'"version":2', b'"version":1'),
    "another format": (b"solvency-inclusion", b"solvency"),
    "a field of the line twice": (b'\\"decimals\\":4', b'\\"decimals\\":4,\\"decimals\\":4'),
    "a fraction in the line": (b'\\"decimals\\":4', b'\\"decimals\\":4.0'),
}


def odd_files(data: bytes) -> Iterator[bytes]:
    """Files that two readers may take differently."""
    for old, new in ODD.values():
        assert old in data
        yield data.replace(old, new, 1)
    yield b"\xef\xbb\xbf" + data
    yield data.decode().encode("utf-16")
    yield data.decode().encode("utf-16-le")
    yield from (data + tail for tail in (b"\n", b" ", b"\0", b"\x0b", b"\xc2\x85", b"\xff", b"{}", b"\xa0"))
    yield from (b"{}", b"[]", b"1", b"null", b"%PDF-1.7\n", b"[" * 40 + b"]" * 40, data[:-1], data[1:], data * 2)


def mutated(data: bytes, draw: random.Random) -> bytes:
    """One or two small changes anywhere; half of them a digit for a digit, which leaves the form as it is."""
    changed = bytearray(data)
    for _ in range(draw.choice((1, 1, 2))):
        at = draw.randrange(len(changed))
        kind = draw.randrange(6)
        if kind < 3:
            digits = [i for i in range(at, min(at + 200, len(changed))) if changed[i : i + 1] in b"0123456789abcdef"]
            if digits:
                changed[digits[0]] = draw.choice(b"0123456789abcdef")
        elif kind == 3:
            changed[at] = draw.randrange(256)
        elif kind == 4:
            del changed[at : at + draw.choice((1, 1, 2, 60))]
        else:
            changed[at:at] = draw.choice((b"0", b" ", b"\\", b'"', b",", b"}", b"\n", b"e", b"-", b"\xc3\xa9"))
    return bytes(changed)


def disagreements(statement: Solvency, data: list[bytes], folder: Path) -> list[tuple[bytes, str, str]]:
    page = by_page(statement, data, folder)
    python = [by_python(statement, each, folder / "i.json") for each in data]
    assert len(page) == len(python)
    return [found for found in zip(data, python, page, strict=True) if found[1] != found[2]]


@pytest.mark.skipif(NODE is None, reason="needs Node")
def test_odd_files_are_taken_alike(made: tuple[Solvency, bytes], tmp_path: Path) -> None:
    statement, data = made
    odd = list(odd_files(data))
    assert disagreements(statement, [data, *odd], tmp_path) == []
    said = by_page(statement, [data, *odd], tmp_path)
    assert said[0] == "included BTC 12 0 12, USD 0 900 0"
    assert {"included", "not included", "not checked"} == {each.split(" BTC")[0] for each in said}


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(NODE is None, reason="needs Node")
def test_ten_thousand_files_are_taken_alike(made: tuple[Solvency, bytes], tmp_path: Path) -> None:
    statement, data = made
    draw = random.Random(13)
    assert disagreements(statement, [mutated(data, draw) for _ in range(FILES)], tmp_path) == []


def test_the_page_knows_pythons_limits() -> None:
    """Bounds that no valid file comes near, and no mutation finds."""
    from zkmargin.verifier import documents  # noqa: PLC0415

    source = Path(str(files("zkmargin"))) / "reports" / "pages" / "strict.mjs"
    found = dict(re.findall(r"const (MAX_[A-Z_]+) = ([0-9 <]+);", source.read_text()))
    assert found.keys() == {"MAX_BYTES", "MAX_DEPTH", "MAX_VALUES", "MAX_NUMBER_CHARACTERS"}
    for name, text in found.items():
        base, _, shift = text.partition("<<")
        stated = getattr(documents, {"MAX_BYTES": "MAX_DOCUMENT_BYTES"}.get(name, name))
        assert int(base) << int(shift or 0) == stated, name


def test_an_object_that_no_reader_has_seen_is_checked_too(made: tuple[Solvency, bytes], tmp_path: Path) -> None:
    """What `read_inclusion` refuses cannot be constructed: rows taken modulo the domain would open as well."""
    path = tmp_path / "i.json"
    path.write_bytes(made[1])
    inclusion, _ = read_inclusion(path)
    for changes in ({"first_row": inclusion.first_row + ROWS}, {"first_row": 0}, {"rows": 63}, {"batches": 0}):
        with pytest.raises(FormatError):
            replace(inclusion, **changes)  # type: ignore[arg-type]
