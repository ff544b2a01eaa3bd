"""Solvency at full size, from Parquet to a statement, in a process of its own, whose peak memory is therefore its own.

    python benchmarks/full_solvency.py FOLDER

takes the setup and balances that `prepare` wrote to FOLDER, proves every batch and settles; prints its figures as JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

from memory import peak_mb

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.balances import many_assets, write_balances

from zkmargin.api.key_files import new_signing_key
from zkmargin.circuits.statements.solvency.files import write_solvency
from zkmargin.exchange.balances import open_balances
from zkmargin.exchange.epoch_folder import EpochFolder, create_epoch_folder
from zkmargin.exchange.proving import prove_batches, settle_folder
from zkmargin.prover.kernels import load_backend
from zkmargin.prover.setup import Setup, development_setup, load_setup, save_setup
from zkmargin.prover.signing import address_of_key, sign_reserves
from zkmargin.verifier.statements.solvency.reserves import claim_of
from zkmargin.verifier.statements.solvency.statement import Solvency

ROWS = 1 << 16
ASSETS = 500


def cpu_seconds() -> float:
    """Return the processor time that this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def settled(folder: EpochFolder, setup: Setup) -> Solvency:
    """Settle with reserves that one new key signs."""
    key = new_signing_key()
    amounts = dict.fromkeys((asset.id for asset in folder.terms.assets), "9000000000")
    claim = claim_of("eip155:1", None, address_of_key(key), amounts, folder.terms)
    signed = sign_reserves(claim, folder.terms, folder.epoch, key)
    return settle_folder(folder, [signed], setup, load_backend())


def prepare(folder: Path, customers: int) -> None:
    """Write the inputs: a setup and balances. Their making is not part of what is measured."""
    save_setup(development_setup(ROWS, load_backend()), folder / "setup.json")
    write_balances(folder / "b.parquet", many_assets(ASSETS), customers)


def run(folder: Path) -> dict[str, Any]:
    """From Parquet to a statement; returns the figures."""
    setup, terms = load_setup(folder / "setup.json"), many_assets(ASSETS)
    start, used = time.perf_counter(), cpu_seconds()
    balances = open_balances(str(folder / "b.parquet"))
    work = create_epoch_folder(folder / "work", balances, terms, setup.digest, ROWS)
    taken = time.perf_counter() - start
    prove_batches(work, setup)
    statement = settled(work, setup)
    seconds, cpu = time.perf_counter() - start, cpu_seconds() - used
    write_solvency(folder / "statement.json", statement)
    return {
        "customers": work.customers,
        "holdings": work.holdings,
        "batches": work.batches,
        "reading_seconds": taken,
        "seconds": seconds,
        "ms_a_holding": 1e3 * seconds / work.holdings,
        "core_ms_a_holding": 1e3 * cpu / work.holdings,
        "core_ms_a_customer": 1e3 * cpu / work.customers,
        "peak_gb": peak_mb() / 1e3,
    }


if __name__ == "__main__":
    print(json.dumps(run(Path(sys.argv[1]))))
