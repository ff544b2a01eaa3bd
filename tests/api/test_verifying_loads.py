"""Whoever verifies runs no line that proves: what a fresh process has loaded when it has its verdict."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.shell_desk import AT

PROVING = (
    "zkmargin.prover.prove",
    "zkmargin.prover.rounds",
    "zkmargin.prover.key",
    "zkmargin.prover.tape",
    "zkmargin.prover.assignment",
    "zkmargin.prover.signing",
    "zkmargin.circuits.language.witness",
    "zkmargin.circuits.language.proving",
    "zkmargin.circuits.markets.positions",
    "zkmargin.circuits.policies.evaluate",
    "zkmargin.circuits.policies.solution",
    "zkmargin.circuits.statements.attestation",
    "zkmargin.circuits.statements.margin.prover",
    "zkmargin.circuits.statements.disclosure.prover",
    "zkmargin.circuits.statements.book.prover",
    "zkmargin.circuits.statements.broker.files",
    "zkmargin.circuits.statements.broker.prover",
    "zkmargin.circuits.statements.broker.solution",
    "zkmargin.circuits.statements.solvency.prover",
    "zkmargin.circuits.statements.solvency.settlement",
    "zkmargin.circuits.statements.solvency.batch",
    "zkmargin.api.broker",
    "zkmargin.api.margin",
    "zkmargin.api.disclosure",
    "zkmargin.chain",
    "zkmargin.connectors",
    "zkmargin.demo",
    "zkmargin.exchange",
    "zkmargin.reports",
)
FOREIGN = ("eth_account", "matplotlib", "polars", "ray", "sqlalchemy", "web3")

COMMANDS = {
    "a margin proof": "verify {d}/p.json --market {d}/m.json --policy span --setup {d}/s.json "
    f"--trust {{d}}/trust.json --at {AT}",
    "a margin proof, rejected": "verify {d}/p.json --market {d}/m.json --policy span --setup {d}/s.json "
    "--trust {d}/trust.json",
    "what is no proof, malformed": "verify {d}/m.json --market {d}/m.json --policy span --setup {d}/s.json",
    "a disclosure": "check-disclosure {d}/d.json --market {d}/m.json --setup {d}/s.json --trust {d}/trust.json",
    "a solvency statement": "solvency verify {d}/solvency.json --setup {d}/solvency-setup.json",
    "a broker's proof": "broker verify {d}/bp.json --books {d}/list.json --market {d}/m.json --policy span "
    f"--setup {{d}}/s.json --at {AT}",
    "a solvency statement, by the general command": "verify {d}/solvency.json --setup {d}/solvency-setup.json",
}
CALLS = {
    "a margin proof": f"zkmargin.verify(d + '/p.json', d + '/m.json', zkmargin.load_policy('span'), "
    f"zkmargin.load_setup(d + '/s.json'), trust=d + '/trust.json', at='{AT}')",
    "a disclosure": "zkmargin.check_disclosure(d + '/d.json', d + '/m.json', d + '/s.json', trust=d + '/trust.json')",
}


def loaded(code: str, *arguments: str) -> tuple[Any, set[str]]:
    """What `code` leaves in `result`, and the modules that a fresh interpreter has loaded then."""
    script = f"import sys, json\n{code}\nprint(json.dumps([result, sorted(sys.modules)]))"
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)  # noqa: S603
    result, modules = json.loads(done.stdout.splitlines()[-1])
    return result, set(modules)


def refuse_proving(modules: set[str]) -> None:
    assert "zkmargin.verifier.errors" in modules
    found = [m for m in modules if any(m == name or m.startswith(f"{name}.") for name in (*PROVING, *FOREIGN))]
    assert not found


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_verifies(verified_files: Path, name: str) -> None:
    arguments = COMMANDS[name].format(d=verified_files).split()
    code, modules = loaded("from zkmargin.cli.main import run\nresult = run(sys.argv[1:])", *arguments)
    assert code == (1 if "rejected" in name else 2 if "malformed" in name else 0)
    refuse_proving(modules)


@pytest.mark.parametrize("name", CALLS)
def test_a_call_that_verifies(verified_files: Path, name: str) -> None:
    result, modules = loaded(f"import zkmargin\nd = sys.argv[1]\nresult = {CALLS[name]}.valid", str(verified_files))
    assert result is True
    refuse_proving(modules)


def test_what_is_refused_here_is_what_proving_loads(verified_files: Path) -> None:
    """The list above names modules that exist: proving and evaluating load them."""
    _, modules = loaded(
        "import zkmargin.demo, zkmargin.chain, zkmargin.exchange, zkmargin.exchange.proving, zkmargin.cli.prove, "
        "zkmargin.cli.disclose, zkmargin.cli.evaluate, zkmargin.api.broker\nresult = 0"
    )
    assert set(PROVING) <= modules
