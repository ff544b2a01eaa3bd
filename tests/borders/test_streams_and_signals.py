"""Exit codes mean what they say, whatever becomes of the streams and whoever sends a signal."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.shell_desk import AT

pytestmark = pytest.mark.skipif(os.name == "nt", reason="streams and signals of POSIX")

COMMAND = [sys.executable, "-c", "from zkmargin.cli import main; main()"]
CLOSED, FULL = "standard output: Broken pipe", "standard output: No space left on device"


def verifying(desk: Path, at: str = AT) -> list[str]:
    common = [
        "--market",
        desk / "m.json",
        "--policy",
        "span",
        "--setup",
        desk / "s.json",
        "--at",
        at,
        "--any-attestor",
        "--json",
    ]
    return list(map(str, ["verify", desk / "p.json", *common, "--any-attestor", "--json"]))


def into_closed_pipe(arguments: list[str]) -> subprocess.CompletedProcess[bytes]:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        return subprocess.run([*COMMAND, *arguments], stdout=writing, stderr=subprocess.PIPE, timeout=120, check=False)  # noqa: S603
    finally:
        os.close(writing)


def redirected(arguments: list[str], redirection: str) -> subprocess.CompletedProcess[bytes]:
    """Run with the shell's redirection, such as `>&-`."""
    return subprocess.run(  # noqa: S603
        ["/bin/sh", "-c", f'exec "$@" {redirection}', "sh", *COMMAND, *arguments],
        capture_output=True,
        timeout=120,
        check=False,
    )


def test_a_valid_proof_whose_verdict_nobody_reads(made_desk: Path) -> None:
    for arguments in (verifying(made_desk), ["doctor"], ["--help"], ["--version"]):
        outcome = into_closed_pipe(arguments)
        assert (outcome.returncode, outcome.stderr.decode().splitlines()[-1]) == (74, f"error: {CLOSED}")


def test_a_full_or_closed_output(made_desk: Path) -> None:
    for redirection, line in ((">/dev/full", FULL), (">&-", "standard output: it is closed")):
        for arguments in (verifying(made_desk), ["--version"]):
            outcome = redirected(arguments, redirection)
            assert (outcome.returncode, outcome.stderr.decode().splitlines()[-1]) == (74, f"error: {line}")
            assert b"Exception ignored" not in outcome.stderr


def test_standard_error_changes_no_verdict(made_desk: Path) -> None:
    for redirection in ("2>/dev/full", "2>&-"):
        assert redirected(verifying(made_desk), redirection).returncode == 0
        rejected = redirected(verifying(made_desk, "2020-06-22T00:00:00Z"), redirection)
        assert rejected.returncode == 1
        assert json.loads(rejected.stdout)["valid"] is False
    assert redirected(["doctor"], ">&- 2>&- <&-").returncode == 74


def test_a_full_disk_names_the_file_and_leaves_nothing(made_desk: Path, tmp_path: Path) -> None:
    """A limit on file sizes stands in for the disk: the system refuses the same writes."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    common = ["--policy", "span", "--setup", str(made_desk / "s.json")]
    build = ["market", "build", "--instruments", str(made_desk / "i.json"), *common, "--out", str(tmp_path / "m.json")]
    setup = ["setup", "dev", "--rows", "64", "--out", str(tmp_path / "s.json")]
    for arguments, out in ((build, tmp_path / "m.npz"), (setup, tmp_path / "s.npz")):
        outcome = subprocess.run(  # noqa: S603
            [*COMMAND, *arguments], capture_output=True, timeout=120, check=False, preexec_fn=limit
        )
        assert outcome.returncode == 74, outcome.stderr
        assert outcome.stderr.decode().splitlines()[-1] == f"error: {out}: File too large"
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)],
    ids=str,
)
def test_a_signal_unwinds(tmp_path: Path, number: int, code: int) -> None:
    process = started(tmp_path)
    wait_for(lambda: list(tmp_path.iterdir()))
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert err.decode().splitlines()[-1].startswith("error: ")
    assert list(tmp_path.iterdir()) == []


def test_a_second_signal_does_not_interrupt_the_cleaning(tmp_path: Path) -> None:
    process = started(tmp_path)
    wait_for(lambda: list(tmp_path.iterdir()))
    for _ in range(20):
        process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 143
    assert list(tmp_path.iterdir()) == []


def test_nohup_is_obeyed(tmp_path: Path) -> None:
    process = started(tmp_path, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    wait_for(lambda: list(tmp_path.iterdir()))
    process.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 143


def started(folder: Path, **options: Any) -> subprocess.Popen[bytes]:
    """A process in the middle of writing into `folder`."""
    code = (
        "import sys, time; from zkmargin.cli import main as cli; import zkmargin.cli.doctor as doctor\n"
        "from zkmargin.prover.writing import replacing\n"
        "def work():\n"
        f"    with replacing({str(folder / 'out')!r}, secret=True) as stream:\n"
        "        stream.write(b'x'); time.sleep(60)\n"
        "doctor._report = work\n"
        "sys.argv = ['zkmargin', 'doctor']\n"
        "cli()"
    )
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)  # noqa: S603


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
