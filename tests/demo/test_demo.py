"""`zkmargin demo`: the output, the files, the commands that it prints."""

from __future__ import annotations

import os
import shlex
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from zkmargin.circuits.statements.attestation import read_opening
from zkmargin.demo.run import read_sample
from zkmargin.verifier.statements.margin import read_margin_proof


def test_the_demo(zkmargin: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = zkmargin("demo")
    assert told.code == 0
    sample = read_sample()
    for venue in sample.books:
        line = next(line for line in told.out.splitlines() if line.startswith(f"{venue} alone"))
        assert "under-margined" in line
    assert "adequate" in next(line for line in told.out.splitlines() if line.startswith("all three, netted"))
    assert f"{len(sample.data.instruments):,} instruments" in told.out
    folder = tmp_path / "zkmargin-demo"
    proof = read_margin_proof(folder / "proof.json")
    assert f"{len(proof.proof):,} bytes" in told.out
    assert len(proof.attestations) == len(sample.books)
    assert max(map(len, told.out.splitlines()[:-3])) <= 120
    for secret in [*folder.glob("*.csv"), *folder.glob("*.key"), *folder.glob("*.opening.json")]:
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert not list(folder.glob(".*"))
    # The commands as printed, but for the change of folder.
    commands = [line.strip() for line in told.out.splitlines() if line.startswith("  zkmargin ")]
    monkeypatch.chdir(folder)
    assert [shlex.split(command)[1] for command in commands] == ["evaluate", "verify"]
    for command in commands:
        assert zkmargin(*shlex.split(command)[1:]).code == 0
    quantities = {line.split(",")[1] for book in sample.books.values() for line in book.splitlines()[1:]}
    assert not any(quantity in told.out for quantity in quantities if len(quantity) > 5)


def test_json_and_a_second_run_into_the_same_folder(zkmargin: Any, tmp_path: Path) -> None:
    first = zkmargin("demo", "--out", tmp_path / "d", "--json").json
    second = zkmargin("demo", "--out", tmp_path / "d", "--json").json
    assert first["verdict"]["valid"] is True
    assert first["netted"] == second["netted"]
    assert first["verdict"]["epoch"] != second["verdict"]["epoch"]  # another setup
    assert not any(venue["adequate"] for venue in first["venues"].values())
    assert {"proof_bytes", "prove_ms", "verify_ms", "instruments", "scenarios"} <= set(first)
    assert read_opening(tmp_path / "d" / "kestrel.opening.json").venue == "kestrel"


def test_folders_that_cannot_be(zkmargin: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "expected a folder, got a file" in zkmargin("demo", "--out", tmp_path / "file").line
    assert "expected its folder to exist" in zkmargin("demo", "--out", tmp_path / "a" / "b").line


@pytest.mark.slow
def test_without_native_code(tmp_path: Path) -> None:
    """Slower, over the instruments that the books need: the same margins, to the cent."""
    process = subprocess.run(  # noqa: S603
        [sys.executable, "-c", "from zkmargin.cli import main; main()", "demo", "--out", str(tmp_path / "d")],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env={**os.environ, "ZKMARGIN_BACKEND": "reference"},
    )
    assert process.returncode == 0, process.stderr
    assert "the reference back end is slow" in process.stdout
    assert "all three, netted    4,311,306" in process.stdout


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interruption_leaves_no_half_written_file(made_desk: Path, tmp_path: Path, number: int) -> None:
    """Killed at any moment, a command leaves either the whole file under its name or none."""
    for delay in (0.3, 0.6, 0.9, 1.1):
        out = tmp_path / f"m{delay}.json"
        arguments = ["market", "build", "--instruments", made_desk / "i.json", "--policy", "span"]
        arguments += ["--setup", made_desk / "s.json", "--out", out]
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-c", "from zkmargin.cli import main; main()", *map(str, arguments)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(delay)
        process.send_signal(number)
        process.wait(timeout=60)
        if out.exists():
            assert out.with_suffix(".npz").exists()
            assert out.read_text().endswith("}\n")
        elif number == signal.SIGINT:
            assert not list(tmp_path.glob(f".m{delay}*"))
