"""Sending is one idempotent operation: whatever a node does between the signature and the receipt."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hexbytes import HexBytes
from web3 import Web3
from web3.datastructures import AttributeDict

from zkmargin.chain import client as clients
from zkmargin.chain.client import Client, connect
from zkmargin.chain.errors import ChainError
from zkmargin.chain.journal import Journal
from zkmargin.chain.local import LocalChain

KEY = bytes(31) + b"\x07"
SECRET_PATH = "/v2/aBcDeF0123456789"  # noqa: S105 - what must not be printed
NUMBERS = ("value", "gas", "gasPrice", "nonce", "chainId", "maxFeePerGas", "maxPriorityFeePerGas", "type")
Fault = Callable[[str, Any, Callable[[], Any]], Any]
"""Gets a request's method and parameters and how to do it; returns the answer, an HTTP status, or raw bytes."""


@dataclass
class Node:
    """A node over HTTP on a chain of this process, and what is wrong with it."""

    chain: LocalChain
    url: str = ""
    fault: Fault = lambda method, params, do: do()
    calls: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, method: str, params: Any) -> Any:
        web3: Any = self.chain.client.web3
        request = web3.provider.request_func(web3, web3.middleware_onion)

        def do() -> Any:
            response = request(method, [numbers(each) for each in params])
            if error := response.get("error"):
                return {"error": {"code": -32000, "message": str(error.get("message", error))}}
            return {"result": plain(response["result"])}

        with self.lock:
            self.calls.append(method)
            return self.fault(method, params, do)


def numbers(value: Any) -> Any:
    """What the chain in this process wants in place of a request's hexadecimal numbers."""
    if not isinstance(value, dict):
        return value
    return {key: int(each, 16) if key in NUMBERS else each for key, each in value.items()}


def plain(value: Any) -> Any:
    """What a node would put into its JSON."""
    if isinstance(value, dict | AttributeDict):
        return {_camel(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, bytes):
        return HexBytes(value).to_0x_hex()
    if isinstance(value, int) and not isinstance(value, bool):
        return hex(value)
    return value


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)


@pytest.fixture
def node() -> Iterator[Node]:
    node = Node(LocalChain(1_700_000_000, KEY))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                answer = node.answer(request["method"], request["params"])
            except Exception as error:
                answer = {"error": {"code": -32000, "message": str(error)}}
            if isinstance(answer, int):
                self.send_response(answer)
                self.end_headers()
                return
            if not isinstance(answer, bytes):
                answer = json.dumps({"jsonrpc": "2.0", "id": request["id"], **answer}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    node.url = f"http://127.0.0.1:{server.server_port}{SECRET_PATH}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield node
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "RECEIPT_SECONDS", 4)
    monkeypatch.setattr(clients, "REQUEST_SECONDS", 1)
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
