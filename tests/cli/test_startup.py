"""How long the shell and the prompt wait: by the processor's time, which other work on the machine hardly changes."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence

import pytest

ROUNDS = 20
HELP = "from zkmargin.cli import main; import sys; sys.argv = ['zkmargin', '--help']; main()"


def best_of(commands: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """The least processor time of each command, in seconds, all measured in turns."""
    best = dict.fromkeys(commands, float("inf"))
    for _ in range(ROUNDS):
        for name, command in commands.items():
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True)  # noqa: S603
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            best[name] = min(best[name], spent)
    return best


@pytest.mark.skipif(sys.platform == "win32", reason="no resource usage of children")
def test_the_package_and_its_help_load_next_to_nothing() -> None:
    codes = {"nothing": "pass", "package": "import zkmargin", "typer": "import typer", "help": HELP}
    best = best_of({name: (sys.executable, "-c", code) for name, code in codes.items()})
    assert best["package"] <= 1.35 * best["nothing"], best
    assert best["help"] <= 1.25 * best["typer"], best
