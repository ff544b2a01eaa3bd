"""Key files: raw, and encrypted as an Ethereum keystore."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from support.shell_desk import ACCOUNT

from zkmargin.api.key_files import KeyFileError, read_signing_key, write_signing_key
from zkmargin.cli import options
from zkmargin.prover.signing import address_of_key

KEY = bytes(range(1, 33))
PASSWORD = "correct horse"  # noqa: S105


@pytest.fixture(scope="module")
def keystore(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "keystore.json"
    path.write_text(json.dumps(Account.encrypt(KEY, PASSWORD, kdf="pbkdf2", iterations=16)))
    return path


def test_a_raw_key(tmp_path: Path) -> None:
    path = tmp_path / "key"
    assert write_signing_key(path, KEY) == address_of_key(KEY)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_signing_key(path) == KEY


def test_a_keystore(keystore: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keystore.chmod(0o644)  # it is encrypted: anybody may read it
    monkeypatch.delenv("ZKMARGIN_PASSWORD", raising=False)
    assert read_signing_key(keystore, lambda: PASSWORD) == KEY
    with pytest.raises(KeyFileError, match="set ZKMARGIN_PASSWORD"):
        read_signing_key(keystore)
    with pytest.raises(KeyFileError, match="expected the keystore's password"):
        read_signing_key(keystore, lambda: "wrong")
    monkeypatch.setenv("ZKMARGIN_PASSWORD", PASSWORD)
    assert read_signing_key(keystore) == KEY


def test_the_password_is_asked_for_on_a_terminal_only(keystore: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ZKMARGIN_PASSWORD", raising=False)
    with pytest.raises(KeyFileError, match="no terminal to ask at"):
        options.read_key(keystore)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(options.typer, "prompt", lambda text, **_: PASSWORD)
    assert options.read_key(keystore) == KEY


def test_attest_with_a_keystore(zkmargin: Any, desk: Path, keystore: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZKMARGIN_PASSWORD", PASSWORD)
    signed = zkmargin(
        *("attest", "--market", desk / "m.json", "--positions", desk / "harbor.csv", "--account", ACCOUNT),
        *("--venue", "harbor", "--key", keystore, "--setup", desk / "s.json"),
        *("--out", desk / "a.json", "--secret", desk / "o.json", "--json"),
    )
    assert signed.code == 0
    assert signed.json["attestor"] == Account.from_key(KEY).address


def test_keygen_signing(zkmargin: Any, tmp_path: Path) -> None:
    made = zkmargin("keygen", "signing", "--out", tmp_path / "k")
    assert made.code == 0
    address = Account.from_key((tmp_path / "k").read_text().strip()).address
    assert address in made.out
    again = zkmargin("keygen", "signing", "--out", tmp_path / "k")
    assert "got a signing key, which is not replaced" in again.line
