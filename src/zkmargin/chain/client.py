"""One connection to a chain, and one key: estimates before sending, receipts checked, reverts in words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import Any, Final

from eth_account import Account
from eth_account.signers.local import LocalAccount
from hexbytes import HexBytes
from web3 import Web3
from web3.contract import Contract
from web3.exceptions import BadResponseFormat, TransactionNotFound, Web3Exception, Web3RPCError
from web3.middleware import ExtraDataToPOAMiddleware

from zkmargin.chain.digests import created_address
from zkmargin.chain.errors import ChainError, error_of
from zkmargin.chain.journal import MAX_NONCE, Journal, SignedTransaction, intent_of
from zkmargin.chain.node import Node
from zkmargin.chain.spending import MAX_GAS, MAX_GAS_PRICE_WEI, Ceiling
from zkmargin.connectors.urls import redacted, without_secrets
from zkmargin.verifier.contracts.artifacts import load_artifact
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.ethereum import format_address
from zkmargin.verifier.statements.deployment import MAX_CHAIN_ID

RECEIPT_SECONDS: Final = 180
POLL_SECONDS: Final = 0.1
MAX_POLL_SECONDS: Final = 4.0
_QUOTED: Final = re.compile(r"""execution reverted: b('|")((?:[ -\[\]-~]|\\[\\'"nrt]|\\x[0-9a-f]{2})*)\1$""")
"""How eth-tester tells a revert's data: as Python writes bytes."""
TOO_MANY: Final = 429
SERVER_ERROR: Final = 500
_MISSHAPEN: Final = (TypeError, KeyError, AttributeError, IndexError, OverflowError)
"""What the library raises over results of another shape: null, lists, missing fields."""
_NO_ANSWER: Final = (FormatError, BadResponseFormat, *_MISSHAPEN)
MARGIN_PERCENT: Final = 10
"""Gas allowed beyond the estimate: what is measured on one block may cost a little more on the next."""


