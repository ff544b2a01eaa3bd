"""An EVM in the process of the tests: pyrevm where there are wheels for it, else py-evm."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from eth_abi import decode, encode

from zkmargin.verifier.contracts.artifacts import load_artifact
from zkmargin.verifier.contracts.table import build_table, creation_code, encode_public_inputs, runtime_code
from zkmargin.verifier.keccak import keccak256
from zkmargin.verifier.proof import PublicInputs
from zkmargin.verifier.verify import VerifyingKey

GAS = 16_000_000
SENDER = "0x" + "11" * 20


@dataclass(frozen=True)
class Outcome:
    """What a call returned, or reverted with."""

    ok: bool
    data: bytes
    gas: int


class Evm(Protocol):
    """As much of an EVM as the verifier's tests need."""

    def create(self, code: bytes) -> str:
        """Create a contract; returns its address."""

    def call(self, address: str, data: bytes, gas: int = GAS) -> Outcome:
        """Call it."""


class Revm:
    """pyrevm."""

    def __init__(self) -> None:
        from pyrevm import EVM  # noqa: PLC0415 - has no wheel for every Python

        self._evm: Any = EVM()
        self._evm.set_balance(SENDER, 10**24)

    def create(self, code: bytes) -> str:
        return str(self._evm.deploy(SENDER, code, gas=GAS))

    def call(self, address: str, data: bytes, gas: int = GAS) -> Outcome:
        snapshot = self._evm.snapshot()
        try:
            output = bytes(self._evm.message_call(SENDER, address, calldata=data, gas=gas))
            return Outcome(True, output, self._evm.result.gas_used)
        except RuntimeError as error:
            text = str(error)
            found = text.split("output: 0x")[1].split(" ", maxsplit=1)[0] if "output: 0x" in text else ""
            # There is no result where not even the call's data could be paid for.
            result = self._evm.result
            return Outcome(False, bytes.fromhex(found), gas if result is None else result.gas_used)
        finally:
            self._evm.revert(snapshot)


class PyEvm:
    """py-evm under eth-tester."""

    def __init__(self) -> None:
        from eth_tester import EthereumTester, PyEVMBackend  # noqa: PLC0415 - slow to load
        from web3 import Web3  # noqa: PLC0415
        from web3.providers.eth_tester import EthereumTesterProvider  # noqa: PLC0415

        self._web3 = Web3(EthereumTesterProvider(EthereumTester(PyEVMBackend())))

    def create(self, code: bytes) -> str:
        eth = self._web3.eth
        digest = eth.send_transaction({"from": eth.accounts[0], "data": code, "gas": GAS})
        return str(eth.get_transaction_receipt(digest)["contractAddress"])

    def call(self, address: str, data: bytes, gas: int = GAS) -> Outcome:
        from zkmargin.chain.client import revert_data  # noqa: PLC0415

        eth = self._web3.eth
        try:
            return Outcome(True, bytes(eth.call({"from": eth.accounts[0], "to": address, "data": data, "gas": gas})), 0)
        except Exception as error:  # What eth-tester and web3 raise has no class in common.
            return Outcome(False, revert_data(error) or b"", 0)


@cache
def evm() -> Evm:
    """The process's EVM."""
    try:
        return Revm()
    except ImportError:
        return PyEvm()


def selector(signature: str) -> bytes:
    """Of a function or an error."""
    return keccak256(signature.encode())[:4]


VERIFY = selector("verify(bytes,bytes,bytes)")
VERIFY_BATCH = selector("verifyBatch(bytes,bytes[],bytes[])")
VERIFY_TOGETHER = selector("verifyTogether(bytes,bytes[],bytes[],uint256,uint256)")
ERRORS = {
    selector(f"{e['name']}({','.join(i['type'] for i in e['inputs'])})"): e["name"]
    for e in load_artifact("Verifier").abi
    if e["type"] == "error"
}


@dataclass(frozen=True)
class OnChain:
    """A circuit's verifier contract."""

    key: VerifyingKey
    address: str

    @classmethod
    def deploy(cls, key: VerifyingKey) -> OnChain:
        """Create it."""
        return cls(key, evm().create(creation_code(runtime_code(build_table(key), load_artifact("Verifier").code))))

    def verify(self, public: PublicInputs, proof: bytes) -> str | None:
        """None when accepted, else the error's name."""
        inputs, market = encode_public_inputs(public)
        return self.verify_bytes(inputs, market, proof)

    def verify_bytes(self, inputs: bytes, market: bytes, proof: bytes) -> str | None:
        """`verify` of any bytes."""
        outcome = evm().call(self.address, VERIFY + encode(["bytes"] * 3, [inputs, market, proof]))
        return None if outcome.ok else ERRORS.get(outcome.data[:4], f"unknown: {outcome.data.hex()}")

    def verify_batch(self, publics: list[PublicInputs], proofs: list[bytes]) -> list[str | None]:
        """One verdict a proof."""
        outcome = self.batch_outcome(publics, proofs)
        assert outcome.ok, outcome.data
        accepted, refusals = decode(["bool[]", "bytes[]"], outcome.data)
        assert [not refusal for refusal in refusals] == list(accepted)
        return [None if fine else ERRORS[refusal[:4]] for fine, refusal in zip(accepted, refusals, strict=True)]

    def batch_outcome(self, publics: list[PublicInputs], proofs: list[bytes], gas: int = GAS) -> Outcome:
        """What a batch's call comes to with so much gas."""
        inputs = [encode_public_inputs(public)[0] for public in publics]
        market = encode_public_inputs(publics[0])[1]
        data = VERIFY_BATCH + encode(["bytes", "bytes[]", "bytes[]"], [market, inputs, proofs])
        return evm().call(self.address, data, gas)

    def verify_together(self, publics: list[PublicInputs], proofs: list[bytes], start: int, stop: int) -> str | None:
        """None when the proofs from `start` on up to `stop` all hold, else the name of an error."""
        inputs = [encode_public_inputs(public)[0] for public in publics]
        market = encode_public_inputs(publics[0])[1]
        types = ["bytes", "bytes[]", "bytes[]", "uint256", "uint256"]
        outcome = evm().call(self.address, VERIFY_TOGETHER + encode(types, [market, inputs, proofs, start, stop]))
        return None if outcome.ok else ERRORS.get(outcome.data[:4], f"unknown: {outcome.data.hex()}")
