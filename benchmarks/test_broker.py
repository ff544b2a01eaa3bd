"""All accounts of a broker in one proof, from books to verdict, in a process of its own: see full_broker.py.

What is timed is the process as a whole; seconds and processor seconds of each step, sizes and the peak of memory are in
`extra_info`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture


@pytest.mark.parametrize(
    ("accounts", "rows", "scenarios"),
    [
        pytest.param(100, 4096, 16, id="100x4096x16"),
        pytest.param(1000, 4096, 16, id="1000x4096x16", marks=pytest.mark.slow),
        pytest.param(10_000, 4096, 16, id="10000x4096x16", marks=pytest.mark.slow),
    ],
)
def test_broker_proof(benchmark: BenchmarkFixture, accounts: int, rows: int, scenarios: int) -> None:
    script = Path(__file__).with_name("full_broker.py")
    command = [sys.executable, str(script), str(accounts), str(rows), str(scenarios)]

    def measured() -> str:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603

    found = json.loads(benchmark.pedantic(measured, rounds=1))  # type: ignore[no-untyped-call]
    benchmark.extra_info.update(found)
    assert found["proof_bytes"] < 16_000
