"""Margin proofs at full size, warm: witness, proof, bytes out; and their verification.

`extra_info` holds the back end, the proof's size, the peak memory of a process of its own that builds the case and
proves once, and, for the scaling, the ratio between sizes measured in turns.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from time import perf_counter

import pytest
from full_size import Case
from pytest_benchmark.fixture import BenchmarkFixture

from zkmargin.api.verification import BATCH_PROOFS
from zkmargin.circuits.statements.margin.files import write_margin_proof
from zkmargin.circuits.statements.margin.verification import margin_verifying_key
from zkmargin.prover.kernels import native_engine
from zkmargin.prover.recovery import key_recovery
from zkmargin.verifier.curve import GroupEngine, PythonEngine
from zkmargin.verifier.ethereum import recover_key
from zkmargin.verifier.statements.margin import MarginProof, read_margin_proof, verify_margin, verify_margins


@cache
def case(rows: int, scenarios: int) -> Case:
    return Case(rows, scenarios)


def peak_memory_mb(rows: int, scenarios: int) -> float:
    script = Path(__file__).with_name("full_size.py")
    done = subprocess.run(  # noqa: S603
        [sys.executable, str(script), str(rows), str(scenarios)], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


@pytest.mark.parametrize(
    ("rows", "scenarios"),
    [
        pytest.param(4096, 16, id="4096x16"),
        pytest.param(4096, 33, id="4096x33"),
        pytest.param(65536, 16, id="65536x16", marks=pytest.mark.slow),
    ],
)
def test_margin_proof(benchmark: BenchmarkFixture, rows: int, scenarios: int) -> None:
    full = case(rows, scenarios)
    proof = benchmark.pedantic(full.prove, rounds=10 if rows == 4096 else 3, warmup_rounds=2)  # type: ignore[no-untyped-call]
    benchmark.extra_info["backend"] = full.backend.name
    benchmark.extra_info["proof_bytes"] = len(proof.proof)
    benchmark.extra_info["market_columns"] = len(full.market.names)
    benchmark.extra_info["phases_ms"] = full.profile()
    benchmark.extra_info["peak_memory_mb"] = peak_memory_mb(rows, scenarios)
    _verify(full, proof, native_engine())


def test_margin_proof_from_the_shell(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """`zkmargin prove margin` as a process, the interpreter's start included; processor time is in `extra_info`."""
    full = case(4096, 16)
    command = full.command(tmp_path)
    # As it is installed: compiled modules are kept.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    used: list[float] = []

    def prove() -> None:
        before = os.times()
        subprocess.run(command, env=environment, capture_output=True, check=True)  # noqa: S603
        after = os.times()
        used.append(after.children_user - before.children_user + after.children_system - before.children_system)

    benchmark.pedantic(prove, rounds=7, warmup_rounds=1)  # type: ignore[no-untyped-call]
    benchmark.extra_info["backend"] = full.backend.name
    benchmark.extra_info["cpu_seconds"] = min(used)


def test_margin_proof_doubling(benchmark: BenchmarkFixture) -> None:
    """2^13 rows against 2^12, in turns: the ratio of the best times is in `extra_info`."""
    small, large = case(4096, 16), case(8192, 16)
    small.prove(), large.prove()
    best = {4096: float("inf"), 8192: float("inf")}

    def both() -> None:
        for full, rows in ((small, 4096), (large, 8192)):
            start = perf_counter()
            full.prove()
            best[rows] = min(best[rows], perf_counter() - start)

    benchmark.pedantic(both, rounds=10)  # type: ignore[no-untyped-call]
    benchmark.extra_info["backend"] = small.backend.name
    benchmark.extra_info["ratio"] = best[8192] / best[4096]


def test_margin_verify_python(benchmark: BenchmarkFixture) -> None:
    full = case(4096, 16)
    proof = full.prove()
    benchmark.pedantic(lambda: _verify(full, proof, PythonEngine()), rounds=5)  # type: ignore[no-untyped-call]
    benchmark.extra_info["backend"] = "python"


def test_margin_verify_native(benchmark: BenchmarkFixture) -> None:
    full = case(4096, 16)
    proof = full.prove()
    engine = native_engine()
    benchmark.pedantic(lambda: _verify(full, proof, engine), rounds=20)  # type: ignore[no-untyped-call]
    benchmark.extra_info["backend"] = "native"


@cache
def _key(full: Case):  # type: ignore[no-untyped-def]
    return margin_verifying_key(full.policy, full.market, full.setup, full.backend)


def _verify(full: Case, proof, engine: GroupEngine) -> None:  # type: ignore[no-untyped-def]
    verify_margin(
        proof,
        key=_key(full),
        policy=full.market.policy,
        market=full.market.terms,
        at=full.market.epoch_time,
        engine=engine,
    )


@pytest.mark.parametrize("backend", ["native", "python"])
def test_verify_from_files(benchmark: BenchmarkFixture, tmp_path: Path, backend: str) -> None:
    """64 files of three attestations each, all read, decoded and verified; files a second are in `extra_info`.

    `in_memory_seconds`: the same proofs, decoded, in one batch. `python`: signers recovered in pure Python.
    """
    full = case(4096, 16)
    proofs = [full.prove() for _ in range(BATCH_PROOFS)]
    files = [tmp_path / f"{index}.json" for index in range(BATCH_PROOFS)]
    for file, proof in zip(files, proofs, strict=True):
        write_margin_proof(file, proof)
    recovery = key_recovery() if backend == "native" else recover_key
    given = {"policy": full.market.policy, "market": full.market.terms, "at": full.market.epoch_time}
    engine = native_engine()

    def verify_files() -> None:
        verify_all([read_margin_proof(file, recovery) for file in files])

    def verify_all(margins: list[MarginProof]) -> None:
        if any(verify_margins(margins, key=_key(full), engine=engine, **given)):
            raise AssertionError

    in_memory = []
    for _ in range(5):
        start = perf_counter()
        verify_all(proofs)
        in_memory.append(perf_counter() - start)
    benchmark.extra_info["in_memory_seconds"] = min(in_memory)
    benchmark.pedantic(verify_files, rounds=10 if backend == "native" else 2)  # type: ignore[no-untyped-call]
    benchmark.extra_info["backend"] = backend
    benchmark.extra_info["files_per_second"] = BATCH_PROOFS / benchmark.stats.stats.min
