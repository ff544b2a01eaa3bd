"""Gas of submissions, from the receipts of a node of the run's own, and where it goes, from the node's trace."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from eth_account import Account
from full_size import instruments, policy
from web3 import Web3

from zkmargin.api import margin as api
from zkmargin.chain.client import Client
from zkmargin.chain.contracts import deploy, publish
from zkmargin.chain.submission import epoch_argument, holder_argument, proof_argument, submit
from zkmargin.prover.signing import address_of_key
from zkmargin.verifier.contracts.compile import FOLDER

ROWS = 4096
KEY = bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
VENUES = {f"venue-{number}": (100 + number).to_bytes(32, "big") for number in range(2)}
PRECOMPILES = {1: "signatures", 6: "ecAdd", 7: "ecMul", 8: "pairing"}
STORAGE = ("SLOAD", "SSTORE")
Breakdown = dict[str, int]


def anvil() -> str | None:
    """The node's program."""
    found = sorted(Path(FOLDER).glob("node_modules/@foundry-rs/anvil-*/bin/anvil"))
    return str(found[0]) if found else None


@contextmanager
def node(timestamp: int) -> Iterator[Client]:
    """A node, gone when the block ends."""
    program = anvil()
    if program is None:
        raise FileNotFoundError("anvil: run npm install in verifier/contracts")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [program, "--port", str(port), "--timestamp", str(timestamp), "--silent", "--steps-tracing"]
    process = subprocess.Popen(  # noqa: S603
        [*command, "--gas-limit", "100000000"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        provider = Web3.HTTPProvider(f"http://127.0.0.1:{port}", request_kwargs={"timeout": 120})
        client = Client(Web3(provider), Account.from_key(KEY))
        for _ in range(200):
            if client.web3.is_connected():
                break
            time.sleep(0.1)
        yield client
    finally:
        process.kill()
        process.wait()


class Gas:
    """Gas of first submissions under `scenarios` scenarios with two venues."""

    def __init__(self, client: Client, scenarios: int, *, pin: bool) -> None:
        self.client, self.pin = client, pin
        self.policy, self.setup = policy(scenarios), api.development_setup(ROWS)
        self.market = api.build_market(instruments(ROWS * 11 // 16), self.policy, self.setup)
        venues = {name: address_of_key(key) for name, key in VENUES.items()}
        self.record = deploy(client, self.policy, self.setup, "setup.json", venues)
        self.deploy_gas = client.gas_used
        self.published = publish(client, self.record, self.market, self.setup, oracle_key=KEY, pin=pin)

    def prove(self, number: int) -> Any:
        """A proof of an account of its own."""
        account = str(Account.from_key((1000 + number).to_bytes(32, "big")).address)
        book = {"USD": "1000000"}
        pairs = [
            api.attest(self.market, book, account=account, venue=name, key=key, setup=self.setup, sequence=1)
            for name, key in VENUES.items()
        ]
        return api.prove_margin(
            self.market,
            self.policy,
            [attestation for attestation, _ in pairs],
            [opening for _, opening in pairs],
            self.setup,
            deployment=self.record.target,
        )

    def submit(self, number: int = 0) -> tuple[int, Breakdown]:
        """Gas used by one submission, and its items."""
        sent = submit(self.client, self.record, self.prove(number), self.market.terms)
        return sent.gas_used, self._items(sent.transaction, sent.gas_used)

    def batch(self, count: int) -> float:
        """Gas used an account by one batch, in increasing order of account."""
        margins = [self.prove(1000 * count + number) for number in range(count)]
        margins.sort(key=lambda margin: margin.statement.account)
        verifier = self.published.verifier
        proofs = [proof_argument(self.client, verifier, margin, self.market.terms) for margin in margins]
        holders = [holder_argument(m.statement.account, m.statement.snapshot_time, m.attestations) for m in margins]
        epoch = epoch_argument(self.policy.digest, self.market.terms, pinned=self.pin)
        gate = self.client.contract("Gate", self.record.gate).functions
        receipt = self.client.send(gate.submitBatch(epoch, holders, proofs), "submitting a batch")
        if len(self.client.contract("Gate", self.record.gate).events.Granted().process_receipt(receipt)) != count:
            raise ValueError("expected every item of the batch to be granted")
        return float(receipt["gasUsed"]) / count

    def _items(self, transaction: str, total: int) -> Breakdown:
        provider: Any = self.client.web3.provider
        options = {"disableStorage": True, "disableMemory": True}
        steps = provider.make_request("debug_traceTransaction", [transaction, options])["result"]["structLogs"]
        data = bytes(self.client.web3.eth.get_transaction(transaction)["input"])  # type: ignore[arg-type]
        items: Counter[str] = Counter(base=21_000, calldata=sum(16 if byte else 4 for byte in data))
        for step, following in pairwise(steps):
            if step["op"] == "STATICCALL" and following["depth"] == step["depth"]:
                called = int(step["stack"][-2], 16)
                if called in PRECOMPILES:
                    items[PRECOMPILES[called]] += step["gas"] - following["gas"]
            elif step["op"] in STORAGE:
                items["storage"] += step["gasCost"]
            elif step["op"].startswith("LOG"):
                items["event"] += step["gasCost"]
        items["rest"] = total - sum(items.values())
        return dict(items)


def main() -> None:
    """Print the table of docs/gas.md."""
    for scenarios in (16, 33):
        for pin in (True, False):
            case_policy = instruments(4).as_of
            with node(int(case_policy.timestamp()) + 60) as client:
                gas = Gas(client, scenarios, pin=pin)
                total, items = gas.submit()
                columns = len(gas.market.names)
                print(f"{scenarios} scenarios, {columns} market columns, pinned={pin}: {total} {items}")
                print(f"  deploy {gas.deploy_gas}, first publish {gas.published.gas_used}")
                if scenarios == 16 and "--batch" in sys.argv:
                    for count in (2, 8, 32):
                        print(f"  batch of {count}: {gas.batch(count):.0f} each")


if __name__ == "__main__":
    main()
