"""The lie: a node, of whom somebody's key only wants to hear gas prices, answers what it likes.

Who tells it: whoever runs the endpoint, or stands between. What it gained: `chain publish` signed the 32 bytes that the
node called the epoch's hash, and they were the hash of a transfer of all the owner's coins; fees were paid as the node
named them; a contract's address in a receipt was believed, so that venues and policy went to the node's own contract;
the chain's id was asked for anew at every signature. Refused now: digests and addresses are computed here, the chain is
the user's, and all that a command signs stays under a ceiling.
"""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from eth_account import Account
from eth_account.typed_transactions import TypedTransaction
from hexbytes import HexBytes
from support.nodes import KEY, Node, running_node

from zkmargin.chain import node as nodes
from zkmargin.chain.client import Client, connect
from zkmargin.chain.contracts import publish
from zkmargin.chain.deployment import DeploymentRecord
from zkmargin.chain.digests import created_address, epoch_signing_digest
from zkmargin.chain.errors import ChainError
from zkmargin.chain.spending import Ceiling
from zkmargin.verifier.contracts.table import FIELDS, HEADER_BYTES, TABLE, hint_for_code
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.keccak import keccak256

OWNER = Account.from_key(KEY)
ENOUGH = 10**16


@pytest.fixture
def node() -> Iterator[Node]:
    with running_node() as served:
        yield served


def sent(node: Node) -> list[bytes]:
    return [bytes(HexBytes(raw)) for raw in node.raw]


def lie(node: Node, method: str, answer: Any) -> None:
    node.fault = lambda called, params, do: answer if called == method else do()


def pay(client: Client) -> Any:
    return client._send({"to": "0x" + "11" * 20, "data": "0x", "value": 1}, "paying")


def record_of(node: Node) -> DeploymentRecord:
    from contracts.desk import VENUES, Desk  # noqa: PLC0415 - builds a market

    desk = Desk.of("collateral-factors")
    code = node.chain.client.deploy("Registry", [OWNER.address, 0, OWNER.address])
    venues = {name: bytes(20) for name in VENUES}
    return DeploymentRecord(
        node.chain.client.chain_id, code, code, 0, desk.policy, desk.setup.digest, "setup.json", venues
    )


def test_the_epoch_that_is_signed_is_hashed_here(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    from contracts.desk import Desk  # noqa: PLC0415

    desk, record = Desk.of("collateral-factors"), record_of(node)
    transfer = keccak256(b"a transfer of everything, signed by the owner's key")
    signed: list[bytes] = []
    monkeypatch.setattr("zkmargin.chain.contracts.sign_digest", lambda digest, key: signed.append(digest) or bytes(65))
    selector = keccak256(b"hashEpoch(bytes32,bytes32,uint64,bytes32)")[:4].hex()
    offered = keccak256(b"verifierOf(bytes32,bytes32)")[:4].hex()

    def fault(method: str, params: Any, do: Callable[[], Any]) -> Any:
        data = str(params[0].get("data", "")) if method == "eth_call" else ""
        if data.startswith("0x" + offered):
            return {"result": "0x" + bytes(12).hex() + "77" * 20}
        return {"result": "0x" + transfer.hex()} if data.startswith("0x" + selector) else do()

    node.fault = fault
    with pytest.raises(ChainError, match="nothing was signed"):
        publish(connect(node.url, KEY), record, desk.market, desk.setup, oracle_key=KEY)
    assert signed == []


def test_our_digest_is_the_registrys(node: Node) -> None:
    client = node.chain.client
    registry = client.deploy("Registry", [OWNER.address, 0, OWNER.address])
    arguments = (keccak256(b"policy"), keccak256(b"universe"), 1_700_000_000, keccak256(b"epoch"))
    functions = client.contract("Registry", registry).functions
    assert bytes(client.call(functions.hashEpoch(*arguments), "hash")) == epoch_signing_digest(
        client.chain_id, registry, *arguments
    )


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("eth_maxPriorityFeePerGas", {"result": hex(10**18)}),
        ("eth_maxPriorityFeePerGas", {"result": hex(1 << 255)}),
        ("eth_estimateGas", {"result": hex(10**12)}),
        ("eth_estimateGas", {"result": hex(30_000_000)}),
    ],
    ids=str,
)
def test_fees_stay_under_the_ceiling(node: Node, method: str, answer: Any) -> None:
    client = connect(node.url, KEY, ceiling=Ceiling(ENOUGH))
    lie(node, method, answer)
    with pytest.raises(ChainError, match=r"--max-cost|expected a number"):
        pay(client)
    assert sent(node) == []


def test_many_transactions_stay_under_one_ceiling(node: Node) -> None:
    """A node that says of every transaction that it failed, and so has it signed anew, gets no more by it."""
    client = connect(node.url, KEY, ceiling=Ceiling(ENOUGH))
    lie(node, "eth_maxPriorityFeePerGas", {"result": hex(10**11)})
    for _ in range(20):
        with suppress(ChainError):
            pay(client)
    with pytest.raises(ChainError, match="--max-cost"):
        pay(client)
    cost = 0
    for raw in sent(node):
        fields = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
        cost += fields["gas"] * fields["maxFeePerGas"] + fields["value"]
    assert 0 < cost <= ENOUGH


