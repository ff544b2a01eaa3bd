"""Chains for the tests: one in the process, and anvil over JSON-RPC, started and stopped by the tests."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from eth_account import Account
from web3 import Web3

from zkmargin.chain.client import Client
from zkmargin.verifier.contracts.compile import FOLDER

OWNER = bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
"""Anvil's first well-known key, also funded in process."""
START_SECONDS = 20


class Chain(Protocol):
    """A chain whose clock the tests move."""

    client: Client

    def move_to(self, timestamp: int) -> None:
        """Mine a block at this time."""


class Anvil:
    """A node of its own."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = Client(Web3(Web3.HTTPProvider(url)), Account.from_key(OWNER))

    def move_to(self, timestamp: int) -> None:
        provider: Any = self.client.web3.provider
        provider.make_request("evm_setNextBlockTimestamp", [timestamp])
        provider.make_request("evm_mine", [])


def anvil_program() -> str | None:
    """The native program of the npm package, or one on the path."""
    found = sorted(Path(FOLDER).glob("node_modules/@foundry-rs/anvil-*/bin/anvil"))
    return str(found[0]) if found else shutil.which("anvil")


def forge_program() -> str | None:
    """The native program of the npm package, or one on the path."""
    found = sorted(Path(FOLDER).glob("node_modules/@foundry-rs/forge-*/bin/forge"))
    return str(found[0]) if found else shutil.which("forge")


@contextmanager
def running_anvil(timestamp: int) -> Iterator[Anvil]:
    """A node on a free port, gone when the block ends."""
    program = anvil_program()
    assert program is not None
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(  # noqa: S603 - a tool of the tests
        [program, "--port", str(port), "--timestamp", str(timestamp), "--silent"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        chain = Anvil(f"http://127.0.0.1:{port}")
        for _ in range(10 * START_SECONDS):
            if chain.client.web3.is_connected():
                break
            time.sleep(0.1)
        yield chain
    finally:
        process.kill()
        process.wait()
