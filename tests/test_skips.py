"""What continuous integration does with a skipped test."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.skips import ALLOWED, WITHOUT_NPM, WITHOUT_RUST, is_allowed

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("reason", "exit_code"),
    [("avx512: this processor has no avx512ifma", 0), ("needs Chromium", 0), ("it is broken just now", 1)],
)
def test_a_skip_fails_unless_it_is_on_the_list(tmp_path: Path, reason: str, exit_code: int) -> None:
    (tmp_path / "test_one.py").write_text(f"import pytest\n\ndef test_one():\n    pytest.skip({reason!r})\n")
    (tmp_path / "conftest.py").write_text("from support.skips import count_skips as pytest_configure\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", ".", "test_one.py"]
    for ci, expected in (("1", exit_code), ("", 0)):
        environment = {**os.environ, "CI": ci, "PYTHONPATH": f"{ROOT / 'tests'}:{ROOT / 'src'}"}
        run = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S603
        assert run.returncode == expected, run.stdout
        assert ("not on the list" in run.stdout) == bool(expected)


def test_a_missing_native_module_is_a_defect_where_rust_is() -> None:
    reason = "could not import 'zkmargin._native': No module named 'zkmargin._native'"
    assert is_allowed(reason, rust=False)
    assert not is_allowed(reason, rust=True)


def test_missing_contract_tools_are_a_defect_where_npm_is() -> None:
    reason = "forge is not installed: run npm install in verifier/contracts"
    assert is_allowed(reason, npm=False)
    assert not is_allowed(reason, npm=True)


def test_every_reason_has_its_why() -> None:
    assert all(why for why in {**ALLOWED, **WITHOUT_RUST, **WITHOUT_NPM}.values())
