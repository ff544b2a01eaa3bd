"""One connection to a chain, and one key: estimates before sending, receipts checked, reverts in words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, cast

from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3 import HTTPProvider, Web3
from web3.contract import Contract
from web3.exceptions import TimeExhausted, Web3Exception, Web3RPCError
from web3.types import RPCResponse

from zkmargin.chain.errors import ChainError, error_of
from zkmargin.verifier.contracts.artifacts import load_artifact
from zkmargin.verifier.documents import parse_json
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.ethereum import format_address

RECEIPT_SECONDS: Final = 180
_QUOTED: Final = re.compile(r"""execution reverted: b('|")((?:[ -\[\]-~]|\\[\\'"nrt]|\\x[0-9a-f]{2})*)\1$""")
"""How eth-tester tells a revert's data: as Python writes bytes."""
REQUEST_SECONDS: Final = 60
MARGIN_PERCENT: Final = 10
"""Gas allowed beyond the estimate: what is measured on one block may cost a little more on the next."""


@dataclass
class Client:
    """A chain, and the key that signs what is sent to it; without a key it only reads."""

    web3: Web3
    account: LocalAccount | None = None
    gas_used: int = 0
    """By all transactions so far."""

    @property
    def chain_id(self) -> int:
        """EIP-155."""
        with self.speaking("the chain's id"):
            return int(self.web3.eth.chain_id)

    @property
    def address(self) -> str:
        """Of the key."""
        if self.account is None:
            raise ChainError("expected a key to sign transactions with")
        return str(self.account.address)

    def contract(self, name: str, address: bytes) -> Contract:
        """A deployed contract by the name of its artefact."""
        return self.web3.eth.contract(address=Web3.to_checksum_address(address), abi=load_artifact(name).abi)

    def code(self, address: bytes) -> bytes:
        """The code of a contract."""
        with self.speaking("reading code"):
            return bytes(self.web3.eth.get_code(Web3.to_checksum_address(address)))

    def require_code(self, address: bytes, what: str) -> bytes:
        """The code, which must not be empty. Raises ChainError naming `what`."""
        code = self.code(address)
        if not code:
            raise ChainError(
                f"{what}: expected a contract at {format_address(address)} on chain {self.chain_id}, found none; is "
                "this the chain of the deployment?"
            )
        return code

    def call(self, function: Any, what: str) -> Any:
        """Read. Raises ChainError or ProofRefused in the words of the contract's error."""
        with self.speaking(what):
            return function.call()

    def create(self, code: bytes, what: str) -> bytes:
        """Create a contract from creation code with its arguments; returns its address."""
        receipt = self._send({"data": "0x" + code.hex()}, what)
        address = receipt["contractAddress"]
        if address is None:
            raise ChainError(f"{what}: expected a contract's address in the receipt, got none")
        return bytes.fromhex(str(address)[2:])

    def deploy(self, name: str, arguments: Sequence[Any]) -> bytes:
        """Create a contract from its artefact; returns its address."""
        artifact = load_artifact(name)
        factory = self.web3.eth.contract(abi=artifact.abi, bytecode=artifact.creation)
        data = factory.constructor(*arguments).data_in_transaction
        return self.create(bytes.fromhex(str(data)[2:]), f"deploying {name}")

    def send(self, function: Any, what: str, value: int = 0) -> Any:
        """Estimate, sign, send, and wait for the receipt. Raises ChainError or ProofRefused."""
        data = function.build_transaction({"gas": 0, "gasPrice": 0, "nonce": 0, "chainId": 0})["data"]
        return self._send({"to": function.address, "data": data, "value": value}, what)

    def _send(self, transaction: dict[str, Any], what: str) -> Any:
        if self.account is None:
            raise ChainError(f"{what}: expected a key to sign with")
        eth = self.web3.eth
        with self.speaking(what):
            base = {"from": self.address, "value": 0, "chainId": eth.chain_id, **transaction}
            estimate = eth.estimate_gas(base)  # type: ignore[arg-type]
            limit = eth.get_block("latest")["gasLimit"]
            base["gas"] = min(estimate + estimate * MARGIN_PERCENT // 100, limit)
            base["nonce"] = eth.get_transaction_count(self.account.address, "pending")
            base |= self._fees()
            base.pop("from")
            signed = self.account.sign_transaction(base)
            digest = eth.send_raw_transaction(signed.raw_transaction)
            try:
                receipt = eth.wait_for_transaction_receipt(digest, timeout=RECEIPT_SECONDS)
            except TimeExhausted:
                raise ChainError(
                    f"{what}: transaction {digest.to_0x_hex()} was sent and is in no block after {RECEIPT_SECONDS} s; "
                    "look it up before sending again"
                ) from None
        self.gas_used += receipt["gasUsed"]
        if receipt["status"] != 1:
            raise ChainError(
                f"{what}: transaction {digest.to_0x_hex()} reverted in block {receipt['blockNumber']}; the chain's "
                "state changed after the estimate, so try again"
            )
        return receipt

    def _fees(self) -> dict[str, int]:
        base_fee = self.web3.eth.get_block("latest").get("baseFeePerGas")
        if base_fee is None:
            return {"gasPrice": self.web3.eth.gas_price}
        tip = self.web3.eth.max_priority_fee
        return {"maxFeePerGas": 2 * base_fee + tip, "maxPriorityFeePerGas": tip, "type": 2}

    @contextmanager
    def speaking(self, what: str) -> Iterator[None]:
        """Turn whatever goes wrong between here and the chain into one of our errors."""
        try:
            yield
        except ChainError:
            raise
        except (Web3Exception, ValueError, OSError) as error:
            raise _translated(error, what) from None
        except Exception as error:
            # In-process chains raise classes of their own, which need not be installed.
            if type(error).__name__ != "TransactionFailed":
                raise
            raise _translated(error, what) from None


class _Node(HTTPProvider):
    """A JSON-RPC node over HTTP, whose answers are read like every other untrusted document."""

    @staticmethod
    def decode_rpc_response(raw_response: bytes) -> RPCResponse:
        answer = parse_json(raw_response, "the node's answer", fraction=float, controls=True)
        if not isinstance(answer, dict):
            raise FormatError("the node's answer: expected one JSON object, got another value")
        return cast(RPCResponse, answer)


def connect(rpc: str, key: bytes | None = None) -> Client:
    """Connect to a JSON-RPC node at an http(s) address. Raises ChainError when nobody answers."""
    if not rpc.startswith(("http://", "https://")):
        raise ChainError(f"--rpc: expected an http or https address, got {rpc[:80]!r}")
    web3 = Web3(_Node(rpc, request_kwargs={"timeout": REQUEST_SECONDS}))
    client = Client(web3, None if key is None else Account.from_key(key))
    with client.speaking(f"--rpc {rpc}"):
        _ = web3.eth.chain_id
    return client


def revert_data(error: BaseException) -> bytes | None:
    """The data of a revert, wherever the provider has put it."""
    candidates: list[Any] = [getattr(error, "data", None), *error.args]
    if error.__cause__ is not None:
        candidates += error.__cause__.args
    response = getattr(error, "rpc_response", None)
    if isinstance(response, dict):
        detail = response.get("error")
        if isinstance(detail, dict):
            candidates.insert(0, detail.get("data"))
    for candidate in candidates:
        value = candidate.get("data") if isinstance(candidate, dict) else candidate
        if isinstance(value, bytes):
            return value
        if isinstance(value, str) and (quoted := _QUOTED.search(value)):
            return quoted[2].encode("ascii").decode("unicode_escape").encode("latin-1")
        if isinstance(value, str) and value.startswith("0x"):
            try:
                return bytes.fromhex(value[2:])
            except ValueError:
                continue
    return None


def _translated(error: BaseException, what: str) -> Exception:
    data = revert_data(error)
    if data:
        return error_of(data, what)
    if isinstance(error, Web3RPCError) and isinstance(error.rpc_response, dict):
        detail = error.rpc_response.get("error")
        text = str(detail.get("message", detail)) if isinstance(detail, dict) else str(detail)
        return ChainError(f"{what}: the node says: {text[:200]}")
    if isinstance(error, FormatError):
        return ChainError(f"{what}: {error}")
    if isinstance(error, OSError):
        return ChainError(
            f"{what}: the node does not answer ({type(error).__name__}); is it running, and is --rpc right?"
        )
    return ChainError(f"{what}: {type(error).__name__}: {' '.join(str(error).split())[:200]}")
