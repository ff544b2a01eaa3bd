"""A chain in this process: no node, no network, a clock that the caller moves. For demonstrations and tests.

Needs the packages of the extra `local` (eth-tester with py-evm).
"""

from __future__ import annotations

from typing import Any, Final

from eth_account import Account
from web3 import Web3
from web3.types import Wei

from zkmargin.chain.client import Client
from zkmargin.extras import extra

GAS_LIMIT: Final = 60_000_000
FUNDS: Final = 10**21


class LocalChain:
    """A py-evm chain whose time starts at `timestamp` and goes on by a second a block; `key` is funded."""

    def __init__(self, timestamp: int, key: bytes) -> None:
        with extra("local", "a chain in this process"):
            from eth.vm.forks.cancun import CancunVM  # noqa: PLC0415 - an extra, and slow to load
            from eth_tester import EthereumTester, PyEVMBackend  # noqa: PLC0415
            from web3.providers.eth_tester import EthereumTesterProvider  # noqa: PLC0415

        # Where the packages are not installed they have no types either.
        machine: Any = CancunVM
        backend: Any = PyEVMBackend

        class Machine(machine):  # type: ignore[misc]
            """Blocks follow one another by a second, whatever the time outside."""

            @staticmethod
            def create_header_from_parent(parent_header: Any, **fields: Any) -> Any:
                if parent_header is not None:
                    fields.setdefault("timestamp", parent_header.timestamp + 1)
                return machine.create_header_from_parent(parent_header, **fields)

        genesis = backend.generate_genesis_params({"timestamp": timestamp - 60, "gas_limit": GAS_LIMIT})
        self._backend: Any = backend(genesis_parameters=genesis, vm_configuration=((0, Machine),))
        self._tester: Any = EthereumTester(self._backend)
        web3 = Web3(EthereumTesterProvider(self._tester))
        self.client = Client(web3, Account.from_key(key))
        """Signs with the funded key."""
        web3.eth.send_transaction({"from": web3.eth.accounts[0], "to": self.client.address, "value": Wei(FUNDS)})
        self.move_to(timestamp)

    def move_to(self, timestamp: int) -> None:
        """Mine a block at this time, which must not be past."""
        chain = self._backend.chain
        chain.header = chain.header.copy(timestamp=timestamp)
        self._tester.mine_block()
