"""Proving all batches of a work folder: in this process, or on a Ray cluster."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from zkmargin.circuits.statements.solvency.batch import Batch
from zkmargin.circuits.statements.solvency.prover import BatchProver, TotalsOpening
from zkmargin.circuits.statements.solvency.settlement import settle
from zkmargin.connectors.urls import redacted, without_secrets
from zkmargin.exchange.epoch_folder import EpochFolder, WorkError
from zkmargin.extras import extra
from zkmargin.prover.kernels import load_backend
from zkmargin.prover.kernels.choice import set_threads
from zkmargin.prover.kernels.interface import Backend, P, V
from zkmargin.prover.setup import Setup
from zkmargin.prover.staging import locked
from zkmargin.verifier.errors import ZkmarginError
from zkmargin.verifier.statements.solvency.reserves import ReserveAttestation
from zkmargin.verifier.statements.solvency.statement import BatchStatement, Solvency

if TYPE_CHECKING:
    from zkmargin.verifier.statements.solvency.terms import Terms

Report = Callable[[str, int, int], None]
Proven = tuple[BatchStatement, TotalsOpening]
RETRIES: Final = 5
"""How often a cluster starts a batch again whose worker died."""
CONNECT_SECONDS: Final = 10


class ClusterError(ZkmarginError):
    """A Ray cluster cannot do the work. What was proven before stays proven."""


def prove_batches(
    work: EpochFolder, setup: Setup, *, ray_address: str | None = None, report: Report = lambda *_: None
) -> int:
    """Prove every batch that is not proven yet; returns how many that were.

    Each proof is kept as soon as it is made: at any moment the process may die, and the next run goes on from there.
    Raises WorkError when setup and folder do not belong together, BusyError when another process works in the folder,
    ClusterError, OSError.
    """
    if setup.digest != work.setup:
        raise WorkError(f"{work.folder}: expected the setup that the epoch was made with, 0x{work.setup.hex()}")
    with locked(work.folder):
        missing = work.missing()
        progress = _Progress(work, len(missing), report)
        made = _on_cluster(work, setup, missing, ray_address) if ray_address else _here(work, setup, missing)
        for statement, opening in made:
            work.write_proof(statement, opening)
            progress.step()
        return len(missing)


class _Progress:
    """Says how far, how fast and how long still."""

    def __init__(self, work: EpochFolder, missing: int, report: Report) -> None:
        self._start = monotonic()
        self._done, self._missing, self._total = 0, missing, work.batches
        self._holdings = work.holdings / work.batches
        self._report = report
        report("proving", work.batches - missing, work.batches)

    def step(self) -> None:
        """One batch more."""
        self._done += 1
        elapsed = monotonic() - self._start
        rate = self._done * self._holdings / elapsed
        left = (self._missing - self._done) * elapsed / self._done
        done = self._total - self._missing + self._done
        stage = f"proving: batch {done} of {self._total}, {rate:,.0f} holdings a second, {_duration(left)} left"
        self._report(stage, done, self._total)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def _here(work: EpochFolder, setup: Setup, missing: list[int]) -> Iterator[Proven]:
    prover = BatchProver(work.terms, work.epoch, work.rows, setup, load_backend())
    for index in missing:
        yield prover.prove(work.read_batch(index), work.master)


# -- on a cluster ------------------------------------------------------------------------------------------------------


_PROVERS: dict[bytes, BatchProver[Any, Any]] = {}
"""What one worker process keeps between batches, by epoch."""


def _prove_on_worker(setup: Setup, terms: Terms, epoch: bytes, rows: int, batch: Batch, master: bytes) -> Proven:
    """Prove a batch on one of the cluster's processors."""
    if epoch not in _PROVERS:
        set_threads(1)
        _PROVERS[epoch] = BatchProver(terms, epoch, rows, setup, load_backend())
    return _PROVERS[epoch].prove(batch, master)


def _on_cluster(work: EpochFolder, setup: Setup, missing: list[int], address: str) -> Iterator[Proven]:
    """Batches travel to the workers and proofs back; a batch whose worker dies is started again on another.

    As many batches are under way as the cluster has processors: memory here does not grow with the customers.
    """
    with extra("ray", "--ray"):
        ray: Any = import_module("ray")
    _reach(address)
    try:
        ray.init(address=address, ignore_reinit_error=True, logging_level=logging.ERROR, log_to_driver=False)
        task = ray.remote(max_retries=RETRIES, num_cpus=1)(_prove_on_worker)
        shared = [ray.put(value) for value in (setup, work.terms)]
        waiting = iter(missing)
        under_way: list[Any] = []
        slots = max(1, int(ray.cluster_resources().get("CPU", 1)))
        while True:
            for index in waiting:
                batch = work.read_batch(index)
                under_way.append(task.remote(*shared, work.epoch, work.rows, batch, work.master))
                if len(under_way) == slots:
                    break
            if not under_way:
                return
            ready, under_way = ray.wait(under_way, num_returns=1)
            for done in ready:
                yield ray.get(done)
    except (ray.exceptions.RayError, ConnectionError) as error:
        said = " ".join(without_secrets(str(error), address).split())[:300]
        raise ClusterError(f"--ray {redacted(address)}: {said}") from None


def _reach(address: str) -> None:
    """Raise ClusterError when nobody listens at `host:port`: Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise ClusterError(f"--ray {redacted(address)}: expected a Ray cluster there, found none: {error}") from None


def settle_folder(
    folder: EpochFolder, reserves: Sequence[ReserveAttestation], setup: Setup, backend: Backend[V, P]
) -> Solvency:
    """Make the whole statement of a folder whose batches are all proven. Raises what `settle` raises."""
    proven = [folder.read_proof(index) for index in range(folder.batches)]
    batches = [statement for statement, _ in proven]
    openings = [opening for _, opening in proven]
    return settle(folder.terms, folder.nonce, folder.rows, batches, openings, reserves, setup, backend)
