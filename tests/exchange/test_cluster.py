"""Proving on a local Ray cluster of several processes, one of which is killed; balances in a real PostgreSQL server."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sql
from support.balances import many_assets, write_balances
from support.solvency import setup, terms

from zkmargin.exchange.balances import InputError, open_balances
from zkmargin.exchange.epoch_folder import EpochFolder, create_epoch_folder
from zkmargin.exchange.proving import ClusterError, prove_batches

pytestmark = [pytest.mark.slow, pytest.mark.timeout(500)]


@pytest.fixture
def work(tmp_path: Path) -> EpochFolder:
    agreed = many_assets(10)
    write_balances(tmp_path / "b.parquet", agreed, 400)
    return create_epoch_folder(
        tmp_path / "work", open_balances(str(tmp_path / "b.parquet")), agreed, setup().digest, 64
    )


# -- Ray ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def cluster() -> Iterator[str]:
    ray = pytest.importorskip("ray", reason="needs zkmargin[ray]")
    context: Any = ray.init(
        num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error", _node_ip_address="127.0.0.1"
    )
    yield context.address_info["gcs_address"]
    ray.shutdown()


def workers() -> list[int]:
    """The processes of this test's cluster that are proving a batch, by what they call themselves."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                title = (process / "cmdline").read_bytes()
            except OSError:
                continue
            if title.startswith(b"ray::_prove_on_worker"):
                found.append(int(process.name))
    return found


def test_a_worker_killed_half_way_loses_nothing(work: EpochFolder, cluster: str) -> None:
    killed: list[int] = []

    def kill() -> None:
        deadline = time.monotonic() + 120
        while not killed and time.monotonic() < deadline:
            if work.proof_path(0).exists():
                for pid in workers()[:1]:
                    os.kill(pid, signal.SIGKILL)
                    killed.append(pid)
            time.sleep(0.01)

    killer = threading.Thread(target=kill)
    killer.start()
    assert prove_batches(work, setup(), ray_address=cluster) == work.batches > 10
    killer.join()
    assert killed
    assert work.missing() == []
    proofs = {index: work.proof_path(index).read_bytes() for index in range(work.batches)}
    for index in (0, work.batches - 1):
        work.proof_path(index).unlink()
    # What a cluster proves is what one process proves.
    assert prove_batches(work, setup()) == 2
    assert all(work.proof_path(index).read_bytes() == proof for index, proof in proofs.items())


def test_a_cluster_that_is_not_there(work: EpochFolder) -> None:
    pytest.importorskip("ray", reason="needs zkmargin[ray]")
    with pytest.raises(ClusterError, match="--ray 127"):
        prove_batches(work, setup(), ray_address="127.0.0.1:1")
    assert len(work.missing()) == work.batches


# -- PostgreSQL --------------------------------------------------------------------------------------------------------


def server_program(name: str) -> str | None:
    found = shutil.which(name)
    if found is None:
        versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
        found = str(versions[-1]) if versions else None
    return found


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[str]:
    """A server of its own in a folder of its own; it refuses to run as root."""
    initdb, server = server_program("initdb"), server_program("postgres")
    if initdb is None or server is None:
        pytest.skip("needs PostgreSQL's server programs")
    data, port = tmp_path / "data", free_port()
    user: dict[str, Any] = {}
    if os.geteuid() == 0:
        data.mkdir()
        for parent in (tmp_path, *tmp_path.parents):
            if parent.stat().st_uid == 0 and parent != Path("/") and not parent.stat().st_mode & 0o001:
                parent.chmod(parent.stat().st_mode | 0o011)
        shutil.chown(data, "nobody")
        user = {"user": "nobody", "group": "nogroup", "extra_groups": []}
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": str(tmp_path), **user}
    environment = {**os.environ, "LC_ALL": "C", "HOME": str(data)}
    command = [initdb, "-D", str(data), "-U", "zkmargin", "-A", "trust", "-E", "UTF8", "--no-sync"]
    subprocess.run(command, check=True, env=environment, **quiet)  # noqa: S603
    listen = ["-p", str(port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off"]
    process = subprocess.Popen([server, "-D", str(data), *listen], env=environment, **quiet)  # noqa: S603
    url = f"postgresql+psycopg://zkmargin@127.0.0.1:{port}/postgres"
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                with sql.create_engine(url).connect():
                    break
            except sql.exc.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
        yield url
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


def test_balances_from_a_postgresql_server(postgres: str, tmp_path: Path) -> None:
    engine = sql.create_engine(postgres)
    holdings = sql.Table(
        "holdings",
        sql.MetaData(),
        sql.Column("customer", sql.Text, nullable=False),
        sql.Column("asset", sql.Text, nullable=False),
        *(sql.Column(name, sql.Numeric(30, 10)) for name in ("equity", "debt", "collateral")),
    )
    holdings.create(engine)
    rows = [
        {"customer": f"c{i:05d}", "asset": asset, "equity": f"{i}.25", "debt": 0, "collateral": 0}
        for i in range(3000)
        for asset in ("BTC", "USD")
    ]
    with engine.begin() as connection:
        connection.execute(holdings.insert(), rows)
    made = create_epoch_folder(
        tmp_path / "work", open_balances(postgres, table="holdings", chunk_rows=1000), terms(), setup().digest, 256
    )
    assert (made.customers, made.holdings) == (3000, 6000)
    total = sum(int(made.read_batch(index).free.sum()) for index in range(made.batches))
    assert total == sum(i * 10_000 + 2500 + i * 100 + 25 for i in range(3000))
    with engine.begin() as connection:
        connection.execute(holdings.update().where(holdings.c.customer == "c01000").values(equity="-1"))
    with pytest.raises(InputError, match=r"table holdings: row 2001: equity"):
        create_epoch_folder(tmp_path / "other", open_balances(postgres, table="holdings"), terms(), setup().digest, 256)
    with pytest.raises(InputError, match="no_such"):
        create_epoch_folder(tmp_path / "other", open_balances(postgres, table="no_such"), terms(), setup().digest, 256)
    assert not (tmp_path / "other").exists()
