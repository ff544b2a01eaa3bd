"""A node over HTTP on a chain of this process, and what is wrong with it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from hexbytes import HexBytes
from web3.datastructures import AttributeDict

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
    raw: list[str] = field(default_factory=list)
    """Signed transactions that came."""
    drip: float = 0
    """Seconds between an answer's bytes."""
    encoding: str | None = None
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
            if method == "eth_sendRawTransaction":
                self.raw.append(params[0])
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


@contextmanager
def running_node(timestamp: int = 1_700_000_000, key: bytes = KEY) -> Iterator[Node]:
    """The node, served while the block runs; `key` is funded."""
    node = Node(LocalChain(timestamp, key))

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
            if node.encoding:
                self.send_header("Content-Encoding", node.encoding)
            self.end_headers()
            # A client that has read enough goes away.
            with suppress(OSError):
                for byte in answer if node.drip else ():
                    self.wfile.write(bytes([byte]))
                    time.sleep(node.drip)
                self.wfile.write(b"" if node.drip else answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    node.url = f"http://127.0.0.1:{server.server_port}{SECRET_PATH}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield node
    server.shutdown()
    server.server_close()
