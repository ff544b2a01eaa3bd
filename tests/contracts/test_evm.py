"""The two EVMs that stand behind the tests report calls alike: which one serves depends on Python's version."""

from __future__ import annotations

from contextlib import suppress

import pytest
from support.evm import Evm, PyEvm, Revm

from zkmargin.verifier.contracts.table import creation_code

RETURN = "602a60005260206000f3"
REVERT = "63aabbccdd60e01b60005260046000fd"
INVALID = "fe"


@pytest.mark.parametrize(
    ("code", "ok", "data"),
    [(RETURN, True, (42).to_bytes(32, "big")), (REVERT, False, bytes.fromhex("aabbccdd")), (INVALID, False, b"")],
)
def test_outcomes(code: str, ok: bool, data: bytes) -> None:
    evms: list[Evm] = [PyEvm()]
    with suppress(ImportError):
        evms.append(Revm())
    for evm in evms:
        outcome = evm.call(evm.create(creation_code(bytes.fromhex(code))), b"")
        assert (outcome.ok, outcome.data) == (ok, data), evm
