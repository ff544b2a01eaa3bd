"""A JSON-RPC node over HTTP. Nothing that it says is believed: its answers are bounded while they are read."""

from __future__ import annotations

from time import monotonic
from typing import Any, Final, cast

from web3 import HTTPProvider
from web3.types import RPCEndpoint, RPCResponse

from zkmargin.verifier.documents import parse_json
from zkmargin.verifier.errors import FormatError

CONNECT_SECONDS: Final = 5
REQUEST_SECONDS: Final = 20
MAX_ANSWER_BYTES: Final = 1 << 23
"""The largest honest answers are logs and contracts' code: far below."""
CHUNK_BYTES: Final = 1 << 16


class Node(HTTPProvider):
    """A node whose answers are read like every other untrusted document: of bounded size, in bounded time, strictly.

    Without the library's own retries: a node that never answers would be waited for five times over.
    """

    def __init__(self, rpc: str) -> None:
        super().__init__(
            rpc, request_kwargs={"timeout": (CONNECT_SECONDS, REQUEST_SECONDS)}, exception_retry_configuration=None
        )

    def _make_request(self, method: RPCEndpoint, request_data: bytes) -> bytes:
        """Post, and read what comes until it is too much or takes too long. Raises FormatError, OSError."""
        options: dict[str, Any] = dict(self.get_request_kwargs())
        # A compressed answer has no size before it is unpacked.
        options["headers"] = {**options["headers"], "Accept-Encoding": "identity"}
        deadline = monotonic() + REQUEST_SECONDS
        uri = self.endpoint_uri
        if uri is None:
            raise FormatError("the node: expected an address")
        with self._request_session_manager.get_response_from_post_request(
            uri, data=request_data, stream=True, allow_redirects=False, **options
        ) as response:
            response.raise_for_status()
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise FormatError("the node's answer: expected it uncompressed")
            data = bytearray()
            while chunk := response.raw.read1(CHUNK_BYTES, decode_content=False):
                data += chunk
                if len(data) > MAX_ANSWER_BYTES:
                    raise FormatError(f"the node's answer: expected at most {MAX_ANSWER_BYTES} bytes, got more")
                if monotonic() > deadline:
                    raise FormatError(f"the node's answer: expected it whole within {REQUEST_SECONDS} s")
            return bytes(data)

    @staticmethod
    def decode_rpc_response(raw_response: bytes) -> RPCResponse:
        """Read an answer strictly. Raises FormatError."""
        answer = parse_json(raw_response, "the node's answer", fraction=float, controls=True)
        if not isinstance(answer, dict):
            raise FormatError("the node's answer: expected one JSON object, got another value")
        return cast(RPCResponse, answer)
