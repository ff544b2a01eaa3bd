"""`./run`: it speaks at once, ends in a working environment or a clear line, and goes on when it is run again.

Python and pip are stand-ins here, so that pip can fail, hang and lie; tests/test_installation.py has the real ones.
"""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="a script of sh")

PYTHON = """#!/bin/sh
# Stands in for python: `-m venv` makes a folder with a copy of this file, pip does as the file `behaviour` says.
folder=$(dirname "$(dirname "$0")")
echo "$*" >>"{log}"
case "$*" in
    --version) echo "Python 3.11.0" ;;
    -c*) exec {python} "$@" ;;
    "-m venv"*) shift 3; rm -rf "$1"; mkdir -p "$1/bin"; cp "$0" "$1/bin/python" ;;
    "-m pip --version") ;;
    "-m pip install"*)
        case $(cat "{behaviour}") in
            offline)
                echo "WARNING: Retrying (Retry(total=4)) after connection broken by 'NewConnectionError'" >&2
                echo "ERROR: Could not find a version that satisfies the requirement numpy" >&2
                exit 1 ;;
            hangs) echo "Collecting numpy"; touch "{started}"; sleep 60 ;;
            broken) exit 0 ;;
            *)
                echo "WARNING: Running pip as the 'root' user"
                echo "Collecting numpy"
                echo "Downloading numpy.whl"
                printf '#!/bin/sh\\necho "ran $*"\\n' >"$folder/bin/zkmargin"
                chmod +x "$folder/bin/zkmargin"
                touch "$folder/whole" ;;
        esac ;;
    -) [ -f "$folder/whole" ] ;;
esac
"""


