"""In continuous integration a test is skipped for a reason on this list, or the run fails."""

from __future__ import annotations

import os
import re
import shutil
from typing import Final

import pytest

ALLOWED: Final = {
    r"(avx512: .*|the processor lacks avx512.*)": "processors differ; ./run kernels emulates these instructions",
    r"set ZKMARGIN_TEST_PTAU to a published file": "files of the ceremony have 75 MB and more, and are not in git",
    r"needs Chromium": "installed where the machine's package manager has it",
    r"needs PostgreSQL's server programs": "installed where the machine's package manager has them",
    r"(could not import 'ray'.*|needs zkmargin\[ray\])": "Ray has no wheel for every Python that zkmargin supports",
}
"""A reason as pytest reports it, and why it is no defect of the run."""
WITHOUT_RUST: Final = {
    r"(portable: .*|the native module .*|.*native module is not .*)": "no native module",
    r"could not import 'zkmargin\.(_native|prover\.kernels\.native)'.*": "no native module",
    r"the reference back end is no match; build the native module": "no native module",
    r"a binary for Linux is looked at": "no native module",
}
"""The same where no Rust toolchain is there: then the reference back end is what is tested."""
WITHOUT_NPM: Final = {
    r"needs (npm|Node)": "no npm",
    r".*: run npm install in verifier/contracts": "no npm",
}
"""The same where no npm is there, which brings node, compiler and forge."""


class SkipsCounted:
    """A plugin that remembers the skipped tests of a session."""

    def __init__(self) -> None:
        self.unexpected: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a skip whose reason is not on the list."""
        if not report.skipped or hasattr(report, "wasxfail"):
            return
        reason = reason_of(report)
        if not is_allowed(reason):
            self.unexpected.append(f"{report.nodeid}: skipped: {reason}")

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail the session."""
        if self.unexpected and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say which."""
        for line in self.unexpected:
            terminalreporter.write_line(f"ERROR {line}; not on the list of tests/support/skips.py", red=True)


def reason_of(report: pytest.TestReport) -> str:
    """Why a test was skipped."""
    where = report.longrepr
    text = where[2] if isinstance(where, tuple) else str(where)
    return text.removeprefix("Skipped: ")


def is_allowed(reason: str, *, rust: bool | None = None, npm: bool | None = None) -> bool:
    """Whether a skip for this reason is no defect. rust, npm: whether they are there; by default, look."""
    reasons = dict(ALLOWED)
    if not (shutil.which("cargo") if rust is None else rust):
        reasons |= WITHOUT_RUST
    if not (shutil.which("npm") if npm is None else npm):
        reasons |= WITHOUT_NPM
    return any(re.fullmatch(pattern, reason, re.DOTALL) for pattern in reasons)


def count_skips(config: pytest.Config) -> None:
    """Count them in continuous integration, in the process that reports."""
    if os.environ.get("CI") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(SkipsCounted(), "skips-counted")
