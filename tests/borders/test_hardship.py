"""Every writing command where something is short: an exit code, no half file, one clear line."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from borders.kills import COMMAND, cases, check, prepare

MEGABYTE: Final = 1 << 20
NAMES: Final = ("setup dev", "keygen signing", "market build", "attest", "prove margin", "solvency commit")


@dataclass(frozen=True)
class Hardship:
    """Limits of a process and its environment. may_fail: whether a command may say that it cannot go on."""

    limits: Mapping[int, int] = field(default_factory=dict)
    environment: Mapping[str, str | None] = field(default_factory=dict)
    may_fail: bool = False


HARDSHIPS: Final[Mapping[str, Hardship]] = {
    "no HOME": Hardship(environment={"HOME": None, "XDG_CACHE_HOME": None}),
    "a HOME that is not there": Hardship(environment={"HOME": "/nonexistent/home", "XDG_CACHE_HOME": None}),
    "a cache folder that cannot be written": Hardship(environment={"XDG_CACHE_HOME": "/proc/zkmargin"}),
    "no TMPDIR": Hardship(environment={"TMPDIR": "/nonexistent/tmp"}),
    "64 file descriptors": Hardship({resource.RLIMIT_NOFILE: 64}),
    "600 MB of addresses": Hardship({resource.RLIMIT_AS: 600 * MEGABYTE}, may_fail=True),
    "300 MB of addresses": Hardship({resource.RLIMIT_AS: 300 * MEGABYTE}, may_fail=True),
    "files of 1 kB": Hardship({resource.RLIMIT_FSIZE: 1024}, may_fail=True),
    "files of nothing": Hardship({resource.RLIMIT_FSIZE: 0}, may_fail=True),
    "no more processes or threads": Hardship({resource.RLIMIT_NPROC: 1}, may_fail=True),
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    desk = tmp_path_factory.mktemp("hardship") / "desk"
    prepare(desk)
    return desk


def run_under(hardship: Hardship, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command in a process under these limits."""

    def limit() -> None:
        for which, most in hardship.limits.items():
            resource.setrlimit(which, (most, most))

    wanted = {**os.environ, **hardship.environment}
    return subprocess.run(  # noqa: S603
        [*COMMAND, *arguments],
        env={name: value for name, value in wanted.items() if value is not None},
        preexec_fn=limit,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("hardship", HARDSHIPS.values(), ids=list(HARDSHIPS))
def test_a_command_where_something_is_short(prepared: Path, tmp_path: Path, hardship: Hardship, name: str) -> None:
    arguments, outputs = cases(prepared, tmp_path)[name]
    done = run_under(hardship, [str(argument) for argument in arguments])
    last = done.stderr.strip().splitlines()[-1:]
    if done.returncode == 0:
        assert all((tmp_path / each).exists() for each in outputs)
    else:
        assert hardship.may_fail, done.stderr
        assert done.returncode in (2, 74), done.stderr
        assert last, done
        assert last[0].startswith("error: "), done.stderr
        assert "defect" not in last[0]
    assert check(tmp_path, outputs) == 0, "a command that ends by itself leaves nothing behind"


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_folder_that_cannot_be_written(prepared: Path, name: str) -> None:
    arguments, outputs = cases(prepared, Path("/proc"))[name]
    done = run_under(Hardship(), [str(argument) for argument in arguments])
    assert done.returncode in (2, 74)
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "/proc" in line
    assert "defect" not in line
    assert not any((Path("/proc") / each).exists() for each in outputs)
