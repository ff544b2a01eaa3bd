"""The contracts' own tests: fuzz and invariants under forge, offline."""

from __future__ import annotations

import subprocess

import pytest

from zkmargin.verifier.contracts.compile import FOLDER

from .chains import forge_program


@pytest.mark.skipif(forge_program() is None, reason="forge is not installed: run npm install in verifier/contracts")
@pytest.mark.timeout(900)
def test_forge() -> None:
    program = forge_program()
    assert program is not None
    run = subprocess.run(  # noqa: S603 - a tool of the tests
        [program, "test", "--no-match-test", "nothing"], cwd=FOLDER, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]
    assert "0 failed" in run.stdout
