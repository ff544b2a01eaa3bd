"""Solvency, per holding and per customer: batches, the whole from Parquet to a verified statement, inclusion files.

`extra_info` holds the back end, holdings, customers, milliseconds a holding (wall clock, and of one core), the peak
memory of the process that made the whole, and what verification takes. ZKMARGIN_SOLVENCY_CUSTOMERS sets the size of the
whole, 20,000 by default; a million took the figures in docs/solvency.md.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from full_solvency import cpu_seconds, prepare
from pytest_benchmark.fixture import BenchmarkFixture

from zkmargin.circuits.statements.solvency.all_openings import open_everywhere
from zkmargin.circuits.statements.solvency.files import encode_inclusion
from zkmargin.circuits.statements.solvency.inclusion import BatchOpener, InclusionMaker
from zkmargin.circuits.statements.solvency.prover import BatchProver
from zkmargin.circuits.statements.solvency.verification import verification_keys
from zkmargin.exchange.epoch_folder import EpochFolder, open_epoch_folder
from zkmargin.exchange.inclusion_files import make_inclusion, write_archive, write_folder
from zkmargin.prover.kernels import load_backend, native_engine
from zkmargin.prover.setup import Setup, load_setup
from zkmargin.verifier.curve import PythonEngine
from zkmargin.verifier.statements.solvency.files import read_solvency
from zkmargin.verifier.statements.solvency.inclusion import verify_inclusion
from zkmargin.verifier.statements.solvency.statement import Solvency
from zkmargin.verifier.statements.solvency.verify import verify_solvency

CUSTOMERS = int(os.environ.get("ZKMARGIN_SOLVENCY_CUSTOMERS", "20000"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a setup and balances."""
    if load_backend().name == "reference":
        pytest.skip("the reference back end is no match; build the native module")
    path = tmp_path_factory.mktemp("solvency")
    prepare(path, CUSTOMERS)
    return path


@pytest.fixture(scope="module")
def whole(folder: Path) -> tuple[EpochFolder, Solvency, dict[str, Any]]:
    """From Parquet to a statement, once, in a process of its own."""
    script = Path(__file__).with_name("full_solvency.py")
    done = subprocess.run([sys.executable, str(script), str(folder)], capture_output=True, text=True, check=True)  # noqa: S603
    return open_epoch_folder(folder / "work"), read_solvency(folder / "statement.json"), json.loads(done.stdout)


@pytest.fixture(scope="module")
def setup(folder: Path) -> Setup:
    """The setup that the statement is under."""
    return load_setup(folder / "setup.json")


def test_solvency_batch(
    benchmark: BenchmarkFixture, whole: tuple[EpochFolder, Solvency, dict[str, Any]], setup: Setup
) -> None:
    """One warm batch of 2^16 rows."""
    work = whole[0]
    prover = BatchProver(work.terms, work.epoch, work.rows, setup, load_backend())
    batch = work.read_batch(0)
    prover.prove(batch, work.master)
    used = cpu_seconds()
    benchmark.pedantic(prover.prove, args=(batch, work.master), rounds=2)  # type: ignore[no-untyped-call]
    benchmark.extra_info["backend"] = load_backend().name
    benchmark.extra_info["holdings"] = batch.holdings
    benchmark.extra_info["core_ms_a_holding"] = 1e3 * (cpu_seconds() - used) / (2 * batch.holdings)


def test_solvency_whole(
    benchmark: BenchmarkFixture, whole: tuple[EpochFolder, Solvency, dict[str, Any]], setup: Setup
) -> None:
    """Verification, natively; in `extra_info` the whole from Parquet on, and verification in pure Python."""
    _, statement, figures = whole
    keys = verification_keys(statement, setup, load_backend())
    benchmark.pedantic(verify_solvency, args=(statement, keys, native_engine()), rounds=2)  # type: ignore[no-untyped-call]
    start = time.perf_counter()
    verify_solvency(statement, keys, PythonEngine())
    benchmark.extra_info["verify_python_seconds"] = time.perf_counter() - start
    benchmark.extra_info["backend"] = load_backend().name
    benchmark.extra_info.update(figures)


def test_solvency_inclusion(
    benchmark: BenchmarkFixture, whole: tuple[EpochFolder, Solvency, dict[str, Any]], setup: Setup
) -> None:
    """One inclusion file on demand, the batch's polynomial warm; in `extra_info` cold, and its check in pure Python."""
    work, statement, _ = whole
    batch = work.read_batch(0)
    start = time.perf_counter()
    made = make_inclusion(work, statement, setup, load_backend(), batch.customers[0].decode())
    benchmark.extra_info["cold_seconds"] = time.perf_counter() - start
    prover = BatchProver(work.terms, work.epoch, work.rows, setup, load_backend())
    opener = BatchOpener(prover, batch, statement.batches[0], work.master)
    maker = InclusionMaker[Any, Any](statement)
    position = next(i for i in range(len(batch.customers)) if len(batch.rows_of(i)) == 4)
    maker.make(opener, position)
    benchmark.pedantic(maker.make, args=(opener, position), rounds=5)  # type: ignore[no-untyped-call]
    start = time.perf_counter()
    verify_inclusion(made, setup.key, statement.liabilities, made.customer)
    benchmark.extra_info["check_python_seconds"] = time.perf_counter() - start
    benchmark.extra_info["backend"] = load_backend().name
    benchmark.extra_info["rows"] = 4


def test_solvency_inclusion_bulk(
    benchmark: BenchmarkFixture, whole: tuple[EpochFolder, Solvency, dict[str, Any]], setup: Setup, tmp_path: Path
) -> None:
    """All openings of one batch, its polynomial warm; in `extra_info` what a setup costs once, and the files."""
    work, statement, _ = whole
    batch = work.read_batch(0)
    opener = BatchOpener(
        BatchProver(work.terms, work.epoch, work.rows, setup, load_backend()), batch, statement.batches[0], work.master
    )
    used = cpu_seconds()
    polynomial = opener.polynomial
    polynomial_seconds = cpu_seconds() - used
    open_everywhere(load_backend(), setup, polynomial, work.rows)
    first_seconds = cpu_seconds() - used - polynomial_seconds
    used = cpu_seconds()
    benchmark.pedantic(opener.open_all, rounds=1)  # type: ignore[no-untyped-call]
    seconds = cpu_seconds() - used
    maker = InclusionMaker[Any, Any](statement)
    openings = opener.open_all()

    def encoded() -> Iterator[tuple[str, bytes]]:
        for position, made in enumerate(maker.assemble_all(batch, work.master, openings)):
            yield f"{position}.json", encode_inclusion(made, statement.liabilities)

    files = {}
    for name, write in (("files", write_folder), ("archive", write_archive)):
        used = cpu_seconds()
        write(tmp_path / name, encoded())
        files[f"{name}_core_ms_a_customer"] = 1e3 * (cpu_seconds() - used) / len(batch.customers)
    benchmark.extra_info.update(
        backend=load_backend().name,
        customers=len(batch.customers),
        rows=work.rows,
        core_ms_a_customer=1e3 * seconds / len(batch.customers),
        core_ms_a_row=1e3 * seconds / work.rows,
        once_a_setup_core_seconds=first_seconds - seconds,
        polynomial_core_seconds=polynomial_seconds,
        **files,
        all_core_ms_a_customer=1e3 * seconds / len(batch.customers) + files["archive_core_ms_a_customer"],
    )
