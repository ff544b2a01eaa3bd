"""The grammar of commands: `verify` by a file's kind, options named in errors, completion that loads no command."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.shell_desk import AT, pairs

from zkmargin.api.files import VERIFIABLE
from zkmargin.cli.main import COMMANDS


@pytest.fixture(scope="module")
def files(made_desk: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The desk with a disclosure, an expired proof's copy and an altered one."""
    folder = tmp_path_factory.mktemp("grammar") / "desk"
    shutil.copytree(made_desk, folder)
    words = ["--auditor", "Ash", "--purpose", "year end", "--exposure", "value"]
    common = ["--market", folder / "m.json", "--setup", folder / "s.json"]
    made = command("disclose", *common, *pairs(folder), *words, "--out", folder / "d.json")
    assert made.returncode == 0, made.stderr
    document = json.loads((folder / "p.json").read_text())
    proof = document["proof"]
    document["proof"] = proof[:-2] + ("00" if proof[-2:] != "00" else "01")
    (folder / "altered.json").write_text(json.dumps(document))
    return folder


def command(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603
        [sys.executable, "-c", "from zkmargin.cli import main; main()", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **environment},
    )


def test_verify_by_kind(zkmargin: Any, files: Path) -> None:
    common = ["--market", files / "m.json", "--setup", files / "s.json", "--any-attestor"]
    margin = zkmargin("verify", files / "p.json", *common, "--policy", "span", "--at", AT, "--json")
    assert (margin.code, margin.json["policy"]) == (0, "span")
    disclosed = zkmargin("verify", files / "d.json", *common, "--auditor", "Ash", "--json")
    assert (disclosed.code, disclosed.json["exposure"]) == (0, "value")
    assert disclosed.json == zkmargin("check-disclosure", files / "d.json", *common, "--json").json
    other = zkmargin("verify", files / "d.json", *common, "--auditor", "Oak")
    assert (other.code, other.out.splitlines()[0].split()) == (1, ["verdict", "REJECTED"])


def test_what_a_kind_does_not_take_is_refused(zkmargin: Any, files: Path) -> None:
    common = ["--market", files / "m.json", "--setup", files / "s.json"]
    for arguments, line in (
        (["p.json", *common], "--policy: expected it: a margin proof is verified against it"),
        (["p.json", "--setup", files / "s.json", "--policy", "span"], "--market: expected it"),
        (["d.json", *common, "--at", AT], "--at: expected none: a disclosure is not verified against it"),
        (["p.json", *common, "--policy", "span", "--terms", "t"], "--terms: expected none"),
        (
            ["m.json", *common],
            "field 'format': expected a margin proof, a disclosure, a solvency statement or a broker's proof, got",
        ),
    ):
        outcome = zkmargin("verify", files / str(arguments[0]), *arguments[1:])
        assert outcome.code == 2
        assert line in outcome.line


def test_several_files(zkmargin: Any, files: Path) -> None:
    common = [
        "--market",
        files / "m.json",
        "--setup",
        files / "s.json",
        "--policy",
        "span",
        "--any-attestor",
        "--at",
        AT,
    ]
    twice = zkmargin("verify", files / "p.json", files / "p.json", *common, "--json")
    assert twice.code == 0
    assert twice.json["valid"] is True
    assert [each["valid"] for each in twice.json["files"]] == [True, True]
    mixed = zkmargin("verify", files / "p.json", files / "altered.json", *common)
    assert mixed.code == 1
    assert [line.split()[0] for line in mixed.out.splitlines()] == ["valid", "REJECTED"]
    assert mixed.err.splitlines()[-1] == "error: proof rejected: 1 of 2 files"
    broken = files / "broken.json"
    document = json.loads((files / "p.json").read_text())
    broken.write_text(json.dumps({**document, "proof": "0x1"}))
    bad = zkmargin("verify", broken, files / "p.json", *common, "--json")
    assert bad.code == 2
    assert [each["valid"] for each in bad.json["files"]] == [None, True]


def test_the_registry_names_functions_that_exist() -> None:
    for verifiable in VERIFIABLE.values():
        assert callable(verifiable.load())


def complete(shell: str, words: str) -> list[str]:
    """What the shell's completion offers for the words so far."""
    count = str(len(words.split(" ")) - 1)
    asked = {"bash": {"COMP_WORDS": words, "COMP_CWORD": count}, "zsh": {"_TYPER_COMPLETE_ARGS": words}}[shell]
    done = command(_ZKMARGIN_COMPLETE=f"complete_{shell}", **asked)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_completion_of_commands_and_options() -> None:
    assert complete("bash", "zkmargin ") == list(COMMANDS)
    assert complete("bash", "zkmargin che") == ["check-disclosure"]
    assert set(complete("bash", "zkmargin solvency ")) == {
        *("commit", "attest", "prove", "verify", "report", "inclusion", "log")
    }
    assert "--attestor" in complete("bash", "zkmargin verify --a")
    assert any('"verify":"Verify a proof at a given time."' in line for line in complete("zsh", "zkmargin ver"))


def test_completing_a_command_loads_none() -> None:
    code = (
        "import sys; from zkmargin.cli.main import run\n"
        "try:\n    run([])\nexcept SystemExit: pass\n"
        "print(sorted(n for n in sys.modules if n.startswith('zkmargin.cli.') or n == 'numpy'), file=sys.stderr)"
    )
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "_ZKMARGIN_COMPLETE": "complete_bash", "COMP_WORDS": "zkmargin ", "COMP_CWORD": "1"},
    )
    assert done.stdout.split() == list(COMMANDS)
    assert done.stderr.strip() == "['zkmargin.cli.console', 'zkmargin.cli.main']"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_names_the_command(shell: str) -> None:
    done = command("--show-completion", shell, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert done.returncode == 0, done.stderr
    assert "_ZKMARGIN_COMPLETE=complete_" + shell in done.stdout