@dataclass
class Client:
    """A chain, and the key that signs what is sent to it; without a key it only reads."""

    web3: Web3
    account: LocalAccount | None = None
    gas_used: int = 0
    """By all transactions so far."""
    journal: Journal = field(default_factory=Journal)
    rpc: str = ""
    """The node's address, which no message shows whole."""
    ceiling: Ceiling | None = None
    """What may be spent; None: a chain of this process, whose coins are worth nothing."""
    _chain_id: int | None = None

    @property
    def chain_id(self) -> int:
        """EIP-155. Asked for once: what was compared with the user's is what transactions are signed for."""
        if self._chain_id is None:
            with self.speaking("the chain's id"):
                self._chain_id = _number(self.web3.eth.chain_id, 1, MAX_CHAIN_ID, "the chain's id")
        return self._chain_id

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
        receipt, nonce = self._send_once({"data": "0x" + code.hex()}, what)
        address = created_address(bytes.fromhex(self.address[2:]), nonce)
        named = receipt.get("contractAddress")
        if not isinstance(named, str) or named.lower() != "0x" + address.hex():
            raise ChainError(f"{what}: expected a receipt of the contract {format_address(address)}, got another one's")
        return address

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
        return self._send_once(transaction, what)[0]

    def _send_once(self, transaction: dict[str, Any], what: str) -> tuple[Any, int]:
        """Send as one idempotent operation: signed, in the journal, then sent, until it is in a block or refused.

        Returns the receipt, and the transaction's nonce.
        """
        if self.account is None:
            raise ChainError(f"{what}: expected a key to sign with")
        intent = intent_of(self.chain_id, self.address, transaction)
        signed = self.journal.find(intent)
        if signed is None or self._is_replaced(signed, what):
            signed = self._sign(self.account, transaction, intent, what)
            self.journal.add(signed)
        receipt = self._settle(signed, what)
        self.gas_used += receipt["gasUsed"]
        if receipt["status"] != 1:
            self.journal.drop(intent)
            raise ChainError(
                f"{what}: transaction 0x{signed.digest.hex()} reverted in block {receipt['blockNumber']}; the chain's "
                "state changed after the estimate, so try again"
            )
        return receipt, signed.nonce

    def _sign(self, account: LocalAccount, transaction: dict[str, Any], intent: bytes, what: str) -> SignedTransaction:
        """Sign within the ceiling. A node chooses gas, fees and nonce, and nothing else of a transaction."""
        eth = self.web3.eth
        base = {"from": self.address, "value": 0, "chainId": self.chain_id, **transaction}
        with self.speaking(what):
            estimate = _number(eth.estimate_gas(base), 1, MAX_GAS, f"{what}: gas")  # type: ignore[arg-type]
            limit = _number(eth.get_block("latest")["gasLimit"], 1, MAX_GAS_PRICE_WEI, f"{what}: the block's gas limit")
            base["gas"] = min(estimate + estimate * MARGIN_PERCENT // 100, limit)
            nonce = eth.get_transaction_count(account.address, "pending")
            base["nonce"] = _number(nonce, 0, MAX_NONCE, f"{what}: the nonce")
            fees = self._fees(what)
        base.pop("from")
        if self.ceiling is not None:
            self.ceiling.spend(base["gas"] * fees.get("maxFeePerGas", fees.get("gasPrice", 0)) + base["value"], what)
        signed = account.sign_transaction(base | fees)
        return SignedTransaction(intent, bytes(signed.hash), bytes(signed.raw_transaction), int(base["nonce"]))

    def _is_replaced(self, signed: SignedTransaction, what: str) -> bool:
        """Whether an earlier run's transaction can no longer come to be: another one took its nonce."""
        with self.speaking(what):
            if self._receipt(signed, what) is not None or self._is_known(signed):
                return False
            if self.web3.eth.get_transaction_count(Web3.to_checksum_address(self.address), "latest") <= signed.nonce:
                return False
        self.journal.drop(signed.intent)
        return True

    def _settle(self, signed: SignedTransaction, what: str) -> Any:
        """Send until a block has the transaction, and return its receipt. Raises ChainError when the node refuses it.

        An answer that does not come, or says that the node is busy, says nothing about the transaction: it is looked up
        and sent again. The same holds for "already known" and for a nonce that the transaction itself has used.
        """
        deadline, pause, sent = monotonic() + RECEIPT_SECONDS, POLL_SECONDS, False
        while True:
            if not sent:
                try:
                    self.web3.eth.send_raw_transaction(HexBytes(signed.raw))
                    sent = True
                except Exception as error:
                    if not _is_uncertain(error) and not self._is_settled(signed, what):
                        self.journal.drop(signed.intent)
                        with self.speaking(what):
                            raise
            receipt = self._receipt(signed, what)
            if receipt is not None:
                return receipt
            if monotonic() > deadline:
                raise ChainError(
                    f"{what}: transaction 0x{signed.digest.hex()} was sent and is in no block after {RECEIPT_SECONDS} "
                    "s; run the same command again to go on waiting for it"
                )
            sleep(pause)
            pause = min(2 * pause, MAX_POLL_SECONDS)

    def _is_settled(self, signed: SignedTransaction, what: str) -> bool:
        return self._receipt(signed, what) is not None or self._is_known(signed)

    def _is_known(self, signed: SignedTransaction) -> bool:
        try:
            return bool(self.web3.eth.get_transaction(HexBytes(signed.digest)))
        except Exception as error:
            if isinstance(error, TransactionNotFound) or _is_uncertain(error):
                return False
            raise

    def _receipt(self, signed: SignedTransaction, what: str) -> Any:
        """Return the receipt, None while there is none or the node does not say. Raises ChainError for half a one."""
        try:
            receipt = self.web3.eth.get_transaction_receipt(HexBytes(signed.digest))
        except TransactionNotFound:
            return None
        except Exception as error:
            if _is_uncertain(error):
                return None
            with self.speaking(what):
                raise
        for name, kind in (("status", int), ("gasUsed", int), ("blockNumber", int), ("transactionHash", bytes)):
            if not isinstance(receipt.get(name), kind):
                raise ChainError(f"{what}: expected a receipt with {name}, got one without; is --rpc an Ethereum node?")
        return receipt

    def _fees(self, what: str) -> dict[str, int]:
        """What the node says of fees, in wei a unit of gas."""

        def price(value: Any, name: str) -> int:
            return _number(value, 0, MAX_GAS_PRICE_WEI, f"{what}: the {name}")

        base_fee = self.web3.eth.get_block("latest").get("baseFeePerGas")
        if base_fee is None:
            return {"gasPrice": price(self.web3.eth.gas_price, "gas price")}
        tip = price(self.web3.eth.max_priority_fee, "priority fee")
        return {"maxFeePerGas": 2 * price(base_fee, "base fee") + tip, "maxPriorityFeePerGas": tip, "type": 2}

    @contextmanager
    def speaking(self, what: str) -> Iterator[None]:
        """Turn whatever goes wrong between here and the chain into one of our errors."""
        try:
            yield
        except ChainError:
            raise
        except (Web3Exception, ValueError, OSError, *_MISSHAPEN) as error:
            raise _translated(error, what, self.rpc) from None
        except Exception as error:
            # In-process chains raise classes of their own, which need not be installed.
            if type(error).__name__ != "TransactionFailed":
                raise
            raise _translated(error, what, self.rpc) from None


def connect(
    rpc: str,
    key: bytes | None = None,
    *,
    chain_id: int | None = None,
    ceiling: Ceiling | None = None,
    journal: Journal | None = None,
) -> Client:
    """Connect to a JSON-RPC node at an http(s) address. Raises ChainError when nobody answers.

    chain_id: the chain that the node must be of; None: whichever it says. ceiling: what may be spent, by default a
    tenth of the chain's coin. journal: where transactions are kept until the command is done, so that it can be run
    again.
    """
    if not rpc.startswith(("http://", "https://")):
        raise ChainError(f"--rpc: expected an http or https address, got {redacted(rpc)}")
    web3 = Web3(Node(rpc))
    # Chains whose blocks are signed put more than 32 bytes into extraData.
    web3.middleware_onion.inject(ExtraDataToPOAMiddleware, layer=0)
    client = Client(
        web3,
        None if key is None else Account.from_key(key),
        rpc=rpc,
        journal=journal or Journal(),
        ceiling=ceiling or Ceiling(),
    )
    with client.speaking(f"--rpc {redacted(rpc)}"):
        found = client.chain_id
    if chain_id is not None and found != chain_id:
        raise ChainError(f"--rpc {redacted(rpc)}: expected a node of chain {chain_id}, got one of chain {found}")
    return client


def _number(value: Any, low: int, high: int, where: str) -> int:
    """A number of a node's answer. Raises ChainError."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ChainError(f"{where}: expected a number from {low} to {high}, got another answer; is --rpc right?")
    return int(value)


def _is_uncertain(error: BaseException) -> bool:
    """Whether an answer says nothing about the transaction: none came, or the node is busy, or it is no answer."""
    status = _http_status(error)
    if status is not None:
        return status == TOO_MANY or status >= SERVER_ERROR
    if isinstance(error, Web3RPCError):
        return False
    return isinstance(error, (OSError, *_NO_ANSWER))


def _http_status(error: BaseException) -> int | None:
    return getattr(getattr(error, "response", None), "status_code", None)


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


def _translated(error: BaseException, what: str, rpc: str = "") -> Exception:
    data = revert_data(error)
    if data:
        return error_of(data, what)
    if isinstance(error, Web3RPCError) and isinstance(error.rpc_response, dict):
        detail = error.rpc_response.get("error")
        text = str(detail.get("message", detail)) if isinstance(detail, dict) else str(detail)
        return ChainError(f"{what}: the node says: {_one_line(text, rpc)}")
    if (status := _http_status(error)) is not None:
        advice = {401: "is the API key right?", 403: "is the API key right?", TOO_MANY: "wait, or take another node"}
        return ChainError(f"{what}: the node answers HTTP {status}; {advice.get(status, 'try again later')}")
    if isinstance(error, OSError):
        return ChainError(
            f"{what}: the node does not answer ({type(error).__name__}); is it running, and is --rpc right?"
        )
    if isinstance(error, _NO_ANSWER):
        got = _one_line(str(error), rpc) if isinstance(error, FormatError) else type(error).__name__
        return ChainError(f"{what}: expected an answer of an Ethereum node, got another: {got}; is --rpc right?")
    return ChainError(f"{what}: {type(error).__name__}: {_one_line(str(error), rpc)}")


def _one_line(text: str, rpc: str) -> str:
    return " ".join((without_secrets(text, rpc) if rpc else text).split())[:200]