class Checkout:
    """A folder with `run` and what it looks at, and an environment in which Python is a stand-in."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log, self.behaviour = folder / "tree", folder / "log", folder / "behaviour"
        self.started = folder / "started"
        for name in ("native/src", "native/avx512/src"):
            (self.folder / name).mkdir(parents=True)
        for name in ("pyproject.toml", "setup.py", "native/Cargo.toml", "native/Cargo.lock"):
            (self.folder / name).touch()
        shutil.copy(ROOT / "run", self.folder)
        python = folder / "python"
        names = {"log": self.log, "behaviour": self.behaviour, "started": self.started, "python": sys.executable}
        text = PYTHON
        for name, value in names.items():
            text = text.replace(f"{{{name}}}", str(value))
        python.write_text(text)
        python.chmod(python.stat().st_mode | stat.S_IXUSR)
        self.environment = {**os.environ, "PYTHON": str(python)}
        self.log.touch()

    def start(self, behaviour: str, *arguments: str) -> subprocess.Popen[str]:
        self.behaviour.write_text(behaviour)
        return subprocess.Popen(  # noqa: S603 - our own script
            ["./run", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, behaviour: str, *arguments: str) -> tuple[int, str, str]:
        process = self.start(behaviour, *(arguments or ("doctor",)))
        out, err = process.communicate(timeout=30)
        return process.returncode, out, err

    def calls(self, what: str) -> int:
        return sum(what in line for line in self.log.read_text().splitlines())


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_the_first_run_installs_and_the_second_does_not(checkout: Checkout) -> None:
    code, out, err = checkout.run("works", "doctor", "--json")
    # Nothing but the command's own words on standard output: it may be JSON.
    assert (code, out) == (0, "ran doctor --json\n")
    lines = err.splitlines()
    assert lines[0].startswith("run: making .venv with Python 3.11")
    assert lines[1].startswith("run: installing zkmargin with chain,keys")
    assert "  Collecting numpy" in lines
    assert "WARNING" not in err
    assert checkout.run("works") == (0, "ran doctor\n", "")
    assert checkout.calls("-m pip install") == 1


def test_a_change_installs_again_in_the_same_environment(checkout: Checkout) -> None:
    checkout.run("works")
    later = time.time() + 5
    os.utime(checkout.folder / "pyproject.toml", (later, later))
    assert checkout.run("works")[0] == 0
    assert (checkout.calls("-m pip install"), checkout.calls("-m venv")) == (2, 1)


def test_offline_is_one_clear_failure_and_the_next_run_goes_on(checkout: Checkout) -> None:
    for _ in range(2):
        code, out, err = checkout.run("offline")
        assert (code, out) == (2, "")
        assert "WARNING" not in err
        assert "ERROR: Could not find a version" in err
        assert err.splitlines()[-1].startswith("run: installing failed: ")
    assert "WARNING: Retrying" in (checkout.folder / ".venv/install.log").read_text()
    assert checkout.run("works")[:2] == (0, "ran doctor\n")


@pytest.mark.parametrize("with_signal", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_run_is_begun_anew(checkout: Checkout, with_signal: signal.Signals) -> None:
    process = checkout.start("hangs", "doctor")
    while not checkout.started.exists():
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, with_signal)
    assert process.wait(timeout=30) != 0
    _close(process)
    # What pip had half installed must not be found.
    (checkout.folder / ".venv/half").touch()
    assert checkout.run("works")[:2] == (0, "ran doctor\n")
    assert not (checkout.folder / ".venv/half").exists()


@pytest.mark.parametrize("missing", ["whole", "bin/zkmargin", "bin/python"])
def test_a_broken_environment_is_found_and_made_anew(checkout: Checkout, missing: str) -> None:
    checkout.run("works")
    (checkout.folder / ".venv" / missing).unlink()
    code, out, err = checkout.run("works")
    assert (code, out) == (0, "ran doctor\n")
    assert err.startswith("run: .venv is broken: making it anew\n")


def test_an_installation_that_does_not_work_is_no_success(checkout: Checkout) -> None:
    code, _, err = checkout.run("broken")
    assert code == 2
    assert "does not work although pip succeeded" in err
    assert checkout.run("works")[0] == 0


def test_a_linked_environment_is_left_alone(checkout: Checkout, tmp_path: Path) -> None:
    checkout.run("works")
    (checkout.folder / ".venv").rename(tmp_path / "own")
    (tmp_path / "own/whole").unlink()
    (checkout.folder / ".venv").symlink_to(tmp_path / "own")
    assert checkout.run("works") == (0, "ran doctor\n", "")
    assert checkout.calls("-m pip install") == 1


def test_it_speaks_within_two_seconds(checkout: Checkout) -> None:
    begun = time.monotonic()
    process = checkout.start("hangs", "doctor")
    assert process.stderr is not None
    assert process.stderr.readline().startswith("run: making .venv")
    assert process.stderr.readline().startswith("run: installing")
    assert time.monotonic() - begun < 2
    os.killpg(process.pid, signal.SIGKILL)
    _close(process)


@pytest.mark.slow
def test_it_says_that_it_is_alive_while_pip_says_nothing(checkout: Checkout) -> None:
    process = checkout.start("hangs", "doctor")
    assert process.stderr is not None
    lines = [process.stderr.readline() for _ in range(5)]
    assert lines[-3:] == ["  Collecting numpy\n", "  ... 10 s\n", "  ... 20 s\n"]
    os.killpg(process.pid, signal.SIGKILL)
    _close(process)


def _close(process: subprocess.Popen[str]) -> None:
    """Let go of a process's streams, which children of it may hold for some seconds more."""
    for stream in (process.stdout, process.stderr):
        assert stream is not None
        stream.close()
    process.wait(timeout=30)


def test_without_a_python_it_says_which(checkout: Checkout) -> None:
    tools = checkout.folder.parent / "tools"
    tools.mkdir()
    for tool in ("sh", "dirname", "find", "tr", "sed", "grep"):
        (tools / tool).symlink_to(str(shutil.which(tool)))
    checkout.environment |= {"PATH": str(tools), "PYTHON": "no-such-python"}
    code, out, err = checkout.run("works")
    assert (code, out) == (2, "")
    assert err == "run: expected Python 3.11, 3.12 or 3.13, found none; install one, or name it in PYTHON\n"
