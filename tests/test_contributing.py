"""CONTRIBUTING.md's new statement, step by step: carried out in a copy of the repository.

A block marked `file=PATH` is written, `append=PATH` added to a file after two empty lines, and `sh run` run as it is
written, in order.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
STEP = re.compile(r"^```(?:\w+ (file|append)=(\S+)|sh (run))\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LEFT_OUT = (".*", "target", "node_modules", "build", "dist", "__pycache__", "*.egg-info")
LONGEST_PROGRAM = 40
HONEST_AND_FORGED = 8
RUFF = shutil.which("ruff", path=Path(sys.executable).parent)

# One worker carries the recipe out, once.
pytestmark = [pytest.mark.skipif(os.name == "nt", reason="shell"), pytest.mark.xdist_group("contributing")]


class Copy(NamedTuple):
    """A copy of the repository, and what runs in it."""

    root: Path
    environment: Mapping[str, str]

    @property
    def desk(self) -> Path:
        """The folder that the recipe's commands make."""
        return self.root / "desk"

    def run(self, *command: str, cwd: Path | None = None, code: int = 0) -> str:
        """Run a command, which must end with this exit code; return what it printed, or said when it failed."""
        done = subprocess.run(  # noqa: S603 - our own documentation
            command,
            cwd=cwd or self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == code, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stderr if code else done.stdout


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """The repository after the recipe's steps; links stay links, so that rooms lie where they belong."""
    folder = tmp_path_factory.mktemp("contributing")
    root, tools = folder / "zkmargin", folder / "bin"
    shutil.copytree(ROOT, root, symlinks=True, ignore=shutil.ignore_patterns(*LEFT_OUT))
    tools.mkdir()
    (tools / "zkmargin").write_text(
        f'#!/bin/sh\nexec {sys.executable} -c "from zkmargin.cli import main; main()" "$@"\n'
    )
    (tools / "zkmargin").chmod(0o755)
    made = Copy(
        root,
        {
            **os.environ,
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(root / "src"),
            "ZKMARGIN_CACHE": str(folder / "cache"),
        },
    )
    for action, name, script, body in STEP.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")):
        if script:
            made.run("bash", "-eu", "-c", body)
            continue
        path = root / name
        assert path.is_file() == (action == "append"), f"{name}: expected a new file, or one to add to"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as stream:
            stream.write(f"\n\n{body}" if action == "append" else body)
    return made


def test_the_commands_as_written(copy: Copy) -> None:
    assert (copy.desk / "bought.opening.json").stat().st_mode & 0o077 == 0
    options = ("--market", "market.json", "--setup", "setup.json", "--json")
    assert json.loads(copy.run("zkmargin", "verify", "settlement.json", *options, cwd=copy.desk))["valid"] is True


def test_a_false_settlement_is_rejected_by_the_command(copy: Copy) -> None:
    document = json.loads((copy.desk / "settlement.json").read_text(encoding="utf-8"))
    document["buyer_after"] = document["buyer_before"]
    (copy.desk / "false.json").write_text(json.dumps(document), encoding="utf-8")
    command = ("zkmargin", "verify", "false.json", "--market", "market.json", "--setup", "setup.json")
    assert "rejected" in copy.run(*command, cwd=copy.desk, code=1)


def test_who_has_not_got_what_he_gives_gets_no_proof(copy: Copy) -> None:
    (copy.desk / "large.csv").write_text("instrument,quantity\nBTC-26JUN20-10000-C,2.5\nUSD,-9001\n")
    inputs = ("--market", "market.json", "--setup", "setup.json", "--trade", "large.csv")
    books = ("--buyer", "buyer.opening.json", "--seller", "seller.opening.json")
    outputs = ("--out", "large.json", "--buyer-secret", "large.b.json", "--seller-secret", "large.s.json")
    said = copy.run("zkmargin", "prove", "settlement", *inputs, *books, *outputs, cwd=copy.desk, code=1)
    assert "cash left" in said
    assert "9001" not in said
    assert not list(copy.desk.glob("large.*json"))


def test_forged_witnesses_are_refused_by_the_verifier(copy: Copy) -> None:
    output = copy.run(sys.executable, "-m", "pytest", "-q", "tests/circuits/statements/settlement")
    assert int(re.findall(r"(\d+) passed", output)[0]) >= HONEST_AND_FORGED, output


def test_the_program_is_short(copy: Copy) -> None:
    source = (copy.root / "circuits/statements/settlement/circuit.py").read_text(encoding="utf-8")
    program = source[source.index("def settle(") : source.index("@lru_cache")].strip()
    assert len(program.splitlines()) <= LONGEST_PROGRAM


def test_verifying_a_settlement_loads_nothing_that_proves(copy: Copy) -> None:
    script = (
        "import sys, zkmargin.api.settlement_verification as s\n"
        "s.verify_settlement('settlement.json', 'market.json', 'setup.json').require()\n"
        "print([name for name in sys.modules if '.prover.rounds' in name or name.endswith('.witness')])"
    )
    assert copy.run(sys.executable, "-c", script, cwd=copy.desk) == "[]\n"


@pytest.mark.skipif(importlib.util.find_spec("importlinter") is None, reason="import-linter: run ./run lint")
def test_the_import_rules_still_hold(copy: Copy) -> None:
    command = "from importlinter.cli import lint_imports_command; lint_imports_command(['--no-cache'])"
    assert "0 broken" in copy.run(sys.executable, "-c", command)


@pytest.mark.skipif(RUFF is None, reason="ruff: run ./run lint")
def test_the_rooms_pass_the_lint(copy: Copy) -> None:
    rooms = ("verifier/statements", "circuits/statements/settlement", "src/zkmargin/api", "src/zkmargin/cli/prove.py")
    copy.run(str(RUFF), "check", *rooms, "tests/circuits/statements/settlement")
    copy.run(str(RUFF), "format", "--check", *rooms, "tests/circuits/statements/settlement")