def test_a_transaction_is_for_the_users_chain(node: Node) -> None:
    """The id is right when it is compared, and another one's, where the same key has coins, when it is signed for."""
    ids = iter([{"result": hex(node.chain.client.chain_id)}])
    node.fault = lambda method, params, do: next(ids, {"result": "0x1"}) if method == "eth_chainId" else do()
    client = connect(node.url, KEY, chain_id=node.chain.client.chain_id)
    with pytest.raises(ChainError, match="the connected node is on 1"):
        pay(client)
    assert sent(node) == []
    with pytest.raises(ChainError, match="expected a node of chain"):
        connect(node.url, KEY, chain_id=node.chain.client.chain_id)


def test_a_created_contracts_address_is_computed_here(node: Node) -> None:
    client = connect(node.url, KEY)
    first = client.create(bytes.fromhex("600180600a5f395ff300"), "creating")
    nonce = node.chain.client.web3.eth.get_transaction_count(OWNER.address) - 1
    assert first == created_address(bytes.fromhex(OWNER.address[2:]), nonce)

    def named(method: str, params: Any, do: Callable[[], Any]) -> Any:
        answer = do()
        if "Receipt" in method and answer.get("result"):
            answer = {"result": {**answer["result"], "contractAddress": "0x" + "66" * 20}}
        return answer

    node.fault = named
    with pytest.raises(ChainError, match="expected a receipt of the contract"):
        client.create(bytes.fromhex("600180600a5f395ff300"), "creating")


@pytest.mark.parametrize("nonce", [0, 1, 127, 128, 255, 256, 65_536, (1 << 64) - 1])
def test_addresses_of_every_nonce(nonce: int) -> None:
    from eth_utils import keccak  # noqa: PLC0415
    from rlp import encode  # noqa: PLC0415

    sender = bytes(range(20))
    assert created_address(sender, nonce) == keccak(encode([sender, nonce]))[-20:]


def test_answers_are_bounded_while_they_are_read(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    client = connect(node.url, KEY)
    monkeypatch.setattr(nodes, "MAX_ANSWER_BYTES", 1 << 20)
    node.fault = lambda method, params, do: b'{"jsonrpc": "2.0", "id": 0, "result": "' + b"0" * (1 << 24)
    with pytest.raises(ChainError, match="expected at most 1048576 bytes"):
        client.code(bytes(20))
    node.fault = lambda method, params, do: b"[" * 100_000
    with pytest.raises(ChainError, match="expected an answer of an Ethereum node"):
        client.code(bytes(20))


def test_a_node_that_drips_is_given_up(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    client = connect(node.url, KEY)
    monkeypatch.setattr(nodes, "REQUEST_SECONDS", 1)
    node.drip = 0.3
    started = time.monotonic()
    with pytest.raises(ChainError, match="whole within 1 s"):
        client.code(bytes(20))
    assert time.monotonic() - started < 5


def test_a_compressed_answer_is_refused(node: Node) -> None:
    client = connect(node.url, KEY)
    node.encoding = "gzip"
    node.fault = lambda method, params, do: gzip.compress(b"{" + b" " * (1 << 26))
    with pytest.raises(ChainError, match="expected it uncompressed"):
        client.code(bytes(20))


def test_a_table_cannot_ask_for_more_work_than_an_honest_one() -> None:
    """The hint's factors are counted by the table that a node calls the verifier's: 8.6e9 in 300 bytes."""
    table = bytearray(0x400)
    start = 32 + 32 + 128
    table[start + 2 * 2 : start + 2 * 2 + 2] = TABLE.to_bytes(2, "big")
    table[start + 2 * 3 : start + 2 * 3 + 2] = (64 + 64 + 32).to_bytes(2, "big")

    def put(name: str, value: int) -> None:
        at = start + 2 * FIELDS.index(name)
        table[at : at + 2] = value.to_bytes(2, "big")

    put("sparse", TABLE + start + HEADER_BYTES)
    put("pair_runs", 65_535)
    put("sparse_count", 65_535)
    for cursor in range(start + HEADER_BYTES, len(table) - 8, 2):
        table[cursor : cursor + 2] = b"\xff\xff"
    table[-2:] = len(table).to_bytes(2, "big")
    started = time.monotonic()
    with pytest.raises(FormatError, match="factors, got more"):
        hint_for_code(bytes(table), b"", b"", bytes(128))
    assert time.monotonic() - started < 5
    put("pair_runs", 0)
    put("log_rows", 28)
    with pytest.raises(FormatError, match="expected a power of zeta"):
        hint_for_code(bytes(table), b"", b"", bytes(128))
    with pytest.raises(FormatError, match="bytes of code"):
        hint_for_code(bytes(1 << 20), b"", b"", bytes(128))
