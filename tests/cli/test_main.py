"""Errors become one line and an exit code, whatever they are."""

import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import pytest

import zkmargin as package
from zkmargin.cli import doctor, main
from zkmargin.prover.errors import Failure, UnsatisfiedError
from zkmargin.verifier.errors import FormatError, ProofRejected, ZkmarginError


class Panic(BaseException):
    """As native code panics: not an Exception, and Python's own exit code for it would be a verdict's."""


def raising(error: BaseException | type[BaseException]) -> Any:
    def fail(*_: object, **__: object) -> Any:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ProofRejected("pairing"), 1, "proof rejected: pairing"),
        (UnsatisfiedError([Failure("margin.slack", 3)]), 1, "the assignment breaks margin.slack[row 3]"),
        (FormatError("f: expected this"), 2, "f: expected this"),
        (ZkmarginError("two\nlines"), 2, "two lines"),
        (FileNotFoundError(2, "No such file or directory", "f"), 2, "f: No such file or directory"),
        (PermissionError(13, "Permission denied", "f"), 2, "f: Permission denied"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (MemoryError("1234567"), 2, "not enough memory"),
        (
            Panic("the system refused to start the kernels' threads: os error 11"),
            2,
            "the system refused to start the kernels' threads: memory or processes are short",
        ),
    ],
)
def test_errors(zkmargin: Any, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, line: str) -> None:
    monkeypatch.setattr(doctor, "_report", raising(error))
    outcome = zkmargin("doctor")
    assert (outcome.code, outcome.line) == (code, line)


@pytest.mark.parametrize("kind", [KeyError, Panic])
def test_a_defect_shows_no_message_and_no_traceback(
    zkmargin: Any, monkeypatch: pytest.MonkeyPatch, kind: type[BaseException]
) -> None:
    monkeypatch.setattr(doctor, "_report", raising(kind("holding 12345")))
    outcome = zkmargin("doctor")
    assert outcome.code == 2
    assert f"a defect of zkmargin: {kind.__name__} at test_main.py:" in outcome.line
    assert "12345" not in outcome.line
    monkeypatch.setenv("ZKMARGIN_DEBUG", "1")
    assert "Traceback" in zkmargin("doctor").err


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "Missing command"),
        (["nonsense"], "No such command 'nonsense'"),
        (["setup"], "Missing command"),
        (["setup", "dev"], "Missing option '--rows'"),
        (["setup", "dev", "--rows", "4"], "Missing option '--out'"),
        (["setup", "dev", "--rows"], "Option '--rows' requires an argument"),
        (["doctor", "extra"], "Got unexpected extra argument"),
        (["doctor", "--wrong"], "No such option: --wrong"),
    ],
)
def test_usage(zkmargin: Any, arguments: list[str], line: str) -> None:
    outcome = zkmargin(*arguments)
    assert outcome.code == 2
    assert outcome.line.startswith(line)
    assert outcome.line.endswith("; see zkmargin --help")


def test_a_number_that_is_none(zkmargin: Any, tmp_path: Path) -> None:
    outcome = zkmargin("setup", "dev", "--rows", "many", "--out", tmp_path / "s.json")
    assert outcome.code == 2
    assert outcome.line.startswith("Invalid value for '--rows'")


def test_version_and_help(zkmargin: Any) -> None:
    assert zkmargin("--version").out == f"{package.__version__}\n"
    for arguments in (["--help"], ["setup", "--help"], ["setup", "import", "--help"], ["doctor", "--help"]):
        outcome = zkmargin(*arguments)
        assert outcome.code == 0
        assert outcome.out.startswith("Usage: zkmargin")
        assert outcome.err == ""


def test_warnings_are_lines(zkmargin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    report = doctor._report

    def warn() -> Any:
        warnings.warn("mind\nthis", UserWarning, stacklevel=1)
        return report()

    monkeypatch.setattr(doctor, "_report", warn)
    outcome = zkmargin("doctor", "--json")
    assert outcome.code == 0
    assert outcome.err == "warning: mind this\n"
    assert "version" in outcome.json


def test_control_characters_of_a_file_name_do_not_reach_the_terminal(zkmargin: Any) -> None:
    outcome = zkmargin("setup", "verify", "no\x1b[31mfile")
    assert outcome.line == r"no\x1b[31mfile: No such file or directory"


def command(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", "from zkmargin.cli import main; main()", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def test_as_a_process(tmp_path: Path) -> None:
    process = command("setup", "verify", str(tmp_path / "none.json"))
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert err == f"error: {tmp_path / 'none.json'}: No such file or directory\n"


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_an_interruption_leaves_nothing_behind(tmp_path: Path) -> None:
    """A setup that takes long on the reference back end, interrupted as by Ctrl-C."""
    process = command("setup", "dev", "--rows", "4096", "--out", str(tmp_path / "s.json"), ZKMARGIN_BACKEND="reference")
    time.sleep(3)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err == "error: interrupted\n"
    assert list(tmp_path.iterdir()) == []


def test_main_exits_with_the_code(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["zkmargin", "nonsense"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert "No such command" in capsys.readouterr().err
