"""The journal of a command's transactions: each is on disk, signed, before it is sent.

A command that breaks is run again: a transaction that the journal has is looked up, or sent again as it was signed, and
never paid twice. The journal is a folder beside the deployment's file, one document a transaction, and goes when the
command ends well. It holds signed transactions and nothing secret.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from zkmargin.prover.writing import write_document
from zkmargin.verifier.documents import Fields, read_document
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.hexadecimal import parse_hex
from zkmargin.verifier.keccak import keccak256

KIND: Final = "transaction"
MAX_RAW_BYTES: Final = 1 << 20
MAX_NONCE: Final = (1 << 64) - 1


@dataclass(frozen=True)
class SignedTransaction:
    """A transaction to be sent, or sent. intent: the digest of what it does, whatever its nonce and fees."""

    intent: bytes
    digest: bytes
    raw: bytes
    nonce: int


def intent_of(chain_id: int, sender: str, transaction: dict[str, Any]) -> bytes:
    """Return the digest of what a transaction does: its chain, sender, receiver, value and data."""
    receiver, value = str(transaction.get("to", "")).lower(), int(transaction.get("value", 0))
    return keccak256(
        json.dumps([chain_id, sender.lower(), receiver, value, str(transaction.get("data", "0x"))]).encode()
    )


@dataclass
class Journal:
    """The journal in a folder, which is made with the first transaction. Without a folder nothing is kept."""

    folder: Path | None = None
    _mine: list[bytes] = field(default_factory=list)

    @classmethod
    def beside(cls, deployment: str | Path) -> Journal:
        """Return the journal of commands about a deployment's file."""
        path = Path(deployment)
        return cls(path.with_name(f"{path.name}.journal"))

    def find(self, intent: bytes) -> SignedTransaction | None:
        """Return what an earlier run signed for this intent. Raises FormatError when its file is damaged."""
        if self.folder is None or not self._path(self.folder, intent).exists():
            return None
        path = self._path(self.folder, intent)
        fields = Fields(path, read_document(path, KIND))
        raw = parse_hex(fields.text("raw"), f"{path}: field 'raw'", most=MAX_RAW_BYTES)
        found = SignedTransaction(
            fields.hexadecimal("intent", 32), fields.hexadecimal("hash", 32), raw, fields.integer("nonce", 0, MAX_NONCE)
        )
        fields.finish()
        if found.intent != intent or keccak256(raw) != found.digest:
            raise FormatError(f"{path}: expected the transaction that its name and its hash say; delete the file")
        self._mine.append(intent)
        return found

    def add(self, signed: SignedTransaction) -> None:
        """Keep a transaction, before it is sent. Raises OSError."""
        if self.folder is None:
            return
        self.folder.mkdir(exist_ok=True)
        named = {"intent": signed.intent, "hash": signed.digest, "raw": signed.raw}
        fields = {**{name: "0x" + value.hex() for name, value in named.items()}, "nonce": signed.nonce}
        write_document(self._path(self.folder, signed.intent), KIND, fields)
        self._mine.append(signed.intent)

    def drop(self, intent: bytes) -> None:
        """Forget a transaction that did not do what it was for, and will not."""
        if self.folder is not None:
            self._path(self.folder, intent).unlink(missing_ok=True)

    def close(self) -> None:
        """Forget this command's transactions: it is done, and to run it again is to do it again."""
        for intent in self._mine:
            self.drop(intent)
        self._mine.clear()
        if self.folder is not None:
            # Another command's transactions may be in it.
            with suppress(OSError):
                self.folder.rmdir()

    @staticmethod
    def _path(folder: Path, intent: bytes) -> Path:
        return folder / f"{intent.hex()}.json"
