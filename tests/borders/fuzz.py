"""Fuzz every reader: mutate one valid file of each format and expect our own errors, in bounded time and memory.

    ./run fuzz --count 1000000 --seed 7
    ./run fuzz --seconds 300

A run is a function of its seed, its count and the files, whose keys and signatures are drawn anew each time. Prints how
many inputs each reader has had and what came of them; the exit code is 1 after any other exception than our own, an
input that took more than 10 seconds, or more than 1 GB of memory.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any, Final

from support.shelf import READERS, Reader, make_shelf

from zkmargin.verifier.errors import ZkmarginError
from zkmargin.verifier.keccak import keccak256

MAX_SECONDS: Final = 10.0
MAX_BYTES: Final = 1 << 30
TOKENS: Final = (
    *(b"", b"\0", b"\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\x1b[2J", b"\r", b"\n", b"\t", b'"', b"\\", b",", b";"),
    *(b"{", b"}", b"[", b"]", b":", b"[" * 40, b'{"a":' * 40, b"null", b"true", b"NaN", b"-", b".", b"e", b"0x"),
    *(
        b"1e9999",
        b"1e99999999999999999999",
        b"9" * 19,
        b"9" * 130,
        b"9" * 5000,
        b"0.1",
        b"-0",
        b"1.000.000",
        b"\\ud83d",
    ),
    *(b"\\u0000", "１２".encode(), "é".encode(), "\u202e".encode(), b"a" * 300, b"PAR1", b"PK\x03\x04"),
)
VALUES: Final = (
    *(None, True, False, 0, 1, -1, 7, 1 << 31, 1 << 60, 1 << 62, 1 << 63, 1 << 64, 10**30, -(10**30), [], {}, [[]]),
    *([1] * 3, {"a": 1}, "", " ", "0", "-0", "1", "-1", "0.1", "1.", ".1", "1e3", "NaN", "9" * 30, "9" * 31, "9" * 300),
    *(
        "1." + "0" * 30,
        "0x",
        "0x0",
        "0x" + "0" * 64,
        "0x" + "f" * 64,
        "0x" + "0" * 128,
        "0x" + "f" * 128,
        "０",
        "\u202e",
    ),
    *("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "1970-01-01T00:00:00Z", "2026-02-30T00:00:00Z"),
    *("USD", "BTC", "span", "cash", "option", "../x", "/etc/passwd.npz", "a" * 300, "é", "\x7f", "{}", "[]", "null"),
)


@dataclass
class Tally:
    """What came of a run."""

    inputs: Counter[str] = field(default_factory=Counter)
    read: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    slowest: float = 0.0

    @property
    def count(self) -> int:
        """All inputs."""
        return self.inputs.total()


def mutate_bytes(draw: random.Random, data: bytes) -> bytes:
    """A few changes anywhere."""
    for _ in range(draw.choice((1, 1, 1, 2, 4, 16))):
        start = draw.randrange(len(data) + 1)
        stop = min(len(data), start + draw.choice((0, 0, 1, 1, 2, 8, 64, 1024)))
        match draw.randrange(5):
            case 0:
                data = data[:start] + draw.choice(TOKENS) + data[stop:]
            case 1:
                data = data[:start] + data[stop:]
            case 2:
                data = data[:stop] + data[start:]
            case 3:
                data = data[:start] + bytes([draw.randrange(256)]) + data[start + 1 :]
            case 4:
                data = (
                    data[:start]
                    if draw.randrange(8) == 0
                    else data[:start] + draw.randbytes(stop - start) + data[stop:]
                )
    return data


def mutate_json(draw: random.Random, data: bytes) -> bytes:
    """Other values, names and shapes in a document that stays JSON."""
    document = json.loads(data)
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        parent, key = _place(draw, document)
        if parent is None:
            continue
        value = parent[key]
        match draw.randrange(7):
            case 0 if isinstance(parent, dict):
                del parent[key]
            case 1 if isinstance(parent, dict):
                parent[draw.choice(("more", "", "format", "a" * 300, "\x1b", str(key) + " "))] = parent.pop(key)
            case 2 if isinstance(parent, list):
                parent[:] = parent[: draw.randrange(len(parent))] if draw.randrange(2) else [*parent, value]
            case 3 if isinstance(value, str) and value:
                start = draw.randrange(len(value))
                parent[key] = value[:start] + draw.choice("0123456789abcdefxZ.-+ é") + value[start + 1 :]
            case 4 if type(value) is int:
                parent[key] = value + draw.choice((-1, 1, 1 << 20, -(1 << 40), 1 << 64))
            case 5:
                parent[key] = [value] * draw.choice((1, 2, 40))
            case _:
                parent[key] = draw.choice(VALUES)
    return json.dumps(document, ensure_ascii=draw.randrange(2) == 0).encode("utf-8", "surrogatepass")


def _place(draw: random.Random, document: Any) -> tuple[Any, Any]:
    """A container at random, and a key of it; the deeper the rarer."""
    parent, key = None, None
    while isinstance(document, dict | list) and document:
        parent, key = (
            document,
            draw.choice(list(document)) if isinstance(document, dict) else draw.randrange(len(document)),
        )
        document = document[key]
        if draw.randrange(3) == 0:
            break
    return parent, key


def mutate_table(draw: random.Random, data: bytes) -> bytes:
    """Other fields in a table."""
    rows = [line.split(b",") for line in data.rstrip(b"\n").split(b"\n")]
    for _ in range(draw.choice((1, 1, 2, 5))):
        row = draw.choice(rows)
        value = str(draw.choice(VALUES)).encode() if draw.randrange(2) else draw.choice(TOKENS)
        match draw.randrange(4):
            case 0:
                rows.append(list(row))
            case 1:
                row.append(value)
            case _:
                row[draw.randrange(len(row))] = value if draw.randrange(4) else b'"' + value + b'"'
    return draw.choice((b"\n", b"\n", b"\r\n", b"\r")).join(b",".join(row) for row in rows)


def mutated(draw: random.Random, reader: Reader, data: bytes) -> bytes:
    """A file of a reader, spoilt in one way or another."""
    if reader.family in ("document", "venue", "keystore") and draw.randrange(3):
        return mutate_json(draw, data)
    if reader.family == "csv" and draw.randrange(3):
        return mutate_table(draw, data)
    return mutate_bytes(draw, data)


def with_arrays(draw: random.Random, path: Path, beside: Path) -> None:
    """Spoil the arrays beside a document, and let the document state their digest."""
    data = mutate_bytes(draw, beside.read_bytes())
    beside.write_bytes(data)
    document = json.loads(path.read_bytes())
    document["arrays_digest"] = "0x" + keccak256(data).hex()
    path.write_text(json.dumps(document))


def fuzz(folder: Path, seed: int, more: Callable[[Tally], bool]) -> Tally:
    """Feed readers in turn while `more` says so. `folder` holds the shelf."""
    draw, tally = random.Random(seed), Tally()
    valid = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for turn in itertools.count():
        if not more(tally):
            break
        for reader in (each for each in READERS if turn % each.every == 0):
            path = folder / reader.file
            beside = path.with_suffix(".npz")
            if beside in valid and draw.randrange(3) == 0:
                with_arrays(draw, path, beside)
            else:
                path.write_bytes(mutated(draw, reader, valid[path]))
            started = time.monotonic()
            try:
                reader.read(folder)
                tally.read[reader.name] += 1
            except (ZkmarginError, OSError):
                pass
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt):
                    raise
                place = traceback.extract_tb(error.__traceback__)[-1]
                tally.failures.append(
                    f"{reader.name}: {type(error).__name__} at {Path(place.filename).name}:{place.lineno}: "
                    f"{str(error)[:200]!r}, of {path.read_bytes()[:300]!r}"
                )
            seconds = time.monotonic() - started
            tally.slowest = max(tally.slowest, seconds)
            if seconds > MAX_SECONDS:
                tally.failures.append(f"{reader.name}: took {seconds:.1f} s")
            tally.inputs[reader.name] += 1
            for spoilt in {path, beside} & valid.keys():
                spoilt.write_bytes(valid[spoilt])
    if (peak := peak_bytes()) > MAX_BYTES:
        tally.failures.append(f"took {peak >> 20} MB of memory")
    return tally


def peak_bytes() -> int:
    """The most memory that this process has had, where /proc tells."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM:")), 0)


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Fuzz every reader of zkmargin.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, help="how many inputs, at least")
    parser.add_argument("--seconds", type=float, help="for how long, instead of --count")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            make_shelf(folder)
        started = time.monotonic()
        if given.seconds is not None:
            tally = fuzz(folder, given.seed, lambda _: time.monotonic() - started < given.seconds)
        else:
            tally = fuzz(folder, given.seed, lambda tally: tally.count < (given.count or 10_000))
    for name, count in sorted(tally.inputs.items()):
        print(f"{name:24} {count:8} inputs, {tally.read[name]} read")
    elapsed = time.monotonic() - started
    print(f"{tally.count} inputs with seed {given.seed} in {elapsed:.0f} s, the slowest {tally.slowest:.2f} s")
    print(f"{len(tally.failures)} failures; at most {peak_bytes() >> 20} MB")
    for failure in sorted(set(tally.failures))[:50]:
        print(failure, file=sys.stderr)
    return int(bool(tally.failures))


if __name__ == "__main__":
    sys.exit(main())
