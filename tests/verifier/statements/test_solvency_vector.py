"""Names of epochs, customers, records, batches, reserves and log entries are, for ever, those of the vector.

Digests are computed a second time from the bytes beside them, by another Keccak and another library's signatures.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from Crypto.Hash import keccak
from eth_account import Account
from eth_account.messages import encode_defunct
from support.solvency_vector import PATH, vector

from zkmargin.verifier.statements.solvency.terms import TABLE


def digest(data: bytes) -> bytes:
    return keccak.new(digest_bits=256, data=data).digest()


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(PATH.read_text(encoding="ascii"))
    return read


def root_of(leaves: list[bytes]) -> bytes:
    """A Merkle root, from docs/protocol.md's words and nothing else."""
    level = [digest(b"\0" + leaf) for leaf in leaves]
    while len(level) & (len(level) - 1):
        level.append(bytes(32))
    while len(level) > 1:
        level = [digest(b"\1" + level[i] + level[i + 1]) for i in range(0, len(level), 2)]
    return level[0]


def test_the_code_gives_the_vector(golden: dict[str, Any]) -> None:
    assert json.loads(json.dumps(vector())) == golden


def test_terms_and_epoch(golden: dict[str, Any]) -> None:
    terms, epoch = golden["terms"], golden["epoch"]
    root = root_of([leaf.encode() for leaf in terms["leaves"]])
    assert root.hex() == terms["root"]
    named = digest(b"zkmargin/solvency-terms/v2" + digest(terms["header"].encode()) + root)
    assert named.hex() == terms["digest"]
    parts = named + bytes.fromhex(epoch["setup"]) + bytes.fromhex(epoch["nonce"])
    assert digest(b"zkmargin/solvency-epoch/v1" + parts).hex() == epoch["id"]
    assert json.loads(terms["header"]) == {
        **{name: value for name, value in terms["document"].items() if name != "assets"},
        "lines": len(terms["leaves"]),
    }
    table = dict(zip(TABLE, ([0, 1, 2, 3], [0, 1, 1, 2], [0, 90, 50, 100], [0, 100, 100, 100]), strict=False))
    assert {name: terms["table"][name] for name in table} == table


def test_customers(golden: dict[str, Any]) -> None:
    epoch, master = bytes.fromhex(golden["epoch"]["id"]), bytes.fromhex(golden["master"])
    for each in golden["customers"]:
        name = each["customer"].encode()
        account = digest(b"zkmargin/solvency-account/v1" + epoch + name)[:8]
        assert int.from_bytes(account, "big") >> 4 == each["account"]
        salt = digest(b"zkmargin/solvency-salt/v1" + master + digest(name))[:16]
        assert salt.hex() == each["salt"]
        rows = b"".join(
            line.to_bytes(4, "big") + b"".join(lots.to_bytes(8, "big") for lots in amounts)
            for line, *amounts in each["rows"]
        )
        assert rows.hex() == each["encoded_rows"]
        bound = digest(b"zkmargin/solvency-record/v1" + epoch + digest(name) + salt + rows)
        assert int.from_bytes(bound, "big") >> 3 == int(each["record"], 16)


def test_batches_and_liabilities(golden: dict[str, Any]) -> None:
    epoch, rows = bytes.fromhex(golden["epoch"]["id"]), golden["liabilities"]["rows"].to_bytes(8, "big")
    leaves = [bytes.fromhex(each["leaf"]) for each in golden["batches"]]
    for index, each in enumerate(golden["batches"]):
        context = digest(b"zkmargin/solvency-batch/v1" + epoch + rows + index.to_bytes(8, "big"))
        assert context.hex() == each["context"]
        assert leaves[index][:8] == index.to_bytes(8, "big")
        assert leaves[index][-32:] == digest(bytes([index]) * 40)
        assert len(leaves[index]) == 4 * 8 + 4 * 64 + 32
    assert root_of(leaves).hex() == golden["liabilities"]["root"]
    count = len(leaves).to_bytes(8, "big")
    named = digest(b"zkmargin/solvency-liabilities/v2" + epoch + rows + count + root_of(leaves))
    assert named.hex() == golden["liabilities"]["digest"]


def test_reserves(golden: dict[str, Any]) -> None:
    digests = b""
    for each in golden["reserves"]:
        signature = bytes.fromhex(each["signature"])
        assert Account.recover_message(encode_defunct(text=each["text"]), signature=signature) == each["signer"]
        assert digest(digest(each["text"].encode()) + signature).hex() == each["digest"]
        digests += bytes.fromhex(each["digest"])
    liabilities = bytes.fromhex(golden["liabilities"]["digest"])
    settled = digest(b"zkmargin/solvency-settlement/v2" + liabilities + digests)
    assert settled.hex() == golden["settlement_context"]
    assert golden["reserves"][0]["text"].splitlines()[3] == f"wallet: eip155:1:{golden['reserves'][0]['signer']}"


def test_log(golden: dict[str, Any]) -> None:
    log = golden["log"]
    entries = [bytes.fromhex(entry) for entry in log["entries"]]
    liabilities = bytes.fromhex(golden["liabilities"]["digest"])
    as_of = (1_700_000_000).to_bytes(8, "big")
    assert entries[0] == b"zkmargin/solvency-log-entry/v1" + b"\x06Harbor" + as_of + liabilities
    assert log["text"].splitlines()[:3] == ["zkmargin solvency log", "entries: 2", f"root: 0x{root_of(entries).hex()}"]
    signer = Account.recover_message(encode_defunct(text=log["text"]), signature=bytes.fromhex(log["signature"]))
    assert signer == golden["reserves"][0]["signer"]
