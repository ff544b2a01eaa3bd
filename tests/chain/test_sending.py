"""Sending is one idempotent operation: whatever a node does between the signature and the receipt."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.nodes import KEY, Node, running_node
from web3 import Web3

from zkmargin.chain import client as clients
from zkmargin.chain import node as nodes
from zkmargin.chain.client import Client, connect
from zkmargin.chain.errors import ChainError
from zkmargin.chain.journal import Journal


@pytest.fixture
def node() -> Iterator[Node]:
    with running_node() as served:
        yield served


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "RECEIPT_SECONDS", 4)
    monkeypatch.setattr(nodes, "REQUEST_SECONDS", 1)
    monkeypatch.setattr(clients, "POLL_SECONDS", 0.02)


def pay(client: Client, value: int = 1) -> Any:
    transaction = {"to": "0x" + "11" * 20, "data": "0x", "value": value}
    return client._send(transaction, "paying")


def paid(node: Node) -> int:
    return int(node.chain.client.web3.eth.get_balance(Web3.to_checksum_address("0x" + "11" * 20)))


@contextmanager
def refusing(node: Node, *parts: str) -> Iterator[None]:
    started = time.monotonic()
    with pytest.raises(ChainError) as caught:
        yield
    assert time.monotonic() - started < 15
    for part in parts:
        assert part in str(caught.value)
    assert "aBcDeF" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_faults(node: Node, tmp_path: Path) -> None:
    client = connect(node.url, KEY, journal=Journal.beside(tmp_path / "d.json"))
    assert pay(client)["status"] == 1
    assert paid(node) == 1
    assert len(list((tmp_path / "d.json.journal").iterdir())) == 1
    client.journal.close()
    assert list(tmp_path.iterdir()) == []


FAULTS: dict[str, Callable[[Callable[[], Any]], Any]] = {
    "504 after it was taken": lambda do: (do(), 504)[1],
    "503 before it was taken": lambda do: 503,
    "429": lambda do: 429,
    "already known": lambda do: (do(), {"error": {"code": -32000, "message": "already known"}})[1],
    "nonce too low": lambda do: (do(), {"error": {"code": -32000, "message": "nonce too low"}})[1],
    "silence after it was taken": lambda do: (do(), time.sleep(1.5), 500)[2],
    "HTML": lambda do: (do(), b"<html>busy</html>")[1],
    "null": lambda do: (do(), {"result": None})[1],
    "an answer cut short": lambda do: (do(), b'{"jsonrpc": "2.0", "res')[1],
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_transaction_is_paid_once_whatever_the_answer(node: Node, name: str) -> None:
    faults = iter([FAULTS[name]])
    node.fault = lambda method, params, do: (
        next(faults, lambda do: do())(do) if method == "eth_sendRawTransaction" else do()
    )
    assert pay(connect(node.url, KEY))["status"] == 1
    assert paid(node) == 1


@pytest.mark.parametrize("fault", [429, 502, b"[]", {"result": None}], ids=str)
def test_receipts_that_do_not_come_at_once(node: Node, fault: Any) -> None:
    answers = iter([fault] * 3)
    node.fault = lambda method, params, do: next(answers, None) or do() if "Receipt" in method else do()
    assert pay(connect(node.url, KEY))["status"] == 1
    assert paid(node) == 1


def test_a_broken_command_is_run_again_and_pays_nothing_twice(node: Node, tmp_path: Path) -> None:
    journal = tmp_path / "d.json"
    client = connect(node.url, KEY, journal=Journal.beside(journal))
    pay(client, 1)
    node.fault = lambda method, params, do: 504 if "Receipt" in method else do()
    with refusing(node, "was sent and is in no block", "run the same command again"):
        pay(client, 2)
    node.fault = lambda method, params, do: do()
    again = connect(node.url, KEY, journal=Journal.beside(journal))
    for value in (1, 2, 4):
        assert pay(again, value)["status"] == 1
    assert paid(node) == 7
    again.journal.close()
    assert list(tmp_path.iterdir()) == []
    # Done: to run it again is to do it again.
    pay(connect(node.url, KEY, journal=Journal.beside(journal)), 8)
    assert paid(node) == 15


def test_a_transaction_that_was_never_sent_is_sent_as_it_was_signed(node: Node, tmp_path: Path) -> None:
    client = connect(node.url, KEY, journal=Journal.beside(tmp_path / "d.json"))
    node.fault = lambda method, params, do: 503 if method == "eth_sendRawTransaction" else do()
    with refusing(node, "is in no block"):
        pay(client)
    (kept,) = (tmp_path / "d.json.journal").iterdir()
    digest = json.loads(kept.read_text())["hash"]
    node.fault = lambda method, params, do: do()
    assert (
        pay(connect(node.url, KEY, journal=Journal.beside(tmp_path / "d.json")))["transactionHash"].to_0x_hex()
        == digest
    )
    assert paid(node) == 1


def test_a_nonce_that_another_transaction_took(node: Node, tmp_path: Path) -> None:
    node.fault = lambda method, params, do: 503 if method == "eth_sendRawTransaction" else do()
    with refusing(node, "is in no block"):
        pay(connect(node.url, KEY, journal=Journal.beside(tmp_path / "d.json")))
    node.fault = lambda method, params, do: do()
    pay(node.chain.client, 16)
    assert pay(connect(node.url, KEY, journal=Journal.beside(tmp_path / "d.json")))["status"] == 1
    assert paid(node) == 17


def test_a_refusal_is_final_and_leaves_no_journal(node: Node, tmp_path: Path) -> None:
    client = connect(node.url, KEY, journal=Journal.beside(tmp_path / "d.json"))
    refusal = {"error": {"code": -32000, "message": "insufficient funds for gas * price + value"}}
    node.fault = lambda method, params, do: refusal if method == "eth_sendRawTransaction" else do()
    with refusing(node, "the node says: insufficient funds"):
        pay(client)
    assert list((tmp_path / "d.json.journal").iterdir()) == []


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (401, "HTTP 401; is the API key right?"),
        (429, "HTTP 429; wait"),
        (502, "HTTP 502"),
        (b"<html></html>", "expected an answer of an Ethereum node"),
        (b"[]", "expected"),
        (b'{"jsonrpc": "2.0", "id": 0}', "expected"),
        ({"result": None}, "expected"),
        ({"result": {"a": 1}}, "expected"),
    ],
    ids=str,
)
def test_a_node_that_is_none(node: Node, fault: Any, words: str) -> None:
    node.fault = lambda method, params, do: fault
    with refusing(node, words):
        connect(node.url, KEY)


@pytest.mark.parametrize("method", ["eth_estimateGas", "eth_getBlockByNumber", "eth_getTransactionCount"])
@pytest.mark.parametrize("fault", [401, b"[]", {"result": None}, {"result": []}, {"result": {}}], ids=str)
def test_answers_of_the_wrong_shape_before_sending(node: Node, method: str, fault: Any) -> None:
    client = connect(node.url, KEY)
    node.fault = lambda called, params, do: fault if called == method else do()
    with refusing(node, "paying: "):
        pay(client)
    assert "eth_sendRawTransaction" not in node.calls


def test_a_receipt_without_its_fields(node: Node) -> None:
    def without(method: str, params: Any, do: Callable[[], Any]) -> Any:
        answer = do()
        if "Receipt" in method and answer.get("result"):
            answer = {"result": {**answer["result"], "status": None}}
        return answer

    node.fault = without
    with refusing(node, "expected a receipt with status"):
        pay(connect(node.url, KEY))


def test_a_node_that_never_answers_is_given_up_in_bounded_time(node: Node) -> None:
    client = connect(node.url, KEY)
    node.fault = lambda method, params, do: (time.sleep(2), 500)[1]
    with refusing(node, "the node does not answer"):
        pay(client)


def test_signed_blocks_extra_data(node: Node) -> None:
    def long(method: str, params: Any, do: Callable[[], Any]) -> Any:
        answer = do()
        if method == "eth_getBlockByNumber":
            answer = {"result": {**answer["result"], "extraData": "0x" + "00" * 97}}
        return answer

    node.fault = long
    assert pay(connect(node.url, KEY))["status"] == 1


def test_a_damaged_journal_is_named(node: Node, tmp_path: Path) -> None:
    client = connect(node.url, KEY, journal=Journal.beside(tmp_path / "d.json"))
    pay(client)
    (kept,) = (tmp_path / "d.json.journal").iterdir()
    document = json.loads(kept.read_text())
    kept.write_text(json.dumps({**document, "raw": document["raw"][:-2] + "00"}))
    with pytest.raises(ValueError, match="expected the transaction that its name and its hash say"):
        pay(connect(node.url, KEY, journal=Journal.beside(tmp_path / "d.json")))
