"""Every reader against every hostile file: one line that says what came, in bounded time, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from support.shelf import CSV_READERS, JSON_READERS, READERS, Reader

from borders.hostile import CSV, CSV_ACCEPTED, DEEP, JSON, csv_with, spoilt
from zkmargin.circuits.markets.entries import read_positions
from zkmargin.circuits.markets.universe import read_universe
from zkmargin.exchange.balances import open_balances
from zkmargin.verifier.documents import MAX_DOCUMENT_BYTES
from zkmargin.verifier.errors import FormatError

SECONDS = 10
CHARACTERS = 700
FORMAT_OF_A_FILE = next(reader.read for reader in READERS if reader.name == "format of a file")
NO_OBJECTS = ("a list", "null", "a number", "a string")
"""JSON of no format, which the reader that tells formats apart need not refuse."""


def by_name(readers: tuple[Reader, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("reader", readers, ids=lambda reader: reader.name)


def refusal(reader: Reader, folder: Path, data: bytes) -> str:
    """The one line with which a reader refuses a file of these bytes."""
    started = time.monotonic()
    with spoilt(folder / reader.file, data), pytest.raises(FormatError) as caught:
        reader.read(folder)
    message = str(caught.value)
    # Its traceback names this frame and the data: a circle, which would wait for the collector with 64 MiB in it.
    del caught
    assert time.monotonic() - started < SECONDS
    assert message.replace(str(folder), "").isprintable(), message
    assert len(message) < CHARACTERS
    assert Path(reader.file).name in message
    return message


@by_name(READERS)
def test_every_reader_reads_its_file(shelf: Path, reader: Reader) -> None:
    reader.read(shelf)


@by_name(JSON_READERS)
def test_hostile_json(shelf: Path, reader: Reader) -> None:
    valid = (shelf / reader.file).read_bytes()
    for name, (spoil, expected) in JSON.items():
        data = spoil(valid)
        if reader.read is FORMAT_OF_A_FILE and name in NO_OBJECTS:
            with spoilt(shelf / reader.file, data):
                assert reader.read(shelf) is None
            continue
        # What does not begin like a keystore, or is too long for one, is refused before it is parsed.
        parsed = reader.family != "keystore" or (data.startswith(b"{") and len(data) <= 1 << 16)
        assert (expected if parsed else "expected") in refusal(reader, shelf, data), (reader.name, name)


@by_name(CSV_READERS)
def test_hostile_tables(shelf: Path, reader: Reader) -> None:
    valid = (shelf / reader.file).read_bytes()
    for name, (spoil, expected) in CSV.items():
        assert expected in refusal(reader, shelf, spoil(valid)), (reader.name, name)


@by_name(CSV_READERS)
@pytest.mark.parametrize("name", CSV_ACCEPTED)
def test_other_ways_to_write_a_table(shelf: Path, reader: Reader, name: str) -> None:
    def numbers(value: object) -> list[list[int]]:
        parts = value if isinstance(value, list) else [value]
        return [getattr(part, "lots", getattr(part, "equity", np.array([]))).tolist() for part in parts]

    expected = numbers(reader.read(shelf))
    with spoilt(shelf / reader.file, CSV_ACCEPTED[name]((shelf / reader.file).read_bytes())):
        assert numbers(reader.read(shelf)) == expected


@by_name(CSV_READERS)
def test_lines_are_counted_as_editors_count_them(shelf: Path, reader: Reader) -> None:
    valid = (shelf / reader.file).read_bytes()
    lines = valid.count(b"\n")
    wrong = csv_with(b",".join([b"?"] * (valid.partition(b"\n")[0].count(b",") + 1)))
    assert f"line {lines + 1}:" in refusal(reader, shelf, wrong(valid))
    assert f"line {2 * lines}:" in refusal(reader, shelf, wrong(valid.replace(b"\n", b"\n\n")))
    assert f"line {lines + 1}:" in refusal(reader, shelf, wrong(valid).replace(b"\n", b"\r\n"))
    assert f"line {lines + 1}:" in refusal(reader, shelf, wrong(valid).rstrip(b"\n"))


def test_lines_are_counted_across_blocks(shelf: Path, tmp_path: Path) -> None:
    """Tables are read by the megabyte: what stands at a seam is neither lost nor counted twice."""
    rows = [f"c{i},BTC,1,0,0" for i in range(200_000)]
    path = tmp_path / "b.csv"
    path.write_text("customer,asset,equity,debt,collateral\n" + "\n".join(rows) + "\nx,ETH,1,0,0\n")
    from support.solvency import terms  # noqa: PLC0415

    with pytest.raises(FormatError, match=r"line 200002: asset"):
        list(open_balances(str(path)).holdings(terms()))
    path.write_text("customer,asset,equity,debt,collateral\n" + "\n".join(rows) + "\n")
    found = list(open_balances(str(path), chunk_rows=70_000).holdings(terms()))
    assert [each for part in found for each in part.customer] == [f"c{i}" for i in range(200_000)]
    assert np.concatenate([part.row for part in found]).tolist() == list(range(2, 200_002))


@by_name(tuple(reader for reader in READERS if reader.family in ("document", "venue", "keystore", "key")))
def test_files_without_an_end_are_not_read_to_it(shelf: Path, reader: Reader) -> None:
    path = shelf / reader.file
    before = path.read_bytes()
    try:
        os.truncate(path, 1 << 36)
        with pytest.raises(FormatError, match="at most"):
            reader.read(shelf)
    finally:
        path.write_bytes(before)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no /dev/zero")
def test_positions_without_an_end(shelf: Path) -> None:
    with pytest.raises(FormatError, match="line 1: expected no control characters, got NUL"):
        read_positions("/dev/zero", read_universe(shelf / "u.json"))


DEEP_SCRIPT = """
import sys, threading
import py_ecc
assert sys.getrecursionlimit() >= 100_000
from pathlib import Path
from support.shelf import JSON_READERS

def read_all():
    for reader in JSON_READERS:
        path = folder / reader.file
        valid = path.read_bytes()
        start = valid.index(b"{") + 1
        for opening in (b"[", b'{"a":', b'[{"a":'):
            for data in (opening * DEEP, valid[:start] + b'"more": ' + opening * DEEP):
                path.write_bytes(data)
                try:
                    reader.read(folder)
                except ValueError as error:
                    print(type(error).__name__, str(error)[-40:])
        path.write_bytes(valid)

folder = Path(sys.argv[1])
DEEP = int(sys.argv[2])
threading.stack_size(512 * 1024)
reading = threading.Thread(target=read_all)
reading.start()
reading.join()
print("alive")
"""


def test_depth_ends_no_process(shelf: Path) -> None:
    """py_ecc loaded first, its recursion limit of 100,000 in force, and a stack of half a megabyte."""
    tests = Path(__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tests.parent / "src"), str(tests)])}
    run = subprocess.run(  # noqa: S603
        [sys.executable, "-c", DEEP_SCRIPT, str(shelf), str(DEEP)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    lines = run.stdout.splitlines()
    assert lines[-1] == "alive"
    assert len(lines) == 1 + 6 * len(JSON_READERS)


@pytest.mark.slow
@by_name(JSON_READERS)
def test_huge_files(shelf: Path, reader: Reader) -> None:
    """As many values as fit below the limit of bytes."""
    for part in (b"[],", b"{},", b"0,", b'"",', b'{"a":0},'):
        data = b"[" + part * ((MAX_DOCUMENT_BYTES - 2) // len(part))
        assert "expected" in refusal(reader, shelf, data[:-1] + b"]")
